/**
 * Event-time windows as one would explain them: keep every record of every (window, key), compute each pane from all of them.
 *
 * Before: a sequence of records and watermarks (test/support/streams). After: tests compare the panes of the product with these.
 *
 * Invariant: nothing here comes from the runtime; slow and obvious on purpose.
 */

export type Cell = number | string | boolean | null

export interface OracleAggregate {
  readonly fn: 'count' | 'sum' | 'min' | 'max' | 'mean' | 'variance' | 'stddev' | 'first' | 'last'
  readonly column?: string
  readonly compensated?: boolean
  readonly population?: boolean
}

export interface OraclePlan {
  readonly sizeMs: number
  readonly slideMs: number
  readonly offsetMs: number
  readonly allowedLatenessMs: number
  readonly aggregates: Readonly<Record<string, OracleAggregate>>
}

export interface OracleRecord {
  readonly kind: 'record'
  readonly timeMs: number
  readonly key: readonly Cell[]
  readonly values: Readonly<Record<string, Cell>>
}

/** What arrives: records, and between them promises that nothing at or before a time will follow. */
export type Arrival = OracleRecord | { readonly kind: 'watermark'; readonly watermarkMs: number }

export interface OraclePane {
  readonly windowStart: number
  readonly windowEnd: number
  readonly key: readonly Cell[]
  /** How often this window of this key had fired before. */
  readonly index: number
  readonly timing: 'onTime' | 'late'
  readonly values: Readonly<Record<string, number | null>>
  /** The records it was computed from, in order of arrival. */
  readonly records: readonly OracleRecord[]
}

export interface OracleResult {
  readonly panes: readonly OraclePane[]
  /** Records all of whose windows were past their lateness. */
  readonly dropped: readonly OracleRecord[]
  /** Records that lie between two windows, when the slide exceeds the size. */
  readonly outsideCount: number
}

/** A window's contents of one key. */
interface Content {
  readonly key: readonly Cell[]
  readonly keyOrder: number
  readonly records: OracleRecord[]
  firedCount: number
}

export function windowsOf(plan: OraclePlan, arrivals: readonly Arrival[]): OracleResult {
  const open = new Map<number, Map<string, Content>>()
  const keyOrder = new Map<string, number>()
  const panes: OraclePane[] = []
  const dropped: OracleRecord[] = []
  let outsideCount = 0
  let watermarkMs = Number.NEGATIVE_INFINITY
  const isComplete = (start: number) => watermarkMs >= start + plan.sizeMs - 1
  const isExpired = (start: number) => watermarkMs >= start + plan.sizeMs - 1 + plan.allowedLatenessMs
  const fire = (start: number, content: Content, timing: 'onTime' | 'late') => {
    const values = Object.fromEntries(Object.entries(plan.aggregates).map(([name, spec]) => [name, aggregate(spec, content.records)]))
    const index = content.firedCount++
    panes.push({
      windowStart: start,
      windowEnd: start + plan.sizeMs,
      key: content.key,
      index,
      timing,
      values,
      records: [...content.records],
    })
  }

  for (const arrival of arrivals) {
    if (arrival.kind === 'watermark') {
      if (arrival.watermarkMs <= watermarkMs) continue
      const before = watermarkMs
      watermarkMs = arrival.watermarkMs
      for (const [start, contents] of [...open].sort(([a], [b]) => a - b)) {
        const isDue = isComplete(start) && before < start + plan.sizeMs - 1
        if (isDue) for (const content of [...contents.values()].sort((a, b) => a.keyOrder - b.keyOrder)) fire(start, content, 'onTime')
        if (isExpired(start)) open.delete(start)
      }
      continue
    }
    const identity = keyIdentity(arrival.key)
    if (!keyOrder.has(identity)) keyOrder.set(identity, keyOrder.size)
    const starts = windowStarts(plan, arrival.timeMs)
    if (starts.length === 0) outsideCount++
    else if (starts.every(isExpired)) dropped.push(arrival)
    for (const start of starts.filter((candidate) => !isExpired(candidate))) {
      if (!open.has(start)) open.set(start, new Map())
      const contents = open.get(start)!
      if (!contents.has(identity))
        contents.set(identity, { key: arrival.key, keyOrder: keyOrder.get(identity)!, records: [], firedCount: 0 })
      const content = contents.get(identity)!
      content.records.push(arrival)
      if (isComplete(start)) fire(start, content, 'late')
    }
  }
  return { panes, dropped, outsideCount }
}

/** Starts of all windows [start, start + size) that hold a time, in order: start = offset + k * slide. */
export function windowStarts({ sizeMs, slideMs, offsetMs }: Pick<OraclePlan, 'sizeMs' | 'slideMs' | 'offsetMs'>, timeMs: number): number[] {
  const starts: number[] = []
  const sinceStart = (((timeMs - offsetMs) % slideMs) + slideMs) % slideMs
  for (let start = timeMs - sinceStart; start > timeMs - sizeMs; start -= slideMs) starts.unshift(start)
  return starts
}

/** Keys are one when their cells are: -0 is 0, NaN is NaN, null is null and not 'null'. */
export function keyIdentity(key: readonly Cell[]): string {
  return JSON.stringify(
    key.map((cell) => (typeof cell === 'number' ? `number ${cell === 0 ? 0 : cell}` : cell === null ? 'null' : `${typeof cell} ${cell}`)),
  )
}

function aggregate({ fn, column, population }: OracleAggregate, records: readonly OracleRecord[]): number | null {
  if (column === undefined) return records.length
  const present = records.filter(({ values }) => values[column] !== null && values[column] !== undefined)
  if (fn === 'count') return present.length
  if (present.length === 0) return null
  const numbers = present.map(({ values }) => values[column] as number)
  const sum = numbers.reduce((total, value) => total + value, 0)
  const ordered = numbers.filter((value) => !Number.isNaN(value))
  const byTime = [...present].sort((a, b) => a.timeMs - b.timeMs)
  switch (fn) {
    case 'sum':
      return sum
    case 'mean':
      return sum / numbers.length
    case 'min':
      return ordered.length === 0 ? Number.NaN : ordered.reduce((least, value) => (value < least ? value : least))
    case 'max':
      return ordered.length === 0 ? Number.NaN : ordered.reduce((most, value) => (value > most ? value : most))
    case 'first':
      return byTime[0]!.values[column] as number
    case 'last':
      return byTime.at(-1)!.values[column] as number
    case 'variance':
    case 'stddev': {
      const divisor = population === true ? numbers.length : numbers.length - 1
      if (divisor === 0) return null
      const mean = sum / numbers.length
      const variance = numbers.reduce((total, value) => total + (value - mean) ** 2, 0) / divisor
      return fn === 'variance' ? variance : Math.sqrt(variance)
    }
    default: {
      const never: never = fn
      throw new RangeError(`Unknown aggregate ${String(never)}`)
    }
  }
}
