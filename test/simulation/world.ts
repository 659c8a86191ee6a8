/**
 * What all parts of one simulation share: the timeline, the trace, what was seen, and the lives of the job that crash one after another.
 *
 * Before: simulate.ts makes a world of a seed. After: source, sink and store ask their {@link Life} before and after everything they do;
 * there it is decided whether the process dies at this place.
 *
 * Invariant: a dead life has no effect on anything that outlives it: its synchronous calls throw, its asynchronous ones never settle.
 */

import { Timeline, VirtualClock } from '../support/virtual-clock.ts'
import type { Prng } from '../support/prng.ts'

/** Situations that the seeds of a run must reach together, or the simulation proves less than it says. */
export const SITUATIONS = [
  'crash during start',
  'crash while a barrier is in flight',
  'crash between prepare and manifest',
  'crash between manifest and sink commit',
  'crash between the commits of two sinks',
  'crash between the last checkpoint and finish',
  'crash before the first checkpoint',
  'crash during an asynchronous read',
  'store failure, then success',
  'store commit with unknown outcome',
  'damaged newest checkpoint, older one used',
  'sink prepare with unknown outcome',
  'sink commit with unknown outcome',
  'source failure',
  'zombie runs on beside its successor',
  'zombie fenced by the store',
  'zombie fenced by the sink',
  'ring full',
  'ring full at a barrier',
  'output full',
  'late refire suspended by full output',
  'slow sink at a barrier',
  'stop and go on',
  'checkpoint on demand',
  'restart with another parallelism',
  'late record refires a window',
  'late record goes to the side output',
  'early pane',
  'result taken back for another',
  'result of a merged session taken back',
  'dead letter',
  'idle read',
  'several splits',
  'live source',
  'wall clock jumps',
] as const
export type Situation = (typeof SITUATIONS)[number]

export class World {
  readonly prng: Prng
  readonly timeline = new Timeline()
  readonly seen = new Map<Situation, number>()
  /** Why the laws were broken; empty is good. */
  readonly violations: string[] = []
  #trace = 0x811c9dc5
  traceLength = 0
  lastActivityMs = 0
  /** A barrier waited for a watermark in vain, as slow sources make it: then late output of several subtasks has no fixed order. */
  hadUnmarkedBarrier = false

  constructor(prng: Prng) {
    this.prng = prng
  }

  saw(situation: Situation): void {
    this.seen.set(situation, (this.seen.get(situation) ?? 0) + 1)
  }

  violation(text: string): void {
    this.violations.push(text)
  }

  /** Adds to the trace; two runs of one seed have the same. */
  note(text: string): void {
    let hash = this.#trace
    for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
    this.#trace = Math.imul(hash ^ Math.round(this.timeline.nowMs * 1_000), 0x01000193)
    this.traceLength++
    this.lastActivityMs = this.timeline.nowMs
  }

  get traceHash(): string {
    return (this.#trace >>> 0).toString(16).padStart(8, '0')
  }
}

/** Thrown out of synchronous calls of a dead life. */
export class Crashed extends Error {
  constructor() {
    super('this life of the job has crashed')
  }
}

/** When a life ends: after so many places, or at the nth time of a named one; null: it may live. */
export interface CrashPlan {
  readonly place: string | null
  readonly count: number
  readonly isZombie: boolean
}

/** How often things fail and how long they take. */
export interface FaultRates {
  readonly storeFails: number
  readonly sinkFails: number
  readonly sourceFails: number
  readonly slowMs: number
}

export const NO_FAULTS: FaultRates = { storeFails: 0, sinkFails: 0, sourceFails: 0, slowMs: 0 }

const never = new Promise<never>(() => {})

/** One life of the job, from `start` to its end or crash. */
export class Life {
  readonly world: World
  readonly prng: Prng
  readonly clock: VirtualClock
  readonly rates: FaultRates
  readonly #crash: CrashPlan | null
  #left: number
  isDead = false
  /** Crashed for the world outside, but not stopped: it goes on beside its successor. */
  isZombie = false
  /** Where the checkpoint under way is, for the list of situations. */
  phase: 'starting' | 'idle' | 'barrier' | 'prepared' | 'written' | 'ended' = 'starting'
  committedSinks = 0
  isReading = false
  readonly crashed: Promise<void>
  #resolveCrashed: () => void

  constructor(world: World, prng: Prng, rates: FaultRates, crash: CrashPlan | null) {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.world = world
    this.prng = prng
    this.rates = rates
    this.#crash = crash
    this.#left = crash?.count ?? 0
    this.crashed = promise
    this.#resolveCrashed = resolve
    // The wall clock stands wrong by hours and jumps: no result may depend on it.
    const skewMs = (prng.next() - 0.5) * 2e10
    this.clock = new VirtualClock(world.timeline, {
      tick: () => this.prng.next() * 0.02,
      wall: (ms) => {
        const jump = this.prng.int(50) === 0 ? (this.prng.next() - 0.5) * 1e9 : 0
        if (jump !== 0) world.saw('wall clock jumps')
        return Math.floor(skewMs + ms + jump)
      },
    })
  }

  /** A place where the process may die. @returns whether it is dead. */
  dies(place: string): boolean {
    if (this.isDead) return true
    this.world.note(place)
    if (this.#crash === null || (this.#crash.place !== null && this.#crash.place !== place)) return false
    if (--this.#left > 0) return false
    if (this.isZombie) {
      this.isDead = true
      return true
    }
    this.#noteSituation()
    this.#resolveCrashed()
    if (this.#crash.isZombie) {
      this.isZombie = true
      this.world.saw('zombie runs on beside its successor')
      this.#left = Number.POSITIVE_INFINITY
      return false
    }
    this.isDead = true
    return true
  }

  #noteSituation(): void {
    const { world } = this
    if (this.phase === 'starting') world.saw('crash during start')
    if (this.phase === 'barrier') world.saw('crash while a barrier is in flight')
    if (this.phase === 'prepared') world.saw('crash between prepare and manifest')
    if (this.phase === 'written' && this.committedSinks === 0) world.saw('crash between manifest and sink commit')
    if (this.phase === 'written' && this.committedSinks > 0) world.saw('crash between the commits of two sinks')
    if (this.isReading) world.saw('crash during an asynchronous read')
  }

  /** For synchronous calls. @throws Crashed */
  point(place: string): void {
    if (this.dies(place)) throw new Crashed()
  }

  /** An operation on something that outlives the job: it takes time, may fail before or after its effect, and the process may die on both sides. */
  async operation<T>(place: string, rate: number, effect: () => T | Promise<T>, fault: (hasEffect: boolean) => Error): Promise<T> {
    if (this.dies(`${place} begins`)) return never
    if (this.rates.slowMs > 0) await this.clock.sleep(this.prng.next() * this.rates.slowMs)
    if (this.isDead) return never
    const chance = rate === 0 ? 1 : this.prng.next()
    if (chance < rate / 2) throw fault(false)
    const result = await effect()
    if (this.dies(`${place} is done`)) return never
    if (chance < rate) throw fault(true)
    return result
  }

  kill(): void {
    this.isDead = true
  }
}
