/**
 * The fence: every transaction that changes something first looks whether its session still owns the store.
 *
 * Before: session and journals, within their transactions. After: nothing; who does not own it writes nothing.
 *
 * Invariant: the owner is compared, not only the epoch: a database that was deleted and made anew counts epochs from 1 again.
 */

import { CheckpointError, JobStateError } from '../../runtime/errors.ts'
import type { Fence } from './records.ts'

/** @throws JobStateError `JOB_FENCED` when a later epoch owns the store; CheckpointError `STATE_LOST` when it is empty or another one now. */
export function checkFence(found: Fence | null, own: Fence, store: string): void {
  if (found?.owner === own.owner) return
  if (found !== null && found.epoch > own.epoch) throw fenced(own.epoch, store, found.epoch)
  throw stateLost(store, found === null ? 'it is empty now' : 'it was made anew')
}

/** The error of a session whose epoch is over. */
export function fenced(epoch: number, store: string, newerEpoch?: number): JobStateError {
  const taker = newerEpoch === undefined ? 'another tab or worker' : `epoch ${newerEpoch}`
  return new JobStateError('JOB_FENCED', `Epoch ${epoch} is over: ${taker} has taken ${store}; this job must stop`, {
    details: { epoch, store, ...(newerEpoch === undefined ? {} : { newerEpoch }) },
  })
}

/** The error of a running job whose store was taken away. */
export function stateLost(store: string, what: string): CheckpointError {
  return new CheckpointError(
    'STATE_LOST',
    `The data of ${store} were deleted under the running job: ${what}; restore them from a copy, or start afresh`,
    { details: { store } },
  )
}
