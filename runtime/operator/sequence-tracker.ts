/**
 * `trackSequence`: watches the sequence numbers of every source, and tells gaps, duplicates, reorders, restarts and silence.
 *
 * Before: stages, with event times. After: further stages, which get the rows unchanged; findings go to a sink of their own.
 * source-sequence.ts has the meaning of numbers; silence and forgetting are here, because they are of event time alone.
 *
 * Invariant: findings of one watermark come in order of (their time, first appearance of the source); those of rows in order of rows.
 */

import { pass } from '../coordinator/stage.ts'
import type { Chunk } from '../coordinator/stage.ts'
import type { Dictionary } from '../dictionary.ts'
import { ConfigError } from '../errors.ts'
import type { TrackSequenceSpec } from '../plan.ts'
import { findingsSchema } from '../plan-stages.ts'
import { cellValue, type Column, type RecordBatch, type Value } from '../record-batch.ts'
import { columnIndex, type Schema } from '../schema.ts'
import { DueQueue } from './due-queue.ts'
import { Findings } from './findings.ts'
import type { OperatorNumbers, OperatorOutput, StatefulOperator } from './operator.ts'
import { type Finding, type SequenceRules, SourceSequence } from './source-sequence.ts'
import { StateReader, StateWriter } from './state-bytes.ts'

/** Sources of a chunk of a snapshot. */
const CHUNK_SOURCES = 512
/** Bytes of a source and of a hole, about. */
const SOURCE_BYTES = 320
const HOLE_BYTES = 64

export class SequenceTracker implements StatefulOperator {
  readonly uid: string
  readonly #spec: TrackSequenceSpec
  readonly #output: OperatorOutput
  readonly #rules: SequenceRules
  readonly #silentAfterMs: number
  readonly #forgetAfterMs: number
  readonly #sourceColumns: readonly number[]
  readonly #sequenceColumn: number
  readonly #sources = new Map<string, SourceSequence>()
  /** By code, where the source is one column of strings. */
  #byCode: (SourceSequence | undefined)[] = []
  #dictionary: Dictionary | null = null
  readonly #queue = new DueQueue()
  readonly #findings: Findings | null
  #ordinal = 0
  #watermarkMs = Number.NEGATIVE_INFINITY
  #maxMs = Number.NEGATIVE_INFINITY
  readonly #counts = {
    recordsIn: 0,
    gaps: 0,
    missing: 0,
    duplicates: 0,
    reorders: 0,
    restarts: 0,
    silences: 0,
    resumed: 0,
    unnumbered: 0,
    forgotten: 0,
  }

  constructor(spec: TrackSequenceSpec, schema: Schema, output: OperatorOutput) {
    this.uid = spec.uid
    this.#spec = spec
    this.#output = output
    this.#rules = { window: spec.reorderWindow, restartBelow: spec.restartBelow ?? Number.NEGATIVE_INFINITY, wrapsAt: spec.wrapsAt ?? 0 }
    this.#silentAfterMs = spec.silentAfterMs ?? Number.POSITIVE_INFINITY
    this.#forgetAfterMs = spec.forgetAfterMs ?? Number.POSITIVE_INFINITY
    this.#sourceColumns = spec.source.map((name) => columnIndex(schema, name))
    this.#sequenceColumn = columnIndex(schema, spec.sequence)
    this.#findings = output.side === null ? null : new Findings(findingsSchema(spec, schema), output.rowsMax)
  }

  processBatch(chunk: Chunk): void {
    const { batch } = chunk
    const times = chunk.times!
    const columns = this.#sourceColumns.map((index) => batch.columns[index]!)
    const numbers = batch.columns[this.#sequenceColumn]!
    this.#counts.recordsIn += batch.rowCount
    for (let row = 0; row < batch.rowCount; row++) this.#row(this.#sourceOf(columns, batch, row), numbers, row, times[row]!)
    pass(chunk, this.#output.next)
  }

  advanceWatermark(watermarkMs: number): void {
    const found: Finding[] = []
    const report = (finding: Finding) => void found.push(finding)
    if (watermarkMs === Number.POSITIVE_INFINITY) this.#end(report)
    else {
      this.#watermarkMs = watermarkMs
      while (this.#queue.firstMs <= watermarkMs) {
        const { dueMs, sequence } = this.#queue.pop()
        if (dueMs === sequence.timerMs) this.#look(sequence, report)
      }
    }
    found.sort((a, b) => a.atMs - b.atMs || a.sequence.ordinal - b.sequence.ordinal)
    for (const finding of found) this.#report(finding)
  }

  get isDue(): boolean {
    return this.#findings !== null && !this.#findings.isEmpty
  }

  emit(): void {
    this.#output.side!(this.#findings!.take())
  }

  status(): OperatorNumbers {
    let stateBytes = 0
    for (const sequence of this.#sources.values()) stateBytes += SOURCE_BYTES + HOLE_BYTES * sequence.holeCount
    return { counts: this.#counts, stateCount: this.#sources.size, stateBytes }
  }

  snapshot(): Uint8Array<ArrayBuffer>[] {
    const head = new StateWriter('h')
    head.f64(this.#watermarkMs)
    head.f64(this.#maxMs)
    head.f64(this.#ordinal)
    const chunks = [head.finish()]
    let writer: StateWriter | null = null
    let chunkIndex = -1
    // In order of first appearance. Which chunk a source is in does not change when others are forgotten.
    for (const sequence of this.#sources.values()) {
      const index = Math.floor(sequence.ordinal / CHUNK_SOURCES)
      if (writer === null || index !== chunkIndex) {
        if (writer !== null) chunks.push(writer.finish())
        writer = new StateWriter('s')
        chunkIndex = index
      }
      sequence.write(writer)
    }
    if (writer !== null) chunks.push(writer.finish())
    return chunks
  }

  restore(chunks: readonly Uint8Array[]): void {
    for (const chunk of chunks) {
      const reader = new StateReader(chunk)
      if (reader.kind === 'h') {
        this.#watermarkMs = reader.f64()
        this.#maxMs = reader.f64()
        this.#ordinal = reader.f64()
      } else if (reader.kind === 's') {
        while (!reader.isAtEnd) {
          const sequence = SourceSequence.read(reader)
          if (sequence.values.length !== this.#sourceColumns.length) throw reader.corrupt('a source has another number of columns')
          this.#sources.set(keyOf(sequence.values), sequence)
          this.#arm(sequence)
        }
      } else throw reader.corrupt(`it holds ${reader.kind}, which a tracker has not`)
      reader.finish()
    }
  }

  #row(sequence: SourceSequence, numbers: Column, row: number, timeMs: number): void {
    const raw = this.#numberOf(numbers, row)
    const isNewest = timeMs > sequence.lastMs
    if (sequence.isSilent && isNewest) {
      sequence.isSilent = false
      this.#report({ sequence, kind: 'resumed', from: sequence.lastNumber(this.#rules), to: raw, count: 1, atMs: timeMs })
    }
    if (raw === null) this.#counts.unnumbered++
    else sequence.take(raw, timeMs, isNewest, this.#rules, this.#report)
    if (timeMs > this.#maxMs) this.#maxMs = timeMs
    if (isNewest) sequence.lastMs = timeMs
    // Silence moves away with every record: its timer may be early, and is set again when it is due.
    if (Math.min(sequence.newHoleMs, this.#quietDueMs(sequence)) < sequence.timerMs) this.#arm(sequence)
    sequence.newHoleMs = Number.POSITIVE_INFINITY
  }

  /** A whole number within bounds; null when there is none. */
  #numberOf({ values, validity }: Column, row: number): number | null {
    if (validity !== null && validity[row] === 0) return null
    const raw = values[row]!
    const { wrapsAt } = this.#rules
    return Number.isSafeInteger(raw) && (wrapsAt === 0 || (raw >= 0 && raw < wrapsAt)) ? raw + 0 : null
  }

  #sourceOf(columns: readonly Column[], batch: RecordBatch, row: number): SourceSequence {
    const only = columns.length === 1 ? columns[0]! : null
    const isCoded = only !== null && only.type === 'utf8' && (only.validity === null || only.validity[row] === 1)
    if (!isCoded) return this.#sourceAt(columns.map((column) => batch.value(column, row)))
    if (only.dictionary !== this.#dictionary) {
      this.#dictionary = only.dictionary as Dictionary
      this.#byCode = []
    }
    const code = only.values[row]!
    const known = this.#byCode[code]
    if (known !== undefined) return known
    const sequence = this.#sourceAt([cellValue(only, row)])
    this.#byCode[code] = sequence
    return sequence
  }

  #sourceAt(values: readonly Value[]): SourceSequence {
    const key = keyOf(values)
    let sequence = this.#sources.get(key)
    if (sequence !== undefined) return sequence
    const { sourcesMax } = this.#spec
    if (this.#sources.size >= sourcesMax) {
      throw new ConfigError(
        'SEQUENCE_SOURCES_FULL',
        `Cannot track more sources in ${this.uid}: there are ${sourcesMax}; raise sourcesMax, or set forgetAfter, so that sources that are gone are forgotten`,
        { details: { uid: this.uid, sourcesMax } },
      )
    }
    sequence = new SourceSequence(values, this.#ordinal++)
    this.#sources.set(key, sequence)
    return sequence
  }

  /** Sets the timer of a source to the earliest time at which there may be something to tell. */
  #arm(sequence: SourceSequence): void {
    const dueMs = Math.min(sequence.holeDueMs, this.#quietDueMs(sequence))
    sequence.timerMs = dueMs
    if (dueMs < Number.POSITIVE_INFINITY) this.#queue.push(dueMs, sequence)
  }

  /** When a source that stays quiet is silent, or forgotten. */
  #quietDueMs({ lastMs, isSilent }: SourceSequence): number {
    return lastMs + (isSilent ? this.#forgetAfterMs : Math.min(this.#silentAfterMs, this.#forgetAfterMs))
  }

  #look(sequence: SourceSequence, report: (finding: Finding) => void): void {
    sequence.passWatermark(this.#watermarkMs, this.#rules, report)
    this.#hear(sequence, this.#watermarkMs, report)
    if (sequence.lastMs + this.#forgetAfterMs <= this.#watermarkMs) {
      sequence.end(this.#rules, report)
      this.#sources.delete(keyOf(sequence.values))
      this.#byCode = []
      sequence.timerMs = Number.POSITIVE_INFINITY
      this.#counts.forgotten++
    } else this.#arm(sequence)
  }

  #hear(sequence: SourceSequence, nowMs: number, report: (finding: Finding) => void): void {
    const atMs = sequence.lastMs + this.#silentAfterMs
    if (sequence.isSilent || atMs > nowMs) return
    sequence.isSilent = true
    report({ sequence, kind: 'silence', from: sequence.lastNumber(this.#rules), to: null, count: 0, atMs })
  }

  /** The end of the stream: all gaps are told; silent are those that were silent when the last record was. */
  #end(report: (finding: Finding) => void): void {
    const nowMs = Math.max(this.#maxMs, this.#watermarkMs)
    for (const sequence of this.#sources.values()) {
      sequence.end(this.#rules, report)
      this.#hear(sequence, nowMs, report)
    }
  }

  readonly #report = (finding: Finding): void => {
    const counts = this.#counts
    switch (finding.kind) {
      case 'gap':
        counts.gaps++
        counts.missing += finding.count
        break
      case 'duplicate':
        counts.duplicates++
        break
      case 'reorder':
        counts.reorders++
        break
      case 'restart':
        counts.restarts++
        break
      case 'silence':
        counts.silences++
        break
      case 'resumed':
        counts.resumed++
        break
      default: {
        const never: never = finding.kind
        throw new RangeError(String(never))
      }
    }
    this.#findings?.add(finding)
  }
}

/** The same text for the same values: −0 is 0, all NaNs are one, null is a source like others. */
function keyOf(values: readonly Value[]): string {
  return values.map((value) => (typeof value === 'string' ? `s${value.length}:${value}` : `${String(value)};`)).join('')
}
