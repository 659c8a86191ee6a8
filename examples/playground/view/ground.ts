/**
 * What lies under records and windows: the axis of event time, the watermark's stairs, the labels of lanes.
 *
 * The stairs are the heart of the picture. In the row of a record they stand where the watermark was when it came: a dot to the left of them came
 * behind the watermark. Then the watermark moves, and the next row begins there.
 */

import { FATE_WORDS } from '../model/caption.ts'
import type { Step, Trace } from '../model/trace.ts'
import { el, set, svg } from './dom.ts'
import type { Geometry } from './geometry.ts'
import { momentText, type State } from './state.ts'

export class Ground {
  readonly #svg = svg('svg', { class: 'ground', 'aria-hidden': 'true' })
  readonly #labels = el('div', { class: 'labels', 'aria-hidden': 'true' })
  readonly #shade = el('div', { class: 'shade' })
  readonly #line = el(
    'div',
    { class: 'watermark', 'aria-hidden': 'true' },
    el('span', { class: 'watermark-tag', 'data-testid': 'watermark' }),
  )

  constructor(plot: HTMLElement) {
    plot.append(this.#shade, this.#svg, this.#labels, this.#line)
  }

  draw(state: State, geometry: Geometry): void {
    const { trace, view, step } = state
    if (trace === null) return
    const { width, height } = geometry
    set(this.#svg, { width, height, viewBox: `0 0 ${width} ${height}` })
    const number = trace.views[view]?.watermark ?? -1
    const others = trace.watermarks.map((_, index) => index).filter((index) => index !== number)
    this.#svg.replaceChildren(
      ...grid(geometry),
      ...others.map((index) => stairs(trace, index, geometry, trace.steps.length, 'stairs other')),
      ...(number < 0
        ? []
        : [
            area(trace, number, geometry, step),
            stairs(trace, number, geometry, trace.steps.length, 'stairs ahead'),
            stairs(trace, number, geometry, step, 'stairs'),
          ]),
    )
    this.#labels.replaceChildren(...axisLabels(geometry, state), ...laneLabels(geometry, trace, view))
    this.#moveLine(state, geometry, number)
  }

  #moveLine({ trace, step, ...rest }: State, geometry: Geometry, number: number): void {
    const state = { trace, step, ...rest }
    const at = trace!.steps[step - 1]
    const ms = trace!.views[state.view]?.isByClock === true ? (at?.nowMs ?? null) : (at?.watermarksMs[number] ?? null)
    const isThere = ms !== null
    const x = ms === null ? geometry.left : ms === Number.POSITIVE_INFINITY ? geometry.right : geometry.x(ms)
    const top = geometry.rowsTop + Math.min(step, entryCount(trace!)) * geometry.rowHeight
    set(this.#line, { 'data-there': isThere, 'data-side': x > (geometry.left + geometry.right) / 2 ? 'left' : 'right' })
    this.#line.style.transform = `translateX(${x}px)`
    this.#line.style.top = `${top}px`
    this.#line.style.height = `${bottomOf(geometry) - top}px`
    this.#line.firstElementChild!.textContent =
      ms === null
        ? ''
        : state.trace!.views[state.view]?.isByClock === true
          ? `clock ${momentText(state).of(ms)}`
          : `watermark ${momentText(state).of(ms)}`
    this.#shade.style.left = `${geometry.left}px`
    this.#shade.style.top = `${geometry.rowsBottom}px`
    this.#shade.style.height = `${bottomOf(geometry) - geometry.rowsBottom}px`
    this.#shade.style.width = `${isThere ? x - geometry.left : 0}px`
  }
}

function entryCount(trace: Trace): number {
  return trace.steps.filter(({ entry }) => entry !== null).length
}

function bottomOf({ lanes, lanesTop }: Geometry): number {
  const last = lanes.at(-1)
  return last === undefined ? lanesTop : last.top + last.height
}

function grid(geometry: Geometry): readonly SVGElement[] {
  const bottom = bottomOf(geometry)
  const { left, right, ticks, x, rowsTop, lanes, asides } = geometry
  return [
    ...ticks.map((ms) => svg('line', { class: 'grid', x1: x(ms), x2: x(ms), y1: rowsTop - 6, y2: bottom })),
    ...[rowsTop, ...lanes.map(({ top }) => top), bottom].map((y) => svg('line', { class: 'rule', x1: left, x2: right, y1: y, y2: y })),
    ...asides.map(({ top, height }) =>
      svg('line', { class: 'rule dotted', x1: left, x2: right, y1: top + height - 4, y2: top + height - 4 }),
    ),
  ]
}

/** Points of the stairs: by row where the watermark was when its record came, then where it went. */
function points(
  trace: Trace,
  number: number,
  { x, right, rowsTop, rowHeight }: Geometry,
  count: number,
): readonly (readonly [number, number])[] {
  const list: (readonly [number, number])[] = []
  const steps = trace.steps.filter(({ entry }: Step) => entry !== null).slice(0, count)
  let last: number | null = null
  steps.forEach((step, index) => {
    const y = rowsTop + index * rowHeight
    if (last !== null) list.push([last, y], [last, y + rowHeight])
    const ms = step.watermarksMs[number] ?? null
    if (ms === null) return
    const next = ms === Number.POSITIVE_INFINITY ? right : x(ms)
    list.push([next, y + rowHeight])
    last = next
  })
  return list
}

function stairs(trace: Trace, number: number, geometry: Geometry, count: number, className: string): SVGElement {
  const list = points(trace, number, geometry, count)
  return svg('path', { class: className, d: list.map(([x, y], index) => `${index === 0 ? 'M' : 'L'}${x.toFixed(1)} ${y}`).join('') })
}

/** Event time that is complete, so far. */
function area(trace: Trace, number: number, geometry: Geometry, count: number): SVGElement {
  const list = points(trace, number, geometry, count)
  const first = list[0]
  const last = list.at(-1)
  if (first === undefined || last === undefined) return svg('path', {})
  const path = list.map(([x, y]) => `L${x.toFixed(1)} ${y}`).join('')
  const end = geometry.rowsBottom
  return svg('path', { class: 'complete', d: `M${geometry.left} ${first[1]}${path}L${last[0].toFixed(1)} ${end}L${geometry.left} ${end}Z` })
}

function axisLabels({ ticks, x, isDated, left, right }: Geometry, state: State): readonly HTMLElement[] {
  const moments = momentText(state)
  return ticks
    .filter((ms) => x(ms) <= right - 12 && x(ms) >= left + 12)
    .map((ms) => {
      const text = isDated ? new Date(ms).toLocaleDateString('en-GB', { day: 'numeric', month: 'short', timeZone: 'UTC' }) : moments.of(ms)
      return el('span', { class: 'tick', style: `left: ${x(ms)}px` }, text)
    })
}

function laneLabels({ lanes, asides, rowsTop, rowsBottom, left }: Geometry, trace: Trace, view: number): readonly HTMLElement[] {
  const keys = trace.views[view]?.keys ?? []
  const label = (className: string, top: number, height: number, text: string) =>
    el('span', { class: `lane-label ${className}`, style: `top: ${top}px; height: ${height}px`, title: text }, text)
  return [
    label('axis', 0, rowsTop, left > 60 ? 'event time' : 'time'),
    label('arrivals', rowsTop, rowsBottom - rowsTop, left > 60 ? 'arrival ↓' : '↓'),
    ...lanes.map(({ key, top, height }) => label(keys.length > 0 ? 'key' : '', top, height, laneText(keys, key, left))),
    ...asides.map(({ fate, top, height }) => label(`fate-${fate}`, top, height, FATE_WORDS[fate])),
  ]
}

/** The key with its name, where there is room for it. */
function laneText(keys: readonly string[], key: string, room: number): string {
  if (key === '') return 'all'
  return keys.length === 1 && room > 60 ? `${keys[0]} ${key}` : key
}
