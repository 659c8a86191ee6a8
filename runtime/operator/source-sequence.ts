/**
 * What is known of the sequence numbers of one source, and what each further number means.
 *
 * Before: sequence-tracker, which finds the source of a row. After: findings.
 *
 * A number near the one that is due (at most `window` away) is taken as it is: it is due, or ahead (numbers are missing), or behind (it
 * fills a hole, or was there before). A number further away is only believed when the next record of the source confirms it, as RTP
 * does (RFC 3550, appendix A.1): ahead it is a large gap, behind a restart; unconfirmed it was a straggler, a reorder.
 * A hole is reported when the watermark has passed the record that showed it, or when numbers are `window` beyond it; what fills it before
 * was only reordered.
 *
 * Numbers that wrap are counted on, without bound, in here.
 *
 * Invariant: holes lie in [low, next), in order, and do not touch; what lies there and in no hole was seen, as far as `window` reaches back.
 */

import type { Value } from '../record-batch.ts'
import type { FindingKind } from '../stages.ts'
import type { StateReader, StateWriter } from './state-bytes.ts'

export interface SequenceRules {
  readonly window: number
  readonly restartBelow: number
  /** 0: numbers do not wrap. */
  readonly wrapsAt: number
}

export interface Finding {
  readonly sequence: SourceSequence
  readonly kind: FindingKind
  readonly from: number | null
  readonly to: number | null
  readonly count: number
  readonly atMs: number
}

export type Report = (finding: Finding) => void

/** Numbers that are missing; `atMs` is the event time of the record that showed it. */
interface Hole {
  from: number
  to: number
  readonly atMs: number
  isReported: boolean
}

/** A number far from the one due, until the next record of the source. */
interface Suspect {
  readonly number: number
  readonly atMs: number
  /** Whether it was later in event time than all records of the source before it. */
  readonly isNewest: boolean
}

export class SourceSequence {
  readonly values: readonly Value[]
  /** Order of first appearance among the sources. */
  readonly ordinal: number
  /** Largest event time of its records. */
  lastMs = Number.NEGATIVE_INFINITY
  isSilent = false
  /** When the tracker looks at it next, in event time; +Infinity: not before another record. */
  timerMs = Number.POSITIVE_INFINITY
  /** The least time of holes that were found since the tracker last looked; +Infinity: none. */
  newHoleMs = Number.POSITIVE_INFINITY
  /** The number after the largest; null before the first. */
  #next: number | null = null
  #low = 0
  #holes: Hole[] = []
  #suspect: Suspect | null = null
  /** Of the life before the last restart: its `next`, and when the restart was. */
  #formerNext = Number.NaN
  #restartMs = Number.NEGATIVE_INFINITY

  constructor(values: readonly Value[], ordinal: number) {
    this.values = values
    this.ordinal = ordinal
  }

  /** The largest number of this life as the source wrote it; null before the first. */
  lastNumber(rules: SequenceRules): number | null {
    return this.#next === null ? null : shown(this.#next - 1, rules)
  }

  get holeCount(): number {
    return this.#holes.length
  }

  /** When the next hole that is not reported is due: the least of their times, +Infinity when there is none. */
  get holeDueMs(): number {
    let due = Number.POSITIVE_INFINITY
    for (const hole of this.#holes) if (!hole.isReported && hole.atMs < due) due = hole.atMs
    return due
  }

  /**
   * Takes a number.
   *
   * @param raw - As the source wrote it: a whole number.
   * @param isNewest - Whether its record is later in event time than all records of the source before it.
   */
  take(raw: number, atMs: number, isNewest: boolean, rules: SequenceRules, report: Report): void {
    if (this.#next === null) return this.#begin(raw)
    const number = this.#unwrapped(raw, rules)
    const hole = this.#holeOf(number)
    if (hole === null && raw < rules.restartBelow && number < this.#next - 1 && isNewest) {
      this.#dropSuspect(rules, report)
      this.#restart(number, atMs, rules, report)
      return
    }
    if (hole !== null || this.#isNear(number, rules)) {
      this.#accept(number, atMs, rules, report)
      this.#settleSuspect(rules, report)
      return
    }
    const suspect = this.#suspect
    if (suspect !== null && number > suspect.number && number - suspect.number <= rules.window) {
      this.#suspect = null
      this.#believe(suspect, rules, report)
      this.#accept(number, atMs, rules, report)
      return
    }
    if (atMs < this.#restartMs && this.#isFormer(number, rules)) {
      report(this.#finding('reorder', number, this.#formerNext - 1, atMs, rules))
      return
    }
    this.#dropSuspect(rules, report)
    this.#suspect = { number, atMs, isNewest }
  }

  /** Reports the holes that the watermark has passed. */
  passWatermark(watermarkMs: number, rules: SequenceRules, report: Report): void {
    for (const hole of this.#holes) if (!hole.isReported && hole.atMs <= watermarkMs) this.#reportHole(hole, rules, report)
  }

  /** Nothing more is expected of the source: everything that is open is reported. */
  end(rules: SequenceRules, report: Report): void {
    const suspect = this.#suspect
    this.#suspect = null
    if (suspect !== null) {
      if (suspect.isNewest) this.#believe(suspect, rules, report)
      else report(this.#finding('reorder', suspect.number, this.#next! - 1, suspect.atMs, rules))
    }
    for (const hole of this.#holes) if (!hole.isReported) this.#reportHole(hole, rules, report)
  }

  write(writer: StateWriter): void {
    writer.u32(this.values.length)
    for (const value of this.values) writer.value(value)
    writer.f64(this.ordinal)
    writer.f64(this.lastMs)
    writer.value(this.isSilent)
    writer.value(this.#next)
    writer.f64(this.#low)
    writer.value(this.#suspect?.number ?? null)
    if (this.#suspect !== null) {
      writer.f64(this.#suspect.atMs)
      writer.value(this.#suspect.isNewest)
    }
    writer.f64(this.#formerNext)
    writer.f64(this.#restartMs)
    writer.u32(this.#holes.length)
    for (const { from, to, atMs, isReported } of this.#holes) {
      writer.f64(from)
      writer.f64(to)
      writer.f64(atMs)
      writer.value(isReported)
    }
  }

  static read(reader: StateReader): SourceSequence {
    const values = Array.from({ length: reader.count(1) }, () => reader.value())
    const sequence = new SourceSequence(values, reader.f64())
    sequence.lastMs = reader.f64()
    sequence.isSilent = reader.value() === true
    sequence.#next = numberOrNull(reader.value())
    sequence.#low = reader.f64()
    const number = numberOrNull(reader.value())
    if (number !== null) sequence.#suspect = { number, atMs: reader.f64(), isNewest: reader.value() === true }
    sequence.#formerNext = reader.f64()
    sequence.#restartMs = reader.f64()
    sequence.#holes = Array.from({ length: reader.count(25) }, () => ({
      from: reader.f64(),
      to: reader.f64(),
      atMs: reader.f64(),
      isReported: reader.value() === true,
    }))
    return sequence
  }

  #begin(number: number): void {
    this.#low = number
    this.#next = number + 1
  }

  /** The number on the line without end that is nearest to the one due. */
  #unwrapped(raw: number, { wrapsAt }: SequenceRules): number {
    return wrapsAt === 0 ? raw : this.#next! + circular(raw - this.#next!, wrapsAt)
  }

  #isNear(number: number, { window }: SequenceRules): boolean {
    return Math.abs(number - this.#next!) <= window
  }

  #isFormer(number: number, { window, wrapsAt }: SequenceRules): boolean {
    const distance = number - this.#formerNext
    return Math.abs(wrapsAt === 0 ? distance : circular(distance, wrapsAt)) <= window
  }

  /** A number near the one due, or in a hole. */
  #accept(number: number, atMs: number, rules: SequenceRules, report: Report): void {
    const next = this.#next!
    if (number >= next) {
      if (number > next) this.#holes.push(this.#newHole(next, number - 1, atMs))
      this.#next = number + 1
      this.#leaveBehind(rules, report)
      return
    }
    if (number < this.#low) {
      // Before the first one that was seen.
      if (number + 1 < this.#low) this.#holes.unshift(this.#newHole(number + 1, this.#low - 1, atMs))
      this.#low = number
    } else {
      const hole = this.#holeOf(number)
      if (hole === null) {
        report(this.#finding('duplicate', number, number, atMs, rules))
        return
      }
      this.#fill(hole, number)
    }
    report(this.#finding('reorder', number, next - 1, atMs, rules))
  }

  #newHole(from: number, to: number, atMs: number): Hole {
    if (atMs < this.newHoleMs) this.newHoleMs = atMs
    return { from, to, atMs, isReported: false }
  }

  #fill(hole: Hole, number: number): void {
    const index = this.#holes.indexOf(hole)
    const { from, to, atMs, isReported } = hole
    const parts = [
      { from, to: number - 1, atMs, isReported },
      { from: number + 1, to, atMs, isReported },
    ].filter((part) => part.from <= part.to)
    this.#holes.splice(index, 1, ...parts)
  }

  /** Reports and forgets the holes that are too far behind to be filled. */
  #leaveBehind(rules: SequenceRules, report: Report): void {
    while (this.#holes.length > 0 && this.#next! - 1 - this.#holes[0]!.to > rules.window) {
      const hole = this.#holes.shift()!
      if (!hole.isReported) this.#reportHole(hole, rules, report)
    }
  }

  /** The source goes on at a number far away. */
  #believe({ number, atMs }: Suspect, rules: SequenceRules, report: Report): void {
    if (number > this.#next!) this.#accept(number, atMs, rules, report)
    else this.#restart(number, atMs, rules, report)
  }

  #restart(number: number, atMs: number, rules: SequenceRules, report: Report): void {
    for (const hole of this.#holes) if (!hole.isReported) this.#reportHole(hole, rules, report)
    report(this.#finding('restart', this.#next! - 1, number, atMs, rules))
    this.#formerNext = this.#next!
    this.#restartMs = atMs
    this.#holes = []
    this.#begin(number)
  }

  /** After a number that was near: the suspect may be near by now; else it was a straggler. */
  #settleSuspect(rules: SequenceRules, report: Report): void {
    const suspect = this.#suspect
    if (suspect === null) return
    if (suspect.number >= this.#next! && this.#isNear(suspect.number, rules)) {
      this.#suspect = null
      this.#accept(suspect.number, suspect.atMs, rules, report)
    } else this.#dropSuspect(rules, report)
  }

  #dropSuspect(rules: SequenceRules, report: Report): void {
    const suspect = this.#suspect
    this.#suspect = null
    if (suspect !== null) report(this.#finding('reorder', suspect.number, this.#next! - 1, suspect.atMs, rules))
  }

  #holeOf(number: number): Hole | null {
    let low = 0
    let high = this.#holes.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#holes[middle]!.to < number) low = middle + 1
      else high = middle
    }
    const hole = this.#holes[low]
    return hole !== undefined && hole.from <= number ? hole : null
  }

  #reportHole(hole: Hole, rules: SequenceRules, report: Report): void {
    hole.isReported = true
    report({ ...this.#finding('gap', hole.from, hole.to, hole.atMs, rules), count: hole.to - hole.from + 1 })
  }

  #finding(kind: FindingKind, from: number, to: number, atMs: number, rules: SequenceRules): Finding {
    return { sequence: this, kind, from: shown(from, rules), to: shown(to, rules), count: 1, atMs }
  }
}

/** A number as the source writes it. */
function shown(number: number, { wrapsAt }: SequenceRules): number {
  return wrapsAt === 0 ? number : ((number % wrapsAt) + wrapsAt) % wrapsAt
}

/** A distance on the circle: from −wrapsAt / 2 up to, but not with, wrapsAt / 2. */
function circular(distance: number, wrapsAt: number): number {
  const half = wrapsAt / 2
  return ((((distance + half) % wrapsAt) + wrapsAt) % wrapsAt) - half
}

function numberOrNull(value: Value): number | null {
  return typeof value === 'number' ? value : null
}
