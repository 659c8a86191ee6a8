/**
 * Checkpoints in the origin private file system, for workers: the bytes of chunks in slot files, everything else in IndexedDB.
 *
 * Before: `start` in a worker opens it. After: opfs/slots for the bytes; database, commit, epochs, leadership, certificate and journals are those
 * of the IndexedDB store (indexeddb/), in a database `millrace-opfs/<name>`. The commit record is a `strict` transaction there, so a checkpoint is
 * real or not by one rule, and what makes it real is the same as in the other store.
 * It pays for large state: bytes are written once, in place, instead of through a log that is compacted later, and their space is reserved.
 *
 * Invariant: bytes are flushed to their slot before the transaction that says where they lie; see opfs/slots for when a slot counts as durable.
 */

import { systemClock } from '../runtime/clock.ts'
import { type BrowserCheckpointStore, certificatesOf, IndexedDbStore, type IndexedDbCheckpointsOptions } from './indexeddb-store.ts'
import { SlotShelfMaker } from './opfs/slot-shelf-maker.ts'
import { BLOCK_BYTES } from './opfs/slots.ts'

export interface OpfsCheckpointsOptions extends IndexedDbCheckpointsOptions {
  /** Space to reserve, at least; default 32 MiB. It is written when it is reserved, beside the first run. */
  readonly reserveBytes?: number
}

/** What tests set. */
export interface OpfsParts {
  /** The run of the program; a slot counts as durable in another run than the one that made it. */
  readonly run: string
  readonly slotBytes: number
  readonly settleMs: number
}

const RESERVE_BYTES = 32 * 1024 * 1024
const SLOT_BYTES = 8 * 1024 * 1024
const SETTLE_MS = 120_000
let run: string | undefined
const thisRun = () => (run ??= Array.from(crypto.getRandomValues(new Uint32Array(4)), (word) => word.toString(16)).join('-'))

/**
 * A store that keeps the bytes of checkpoints in files of the origin private file system. Only in dedicated workers: elsewhere `open` is refused with
 * `STORE_UNAVAILABLE`.
 *
 * @param name - One for each job, of this site.
 * @throws RangeError when an option is out of range; ConfigError `DURATION_INVALID`.
 *
 * @example
 * // In a worker.
 * await start(job, { sources, sinks, checkpoints: { store: opfsCheckpoints('telemetry'), every: '10s' } })
 */
export function opfsCheckpoints(name: string, options: OpfsCheckpointsOptions = {}): BrowserCheckpointStore {
  return opfsStore(name, options, { run: thisRun(), slotBytes: SLOT_BYTES, settleMs: SETTLE_MS })
}

/** {@link opfsCheckpoints} on given parts. */
export function opfsStore(name: string, options: OpfsCheckpointsOptions, parts: OpfsParts): BrowserCheckpointStore {
  const { run, slotBytes, settleMs } = parts
  const reserveBytes = options.reserveBytes ?? RESERVE_BYTES
  if (!Number.isSafeInteger(reserveBytes) || reserveBytes < 0)
    throw new RangeError(`reserveBytes must be an integer of at least 0, it is ${reserveBytes}`)
  if (slotBytes % BLOCK_BYTES !== 0) throw new RangeError(`slotBytes must be a multiple of ${BLOCK_BYTES}, it is ${slotBytes}`)
  const clock = systemClock
  return new IndexedDbStore(options, {
    kind: 'opfs',
    databaseName: `millrace-opfs/${name}`,
    clock,
    locks: globalThis.navigator?.locks,
    certificates: certificatesOf(`opfs/${name}`, clock),
    shelves: new SlotShelfMaker({ name, slotBytes, reserveBytes, run, settleMs, clock }),
  })
}
