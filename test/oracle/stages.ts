/**
 * Sorting, deduplication and sequence tracking as one would explain them: lists that are searched from end to end, sets of single numbers.
 *
 * Before: records and watermarks (test/support/streams). After: tests compare rows and findings of the product with these; what a stage
 * puts out is a sequence of records and watermarks again, for the next stage or the window oracle.
 *
 * Invariant: nothing here comes from the runtime; slow and obvious on purpose.
 */

import type { Arrival, Cell, OracleRecord } from './windows.ts'

export interface SortRules {
  readonly late: 'pass' | 'drop'
  readonly bufferRecordsMax: number
}

export function sorted(arrivals: readonly Arrival[], { late, bufferRecordsMax }: SortRules): Arrival[] {
  const out: Arrival[] = []
  const held: OracleRecord[] = []
  let watermarkMs = Number.NEGATIVE_INFINITY
  const takeFirst = (): OracleRecord => {
    // The first of the least: equal times leave in order of arrival.
    const least = held.reduce((first, record) => (record.timeMs < first.timeMs ? record : first))
    held.splice(held.indexOf(least), 1)
    return least
  }
  for (const arrival of arrivals) {
    if (arrival.kind === 'watermark') {
      watermarkMs = Math.max(watermarkMs, arrival.watermarkMs)
      while (held.some(({ timeMs }) => timeMs <= watermarkMs)) out.push(takeFirst())
      out.push(arrival)
    } else if (arrival.timeMs > watermarkMs) {
      held.push(arrival)
      if (held.length > bufferRecordsMax) out.push(takeFirst())
    } else if (late === 'pass') out.push(arrival)
  }
  return out
}

export interface DeduplicateRules {
  readonly by: readonly string[]
  readonly withinMs: number
  readonly late: 'pass' | 'drop'
}

export function deduplicated(arrivals: readonly Arrival[], { by, withinMs, late }: DeduplicateRules): Arrival[] {
  const out: Arrival[] = []
  const passed: { readonly id: string; readonly timeMs: number }[] = []
  let watermarkMs = Number.NEGATIVE_INFINITY
  for (const arrival of arrivals) {
    if (arrival.kind === 'watermark') {
      watermarkMs = Math.max(watermarkMs, arrival.watermarkMs)
      out.push(arrival)
      continue
    }
    const { timeMs } = arrival
    const cells = by.map((name) => arrival.values[name] ?? null)
    const id = identity(cells)
    if (cells.every((cell) => cell === null)) out.push(arrival)
    else if (timeMs < watermarkMs - withinMs) {
      if (late === 'pass') out.push(arrival)
    } else if (!passed.some((other) => other.id === id && Math.abs(other.timeMs - timeMs) <= withinMs)) {
      passed.push({ id, timeMs })
      out.push(arrival)
    }
  }
  return out
}

export interface TrackRules {
  readonly source: readonly string[]
  readonly sequence: string
  readonly reorderWindow: number
  readonly silentAfterMs?: number
  readonly forgetAfterMs?: number
  readonly restartBelow?: number
}

export interface OracleFinding {
  readonly source: readonly Cell[]
  readonly kind: string
  readonly from: number | null
  readonly to: number | null
  readonly count: number
  readonly at: number
}

/** A number that nobody has seen, and the record that showed it is missing. */
interface Missing {
  readonly atMs: number
  isTold: boolean
}

interface OracleSource {
  readonly cells: readonly Cell[]
  lastMs: number
  isSilent: boolean
  /** Largest number of this life; null before the first. */
  top: number | null
  /** Smallest number of this life. */
  bottom: number
  missing: Map<number, Missing>
  suspect: { readonly number: number; readonly atMs: number; readonly isNewest: boolean } | null
  former: { readonly top: number; readonly untilMs: number } | null
}

export function findingsOf(arrivals: readonly Arrival[], rules: TrackRules): OracleFinding[] {
  const tracker = new OracleTracker(rules)
  for (const arrival of arrivals) {
    if (arrival.kind === 'record') tracker.record(arrival)
    else tracker.watermark(arrival.watermarkMs)
  }
  return tracker.findings
}

class OracleTracker {
  readonly findings: OracleFinding[] = []
  readonly #rules: TrackRules
  readonly #sources = new Map<string, OracleSource>()
  #watermarkMs = Number.NEGATIVE_INFINITY
  #maxMs = Number.NEGATIVE_INFINITY

  constructor(rules: TrackRules) {
    this.#rules = rules
  }

  record({ timeMs, values }: OracleRecord): void {
    const cells = this.#rules.source.map((name) => values[name] ?? null)
    const id = identity(cells)
    let source = this.#sources.get(id)
    if (source === undefined) {
      source = {
        cells,
        lastMs: Number.NEGATIVE_INFINITY,
        isSilent: false,
        top: null,
        bottom: 0,
        missing: new Map(),
        suspect: null,
        former: null,
      }
      this.#sources.set(id, source)
    }
    const cell = values[this.#rules.sequence]
    const number = typeof cell === 'number' && Number.isSafeInteger(cell) ? cell + 0 : null
    const isNewest = timeMs > source.lastMs
    if (source.isSilent && isNewest) {
      source.isSilent = false
      this.#tell(source, 'resumed', source.top, number, timeMs)
    }
    if (number !== null) this.#number(source, number, timeMs, isNewest)
    source.lastMs = Math.max(source.lastMs, timeMs)
    this.#maxMs = Math.max(this.#maxMs, timeMs)
  }

  watermark(watermarkMs: number): void {
    const isEnd = watermarkMs === Number.POSITIVE_INFINITY
    if (!isEnd && watermarkMs <= this.#watermarkMs) return
    if (!isEnd) this.#watermarkMs = watermarkMs
    const nowMs = isEnd ? Math.max(this.#maxMs, this.#watermarkMs) : this.#watermarkMs
    const from = this.findings.length
    const { silentAfterMs = Number.POSITIVE_INFINITY, forgetAfterMs = Number.POSITIVE_INFINITY } = this.#rules
    // In order of first appearance, so that sorting by time leaves that order.
    for (const [id, source] of this.#sources) {
      if (isEnd) this.#end(source)
      for (const hole of holesOf(source)) if (hole.atMs <= nowMs) this.#tellHole(source, hole)
      if (!source.isSilent && source.lastMs + silentAfterMs <= nowMs) {
        source.isSilent = true
        this.findings.push({
          source: source.cells,
          kind: 'silence',
          from: source.top,
          to: null,
          count: 0,
          at: source.lastMs + silentAfterMs,
        })
      }
      if (isEnd || source.lastMs + forgetAfterMs > nowMs) continue
      this.#end(source)
      this.#sources.delete(id)
    }
    const told = this.findings.splice(from)
    this.findings.push(...told.sort((a, b) => a.at - b.at))
  }

  /** Nothing more is expected: what is open is told. */
  #end(source: OracleSource): void {
    const { suspect } = source
    source.suspect = null
    if (suspect?.isNewest === true) this.#believe(source, suspect)
    else if (suspect !== null) this.#tell(source, 'reorder', suspect.number, source.top, suspect.atMs)
    for (const hole of holesOf(source)) this.#tellHole(source, hole)
  }

  #number(source: OracleSource, number: number, atMs: number, isNewest: boolean): void {
    const { reorderWindow, restartBelow } = this.#rules
    if (source.top === null) {
      source.top = source.bottom = number
      return
    }
    const isNear = (other: number) => Math.abs(other - (source.top! + 1)) <= reorderWindow
    const isMissing = source.missing.has(number)
    if (!isMissing && restartBelow !== undefined && number < restartBelow && number < source.top && isNewest) {
      this.#dropSuspect(source)
      this.#restart(source, number, atMs)
    } else if (isMissing || isNear(number)) {
      this.#accept(source, number, atMs)
      const { suspect } = source
      if (suspect !== null && suspect.number > source.top && isNear(suspect.number)) {
        source.suspect = null
        this.#accept(source, suspect.number, suspect.atMs)
      } else this.#dropSuspect(source)
    } else if (source.suspect !== null && number > source.suspect.number && number - source.suspect.number <= reorderWindow) {
      const { suspect } = source
      source.suspect = null
      this.#believe(source, suspect)
      this.#accept(source, number, atMs)
    } else if (source.former !== null && atMs < source.former.untilMs && Math.abs(number - (source.former.top + 1)) <= reorderWindow) {
      this.#tell(source, 'reorder', number, source.former.top, atMs)
    } else {
      this.#dropSuspect(source)
      source.suspect = { number, atMs, isNewest }
    }
  }

  #accept(source: OracleSource, number: number, atMs: number): void {
    const top = source.top!
    if (number > top) {
      for (let lost = top + 1; lost < number; lost++) source.missing.set(lost, { atMs, isTold: false })
      source.top = number
      for (const hole of holesOf(source)) {
        if (source.top - hole.to <= this.#rules.reorderWindow) continue
        this.#tellHole(source, hole)
        for (let lost = hole.from; lost <= hole.to; lost++) source.missing.delete(lost)
      }
    } else if (number < source.bottom) {
      for (let lost = number + 1; lost < source.bottom; lost++) source.missing.set(lost, { atMs, isTold: false })
      source.bottom = number
      this.#tell(source, 'reorder', number, top, atMs)
    } else this.#tell(source, source.missing.delete(number) ? 'reorder' : 'duplicate', number, top, atMs)
  }

  #believe(source: OracleSource, { number, atMs }: { readonly number: number; readonly atMs: number }): void {
    if (number > source.top!) this.#accept(source, number, atMs)
    else this.#restart(source, number, atMs)
  }

  #restart(source: OracleSource, number: number, atMs: number): void {
    for (const hole of holesOf(source)) this.#tellHole(source, hole)
    this.#tell(source, 'restart', source.top, number, atMs)
    source.former = { top: source.top!, untilMs: atMs }
    source.missing = new Map()
    source.top = source.bottom = number
  }

  #dropSuspect(source: OracleSource): void {
    const { suspect } = source
    source.suspect = null
    if (suspect !== null) this.#tell(source, 'reorder', suspect.number, source.top, suspect.atMs)
  }

  #tellHole(source: OracleSource, { from, to, atMs, isTold }: Hole): void {
    if (isTold) return
    for (let lost = from; lost <= to; lost++) source.missing.get(lost)!.isTold = true
    this.findings.push({ source: source.cells, kind: 'gap', from, to, count: to - from + 1, at: atMs })
  }

  #tell(source: OracleSource, kind: string, from: number | null, to: number | null, at: number): void {
    this.findings.push({ source: source.cells, kind, from, to: kind === 'duplicate' ? from : to, count: 1, at })
  }
}

interface Hole extends Missing {
  readonly from: number
  readonly to: number
}

/** Missing numbers that follow each other, and were missed at the same time. */
function holesOf({ missing }: OracleSource): Hole[] {
  const holes: { from: number; to: number; atMs: number; isTold: boolean }[] = []
  for (const [number, { atMs, isTold }] of [...missing].sort(([a], [b]) => a - b)) {
    const last = holes.at(-1)
    if (last !== undefined && last.to + 1 === number) last.to = number
    else holes.push({ from: number, to: number, atMs, isTold })
  }
  return holes
}

/** The same text for the same cells: −0 is 0, NaN is NaN. */
function identity(cells: readonly Cell[]): string {
  return JSON.stringify(cells.map((cell) => (typeof cell === 'number' ? `${cell + 0}` : [cell])))
}
