/**
 * Watermark strategies that look at every record: punctuated, percentile, predicted, custom.
 *
 * Before: coordinator/time-track gives them the records of a split, in order. After: watermark-combiner.
 * Loaded only for plans that have one of them, with the evaluator of expressions.
 *
 * Invariant: what they answer is a pure function of the records of their split; their whole state is in checkpoints.
 */

import { ConfigError, RecordError } from '../errors.ts'
import { type CompiledExpression, compileExpression } from '../expression/evaluate.ts'
import type { EventTimeSpec, WatermarkSpec } from '../plan-spec.ts'
import { type Json, type Schema, TIMESTAMP_MAX_MS } from '../schema.ts'
import type { CustomWatermarks } from './custom-watermarks.ts'
import { bucketOf, DelayHistogram } from './delay-histogram.ts'
import type { GeneratorState, MakeGenerator, ObservedRecords, WatermarkGenerator } from './watermark-strategy.ts'

type SpecOf<Kind extends WatermarkSpec['kind']> = Extract<WatermarkSpec, { readonly kind: Kind }>

/** @param makeCustom - The function beside the plan, of `custom`. */
export function recordGenerator(
  { uid, watermark: spec }: EventTimeSpec,
  schema: Schema,
  makeCustom: (() => unknown) | undefined,
): MakeGenerator {
  switch (spec.kind) {
    case 'punctuated':
      return (state) => new Punctuated(spec, schema, state)
    case 'percentile':
      return (state) => new Percentile(spec, state)
    case 'predicted':
      return (state) => new Predicted(spec, state)
    case 'custom':
      return (state) => new Custom(uid, makeCustom!, state)
    default:
      throw new RangeError(`The strategy ${spec.kind} does not look at records`)
  }
}

/** Records that carry a watermark: the largest so far counts. */
class Punctuated implements WatermarkGenerator {
  readonly #when: CompiledExpression
  readonly #time: CompiledExpression | null
  #watermarkMs: number

  constructor({ when, time }: SpecOf<'punctuated'>, schema: Schema, state: GeneratorState) {
    this.#when = compileExpression(when, schema)
    this.#time = time === undefined ? null : compileExpression(time, schema)
    this.#watermarkMs = (state as number | null) ?? Number.NEGATIVE_INFINITY
  }

  observe({ batch, times, limitMs }: ObservedRecords): void {
    const when = this.#when.evaluate(batch)
    const given = this.#time?.evaluate(batch)
    for (let row = 0; row < batch.rowCount; row++) {
      const carries = when.values[row] !== 0 && (when.validity === null || when.validity[row] !== 0)
      if (!carries || times[row]! > limitMs || (given?.validity ?? null)?.[row] === 0) continue
      const watermark = Math.floor(given === undefined ? times[row]! : given.values[row]!)
      // A watermark from a clock that is wrong closes nobody's windows either.
      if (watermark > this.#watermarkMs && watermark <= Math.min(limitMs, TIMESTAMP_MAX_MS)) this.#watermarkMs = watermark
    }
  }

  watermark(): number {
    return this.#watermarkMs
  }

  snapshot(): GeneratorState {
    return Number.isFinite(this.#watermarkMs) ? this.#watermarkMs : null
  }
}

/** Tells the delay of every record: how far it is behind the newest of its split so far, itself included. */
function eachDelay({ batch, times, limitMs, maxMs }: ObservedRecords, take: (delayMs: number) => void): void {
  let newest = maxMs
  for (let row = 0; row < batch.rowCount; row++) {
    const time = times[row]!
    if (time > limitMs) continue
    if (time > newest) newest = time
    take(newest - time)
  }
}

function within(delayMs: number, { floorMs, ceilingMs }: { readonly floorMs: number; readonly ceilingMs?: number }): number {
  return Math.max(floorMs, Math.min(delayMs, ceilingMs ?? Number.POSITIVE_INFINITY))
}

/**
 * The p-quantile, by nearest rank, of the delays of the last `windowRecords` records: a sliding window over buckets (delay-histogram.ts),
 * at most 1/128 above the exact quantile. Among fewer than 1/(1 − p) records that is the largest delay.
 */
class Percentile implements WatermarkGenerator {
  readonly #spec: SpecOf<'percentile'>
  readonly #histogram = new DelayHistogram()
  /** Buckets of the records in the window, a ring. */
  readonly #recent: Uint16Array
  #next = 0
  readonly #take = (delayMs: number) => this.#add(bucketOf(delayMs))

  constructor(spec: SpecOf<'percentile'>, state: GeneratorState) {
    this.#spec = spec
    this.#recent = new Uint16Array(spec.windowRecords)
    const runs = (state as readonly number[] | null) ?? []
    for (let at = 0; at < runs.length; at += 2) for (let count = runs[at + 1]!; count > 0; count--) this.#add(runs[at]!)
  }

  observe(records: ObservedRecords): void {
    eachDelay(records, this.#take)
  }

  #add(bucket: number): void {
    if (this.#histogram.total === this.#recent.length) this.#histogram.remove(this.#recent[this.#next]!)
    this.#recent[this.#next] = bucket
    this.#next = (this.#next + 1) % this.#recent.length
    this.#histogram.add(bucket)
  }

  expectedDelayMs(): number {
    return within(this.#histogram.quantile(this.#spec.p), this.#spec)
  }

  watermark(maxMs: number): number {
    return maxMs - this.expectedDelayMs() - 1
  }

  /** From the oldest record of the window to the newest, runs of equal buckets: `[bucket, count, bucket, count …]`. */
  snapshot(): GeneratorState {
    const runs: number[] = []
    const { total } = this.#histogram
    const size = this.#recent.length
    for (let at = 0; at < total; at++) {
      const bucket = this.#recent[(this.#next - total + at + size) % size]!
      if (runs.length > 0 && runs.at(-2) === bucket) runs[runs.length - 1]!++
      else runs.push(bucket, 1)
    }
    return runs
  }
}

/** Weights of the trend: how fast it is learned, and how much of it is believed for the next block. */
const TREND_WEIGHT = 0.1
const TREND_DAMPING = 0.9

/**
 * Learns the p-quantile of the delay, and predicts that of the records to come.
 *
 * Method: the p-quantile, by nearest rank, of every block of `windowRecords` delays is a time series, forecast one step ahead by double
 * exponential smoothing with a damped trend: C. C. Holt, "Forecasting seasonals and trends by exponentially weighted moving averages"
 * (1957; International Journal of Forecasting 20, 2004), damping by E. S. Gardner and E. McKenzie, "Forecasting trends in time series"
 * (Management Science 31, 1985). Level = s·q + (1 − s)·forecast with s = `smoothing`; trend with weight 0.1; damping 0.9. Before the
 * first block is full: the quantile of what there is.
 *
 * Error: the share of records within the predicted delay is, under a delay distribution that does not change, within ±0.01 of p for
 * p from 0.9 to 0.99 and the default block of 1,000 records, from ten blocks on (test/runtime/record-strategies.test.ts).
 */
class Predicted implements WatermarkGenerator {
  readonly #spec: SpecOf<'predicted'>
  readonly #block = new DelayHistogram()
  #level = 0
  #trend = 0
  #hasLearned = false
  readonly #take = (delayMs: number) => this.#add(delayMs)

  constructor(spec: SpecOf<'predicted'>, state: GeneratorState) {
    this.#spec = spec
    const restored = state as { level: number; trend: number; hasLearned: boolean; block: readonly number[] } | null
    if (restored === null) return
    this.#level = restored.level
    this.#trend = restored.trend
    this.#hasLearned = restored.hasLearned
    this.#block.restore(restored.block)
  }

  observe(records: ObservedRecords): void {
    eachDelay(records, this.#take)
  }

  #add(delayMs: number): void {
    this.#block.add(bucketOf(delayMs))
    if (this.#block.total < this.#spec.windowRecords) return
    this.#learn(this.#block.quantile(this.#spec.p))
    this.#block.clear()
  }

  #learn(quantile: number): void {
    const { smoothing } = this.#spec
    const before = this.#level
    this.#level = this.#hasLearned ? smoothing * quantile + (1 - smoothing) * this.#forecast() : quantile
    if (this.#hasLearned) this.#trend = TREND_WEIGHT * (this.#level - before) + (1 - TREND_WEIGHT) * TREND_DAMPING * this.#trend
    this.#hasLearned = true
  }

  #forecast(): number {
    return this.#level + TREND_DAMPING * this.#trend
  }

  expectedDelayMs(): number {
    const delay = this.#hasLearned ? Math.max(0, Math.ceil(this.#forecast())) : this.#block.quantile(this.#spec.p)
    return within(delay, this.#spec)
  }

  watermark(maxMs: number): number {
    return maxMs - this.expectedDelayMs() - 1
  }

  snapshot(): GeneratorState {
    return { level: this.#level, trend: this.#trend, hasLearned: this.#hasLearned, block: this.#block.snapshot() }
  }
}

/** A strategy of the user's own. What it throws stops the job: a watermark that is made up would lose records. */
class Custom implements WatermarkGenerator {
  readonly #uid: string
  readonly #own: CustomWatermarks

  constructor(uid: string, make: () => unknown, state: GeneratorState) {
    this.#uid = uid
    this.#own = this.#guarded(make) as CustomWatermarks
    const missing = ['onRecord', 'watermark', 'snapshot', 'restore'].filter(
      (name) => typeof (this.#own as unknown as Readonly<Record<string, unknown>> | null)?.[name] !== 'function',
    )
    if (missing.length > 0) {
      throw new ConfigError(
        'WATERMARK_FUNCTION_INVALID',
        `The custom watermarks of ${uid} have no ${missing.join(', ')}; return an object with onRecord, watermark, snapshot and restore`,
      )
    }
    if (state !== null) this.#guarded(() => this.#own.restore(state as Json))
  }

  observe({ batch, times, limitMs }: ObservedRecords): void {
    this.#guarded(() => {
      for (let row = 0; row < batch.rowCount; row++) if (times[row]! <= limitMs) this.#own.onRecord(times[row]!, batch.row(row))
    })
  }

  watermark(): number {
    const watermark: unknown = this.#guarded(() => this.#own.watermark())
    if (typeof watermark !== 'number' || Number.isNaN(watermark)) {
      throw new RecordError('WATERMARK_FUNCTION_RESULT', `The custom watermarks of ${this.#uid} gave ${String(watermark)}, not a number`)
    }
    return Math.min(Math.floor(watermark), TIMESTAMP_MAX_MS)
  }

  snapshot(): GeneratorState {
    return this.#guarded(() => this.#own.snapshot() ?? null)
  }

  #guarded<T>(call: () => T): T {
    try {
      return call()
    } catch (cause) {
      const message = cause instanceof Error ? cause.message : String(cause)
      throw new RecordError('WATERMARK_FUNCTION_THREW', `The custom watermarks of ${this.#uid} threw: ${message}`, { cause })
    }
  }
}
