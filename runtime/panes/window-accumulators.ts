/**
 * Accumulators of custom aggregates: functions of the user run where the user's module is, so their state lives here and not in the kernel.
 *
 * Before: operations that the kernel tells in the order in which they happen. After: window-functions asks for results; checkpoints keep it.
 *
 * Invariant: at a barrier that every subtask has passed, what is here is what the kernels' windows had then.
 */

import * as L from '../../kernel/layout.ts'
import type { StageReport } from '../coordinator/stage.ts'
import { CheckpointError, ConfigError } from '../errors.ts'
import type { AggregateFunctions } from '../plan-functions.ts'
import type { RowObject } from '../record-batch.ts'
import type { Json } from '../schema.ts'
import { readSections } from '../subtask/snapshot-chunks.ts'
import { accumulatorOf, accumulatorText, Failure, jsonCopy, notJson } from './accumulator-json.ts'
import { calling, messageOf, recordRefused } from './aggregate-threw.ts'
import type { CustomPlan } from './pane-aggregates.ts'
import { type RecordReader, viewOf } from './record-cells.ts'

export interface CustomAggregate extends CustomPlan {
  readonly functions: AggregateFunctions<unknown>
}

export interface WindowAccumulatorsOptions {
  readonly uid: string
  readonly customs: readonly CustomAggregate[]
  readonly records: RecordReader
  readonly report: StageReport
}

export class WindowAccumulators {
  readonly #options: WindowAccumulatorsOptions
  /** By handle of the window: an accumulator, or a {@link Failure}, for each aggregate. */
  readonly #windows = new Map<number, unknown[]>()

  /** @throws ConfigError `ACCUMULATOR_INVALID` when a checkpoint could not keep what `create` gives. */
  constructor(options: WindowAccumulatorsOptions) {
    this.#options = options
    for (const custom of options.customs) {
      // Now rather than at the first checkpoint.
      const empty = created(custom)
      if (!(empty instanceof Failure)) this.#serialized(custom, empty)
    }
  }

  /** Windows that have accumulators. */
  get size(): number {
    return this.#windows.size
  }

  /** Carries out operations, in order. */
  apply(operations: Uint8Array): void {
    const view = viewOf(operations)
    for (let at = 0; at < operations.length; at += view.getInt32(at + L.OPERATION_BYTES_OFFSET, true)) {
      const handle = view.getFloat64(at + L.OPERATION_HANDLE_OFFSET, true)
      switch (view.getInt32(at + L.OPERATION_KIND_OFFSET, true)) {
        case L.OPERATION_ADD:
          this.#add(handle, view, operations, at + L.OPERATION_RECORD_OFFSET)
          break
        case L.OPERATION_MERGE:
          this.#merge(handle, view.getFloat64(at + L.OPERATION_OTHER_OFFSET, true))
          break
        default:
          this.#windows.delete(handle)
      }
    }
  }

  /** The results of a window as it is now, by aggregate; they are not touched any more. @throws AggregateThrew */
  results(handle: number): Json[] {
    const accumulators = this.#windows.get(handle)
    return this.#options.customs.map(({ name, functions }, index) =>
      calling(name, () => {
        const accumulator = accumulators === undefined ? functions.create() : accumulators[index]
        if (accumulator instanceof Failure) throw new Error(accumulator.reason)
        // It may be the accumulator itself, which later records change.
        return jsonCopy(functions.result(accumulator))
      }),
    )
  }

  #add(handle: number, view: DataView, bytes: Uint8Array, at: number): void {
    const { uid, customs, records, report } = this.#options
    const timestampMs = view.getFloat64(at, true)
    records.locate(view, at)
    let row: RowObject | null = null
    let accumulators = this.#windows.get(handle)
    if (accumulators === undefined) {
      accumulators = customs.map(created)
      this.#windows.set(handle, accumulators)
    }
    for (const [index, { name, condition, functions }] of customs.entries()) {
      const accumulator = accumulators[index]
      if (accumulator instanceof Failure || (condition !== null && !records.isMarked(view, condition))) continue
      row ??= records.row(view, bytes)
      try {
        accumulators[index] = functions.add(accumulator, row, timestampMs)
      } catch (error) {
        report.deadLetter(recordRefused({ uid, aggregate: name, row, timestampMs }, error))
      }
    }
  }

  #merge(handle: number, other: number): void {
    const theirs = this.#windows.get(other)
    if (theirs === undefined) return
    this.#windows.delete(other)
    const ours = this.#windows.get(handle)
    this.#windows.set(handle, ours === undefined ? theirs : this.#options.customs.map((custom, at) => merged(custom, ours[at], theirs[at])))
  }

  /** What a checkpoint keeps of an accumulator. @throws ConfigError `ACCUMULATOR_INVALID` */
  #serialized({ name, functions }: CustomAggregate, accumulator: unknown): unknown {
    if (accumulator instanceof Failure) return accumulator
    const { serialize, deserialize } = functions
    if ((serialize === undefined) !== (deserialize === undefined)) {
      throw this.#invalid(name, 'it has only one of serialize and deserialize', 'give both or none')
    }
    let kept = accumulator
    try {
      if (serialize !== undefined) kept = serialize(accumulator)
    } catch (cause) {
      throw this.#invalid(name, `serialize threw: ${messageOf(cause)}`, 'correct serialize', cause)
    }
    const found = notJson(kept)
    if (found === null) return kept
    if (serialize !== undefined) throw this.#invalid(name, `of what serialize gave, ${found}`, 'let serialize give JSON')
    throw this.#invalid(name, found, 'make accumulators of plain objects, lists, numbers and texts, or give serialize and deserialize')
  }

  #invalid(aggregate: string, found: string, remedy: string, cause?: unknown): ConfigError {
    const { uid } = this.#options
    return new ConfigError(
      'ACCUMULATOR_INVALID',
      `Checkpoints cannot keep the accumulator of aggregate ${aggregate} of operator ${uid}: ${found}; ${remedy}`,
      { details: { operator: uid, aggregate }, cause },
    )
  }

  /** All of it, as sections of the kernel's form: one for each key group that has windows. @throws ConfigError `ACCUMULATOR_INVALID` */
  snapshot(): Uint8Array<ArrayBuffer> {
    const groups = Map.groupBy(
      [...this.#windows].sort(([a], [b]) => a - b),
      ([handle]) => Math.floor(handle / L.HANDLES_A_GROUP),
    )
    const { customs } = this.#options
    const sections = [...groups].map(([keyGroup, windows]) => {
      const kept = windows.map(([handle, accumulators]) => [
        handle,
        customs.map((custom, at) => this.#serialized(custom, accumulators[at])),
      ])
      return sectionOf(keyGroup, kept)
    })
    const bytes = new Uint8Array(sections.reduce((sum, { length }) => sum + length, 0))
    let at = 0
    for (const section of sections) {
      bytes.set(section, at)
      at += section.length
    }
    return bytes
  }

  /** Goes on from a snapshot; other sections are passed over. @throws CheckpointError `CHECKPOINT_CORRUPT` */
  restore(chunks: readonly Uint8Array<ArrayBuffer>[]): void {
    for (const { kind, keyGroup, bytes } of chunks.flatMap(readSections)) {
      if (kind !== L.SECTION_FUNCTIONS) continue
      try {
        const windows = accumulatorOf(decoder.decode(bytes.subarray(L.SECTION_HEADER_BYTES)))
        for (const [handle, kept] of windows as [number, unknown[]][]) this.#windows.set(handle, this.#deserialized(kept))
      } catch (cause) {
        throw new CheckpointError(
          'CHECKPOINT_CORRUPT',
          `Cannot restore the accumulators of operator ${this.#options.uid} in key group ${keyGroup}: ${messageOf(cause)}`,
          { cause },
        )
      }
    }
  }

  #deserialized(kept: readonly unknown[]): unknown[] {
    const { customs } = this.#options
    if (kept.length !== customs.length)
      throw new RangeError(`there are accumulators of ${kept.length} aggregates, not of ${customs.length}`)
    return customs.map(({ functions: { deserialize } }, index) => {
      const value = kept[index]
      return deserialize === undefined || value instanceof Failure ? value : deserialize(value as Json)
    })
  }
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function created({ functions }: CustomAggregate): unknown {
  try {
    return functions.create()
  } catch (error) {
    return new Failure(messageOf(error))
  }
}

/** Two windows as one. When that fails, or one of them has, what they held together is not known any more. */
function merged({ functions }: CustomAggregate, ours: unknown, theirs: unknown): unknown {
  if (ours instanceof Failure) return ours
  if (theirs instanceof Failure) return theirs
  try {
    return functions.merge(ours, theirs)
  } catch (error) {
    return new Failure(messageOf(error))
  }
}

function sectionOf(keyGroup: number, windows: readonly unknown[]): Uint8Array {
  const payload = new TextEncoder().encode(accumulatorText(windows))
  const length = (L.SECTION_HEADER_BYTES + payload.length + 7) & ~7
  // Spaces fill up: JSON does not see them.
  const bytes = new Uint8Array(length).fill(0x20)
  const view = new DataView(bytes.buffer)
  view.setInt32(L.SECTION_BYTES_OFFSET, length, true)
  view.setInt32(L.SECTION_KIND_OFFSET, L.SECTION_FUNCTIONS, true)
  view.setInt32(L.SECTION_KEY_GROUP_OFFSET, keyGroup, true)
  view.setInt32(L.SECTION_ENTRY_COUNT_OFFSET, windows.length, true)
  view.setFloat64(L.SECTION_POSITION_OFFSET, 0, true)
  bytes.set(payload, L.SECTION_HEADER_BYTES)
  return bytes
}
