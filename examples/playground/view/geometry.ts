/**
 * Where everything lies on the time line: event time to the right, arrival downwards, below it a lane for each key.
 *
 * Before: a trace and the width there is. After: the parts that draw it.
 *
 * Invariant: it depends on the whole trace, not on a step, so nothing jumps while the stream is played.
 */

import type { Fate, Trace, WindowState } from '../model/trace.ts'

export interface Geometry {
  readonly width: number
  readonly height: number
  /** Where event time begins; labels are to the left. */
  readonly left: number
  readonly right: number
  readonly fromMs: number
  readonly toMs: number
  x(ms: number): number
  ms(x: number): number
  /** Arrivals: the middle of the row of an entry. */
  readonly rowHeight: number
  readonly rowsTop: number
  readonly rowsBottom: number
  rowY(index: number): number
  readonly lanes: readonly Lane[]
  readonly lanesTop: number
  readonly boxHeight: number
  /** Top of a window. */
  boxY(window: number): number
  readonly asides: readonly Aside[]
  readonly ticks: readonly number[]
  readonly isDated: boolean
}

export interface Lane {
  readonly key: string
  readonly top: number
  readonly height: number
}

/** Where records go that get into no window. */
export interface Aside {
  readonly fate: Fate
  readonly top: number
  readonly height: number
}

const AXIS = 32
/** Below the lanes: room for what the watermark says. */
const TAG = 24
const GAP = 16
const BOX_GAP = 4
const ASIDE = 28
/** Of a plan without windows: records that are held, and those that have left. */
const OUT_LANE = 44

export const ASIDES: readonly Fate[] = ['late', 'duplicate', 'filtered', 'outside', 'closed', 'deadLetter']

/** @param domain - Event time that is drawn; default: all that there is. */
export function geometryOf(trace: Trace, view: number, width: number, domain: readonly [number, number] | null = null): Geometry {
  const left = width < 520 ? 48 : 88
  const right = width - 16
  const [fromMs, toMs] = domain ?? domainOf(trace, view)
  const scale = (right - left) / (toMs - fromMs)
  const x = (ms: number) => left + (Math.min(Math.max(ms, fromMs), toMs) - fromMs) * scale
  const entryCount = trace.steps.length === 0 ? 0 : trace.steps.filter(({ entry }) => entry !== null).length
  const rowHeight = entryCount <= 16 ? 20 : entryCount <= 32 ? 14 : entryCount <= 64 ? 9 : 5
  const rowsBottom = AXIS + entryCount * rowHeight
  const lanesTop = rowsBottom + GAP
  const { lanes, rows, boxHeight, bottom } = lanesOf(trace, view, lanesTop)
  const fates = new Set(trace.steps.flatMap(({ views }) => (views[view]?.fates ?? []).map(({ fate }) => fate)))
  const asides = ASIDES.filter((fate) => fates.has(fate)).map((fate, index) => ({ fate, top: bottom + TAG + index * ASIDE, height: ASIDE }))
  const height = bottom + TAG + asides.length * ASIDE + 4
  const { ticks, isDated } = ticksOf(fromMs, toMs, right - left)
  return {
    width,
    height,
    left,
    right,
    fromMs,
    toMs,
    x,
    ms: (pixel) => fromMs + (pixel - left) / scale,
    rowHeight,
    rowsTop: AXIS,
    rowsBottom,
    rowY: (index) => AXIS + (index + 0.5) * rowHeight,
    lanes,
    lanesTop,
    boxHeight,
    boxY: (window) => rows.get(window) ?? lanesTop,
    asides,
    ticks,
    isDated,
  }
}

/** All that is drawn in event time, with a little room at both ends. */
function domainOf(trace: Trace, view: number): readonly [number, number] {
  let from = Number.POSITIVE_INFINITY
  let to = Number.NEGATIVE_INFINITY
  const take = (ms: number | null) => {
    if (ms === null || !Number.isFinite(ms)) return
    if (ms < from) from = ms
    if (ms > to) to = ms
  }
  const isByClock = trace.views[view]?.isByClock === true
  for (const step of trace.steps) {
    take(isByClock ? step.nowMs : step.timeMs)
    for (const { startMs, endMs } of step.views[view]?.windows ?? []) {
      take(startMs)
      take(endMs)
    }
  }
  if (from > to) return [0, 60_000]
  const room = Math.max(1000, (to - from) * 0.025)
  return [from - room, to + room]
}

interface Lanes {
  readonly lanes: readonly Lane[]
  readonly rows: ReadonlyMap<number, number>
  readonly boxHeight: number
  readonly bottom: number
}

function lanesOf(trace: Trace, view: number, top: number): Lanes {
  if (trace.views[view]?.uid === null) {
    const lanes = [
      { key: 'held', top, height: OUT_LANE },
      { key: 'out', top: top + OUT_LANE, height: OUT_LANE },
    ]
    return { lanes, rows: new Map(), boxHeight: 0, bottom: top + 2 * OUT_LANE }
  }
  const lives = livesOf(trace, view)
  const keys = [...new Set([...lives.values()].map(({ key }) => key))].sort()
  const packed = new Map([...lives].map(([id, life]) => [id, { life, row: 0 }]))
  for (const key of keys) pack([...packed.values()].filter(({ life }) => life.key === key))
  const rowCounts = keys.map((key) => 1 + Math.max(0, ...[...packed.values()].filter(({ life }) => life.key === key).map(({ row }) => row)))
  const total = rowCounts.reduce((sum, count) => sum + count, 0)
  const boxHeight = total <= 8 ? 36 : total <= 16 ? 28 : 20
  const lanes: Lane[] = []
  let y = top
  keys.forEach((key, index) => {
    const height = rowCounts[index]! * (boxHeight + BOX_GAP) + 12
    lanes.push({ key, top: y, height })
    y += height
  })
  const topOf = new Map(lanes.map((lane) => [lane.key, lane.top]))
  const rows = new Map([...packed].map(([id, { life, row }]) => [id, topOf.get(life.key)! + 6 + row * (boxHeight + BOX_GAP)]))
  return { lanes, rows, boxHeight, bottom: y }
}

interface Life {
  readonly key: string
  /** By step: its bounds; absent where it is not there. */
  readonly at: Map<number, readonly [number, number]>
  readonly startMs: number
}

function livesOf(trace: Trace, view: number): ReadonlyMap<number, Life> {
  const lives = new Map<number, Life>()
  trace.steps.forEach((step, index) => {
    for (const { id, key, startMs, endMs } of step.views[view]?.windows ?? []) {
      const life = lives.get(id) ?? { key, at: new Map(), startMs: startMs ?? 0 }
      life.at.set(index, [startMs ?? Number.NEGATIVE_INFINITY, endMs ?? Number.POSITIVE_INFINITY])
      lives.set(id, life)
    }
  })
  return lives
}

/** Gives each window the first row in which it never lies over another one. */
function pack(windows: { readonly life: Life; row: number }[]): void {
  windows.sort((a, b) => a.life.startMs - b.life.startMs)
  const rows: Life[][] = []
  for (const window of windows) {
    const row = rows.findIndex((others) => others.every((other) => !meets(window.life, other)))
    window.row = row < 0 ? rows.length : row
    if (row < 0) rows.push([window.life])
    else rows[row]!.push(window.life)
  }
}

function meets(a: Life, b: Life): boolean {
  for (const [step, [start, end]] of a.at) {
    const other = b.at.get(step)
    if (other !== undefined && other[0] < end && start < other[1]) return true
  }
  return false
}

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const TICKS = [
  1,
  2,
  5,
  10,
  20,
  50,
  100,
  200,
  500,
  SECOND,
  2 * SECOND,
  5 * SECOND,
  10 * SECOND,
  15 * SECOND,
  30 * SECOND,
  MINUTE,
  2 * MINUTE,
  5 * MINUTE,
  10 * MINUTE,
  15 * MINUTE,
  30 * MINUTE,
  HOUR,
  2 * HOUR,
  3 * HOUR,
  6 * HOUR,
  12 * HOUR,
  DAY,
  2 * DAY,
  7 * DAY,
  14 * DAY,
]
/** Least distance of two labels. */
const TICK_PX = 76

function ticksOf(fromMs: number, toMs: number, width: number): { readonly ticks: readonly number[]; readonly isDated: boolean } {
  const least = ((toMs - fromMs) * TICK_PX) / width
  const step = TICKS.find((candidate) => candidate >= least)
  if (step === undefined) return { ticks: monthsOf(fromMs, toMs, least), isDated: true }
  const ticks: number[] = []
  for (let ms = Math.ceil(fromMs / step) * step; ms <= toMs; ms += step) ticks.push(ms)
  return { ticks, isDated: step >= DAY }
}

function monthsOf(fromMs: number, toMs: number, leastMs: number): readonly number[] {
  const every = Math.max(1, Math.ceil(leastMs / (31 * DAY)))
  const from = new Date(fromMs)
  const ticks: number[] = []
  for (let month = from.getUTCMonth() + 1; ; month += every) {
    const ms = Date.UTC(from.getUTCFullYear(), month, 1)
    if (ms > toMs) return ticks
    ticks.push(ms)
  }
}

const GRAINS = [1, 10, 100, SECOND, 5 * SECOND, 10 * SECOND, 30 * SECOND, MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 6 * HOUR, DAY]

/** Steps in which dragging and keys go: round, and wide enough to be seen. */
export function grainOf({ fromMs, toMs, left, right }: Geometry): number {
  const least = ((toMs - fromMs) / (right - left)) * 6
  return GRAINS.find((candidate) => candidate >= least) ?? DAY
}

/** The bounds in which a window is drawn. */
export function extentOf(window: Pick<WindowState, 'startMs' | 'endMs'>, geometry: Geometry): readonly [number, number] {
  const start = window.startMs === null ? geometry.left : geometry.x(window.startMs)
  const end = window.endMs === null ? geometry.right : geometry.x(window.endMs)
  return [start, Math.max(end, start + 14)]
}
