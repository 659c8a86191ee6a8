/**
 * The few file operations a sink needs, so that tests can stop or fail each of them.
 *
 * Before: part-files. After: node:fs, which Node, Deno and Bun have.
 *
 * Invariant: what resolved was done as a whole; a write says how much of it was done.
 */

import { mkdir, open, readdir, rename, rmdir, stat, unlink } from 'node:fs/promises'
import { ConnectorError } from '../../runtime/errors.ts'

/** @internal */
export interface OpenFile {
  /** Writes at the end; may write less than all. @returns the number of bytes written. */
  write(bytes: Uint8Array): Promise<number>
  /** Reads what follows; 0 at the end. */
  read(bytes: Uint8Array): Promise<number>
  sync(): Promise<void>
  close(): Promise<void>
}

/** @internal */
export interface FileSystem {
  /** `write` creates the file or empties it. */
  open(path: string, mode: 'read' | 'write'): Promise<OpenFile>
  rename(from: string, to: string): Promise<void>
  /** Removes a file; one that is not there is fine. */
  unlink(path: string): Promise<void>
  /** Makes a directory; one that is there is fine. */
  mkdir(path: string): Promise<void>
  /** Removes an empty directory; one that is not there is fine. */
  rmdir(path: string): Promise<void>
  /** Names in a directory; none if it is not there. */
  list(path: string): Promise<readonly string[]>
  /** Bytes of a file; null if it is not there. */
  size(path: string): Promise<number | null>
  /** Makes new names in a directory durable. */
  syncDirectory(path: string): Promise<void>
}

export const nodeFileSystem: FileSystem = {
  async open(path, mode) {
    const handle = await open(path, mode === 'write' ? 'w' : 'r')
    return {
      write: async (bytes) => (await handle.write(bytes, 0, bytes.length, null)).bytesWritten,
      read: async (bytes) => (await handle.read(bytes, 0, bytes.length, null)).bytesRead,
      sync: () => handle.sync(),
      close: () => handle.close(),
    }
  },
  rename,
  unlink: (path) => absentIsFine(unlink(path), undefined),
  async mkdir(path) {
    try {
      await mkdir(path)
    } catch (error) {
      if (codeOf(error) !== 'EEXIST' || !(await stat(path)).isDirectory()) throw error
    }
  },
  rmdir: (path) => absentIsFine(rmdir(path), undefined),
  list: (path) => absentIsFine<readonly string[]>(readdir(path), []),
  size: (path) =>
    absentIsFine<number | null>(
      stat(path).then((found) => found.size),
      null,
    ),
  async syncDirectory(path) {
    try {
      const handle = await open(path, 'r')
      try {
        await handle.sync()
      } finally {
        await handle.close()
      }
    } catch (error) {
      // Windows has no such thing and says so; its renames are journalled.
      if (!['EISDIR', 'EPERM', 'EINVAL', 'ENOTSUP', 'EACCES'].includes(codeOf(error))) throw error
    }
  },
}

async function absentIsFine<T>(work: Promise<T>, otherwise: T): Promise<T> {
  try {
    return await work
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return otherwise
    throw error
  }
}

function codeOf(error: unknown): string {
  return String((error as { code?: unknown } | null)?.code)
}

/** What the operating system said to a sink, as what the caller does next. */
export function sinkError(error: unknown, path: string): Error {
  if (error instanceof ConnectorError) return error
  const code = codeOf(error)
  const options = { details: { path, errno: code }, cause: error }
  const reason = error instanceof Error ? error.message : String(error)
  switch (code) {
    case 'ENOSPC':
    case 'EDQUOT':
    case 'EFBIG':
      return new ConnectorError(
        'SINK_FULL',
        `Cannot write ${path}: no space is left; make room and resume from the last checkpoint`,
        options,
      )
    case 'ENOENT':
      return new ConnectorError('SINK_UNWRITABLE', `Cannot write ${path}: its directory does not exist; create it`, options)
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
    case 'ENOTDIR':
    case 'EISDIR':
    case 'EEXIST':
      return new ConnectorError(
        'SINK_UNWRITABLE',
        `Cannot write ${path}: ${reason}; choose a file in a directory that this user may write`,
        options,
      )
    default:
      return new ConnectorError('SINK_FAILED', `Cannot write ${path}: ${reason}`, options)
  }
}
