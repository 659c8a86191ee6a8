/**
 * What a failed file operation means to the caller of a store: decided by `code`, never by text, which differs between runtimes.
 *
 * Before: every `catch` of the disk store. After: the caller, who frees space and tries again, corrects the directory, or stops.
 *
 * Invariant: whatever goes in, a MillraceError comes out.
 */

import { CheckpointError, MillraceError } from '../../runtime/errors.ts'

const FULL = new Set(['ENOSPC', 'EDQUOT', 'EFBIG'])
const TRANSIENT = new Set(['EMFILE', 'ENFILE', 'ENOMEM', 'EAGAIN', 'EBUSY', 'EINTR', 'ETIMEDOUT'])
const DAMAGE = new Set(['EIO', 'ELOOP', 'EINVAL', 'EISDIR', 'ENOTDIR', 'EFBIG', 'ENXIO', 'EUCLEAN', 'EBADMSG', 'ENAMETOOLONG'])

const remedies: Readonly<Record<string, string>> = {
  EROFS: 'the file system is read-only: mount it writable, or name a directory elsewhere',
  EACCES: 'this user may not write there: change the owner or mode of the directory',
  EPERM: 'this user may not write there, or the file system has no hard links: name a directory on a local file system',
  ENOTSUP: 'the file system has no hard links: name a directory on a local file system',
  EOPNOTSUPP: 'the file system has no hard links: name a directory on a local file system',
  ENOSYS: 'the file system has no hard links: name a directory on a local file system',
  ENOTDIR: 'part of the path is a file: name a directory',
  EEXIST: 'there is a file of that name: name a directory',
  ENOENT: 'the directory was removed under the job: restore it, or start again',
  EISDIR: 'there is a directory in place of a file: remove it',
  EIO: 'the disk reports an error: check it before going on',
  EMFILE: 'too many files are open: raise the limit',
}

/** The platform's name of the condition, such as `ENOSPC`. */
export function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}

/** The error for a write that failed. `action` completes "Cannot …". */
export function writeError(error: unknown, action: string, directory: string): MillraceError {
  if (error instanceof MillraceError) return error
  const code = codeOf(error)
  const details = { directory, cause: code ?? 'UNKNOWN' }
  if (code !== undefined && FULL.has(code)) {
    return new CheckpointError(
      'STORE_FULL',
      `Cannot ${action} in ${directory}: no space is left (${code}); free some, the last checkpoint is intact`,
      {
        retryable: true,
        details,
        cause: error,
      },
    )
  }
  const remedy = remedies[code ?? ''] ?? 'look at the cause'
  return new CheckpointError('STORE_UNAVAILABLE', `Cannot ${action} in ${directory}: ${code ?? String(error)}; ${remedy}`, {
    retryable: code !== undefined && TRANSIENT.has(code),
    details,
    cause: error,
  })
}

/** The error for a read that failed: a file which cannot be read as such is damage, so that an older generation is tried. */
export function readError(error: unknown, what: string, directory: string): MillraceError {
  const code = codeOf(error)
  if (!(error instanceof MillraceError) && code !== undefined && DAMAGE.has(code)) {
    return new CheckpointError('CHECKPOINT_CORRUPT', `Cannot read ${what} in ${directory}: ${code}`, {
      details: { directory, cause: code },
      cause: error,
    })
  }
  return writeError(error, `read ${what}`, directory)
}
