/**
 * Files of the origin private file system through synchronous access handles, and the two ways in which they lie.
 *
 * Before: opfs/slots. After: the browser, in dedicated workers only.
 * A `write` for which there is no room may not throw: Chromium returned 4294967288, −8 as an unsigned number, and left a torn tail. And a handle is
 * exclusive: a worker that was terminated keeps it for up to 2 s, another tab as long as it lives.
 *
 * Invariant: what {@link writeAll} returned from is in the file, every byte; what {@link SyncFile.flush} returned from is on the disk.
 */

import type { Clock } from '../../runtime/clock.ts'
import { JobStateError } from '../../runtime/errors.ts'

/** A FileSystemSyncAccessHandle, which the types of pages do not have. */
export interface SyncFile {
  read(buffer: Uint8Array, options: { readonly at: number }): number
  write(buffer: Uint8Array, options: { readonly at: number }): number
  truncate(size: number): void
  getSize(): number
  flush(): void
  close(): void
}

interface SyncFileHandle extends FileSystemFileHandle {
  createSyncAccessHandle?(): Promise<SyncFile>
}

/** What browsers say of a file that is open, and of a directory in which there is one. */
const HELD = ['NoModificationAllowedError', 'InvalidModificationError']
const RETRY_MS = 50
/** A terminated worker of Chromium lets go after 2 s. */
export const HANDLE_DEADLINE_MS = 5_000

/** Whether this thread can have access handles. */
export function hasSyncFiles(): boolean {
  const prototype: object | undefined = globalThis.FileSystemFileHandle?.prototype
  return prototype !== undefined && 'createSyncAccessHandle' in prototype
}

/**
 * Opens a file exclusively, waiting for a holder that is about to go.
 *
 * @returns null when the file is not there and `mayCreate` is not set.
 * @throws JobStateError `JOB_LOCKED` when it is still held at the deadline.
 */
export async function openSyncFile(
  directory: FileSystemDirectoryHandle,
  name: string,
  options: { readonly mayCreate: boolean; readonly clock: Clock; readonly deadlineMs?: number },
): Promise<SyncFile | null> {
  const { mayCreate, clock, deadlineMs } = options
  const open = async () => {
    const handle = (await directory.getFileHandle(name, { create: mayCreate })) as SyncFileHandle
    return (await handle.createSyncAccessHandle?.()) ?? null
  }
  try {
    return await whenLetGo(name, clock, open, deadlineMs)
  } catch (error) {
    if (isNamed(error, 'NotFoundError')) return null
    throw error
  }
}

/** Does it as soon as nobody else holds the file any more. @throws JobStateError `JOB_LOCKED` when somebody still does at the deadline. */
export async function whenLetGo<T>(name: string, clock: Clock, work: () => Promise<T>, deadlineMs = HANDLE_DEADLINE_MS): Promise<T> {
  for (let waitedMs = 0; ; waitedMs += RETRY_MS) {
    try {
      return await work()
    } catch (error) {
      if (!HELD.some((held) => isNamed(error, held))) throw error
      if (waitedMs >= deadlineMs) {
        throw new JobStateError(
          'JOB_LOCKED',
          `Cannot open slot file ${name}: another tab or worker of this site holds it; close that one, or wait until it has ended`,
          { retryable: true, details: { file: name }, cause: error },
        )
      }
      await clock.sleep(RETRY_MS)
    }
  }
}

/** @throws DOMException `QuotaExceededError` when the file did not take all of it, whatever it said. */
export function writeAll(file: SyncFile, bytes: Uint8Array, at: number): void {
  const written = file.write(bytes, { at })
  if (written !== bytes.length) throw new DOMException(`${written} of ${bytes.length} bytes were written`, 'QuotaExceededError')
}

export function isNamed(error: unknown, name: string): boolean {
  return error instanceof DOMException && error.name === name
}
