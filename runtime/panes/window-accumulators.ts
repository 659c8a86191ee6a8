/**
 * Accumulators of custom aggregates: functions of the user run where the user's module is, so their state lives here and not in the kernel.
 *
 * Before: operations that the kernel tells in the order in which they happen. After: window-functions asks for results; checkpoints keep it.
 *
 * Invariant: at a barrier that every subtask has passed, what is here is what the kernels' windows had then.
 */

import * as L from '../../kernel/layout.ts'
import { preview } from '../batch-builder.ts'
import type { StageReport } from '../coordinator/stage.ts'
import type { AggregateFunctions } from '../plan-functions.ts'
import type { Json } from '../schema.ts'
import { readSections } from '../subtask/snapshot-chunks.ts'
import { operationsOf } from './operations.ts'
import type { CustomPlan } from './pane-aggregates.ts'
import type { RecordReader } from './record-cells.ts'

export interface CustomAggregate extends CustomPlan {
  readonly functions: AggregateFunctions
}

export interface WindowAccumulatorsOptions {
  readonly uid: string
  readonly customs: readonly CustomAggregate[]
  readonly records: RecordReader
  readonly report: StageReport
}

export class WindowAccumulators {
  readonly #options: WindowAccumulatorsOptions
  /** By handle of the window: an accumulator for each aggregate. */
  readonly #windows = new Map<number, Json[]>()

  constructor(options: WindowAccumulatorsOptions) {
    this.#options = options
  }

  /** Windows that have accumulators. */
  get size(): number {
    return this.#windows.size
  }

  /** Carries out operations, in order. */
  apply(operations: Uint8Array): void {
    for (const { kind, handle, other, record } of operationsOf(operations)) {
      if (kind === L.OPERATION_ADD) this.#add(handle, record)
      else if (kind === L.OPERATION_MERGE) this.#merge(handle, other)
      else this.#windows.delete(handle)
    }
  }

  /** The results of a window as it is now, by aggregate. @throws what a function throws */
  results(handle: number): Json[] {
    const accumulators = this.#windows.get(handle)
    return this.#options.customs.map(({ functions }, index) => functions.result(accumulators?.[index] ?? functions.create()))
  }

  #add(handle: number, record: Uint8Array): void {
    const { customs, records } = this.#options
    const { rows, times, marks } = records.read(record)
    const accumulators = this.#windows.get(handle) ?? customs.map(({ functions }) => functions.create())
    this.#windows.set(handle, accumulators)
    customs.forEach(({ name, condition, functions }, index) => {
      if (condition !== null && marks.get(condition)![0] === 0) return
      try {
        accumulators[index] = functions.add(accumulators[index]!, rows[0]!, times[0]!)
      } catch (error) {
        this.#threw(name, rows[0]!, error)
      }
    })
  }

  #merge(handle: number, other: number): void {
    const theirs = this.#windows.get(other)
    if (theirs === undefined) return
    this.#windows.delete(other)
    const ours = this.#windows.get(handle)
    if (ours === undefined) this.#windows.set(handle, theirs)
    else {
      this.#options.customs.forEach(({ functions }, index) => {
        ours[index] = functions.merge(ours[index]!, theirs[index]!)
      })
    }
  }

  #threw(name: string, row: object, error: unknown): void {
    const { uid, report } = this.#options
    report.deadLetter({
      code: 'FUNCTION_THREW',
      reason: `The aggregate ${name} of ${uid} threw: ${error instanceof Error ? error.message : String(error)}`,
      source: `${uid}.aggregate.${name}`,
      split: '',
      position: '',
      preview: preview(JSON.stringify(row)),
    })
  }

  /** All of it, as sections of the kernel's form: one for each key group that has windows. */
  snapshot(): Uint8Array<ArrayBuffer> {
    const groups = Map.groupBy(
      [...this.#windows].sort(([a], [b]) => a - b),
      ([handle]) => Math.floor(handle / L.HANDLES_A_GROUP),
    )
    const sections = [...groups].map(([keyGroup, windows]) => sectionOf(keyGroup, windows))
    const bytes = new Uint8Array(sections.reduce((sum, { length }) => sum + length, 0))
    let at = 0
    for (const section of sections) {
      bytes.set(section, at)
      at += section.length
    }
    return bytes
  }

  /** Goes on from a snapshot; other sections are passed over. */
  restore(chunks: readonly Uint8Array<ArrayBuffer>[]): void {
    for (const { kind, bytes } of chunks.flatMap(readSections)) {
      if (kind !== L.SECTION_FUNCTIONS) continue
      const text = new TextDecoder().decode(bytes.subarray(L.SECTION_HEADER_BYTES)).trimEnd()
      for (const [handle, accumulators] of JSON.parse(text, revive) as [number, Json[]][]) this.#windows.set(handle, accumulators)
    }
  }
}

function sectionOf(keyGroup: number, windows: readonly (readonly [number, Json[]])[]): Uint8Array {
  const payload = new TextEncoder().encode(JSON.stringify(windows, replace))
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

/** What JSON cannot say stands behind this character; texts that begin with it get another one in front. */
const MARK = '\u0000'

function replace(_name: string, value: unknown): unknown {
  if (typeof value === 'number' && (!Number.isFinite(value) || Object.is(value, -0))) return MARK + (Object.is(value, -0) ? '-0' : value)
  return typeof value === 'string' && value.startsWith(MARK) ? MARK + value : value
}

function revive(_name: string, value: unknown): unknown {
  if (typeof value !== 'string' || !value.startsWith(MARK)) return value
  return value.startsWith(MARK + MARK) ? value.slice(1) : Number(value.slice(1))
}
