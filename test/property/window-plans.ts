/**
 * Random window operators of every legal combination, and streams on which their rules collide.
 *
 * Before: a seed. After: panes.test runs a case on the product and on the oracle; shrinker.ts makes a failing one small.
 * Times and sizes are small, so that records fall on starts, ends, last milliseconds and the edges of lateness.
 *
 * Invariant: a case is a function of its seed alone, and plain data but for the windows of calendars.
 */

import { keyIdentity } from '../oracle/windows.ts'
import type { Aggregate, Bounds, Evictor, PaneEvent, PanePlan, Row, Shape } from '../oracle/panes/plan.ts'
import { column } from '../support/plans.ts'
import type { Prng } from '../support/prng.ts'
import { randomEvents, randomRow } from './window-streams.ts'
import { randomCondition, randomTrigger } from './window-triggers.ts'

/** Shapes by the name under which coverage counts them. */
export const WINDOW_KINDS = [
  'tumbling',
  'sliding',
  'cumulate',
  'session',
  'sessionByRecord',
  'sessionMaxLength',
  'countTumbling',
  'countSliding',
  'global',
  'intervals',
  'calendar',
  'tradingDay',
  'custom',
  'around',
  'slidingByRecord',
  'stateWindow',
] as const
export type WindowKind = (typeof WINDOW_KINDS)[number]

export const MODES = ['accumulating', 'discarding', 'retracting'] as const
type Mode = (typeof MODES)[number]

export interface WindowCase {
  readonly kind: WindowKind
  readonly plan: PanePlan
  /** The shape as the product's plan writes it. */
  readonly shape: object
  readonly keys: readonly string[]
  /** The length that times of the stream are measured by. */
  readonly unitMs: number
  readonly events: readonly PaneEvent[]
}

export const CASE_SCHEMA = {
  id: 'i32',
  t: 'timestamp',
  k: 'utf8',
  j: 'i32',
  v: 'f64',
  w: 'f64',
  s: 'utf8',
  b: 'bool',
  gap: 'f64',
  go: 'bool',
} as const

export interface CaseOptions {
  readonly kind?: WindowKind
  /** Only what a job over rows can be given: event time, no clock, watermarks of its own. */
  readonly isJob?: boolean
  /** Which are to be picked from; absent: all. */
  readonly kinds?: readonly WindowKind[]
}

/** A case of a seed. */
export function randomWindowCase(prng: Prng, options: CaseOptions = {}): WindowCase {
  const kind = options.kind ?? prng.pick(options.kinds ?? WINDOW_KINDS)
  const { shape, oracle, unitMs } = randomShape(prng, kind)
  const isProcessing = options.isJob !== true && canProcess(kind) && prng.next() < 0.2
  const hasClock = options.isJob !== true
  const is = (probability: number) => prng.next() < probability
  const isShared = isNeighbours(kind)
  const mode: Mode = isPlain(kind) ? 'accumulating' : prng.pick(isShared ? MODES.filter((other) => other !== 'discarding') : MODES)
  const isGlobal = kind === 'global'
  const rules = { unitMs, hasClock, isProcessing, isGlobal, canPurge: mode !== 'retracting' && !isShared, canAskRecords: !isShared }
  const trigger = isPlain(kind) ? undefined : randomTrigger(prng, rules)
  const evictor = canEvict(kind) && is(0.15) ? randomEvictor(prng, unitMs, isProcessing) : undefined
  const closing = canClose(kind) && is(0.4) ? prng.pick(['ifNonEmpty', 'always'] as const) : undefined
  const allowedLatenessMs = isProcessing || isPlain(kind) || kind === 'global' || is(0.4) ? 0 : prng.int(prng.pick([2, 6, 30])) * unitMs
  const plan: PanePlan = {
    window: oracle,
    time: isProcessing ? 'processing' : 'event',
    ...(trigger === undefined ? {} : { trigger }),
    accumulation: mode,
    ...(mode === 'retracting' && is(0.3) ? { emitUnchanged: true } : {}),
    ...(closing === undefined ? {} : { closing }),
    ...(!isPlain(kind) && is(0.15) ? { emptyPanes: true } : {}),
    ...(evictor === undefined ? {} : { evictor }),
    allowedLatenessMs,
    aggregates: randomAggregates(prng, mode),
  }
  const keys = prng.pick<readonly string[]>([[], ['k'], ['k'], ['k'], ['j'], ['k', 'j']])
  return {
    kind,
    unitMs,
    plan,
    shape,
    keys,
    events: randomEvents(prng, { keys, unitMs, hasClock, isProcessing, latenessMs: allowedLatenessMs, hasZeros: mode !== 'retracting' }),
  }
}

// ---- which combinations there are ----

export function isCount(kind: WindowKind): boolean {
  return kind === 'countTumbling' || kind === 'countSliding'
}

/** Windows that fire in one way only, once, and are never late. */
export function isPlain(kind: WindowKind): boolean {
  return isCount(kind) || kind === 'sessionMaxLength' || kind === 'stateWindow'
}

/** Windows around records, which share them: none can give them up, nor look at single ones. */
export function isNeighbours(kind: WindowKind): boolean {
  return kind === 'around' || kind === 'slidingByRecord'
}

function canProcess(kind: WindowKind): boolean {
  return ['tumbling', 'sliding', 'cumulate', 'session', 'sessionByRecord', 'sessionMaxLength', 'global'].includes(kind)
}

function canEvict(kind: WindowKind): boolean {
  return !isPlain(kind) && !isNeighbours(kind)
}

function canClose(kind: WindowKind): boolean {
  return !isPlain(kind) && kind !== 'global'
}

// ---- windows ----

interface RandomShape {
  readonly shape: object
  readonly oracle: Shape
  /** The length that times of the stream are measured by: 1 for windows of milliseconds. */
  readonly unitMs: number
}

function randomShape(prng: Prng, kind: WindowKind): RandomShape {
  const sizeMs = 1 + prng.int(12)
  const offsetBelow = (limit: number) => (prng.next() < 0.5 ? 0 : prng.int(2 * limit - 1) - limit + 1)
  const plain = (shape: Shape): RandomShape => ({ shape, oracle: shape, unitMs: 1 })
  switch (kind) {
    case 'tumbling':
      return plain({ kind, sizeMs, offsetMs: offsetBelow(sizeMs) })
    case 'sliding': {
      const slideMs = 1 + prng.int(prng.pick([sizeMs, sizeMs, 2 * sizeMs]))
      return plain({ kind, sizeMs, slideMs, offsetMs: offsetBelow(slideMs) })
    }
    case 'cumulate': {
      const stepMs = 1 + prng.int(4)
      const wholeMs = stepMs * (1 + prng.int(5))
      return plain({ kind, sizeMs: wholeMs, stepMs, offsetMs: offsetBelow(wholeMs) })
    }
    case 'session':
      return plain({ kind, gapMs: 1 + prng.int(6) })
    case 'sessionByRecord':
      return plain({ kind: 'session', gap: column('gap') })
    case 'sessionMaxLength': {
      const gap = prng.next() < 0.6 ? { gapMs: 1 + prng.int(5) } : { gap: column('gap') }
      return plain({ kind: 'session', ...gap, maxLengthMs: (gap.gapMs ?? 1) + prng.int(16) })
    }
    case 'countTumbling':
      return plain({ kind, n: 1 + prng.int(5), ...partial(prng) })
    case 'countSliding': {
      const n = 1 + prng.int(5)
      return plain({ kind, n, every: 1 + prng.int(n + 1), ...partial(prng) })
    }
    case 'global':
      return plain({ kind })
    case 'intervals':
      return plain({ kind, table: randomTable(prng) })
    case 'around':
      return plain({ kind, beforeMs: prng.int(6), afterMs: prng.int(6) })
    case 'slidingByRecord':
      return plain({ kind, differenceMs: prng.int(7) })
    case 'calendar':
      return randomCalendar(prng)
    case 'tradingDay':
      return randomTradingDay(prng)
    case 'custom':
      return { shape: { kind, function: true }, oracle: { kind: 'assigned', windows: customWindows }, unitMs: 1 }
    case 'stateWindow': {
      const limit = prng.next() < 0.5 ? { maxLengthMs: 1 + prng.int(20) } : {}
      return plain({ kind, open: randomCondition(prng), close: prng.pick([column('b'), randomCondition(prng)]), ...limit })
    }
    default: {
      const never: never = kind
      throw new RangeError(`Unknown window ${String(never)}`)
    }
  }
}

function partial(prng: Prng): { readonly partial?: true } {
  return prng.next() < 0.5 ? { partial: true } : {}
}

function randomTable(prng: Prng): { readonly name: string; readonly startMs: number; readonly endMs: number }[] {
  return Array.from({ length: 1 + prng.int(8) }, (_, index) => {
    const startMs = prng.int(90) - 15
    return { name: `campaign ${index}`, startMs, endMs: startMs + 1 + prng.int(25) }
  })
}

const HOUR_MS = 3_600_000

/** Days and weeks in UTC; test/runtime has the rest of the calendar. */
function randomCalendar(prng: Prng): RandomShape {
  const unit = prng.pick(['day', 'week'] as const)
  const hour = prng.int(24)
  const weekdays = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday']
  const weekday = prng.int(7)
  const lengthMs = (unit === 'day' ? 24 : 7 * 24) * HOUR_MS
  // 5 January 1970 was a Monday.
  const firstMs = (unit === 'day' ? 0 : (4 + weekday) * 24) * HOUR_MS + hour * HOUR_MS
  const windows = (timeMs: number): readonly Bounds[] => {
    const start = firstMs + Math.floor((timeMs - firstMs) / lengthMs) * lengthMs
    return [{ start, end: start + lengthMs }]
  }
  const anchor = { hour, ...(unit === 'week' ? { weekday: weekdays[weekday] } : {}) }
  return {
    shape: { kind: 'calendar', unit, every: 1, timeZone: 'UTC', anchor },
    oracle: { kind: 'assigned', windows },
    unitMs: unit === 'day' ? 6 * HOUR_MS : 24 * HOUR_MS,
  }
}

/** Sessions of some hours on weekdays, in UTC, with a holiday. */
function randomTradingDay(prng: Prng): RandomShape {
  const open = prng.int(20)
  const close = open + 1 + prng.int(23 - open)
  const clock = (hour: number) => `${String(hour).padStart(2, '0')}:00`
  const days = ['mon', 'tue', 'wed', 'thu', 'fri'] as const
  // 1 January 1970 was a Thursday.
  const windows = (timeMs: number): readonly Bounds[] => {
    const day = Math.floor(timeMs / (24 * HOUR_MS))
    const weekday = (((day + 4) % 7) + 7) % 7
    const start = (day * 24 + open) * HOUR_MS
    const end = (day * 24 + close) * HOUR_MS
    const isHoliday = day === 4
    return weekday >= 1 && weekday <= 5 && !isHoliday && start <= timeMs && timeMs < end ? [{ start, end }] : []
  }
  const sessions = [{ days, open: clock(open), close: clock(close) }]
  return {
    shape: { kind: 'tradingDay', timeZone: 'UTC', sessions, holidays: ['1970-01-05'] },
    oracle: { kind: 'assigned', windows },
    unitMs: 2 * HOUR_MS,
  }
}

/** Up to three windows of a record, one of them by its id, some of them equal; of every eleventh record none. */
export function customWindows(timeMs: number, row: Row): readonly Bounds[] {
  const id = Number(row['id'])
  if (id % 11 === 10) return []
  const start = Math.floor(timeMs / 7) * 7
  return [
    { start, end: start + 7 },
    { start: timeMs - (id % 3), end: timeMs + 4 },
    { start: id % 2 === 0 ? start : start - 7, end: start + 7 },
  ]
}

function randomEvictor(prng: Prng, unitMs: number, isProcessing: boolean): Evictor {
  const after = prng.next() < 0.5 ? { after: true as const } : {}
  const time: Evictor = { kind: 'time', durationMs: (1 + prng.int(8)) * unitMs, ...after }
  return prng.pick<Evictor>([
    { kind: 'count', n: 1 + prng.int(5), ...after },
    ...(isProcessing ? [] : [time]),
    { kind: 'delta', column: 'v', threshold: 1 + prng.int(6), ...after },
  ])
}

// ---- aggregates ----

/** Sums of small integers and what is picked or counted: the same to the last bit, whatever is merged with what. */
const EXACT: readonly Aggregate[] = [
  { fn: 'count' },
  { fn: 'count', column: 's' },
  { fn: 'sum', column: 'v' },
  { fn: 'sum', column: 'v', compensated: true },
  { fn: 'min', column: 'v' },
  { fn: 'max', column: 'w' },
  { fn: 'mean', column: 'v' },
  { fn: 'first', column: 'v' },
  { fn: 'last', column: 'v' },
  { fn: 'countDistinct', column: 'v' },
  { fn: 'countDistinct', column: 's' },
  { fn: 'median', column: 'v' },
  { fn: 'quantile', column: 'w', q: 0.9 },
  { fn: 'histogram', column: 'v', bounds: [-1, 0, 3] },
  { fn: 'topK', column: 's', k: 2 },
  { fn: 'topK', column: 'v', k: 3 },
  { fn: 'topK', column: 's', by: 'v', k: 2 },
  { fn: 'mode', column: 's' },
  { fn: 'mode', column: 'v' },
  { fn: 'argMin', column: 's', by: 'v' },
  { fn: 'argMax', column: 'w', by: 'v' },
  { fn: 'collect', column: 'v' },
  { fn: 'collect', column: 's', order: 'arrival' },
  { fn: 'collect', column: 'v', limit: 3 },
  { fn: 'concat', column: 's', separator: '+' },
  { fn: 'concat', column: 's', order: 'arrival', limit: 3 },
  { fn: 'any', column: 'b' },
  { fn: 'every', column: 'b' },
  { fn: 'sumOfProducts', column: 'v', by: 'w' },
  { fn: 'delta', column: 'v' },
]

const ROUNDED: readonly Aggregate[] = [
  { fn: 'variance', column: 'v' },
  { fn: 'variance', column: 'v', population: true },
  { fn: 'stddev', column: 'v' },
  { fn: 'covariance', column: 'v', by: 'w' },
  { fn: 'correlation', column: 'v', by: 'w' },
  { fn: 'linearSlope', column: 'v' },
  { fn: 'timeWeightedMean', column: 'v' },
  { fn: 'rate', column: 'v' },
  { fn: 'ewma', column: 'v', halfLifeMs: 3 },
]

export const ROUNDED_FUNCTIONS: ReadonlySet<string> = new Set(ROUNDED.map(({ fn }) => fn))

/** In retracting mode a last bit decides whether a result has changed: exact ones only. */
function randomAggregates(prng: Prng, mode: Mode): Record<string, Aggregate> {
  const all = mode === 'retracting' ? EXACT : [...EXACT, ...ROUNDED]
  const picked = Array.from({ length: 1 + prng.int(4) }, () => {
    const spec = prng.pick(all)
    return prng.next() < 0.15 ? { ...spec, where: randomCondition(prng) } : spec
  })
  return Object.fromEntries([{ fn: 'count' } as Aggregate, ...picked].map((spec, index) => [`a${index}`, spec]))
}

/** The keys of a stream, for those who look at results key by key. */
export function keysOf({ events }: WindowCase): string[] {
  return [...new Set(events.flatMap((event) => (event.kind === 'record' ? [keyIdentity(event.key)] : [])))]
}

// ---- streams whose order must not matter ----

/** Kinds whose windows follow from the set of records alone. */
const UNORDERED_KINDS = WINDOW_KINDS.filter((kind) => !isCount(kind) && kind !== 'stateWindow' && kind !== 'global')
/** Aggregates that see neither the order of arrival nor, among records of one time, which came first. */
const isUnordered = ({ order, limit, by, fn }: Aggregate) =>
  order !== 'arrival' && limit === undefined && !(by !== undefined && fn.startsWith('arg'))

/**
 * A window that fires once, at its end, over records of distinct times, none of which is exactly one gap from another.
 *
 * @param hasRounded - Whether there are aggregates whose last bits follow from the order of additions.
 */
export function plainCase(prng: Prng, { hasRounded }: { readonly hasRounded: boolean }): WindowCase {
  const kind = prng.pick(UNORDERED_KINDS)
  const { shape, oracle, unitMs } = randomShape(prng, kind)
  const isOdd = (lengthMs: number) => lengthMs - (lengthMs % 2) + 1
  const odd = (of: object) =>
    Object.fromEntries(Object.entries(of).map(([name, value]) => [name, name === 'gapMs' || name === 'maxLengthMs' ? isOdd(value) : value]))
  const isSession = kind.startsWith('session')
  const unordered = (hasRounded ? [...EXACT, ...ROUNDED] : EXACT).filter(isUnordered)
  const aggregates = Object.fromEntries(Array.from({ length: 4 }, (_, index) => [`a${index}`, prng.pick(unordered)]))
  const keys = prng.pick<readonly string[]>([[], ['k'], ['k', 'j']])
  let time = prng.pick([0, -40, 1_000])
  const events = Array.from({ length: 2 + prng.int(50) }, (_, id): PaneEvent => {
    time += 2 * (1 + prng.int(4))
    const row = randomRow(prng, { id, timeMs: time * unitMs, keyCount: 3, hasNulls: true, specials: [] })
    const even = { ...row, gap: isOdd(Number(row['gap'] ?? 0) + 1) }
    return { kind: 'record', timeMs: time * unitMs, key: keys.map((name) => row[name] ?? null), row: even }
  })
  const window = (isSession ? odd(oracle) : oracle) as Shape
  return { kind, unitMs, plan: { window, accumulation: 'accumulating', aggregates }, shape: isSession ? odd(shape) : shape, keys, events }
}

/** The records in an order in which none comes more than the disorder too late, with the watermarks that allow for it. */
export function shuffledWithin(prng: Prng, windowCase: WindowCase, disorder: number): WindowCase {
  const disorderMs = disorder * windowCase.unitMs
  const records = windowCase.events.filter((event) => event.kind === 'record')
  const shuffled = records
    .map((record) => ({ record, at: Number.isFinite(disorderMs) ? record.timeMs + prng.next() * disorderMs : prng.next() }))
    .sort((a, b) => a.at - b.at)
  let newestMs = Number.NEGATIVE_INFINITY
  const events = shuffled.flatMap(({ record }): PaneEvent[] => {
    newestMs = Math.max(newestMs, record.timeMs)
    return Number.isFinite(disorderMs) ? [record, { kind: 'watermark', watermarkMs: newestMs - Math.ceil(disorderMs) - 1 }] : [record]
  })
  return { ...windowCase, events: [...events, { kind: 'watermark', watermarkMs: Number.POSITIVE_INFINITY }] }
}
