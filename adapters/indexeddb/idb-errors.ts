/**
 * What a failed IndexedDB operation means to the caller of a store: decided by the exception's name, never by text, which differs between browsers.
 *
 * Before: every `catch` of the stores of browsers. After: the caller, who frees space and tries again, corrects the page, or stops.
 *
 * Invariant: whatever goes in, a MillraceError comes out.
 */

import { CheckpointError, MillraceError } from '../../runtime/errors.ts'

/** The connection or its transaction is gone and a new one may work: a browser's storage process was restarted, the page slept, data was cleared. */
const LOST = new Set(['InvalidStateError', 'UnknownError', 'AbortError', 'TransactionInactiveError', 'TimeoutError'])
/** The stored value itself cannot be read. */
const DAMAGE = new Set(['DataError', 'NotReadableError', 'EncodingError', 'DataCloneError'])

const STORAGE_REFUSED =
  'this page may not store anything: leave the private window or allow site data, or keep checkpoints in memory with memoryCheckpoints()'

const remedies: Readonly<Record<string, string>> = {
  InvalidStateError: STORAGE_REFUSED,
  SecurityError: STORAGE_REFUSED,
  NotAllowedError: STORAGE_REFUSED,
  UnknownError: 'the storage of the browser has failed: try again, reload the page, or restart the browser',
  AbortError: 'the browser gave the transaction up: try again, or reload the page',
  TimeoutError: 'the browser does not answer: close other tabs of this site, or restart the browser',
  NotFoundError: 'a database of that name was made by another program: choose another name',
}

/** Opened without the right to create it, and it is not there. */
export class DatabaseAbsent extends Error {
  override readonly name = 'DatabaseAbsent'
}

/** The platform's name of the condition, such as `QuotaExceededError`. */
export function nameOf(error: unknown): string {
  return error instanceof Error || error instanceof DOMException ? error.name : 'UNKNOWN'
}

/** Whether the same operation on a new connection may work. */
export function isConnectionLost(error: unknown): boolean {
  return !(error instanceof MillraceError) && LOST.has(nameOf(error))
}

/** The error for an operation that failed. `action` completes "Cannot …", `place` names what it was done to. */
export function storeError(error: unknown, action: string, place: string): MillraceError {
  if (error instanceof MillraceError) return error
  const name = nameOf(error)
  const options = { details: { store: place, cause: name }, cause: error }
  if (name === 'QuotaExceededError') {
    return new CheckpointError(
      'STORE_FULL',
      `Cannot ${action} in ${place}: the browser grants this site no more space (${name}); free some, the last checkpoint is intact`,
      { ...options, retryable: true },
    )
  }
  if (name === 'VersionError') {
    return new CheckpointError(
      'FORMAT_NEWER',
      `Cannot ${action} in ${place}: a newer version of Millrace has changed it; load the newer version in this page`,
      options,
    )
  }
  const reason = error instanceof Error || error instanceof DOMException ? `${name}, ${error.message}` : String(error)
  return new CheckpointError('STORE_UNAVAILABLE', `Cannot ${action} in ${place}: ${reason}; ${remedies[name] ?? 'look at the cause'}`, {
    ...options,
    retryable: LOST.has(name),
  })
}

/** The error for a read that failed: a value which cannot be read as such is damage, so that an older generation is tried. */
export function readError(error: unknown, what: string, place: string): MillraceError {
  if (error instanceof MillraceError || !DAMAGE.has(nameOf(error))) return storeError(error, `read ${what}`, place)
  return new CheckpointError('CHECKPOINT_CORRUPT', `Cannot read ${what} in ${place}: ${nameOf(error)}`, {
    details: { store: place, cause: nameOf(error) },
    cause: error,
  })
}
