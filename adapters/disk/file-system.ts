/**
 * The few file operations a disk store needs, behind an interface, so that tests can fail, shorten or stop at any of them.
 *
 * Before: disk/session, disk/claim and disk/certificate. After: node:fs/promises (Node, Deno and Bun alike).
 * Errors are the platform's own, with `code`; {@link ./disk-errors.ts} turns them into ours.
 *
 * Invariant: nothing here follows a symbolic link in the last part of a path, creates over something that is there, or reads more
 * than it was allowed to.
 */

import { constants } from 'node:fs'
import { join } from 'node:path'
import { link, lstat, mkdir, open, readdir, rename, rmdir, unlink } from 'node:fs/promises'

/** A file that was just created, open for writing. */
export interface DiskFile {
  /** Appends what it can of `bytes`. @returns how many bytes that were, which may be fewer than given. */
  write(bytes: Uint8Array): Promise<number>
  /** Resolves when everything written is on the disk. After it failed once the file is lost: a second call may lie. */
  sync(): Promise<void>
  close(): Promise<void>
}

export interface DiskFileSystem {
  /** @throws `EEXIST` when there is something of that name. */
  createFile(path: string): Promise<DiskFile>
  /** @throws `EFBIG` above `bytesMax`, `EINVAL` when it is not a plain file, `ELOOP` when it is a symbolic link. */
  readFile(path: string, bytesMax: number): Promise<Uint8Array>
  sizeOf(path: string): Promise<number>
  /** Resolves when what a file holds is on the disk, whoever wrote it. */
  syncFile(path: string): Promise<void>
  isDirectory(path: string): Promise<boolean>
  readDirectory(path: string): Promise<readonly string[]>
  /** Creates the directory and those above it; no error when it is there. @returns the topmost one it had to create. */
  makeDirectories(path: string): Promise<string | undefined>
  makeDirectory(path: string): Promise<void>
  /** Resolves when the names in the directory are on the disk. */
  syncDirectory(path: string): Promise<void>
  /** Replaces what has the new name, in one step. */
  rename(from: string, to: string): Promise<void>
  /** Gives the file a second name. @throws `EEXIST`. */
  link(from: string, to: string): Promise<void>
  unlink(path: string): Promise<void>
  removeDirectory(path: string): Promise<void>
}

/** Windows knows neither flag; there, a directory cannot be opened, and NTFS keeps names in its own journal. */
const NOFOLLOW = constants.O_NOFOLLOW ?? 0
const NONBLOCK = constants.O_NONBLOCK ?? 0
const canSyncDirectories = process.platform !== 'win32'

/** The file system of the machine. */
export const nodeFileSystem: DiskFileSystem = {
  async createFile(path) {
    const handle = await open(path, 'wx')
    return {
      write: async (bytes) => (await handle.write(bytes)).bytesWritten,
      sync: () => handle.sync(),
      close: () => handle.close(),
    }
  },

  async readFile(path, bytesMax) {
    // Without O_NONBLOCK a named pipe in place of a file would hold us for ever.
    const handle = await open(path, constants.O_RDONLY | NOFOLLOW | NONBLOCK)
    try {
      const status = await handle.stat()
      if (!status.isFile()) throw withCode('EINVAL', `${path} is not a file`)
      if (status.size > bytesMax) throw withCode('EFBIG', `${path} has ${status.size} bytes, more than ${bytesMax}`)
      const bytes = new Uint8Array(status.size)
      let length = 0
      while (length < bytes.length) {
        const { bytesRead } = await handle.read(bytes, length, bytes.length - length, length)
        if (bytesRead === 0) break
        length += bytesRead
      }
      return bytes.subarray(0, length)
    } finally {
      await handle.close()
    }
  },

  async sizeOf(path) {
    return (await lstat(path)).size
  },

  async syncFile(path) {
    // For writing, although nothing is written: Windows syncs no other files.
    const handle = await open(path, constants.O_RDWR | NOFOLLOW)
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
  },

  async isDirectory(path) {
    return (await lstat(path)).isDirectory()
  },

  readDirectory: (path) => readdir(path),

  makeDirectories: (path) => mkdir(path, { recursive: true }),

  async makeDirectory(path) {
    await mkdir(path)
  },

  async syncDirectory(path) {
    if (!canSyncDirectories) return
    const handle = await open(path, constants.O_RDONLY)
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
  },

  rename,
  link,
  unlink,
  removeDirectory: (path) => rmdir(path),
}

/** Creates a file with all of `bytes` in it, on the disk. On failure nothing is left under that name, as far as the disk permits. */
export async function writeWhole(fs: DiskFileSystem, path: string, bytes: Uint8Array): Promise<void> {
  const file = await fs.createFile(path)
  try {
    for (let at = 0; at < bytes.length; ) {
      const count = await file.write(bytes.subarray(at))
      if (!(count > 0 && count <= bytes.length - at))
        throw withCode('ENOSPC', `${count} of ${bytes.length - at} bytes were written to ${path}`)
      at += count
    }
    await file.sync()
    await file.close()
  } catch (error) {
    await file.close().catch(() => {})
    await fs.unlink(path).catch(() => {})
    throw error
  }
}

/** Removes a directory and what is in it, following no link. */
export async function removeTree(fs: DiskFileSystem, path: string): Promise<void> {
  for (const name of await fs.readDirectory(path)) {
    const inner = join(path, name)
    if (await fs.isDirectory(inner)) await removeTree(fs, inner)
    else await fs.unlink(inner)
  }
  await fs.removeDirectory(path)
}

function withCode(code: string, message: string): Error {
  return Object.assign(new Error(message), { code })
}
