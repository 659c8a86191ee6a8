/** The page of the proof of `millrace/react`: real React, a real job on the page's own thread that changes its view all the time. */

import {
  count,
  f64,
  globalWindow,
  iterableSource,
  max,
  onCount,
  pipeline,
  schema,
  start,
  timestamp,
  utf8,
  type View,
  viewSink,
} from 'millrace'
import { useJobStatus, useStream, type UseStreamOptions } from 'millrace/react'
import { createElement as h, type FunctionComponent, startTransition, StrictMode, useEffect, useState } from 'react'
import { createRoot, hydrateRoot, type Root } from 'react-dom/client'
import { renderToString } from 'react-dom/server.browser'

interface Row {
  readonly device: string
  readonly n: number
  readonly max: number
}

const job = pipeline('react')
  .source('readings', schema({ device: utf8(), at: timestamp(), celsius: f64() }))
  .keyBy('device')
  .window(globalWindow())
  .processingTime()
  .trigger(onCount(1))
  .aggregate({ n: count(), max: max('celsius') })
  .sink('live')

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
const turn = () =>
  new Promise<void>((resolve) => {
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = () => resolve()
    port2.postMessage(null)
  })

/** A job whose view changes with every row, as fast as the page lets it or every `everyMs`. */
async function live(everyMs = 0) {
  let isOver = false
  async function* rows() {
    for (let index = 0; !isOver; index++) {
      yield { device: `device-${index % 3}`, at: 0, celsius: index }
      if (everyMs === 0) await turn()
      else await sleep(everyMs)
    }
  }
  const sink = viewSink<Row>()
  const subscriptions = { count: 0, most: 0 }
  let changes = 0
  sink.subscribe(() => changes++)
  // What React does with it is counted; the view itself is the job's.
  const view: View<Row> = {
    snapshot: sink.snapshot,
    subscribe(listener) {
      subscriptions.count++
      subscriptions.most = Math.max(subscriptions.most, subscriptions.count)
      const stop = sink.subscribe(listener)
      return () => {
        subscriptions.count--
        stop()
      }
    },
  }
  const run = await start(job, { sources: { readings: iterableSource(rows()) }, sinks: { live: sink }, host: 'inline' })
  const end = async () => {
    isOver = true
    await run.stop()
  }
  return { view, run, subscriptions, end, changes: () => changes }
}

function mount(element: ReturnType<typeof h>): { readonly root: Root; readonly node: HTMLElement } {
  const node = document.createElement('main')
  document.body.append(node)
  const root = createRoot(node)
  root.render(element)
  return { root, node }
}

/** Work that takes a component as long as a chart does. */
function burn(ms: number): void {
  const end = performance.now() + ms
  while (performance.now() < end);
}

/** How one gets it wrong: each component looks at the view when it is drawn. */
function useNaively(view: View<Row>): readonly Row[] {
  const [, redraw] = useState(0)
  useEffect(() => view.subscribe(() => startTransition(() => redraw((count) => count + 1))), [view])
  return view.snapshot().rows
}

const totalOf = (rows: readonly Row[]) => rows.reduce((sum, { n }) => sum + n, 0)

const Reader: FunctionComponent<{ view: View<Row>; naive: boolean; step: number }> = ({ view, naive, step }) => {
  const rows = naive ? useNaively(view) : useStream(view).rows
  burn(3)
  return h('b', null, `${step}:${totalOf(rows)}`)
}

const scenes = {
  /** Twelve slow components read one view while transitions draw them anew; after every frame all must say the same. */
  async tearing(naive: boolean) {
    const { view, end } = await live()
    let step: (count: number) => void = () => {}
    const All = () => {
      const [count, set] = useState(0)
      step = set
      return h('div', null, ...Array.from({ length: 12 }, (_, index) => h(Reader, { key: index, view, naive, step: count })))
    }
    const { root, node } = mount(h(All))
    const seen = new Set<string>()
    let torn = 0
    let looks = 0
    for (let count = 1; count <= 60; count++) {
      startTransition(() => step(count))
      await new Promise(requestAnimationFrame)
      const texts = new Set(Array.from(node.querySelectorAll('b'), ({ textContent }) => textContent))
      if (texts.size === 0) continue
      looks++
      if (texts.size > 1) torn++
      for (const text of texts) seen.add(text)
    }
    root.unmount()
    await end()
    return { looks, torn, different: seen.size }
  },

  /** Renders a second of a component whose view changes some hundred times a second. */
  async paced(throttle: UseStreamOptions<Row, unknown>['throttle'], seconds: number) {
    const { view, end, changes } = await live(1)
    let renders = 0
    const Counter = () => {
      const { rows } = useStream(view, { throttle })
      renders++
      return h('b', null, totalOf(rows))
    }
    const { root } = mount(h(Counter))
    await sleep(100)
    const [before, changesBefore, began] = [renders, changes(), performance.now()]
    await sleep(seconds * 1_000)
    const elapsed = (performance.now() - began) / 1_000
    const result = { rendersASecond: (renders - before) / elapsed, changesASecond: (changes() - changesBefore) / elapsed }
    root.unmount()
    await end()
    return result
  },

  /** What mounting, StrictMode and unmounting leave behind. */
  async mounted() {
    const { view, subscriptions, end } = await live(5)
    const Part = () => h('b', null, totalOf(useStream(view).rows))
    const errors: unknown[] = []
    const report = console.error
    console.error = (...words) => errors.push(words.map(String).join(' '))
    const { root, node } = mount(h(StrictMode, null, h(Part), h(Part)))
    await sleep(200)
    const mountedCount = subscriptions.count
    const first = node.textContent
    await sleep(200)
    const second = node.textContent
    root.render(h(StrictMode, null, h(Part)))
    await sleep(100)
    const oneCount = subscriptions.count
    root.unmount()
    await sleep(100)
    console.error = report
    await end()
    return { mountedCount, oneCount, unmountedCount: subscriptions.count, most: subscriptions.most, isAlive: first !== second, errors }
  },

  /** A component that selects is drawn when what it selects changes, and not before. */
  async selected() {
    const { view, end } = await live(5)
    let renders = 0
    const Part = () => {
      const devices = useStream(view, {
        select: ({ rows }) => rows.map(({ device }) => device),
        isEqual: (before, after) => before.join() === after.join(),
      })
      renders++
      return h('b', null, devices.join())
    }
    const { root, node } = mount(h(Part))
    await sleep(600)
    const text = node.textContent
    const total = totalOf(view.snapshot().rows)
    root.unmount()
    await end()
    return { text, renders, total }
  },

  /** Another view in its place, and none. */
  async swapped() {
    const [one, two] = [await live(5), await live(5)]
    const Part: FunctionComponent<{ view: View<Row> | null }> = ({ view }) => h('b', null, useStream(view).rows.length)
    const { root, node } = mount(h(Part, { view: null }))
    await sleep(50)
    const none = node.textContent
    root.render(h(Part, { view: one.view }))
    await sleep(100)
    const first = { text: node.textContent, one: one.subscriptions.count, two: two.subscriptions.count }
    root.render(h(Part, { view: two.view }))
    await sleep(100)
    const second = { text: node.textContent, one: one.subscriptions.count, two: two.subscriptions.count }
    root.unmount()
    await one.end()
    await two.end()
    return { none, first, second }
  },

  /** Drawn on a server, and taken over by the page without a word of complaint. */
  async hydrated() {
    const { view, end } = await live(5)
    await sleep(100)
    const Part = () => {
      const { rows } = useStream(view)
      return h('b', null, `${rows.length} rows`)
    }
    const html = renderToString(h(Part))
    const node = document.createElement('main')
    node.innerHTML = html
    document.body.append(node)
    const errors: string[] = []
    const root = hydrateRoot(node, h(Part), { onRecoverableError: (error) => errors.push(String(error)) })
    await sleep(200)
    const text = node.textContent
    root.unmount()
    await end()
    return { html, text, errors }
  },

  /** The status of the job, asked for while the component is there. */
  async status() {
    const { run, end } = await live(1)
    let asked = 0
    const counted = { status: () => (asked++, run.status()) }
    const seen: number[] = []
    const Part = () => {
      const status = useJobStatus(counted, '50ms')
      if (status !== null) seen.push(status.recordsIn)
      return h('b', null, status?.state ?? 'unknown')
    }
    const { root, node } = mount(h(StrictMode, null, h(Part)))
    await sleep(500)
    const text = node.textContent
    root.unmount()
    await sleep(50)
    const before = asked
    await sleep(300)
    await end()
    return { text, isRising: seen.length > 3 && seen.at(-1)! > seen[0]!, asked: before, askedAfter: asked - before }
  },
}

export type Scenes = typeof scenes
Object.assign(globalThis, { scenes })
