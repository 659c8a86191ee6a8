/**
 * Everything the fleet has sent and will send, as a log that can be read from any place: number of a reading → tick → readings.
 *
 * Before: a seed, a start, and which settings hold from which tick on. After: feed.ts sends from it, ledger.ts checks by it.
 * Nothing is kept: a part of the log is made when it is asked for. So a feed can resume anywhere, without having remembered anything.
 *
 * Invariant: two logs with the same description agree on every reading up to the last tick whose settings both know.
 */

import { Fleet } from './fleet.ts'
import { drawReadings, GATEWAY_TICKS, type Readings, TICK_MS } from './readings.ts'
import type { FleetSettings } from './settings.ts'

/** Settings hold from a tick on until the next entry. */
export interface LogSegment {
  readonly fromTick: number
  readonly settings: FleetSettings
}

/** All there is to know of a log. Plain JSON data. */
export interface LogDescription {
  readonly seed: number
  /** When tick 0 arrives, ms since the epoch. */
  readonly startMs: number
  /** Ascending by tick; the first begins at 0. */
  readonly segments: readonly LogSegment[]
}

interface Placed extends LogSegment {
  readonly fleet: Fleet
  readonly firstNumber: number
}

export class FeedLog {
  readonly seed: number
  readonly startMs: number
  #segments: Placed[] = []

  constructor({ seed, startMs, segments }: LogDescription) {
    this.seed = seed
    this.startMs = startMs
    for (const segment of segments) this.add(segment)
  }

  get description(): LogDescription {
    return {
      seed: this.seed,
      startMs: this.startMs,
      segments: this.#segments.map(({ fromTick, settings }) => ({ fromTick, settings })),
    }
  }

  /** Settings from a tick on. What is said twice changes nothing; a tick before one that has settings already is refused. */
  add({ fromTick, settings }: LogSegment): boolean {
    const last = this.#segments.at(-1)
    if (last !== undefined && fromTick <= last.fromTick) return false
    if (last === undefined && fromTick !== 0) throw new RangeError(`The first settings hold from tick ${fromTick}; they must hold from 0`)
    const firstNumber = last === undefined ? 0 : last.firstNumber + rowsOf(last.settings, fromTick - last.fromTick)
    const fleet = last?.settings.devices === settings.devices ? last.fleet : new Fleet(this.seed, settings.devices)
    this.#segments.push({ fromTick, settings, fleet, firstNumber })
    return true
  }

  /** The tick that arrives at a time; below 0 before the log begins. */
  tickAt(ms: number): number {
    return Math.floor((ms - this.startMs) / TICK_MS)
  }

  arrivalMs(tick: number): number {
    return this.startMs + tick * TICK_MS
  }

  settingsAt(tick: number): FleetSettings {
    return this.#at(tick).settings
  }

  /** Number of the first reading of a tick: as many have arrived before it. */
  firstNumber(tick: number): number {
    const segment = this.#at(tick)
    return segment.firstNumber + rowsOf(segment.settings, tick - segment.fromTick)
  }

  /** The tick in which a reading arrives. */
  tickOf(number: number): number {
    let segment = this.#segments[0]!
    for (const candidate of this.#segments) if (candidate.firstNumber <= number) segment = candidate
    // Bursts apart readings come evenly, so the place is known to within a burst or two.
    let tick = segment.fromTick + Math.max(0, Math.floor(((number - segment.firstNumber) * 1000) / (segment.settings.rate * TICK_MS)))
    while (tick > segment.fromTick && this.firstNumber(tick) > number) tick--
    while (this.firstNumber(tick + 1) <= number) tick++
    return tick
  }

  /** The readings that arrive in a tick. */
  readings(tick: number): Readings {
    const { fleet, settings, fromTick } = this.#at(tick)
    const firstNumber = this.firstNumber(tick)
    return drawReadings({
      fleet,
      settings,
      tick,
      arrivalMs: this.arrivalMs(tick),
      firstNumber,
      rowCount: this.firstNumber(tick + 1) - firstNumber,
      gatewayRows: gatewayRowsOf(settings, tick - fromTick + 1) - gatewayRowsOf(settings, tick - fromTick),
    })
  }

  #at(tick: number): Placed {
    let index = this.#segments.length - 1
    while (index > 0 && this.#segments[index]!.fromTick > tick) index--
    return this.#segments[index]!
  }
}

/** Readings in the first so many ticks of a segment. */
function rowsOf(settings: FleetSettings, ticks: number): number {
  const { rate, bursts } = settings
  return Math.floor((rate * (1 - bursts) * ticks * TICK_MS) / 1000) + gatewayRowsOf(settings, ticks)
}

/** Those from gateways: they come at every 48th tick. */
function gatewayRowsOf({ rate, bursts }: FleetSettings, ticks: number): number {
  const turns = Math.floor(ticks / GATEWAY_TICKS)
  return Math.floor((rate * bursts * turns * GATEWAY_TICKS * TICK_MS) / 1000)
}
