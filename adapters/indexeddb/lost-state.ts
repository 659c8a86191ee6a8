/**
 * Whether what lies in a database is what was acknowledged, or less.
 *
 * Before: the claim of indexeddb-store, within its transaction. After: a session, or `STATE_LOST`.
 * Browsers empty a damaged database, or put it back to an older state as a whole, without an error. The head of the database goes along with it, the
 * certificate does not. A single record that is gone while the head still speaks of it is damage, which checkpoint/recovery finds and reports.
 *
 * Invariant: an empty or older store is never taken for what it was, unless the user said that less will do.
 */

import type { CheckpointGeneration } from '../../runtime/checkpoint/checkpoint-store.ts'
import { CheckpointError } from '../../runtime/errors.ts'
import type { CertificateReading } from './certificate.ts'
import { compareGenerations, type Head, newerOf } from './records.ts'

/**
 * What `open` does when state that was acknowledged is gone or went back. `fail` (default): `STATE_LOST`. `resume`: goes on from an older
 * checkpoint if there is one, else `STATE_LOST`. `startAfresh`: goes on from an older one, or from nothing.
 */
export type OnStateLost = 'fail' | 'resume' | 'startAfresh'

export interface StoredState {
  /** Name of the store, for messages. */
  readonly store: string
  readonly head: Head | null
  /** Newest generation of which there is a record. */
  readonly newest: CheckpointGeneration | null
  readonly hasChunks: boolean
  readonly reading: CertificateReading
  readonly onStateLost: OnStateLost
}

/**
 * The newest generation that was ever acknowledged, as far as is known, or null for a fresh start.
 *
 * @throws CheckpointError `STATE_LOST` when that is more than there is, unless less will do.
 */
export function committedBefore({ store, head, newest, hasChunks, reading, onStateLost }: StoredState): CheckpointGeneration | null {
  const inDatabase = newerOf(head?.committed ?? null, newest)
  const certified = reading.certificate?.committed ?? null
  const known = newerOf(inDatabase, certified)
  const isBehind = newest !== null && certified !== null && compareGenerations(certified, inDatabase!) > 0
  const isEmpty = newest === null && (known !== null || (reading.certificate === null && (reading.isDamaged || hasChunks)))
  if (!isBehind && !isEmpty) return known
  if (newest !== null && onStateLost !== 'fail') return known
  if (onStateLost === 'startAfresh') return null
  throw lost(store, known, newest)
}

function lost(store: string, known: CheckpointGeneration | null, newest: CheckpointGeneration | null): CheckpointError {
  const show = (of: CheckpointGeneration | null) => (of === null ? 'none' : `checkpoint ${of.checkpointId} (epoch ${of.epoch})`)
  const had = known === null ? 'checkpoints' : show(known)
  const remedy =
    newest === null
      ? "restore it from a copy, or open with onStateLost 'startAfresh' to begin from nothing"
      : "restore it from a copy, or open with onStateLost 'resume' to go on from the older one"
  return new CheckpointError('STATE_LOST', `${store} had ${had}, and the newest that is left is ${show(newest)}; ${remedy}`, {
    details: { store, committed: known, newest },
  })
}
