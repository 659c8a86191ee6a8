/**
 * The job as a graph: what flows, how far event time has come, how busy its threads and how full the rings are, how much is kept.
 *
 * Before: the job's status. After: the eye; the same numbers stand in a table.
 *
 * Invariant: elements are made once and only their texts change, so a status ten times a second costs nothing.
 */

import type { JobStatus } from 'millrace'
import { byId, formatBytes, formatClock, formatCount, formatDuration, formatShort, setText } from './format.ts'
import type { Drawn } from './frames.ts'
import { type GraphLayout, layoutFor, NODE, type Place } from './graph-layout.ts'
import type { Model } from './model.ts'
import { hasReducedMotion } from './palette.ts'
import { Rates } from './rates.ts'

const SVG = 'http://www.w3.org/2000/svg'
/** Edges up to the windows carry readings, those behind them results. */
const READING_EDGES = 5

interface NodeSpec {
  readonly id: string
  readonly name: string
  readonly isWorker?: boolean
  /** Lines below the name. */
  readonly lines: (status: JobStatus, rates: Rates) => readonly string[]
  /** A level from 0 to 1, drawn as a bar. */
  readonly level?: (status: JobStatus) => number
}

const windowOf = (status: JobStatus, uid: string) => status.windows.find((window) => window.uid === uid)
const percent = (share: number) => `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`
const windowLines = (uid: string) => (status: JobStatus, rates: Rates) => {
  const window = windowOf(status, uid)
  if (window === undefined) return []
  return [`${formatShort(window.results)} results`, `${percent(rates.windowsBusy.get(uid) ?? 0)} busy, ${formatBytes(window.stateBytes)}`]
}
const sinkLines = (name: string) => (status: JobStatus) => {
  const sink = status.sinks.find((candidate) => candidate.name === name)
  return sink === undefined ? [] : [`${formatShort(sink.rows)} rows`, sink.delivery.replace('-', ' ')]
}
const ringOf = (uid: string) => (status: JobStatus) => windowOf(status, uid)?.ringFill ?? 0

const NODES: readonly NodeSpec[] = [
  {
    id: 'source',
    name: 'source',
    lines: (_status, rates) => [`${formatCount(rates.recordsIn)} /s`, `thread ${percent(rates.busy)} busy`],
  },
  {
    id: 'time',
    name: 'event time',
    lines: ({ eventTimes }) => {
      const time = eventTimes[0]
      if (time?.watermarkMs == null) return ['no watermark yet']
      return [`mark ${formatClock(time.watermarkMs)}`, `${formatDuration(time.lagMs ?? 0)} behind`]
    },
  },
  {
    id: 'filter',
    name: 'filter',
    lines: ({ filtered }) => ['above −100 °C', `${formatShort(filtered)} out`],
  },
  {
    id: 'fleet-windows',
    name: 'fleet, 5 s',
    isWorker: true,
    lines: windowLines('fleet-windows'),
    level: ringOf('fleet-windows'),
  },
  {
    id: 'device-windows',
    name: 'each device, 5 s',
    isWorker: true,
    lines: windowLines('device-windows'),
    level: ringOf('device-windows'),
  },
  {
    id: 'trend-windows',
    name: 'fleet, last 10 s',
    isWorker: true,
    lines: windowLines('trend-windows'),
    level: ringOf('trend-windows'),
  },
  { id: 'fleet', name: 'view of windows', lines: sinkLines('fleet') },
  { id: 'devices', name: 'table of devices', lines: sinkLines('devices') },
  { id: 'late', name: 'too late', lines: sinkLines('late') },
  { id: 'trend', name: 'view of the trend', lines: sinkLines('trend') },
]
const EDGES = [
  ['source', 'time'],
  ['time', 'filter'],
  ['filter', 'fleet-windows'],
  ['filter', 'device-windows'],
  ['filter', 'trend-windows'],
  ['fleet-windows', 'fleet'],
  ['device-windows', 'devices'],
  ['device-windows', 'late'],
  ['trend-windows', 'trend'],
] as const

export class JobGraph implements Drawn {
  readonly #model: Model
  readonly #rates: Rates
  readonly #lines = new Map<string, readonly SVGTextElement[]>()
  readonly #levels = new Map<string, SVGRectElement>()
  #edges: readonly SVGPathElement[] = []
  #barriers: readonly SVGLineElement[] = []
  #layout: GraphLayout
  #checkpoints = 0

  constructor(model: Model, rates: Rates) {
    this.#model = model
    this.#rates = rates
    const narrow = matchMedia('(max-width: 640px)')
    this.#layout = layoutFor(narrow.matches)
    narrow.addEventListener('change', () => {
      this.#layout = layoutFor(narrow.matches)
      this.#build()
    })
    this.#build()
  }

  frame(): void {
    const { status } = this.#model
    if (status === null) return
    for (const node of NODES) {
      const lines = node.lines(status, this.#rates)
      this.#lines.get(node.id)!.forEach((element, index) => setText(element, lines[index] ?? ''))
      const level = this.#levels.get(node.id)
      if (level !== undefined) level.setAttribute('width', String(Math.max(0, Math.min(1, node.level!(status))) * (NODE.width - 28)))
    }
    // Thicker where more flows: ten times as much is one more pixel.
    const weight = 1 + Math.max(0, Math.log10(Math.max(1, this.#rates.recordsIn)) - 2)
    this.#edges.forEach((edge, index) => edge.setAttribute('stroke-width', (index < READING_EDGES ? weight : 1.5).toFixed(1)))
    this.#note(status)
    if (status.checkpoints.count > this.#checkpoints) this.#barrier()
    this.#checkpoints = status.checkpoints.count
  }

  #note(status: JobStatus): void {
    const workers =
      status.tier === 'inline'
        ? 'no kernel workers'
        : `${status.parallelism} kernel ${status.parallelism === 1 ? 'worker' : 'workers'}, ${status.tier}`
    const restarts = status.restarts === 0 ? '' : `, restarted ${status.restarts} ×`
    const last = status.checkpoints.last
    const checkpoint =
      last === null ? '' : `, checkpoint ${last.checkpointId} taken ${((Date.now() - last.completedAtMs) / 1000).toFixed(1)} s ago`
    setText(byId('job-note'), `epoch ${status.epoch}, ${workers}${checkpoint}${restarts}`)
  }

  /** A barrier goes through the job with every checkpoint, between the readings. */
  #barrier(): void {
    if (hasReducedMotion()) return
    this.#layout.stretches.forEach(({ from, to }, index) => {
      this.#barriers[index]!.animate(
        [
          { opacity: 0, transform: 'translate(0)' },
          { opacity: 1, offset: 0.15 },
          { opacity: 1, offset: 0.85 },
          { opacity: 0, transform: `translate(${to.x - from.x}px, ${to.y - from.y}px)` },
        ],
        { duration: 420, delay: index * 260, easing: 'linear' },
      )
    })
  }

  #build(): void {
    const svg = byId<SVGSVGElement>('graph')
    const { width, height, places, stretches, pill, isVertical } = this.#layout
    svg.replaceChildren()
    svg.setAttribute('viewBox', `0 0 ${width} ${height}`)
    this.#edges = EDGES.map(([from, to]) => make(svg, 'path', { class: 'edge', d: this.#layout.edge(places[from]!, places[to]!) }))
    const [across, along] = isVertical ? [15, 0] : [0, 15]
    this.#barriers = stretches.map(({ from: { x, y } }) =>
      make(svg, 'line', { class: 'barrier', x1: x - across, x2: x + across, y1: y - along, y2: y + along }),
    )
    for (const node of NODES) this.#node(svg, node, places[node.id]!)
    make(svg, 'rect', { class: 'pill', x: pill.x - 36, y: pill.y - 12, width: 72, height: 24, rx: 12 })
    make(svg, 'text', { x: pill.x, y: pill.y + 4.5, 'text-anchor': 'middle' }).textContent = 'by device'
    this.frame()
  }

  #node(svg: SVGSVGElement, node: NodeSpec, { x, y }: Place): void {
    const kind = node.isWorker === true ? 'node worker' : 'node'
    make(svg, 'rect', { class: kind, x, y, width: NODE.width, height: NODE.height, rx: 10 })
    make(svg, 'text', { class: 'name', x: x + 14, y: y + 24 }).textContent = node.name
    this.#lines.set(
      node.id,
      [43, 60].map((offset, index) => make(svg, 'text', { x: x + 14, y: y + offset, ...(index === 0 ? { class: 'value' } : {}) })),
    )
    if (node.level === undefined) return
    make(svg, 'rect', { class: 'meter', x: x + 14, y: y + 68, width: NODE.width - 28, height: 3, rx: 1.5 })
    this.#levels.set(node.id, make(svg, 'rect', { class: 'level', x: x + 14, y: y + 68, width: 0, height: 3, rx: 1.5 }))
  }

  /** The same in words, for those who do not see it. */
  describe(): void {
    const { status } = this.#model
    if (status === null) return
    const time = status.eventTimes[0]
    setText(
      byId('graph-text'),
      `The source reads ${formatCount(this.#rates.recordsIn)} readings a second, and its thread is busy ${percent(this.#rates.busy)} of the time. The watermark is ${time?.lagMs == null ? 'not known' : `${formatDuration(time.lagMs)} behind the clock`}. Windows are busy ${status.windows.map(({ uid }) => percent(this.#rates.windowsBusy.get(uid) ?? 0)).join(', ')}, and hold ${formatBytes(status.windows.reduce((sum, window) => sum + window.stateBytes, 0))}. ${formatCount(status.checkpoints.count)} checkpoints were taken.`,
    )
    const table = byId('job-table')
    if (!(table.closest('details') as HTMLDetailsElement).open) return
    const rows: [string, string, string][] = NODES.flatMap((node) =>
      node.lines(status, this.#rates).map((line, index): [string, string, string] => [node.name, index === 0 ? 'first' : 'second', line]),
    )
    rows.push(['checkpoints', 'count', formatCount(status.checkpoints.count)])
    table.querySelector('tbody')!.replaceChildren(
      ...rows.map((cells) => {
        const row = document.createElement('tr')
        row.append(...cells.map((text) => Object.assign(document.createElement('td'), { textContent: text })))
        return row
      }),
    )
  }
}

function make<K extends keyof SVGElementTagNameMap>(
  parent: Element,
  tag: K,
  attributes: Readonly<Record<string, string | number>>,
): SVGElementTagNameMap[K] {
  const element = document.createElementNS(SVG, tag)
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value))
  parent.append(element)
  return element
}
