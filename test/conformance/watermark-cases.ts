/**
 * Cases of watermarks: the generator of a split with its idleness, and the combination of several channels.
 *
 * Before: runner. After: the track of event time that the intake has, with one split and a clock by hand; the combiner of inputs.
 *
 * Invariant: watermarks and changes of status are compared in the order in which they come, each with exactly one expectation.
 */

import { RuledTimeTrack } from '../../runtime/coordinator/ruled-time-track.ts'
import type { TimeTrack } from '../../runtime/coordinator/time-track.ts'
import { ConfigError } from '../../runtime/errors.ts'
import { loadPlan } from '../../runtime/plan.ts'
import type { EventTimeSpec } from '../../runtime/plan-spec.ts'
import { RecordBatch } from '../../runtime/record-batch.ts'
import { schema, timestamp } from '../../runtime/schema.ts'
import { WatermarkCombiner } from '../../runtime/source/watermark-combiner.ts'
import { plainGenerator } from '../../runtime/source/watermark-strategy.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import type { Case, TimeValue } from './case.ts'
import { Mismatch, timeOf } from './checker.ts'

/** A strategy as the format writes it. */
export interface WatermarkDefinition {
  readonly strategy?: string
  readonly bound?: number
  readonly timeout?: number
  readonly emit?: string
}

type GeneratorStep =
  | { readonly t: TimeValue }
  | { readonly probe: true }
  | { readonly checkIdle: true }
  | { readonly activity: true }
  | { readonly advanceProcessingTime: number }
  | { readonly checkpointRestore: true }
  | { readonly expect: { readonly watermark?: TimeValue; readonly idle?: boolean } }

type Emission = { readonly watermark: TimeValue } | { readonly status: 'idle' | 'active' }

type CombineStep =
  | { readonly channel?: number; readonly watermark: TimeValue }
  | { readonly channel: number; readonly status: 'idle' | 'active' }
  | { readonly end: number }
  | { readonly expect: { readonly out?: readonly Emission[] } }

const ROWS = schema({ t: timestamp() })

/** The strategy as the product's plan writes it; of `idleness` alone, what idleness is added to does not matter. */
function specOf({ strategy, bound, timeout }: WatermarkDefinition): EventTimeSpec {
  const kind = { ascending: 'monotonous', 'bounded-out-of-orderness': 'boundedOutOfOrderness', idleness: 'monotonous' }[strategy ?? '']
  const watermark = {
    kind: kind ?? strategy ?? 'none',
    ...(kind === 'boundedOutOfOrderness' ? { delayMs: bound } : {}),
    ...(timeout === undefined && strategy !== 'idleness' ? {} : { idleAfterMs: timeout ?? null }),
    everyRecords: 1,
    flushAfterMs: null,
    maxFutureSkewMs: null,
  }
  const { operators } = loadPlan({
    millrace: 1,
    name: 'watermarks',
    operators: [
      { uid: 'in', op: 'source', schema: { t: 'timestamp' } },
      { uid: 'time', op: 'eventTime', inputs: ['in'], column: 't', watermark },
      { uid: 'out', op: 'sink', inputs: ['time'], name: 'out' },
    ],
  })
  return operators[1] as EventTimeSpec
}

export function runWatermarkGenerator({ config, script, invalid }: Case): void {
  for (const definition of (invalid ?? []) as readonly WatermarkDefinition[]) refuse(definition)
  if (script === undefined) return
  const generator = new ScriptedGenerator(specOf(config.watermark!))
  for (const [index, step] of (script as readonly unknown[] as readonly GeneratorStep[]).entries()) {
    if ('expect' in step) generator.check(`step ${index}`, step.expect)
    else if (!generator.take(step)) throw new Mismatch(`step ${index}`, 'a step of a watermark generator', step)
  }
}

function refuse(definition: WatermarkDefinition): void {
  try {
    specOf(definition)
  } catch (error) {
    if (error instanceof ConfigError) return
    throw error
  }
  throw new Mismatch('definition', { refused: definition }, 'accepted')
}

/** One split of a live source, whose records and clock are given by hand. */
class ScriptedGenerator {
  readonly #spec: EventTimeSpec
  readonly #clock = new VirtualClock()
  #track: TimeTrack
  #isIdle = false

  constructor(spec: EventTimeSpec) {
    this.#spec = spec
    this.#track = this.#makeTrack()
    this.#track.open([{ state: null, isEnded: false }], null)
  }

  #makeTrack(): TimeTrack {
    const report = { filtered: () => {}, deadLetter: () => {} }
    const makeGenerator = plainGenerator(this.#spec)
    return new RuledTimeTrack({
      spec: this.#spec,
      schema: ROWS,
      exchanges: [],
      nodes: [],
      makeGenerator,
      isLive: true,
      clock: this.#clock,
      report,
    })
  }

  /** @returns whether it was a step of this kind. */
  take(step: Exclude<GeneratorStep, { readonly expect: object }>): boolean {
    if ('t' in step) this.#element(timeOf(step.t))
    else if ('probe' in step) this.#track.evaluate(0)
    else if ('checkIdle' in step) this.#checkIdle()
    else if ('activity' in step) this.#track.records(0)
    else if ('advanceProcessingTime' in step) this.#clock.timeline.nowMs = step.advanceProcessingTime
    else if ('checkpointRestore' in step) this.#restore()
    else return false
    return true
  }

  check(where: string, { watermark, idle }: { readonly watermark?: TimeValue; readonly idle?: boolean }): void {
    // Times before the first that there is stand for none.
    const actual = Math.max(timeOf('MIN'), this.#track.watermarkMs)
    if (watermark !== undefined && actual !== Math.max(timeOf('MIN'), timeOf(watermark)))
      throw new Mismatch(where, { watermark }, { watermark: actual })
    if (idle !== undefined && this.#isIdle !== idle) throw new Mismatch(where, { idle }, { idle: this.#isIdle })
  }

  #element(timeMs: number): void {
    const times = Float64Array.of(timeMs)
    const batch = new RecordBatch(ROWS, [{ name: 't', type: 'timestamp', values: times, validity: null, dictionary: null }], 1)
    this.#track.begin(0)
    this.#track.observe({ batch, times }, timeMs, timeMs)
    this.#track.records(0)
  }

  #checkIdle(): void {
    this.#track.tick()
    this.#isIdle = this.#track.statistics.idleSplits === 1
  }

  #restore(): void {
    const state = JSON.parse(JSON.stringify({ split: this.#track.splitState(0), track: this.#track.state() })) as {
      split: ReturnType<TimeTrack['splitState']>
      track: ReturnType<TimeTrack['state']>
    }
    this.#track = this.#makeTrack()
    this.#track.open([{ state: state.split, isEnded: false }], state.track)
  }
}

export function runWatermarkCombine({ config, script }: Case): void {
  const combiner = new WatermarkCombiner((config as { readonly channels?: number }).channels ?? 1, 'catchUp')
  let emitted: Emission[] = []
  let watermarkMs = combiner.watermarkMs
  let { isIdle } = combiner
  for (const [index, step] of ((script ?? []) as readonly unknown[] as readonly CombineStep[]).entries()) {
    if ('expect' in step) {
      const expected = (step.expect.out ?? []).map((item) => ('watermark' in item ? { watermark: timeOf(item.watermark) } : item))
      if (JSON.stringify(expected) !== JSON.stringify(emitted)) throw new Mismatch(`step ${index}`, expected, emitted)
      emitted = []
      continue
    }
    if ('watermark' in step) combiner.advance(step.channel ?? 0, timeOf(step.watermark))
    else if ('end' in step) combiner.end(step.end)
    else if ('status' in step && step.status === 'idle') combiner.setIdle(step.channel)
    else if ('status' in step) combiner.setActive(step.channel)
    else throw new Mismatch(`step ${index}`, 'a step of channels with watermarks', step)
    if (combiner.watermarkMs > watermarkMs) emitted.push({ watermark: Math.min(combiner.watermarkMs, timeOf('MAX')) })
    if (combiner.isIdle !== isIdle) emitted.push({ status: combiner.isIdle ? 'idle' : 'active' })
    watermarkMs = combiner.watermarkMs
    isIdle = combiner.isIdle
  }
}
