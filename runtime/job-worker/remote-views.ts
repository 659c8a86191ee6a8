/**
 * The page's end of the feed: copies of the worker's views, brought up to date at most once per frame.
 *
 * Before: view-feed.ts in the worker. After: the page, which sees the same `View` as beside the job.
 * Copies outlive the worker: their rows stay until the next start of the job has some, and are then replaced by name.
 *
 * Invariant: a copy changes in a frame only, all copies of a message in the same one; credit is given when they have.
 */

import { ConfigError } from '../errors.ts'
import { MaterializedView, type View } from '../sink/view.ts'
import type { NextFrame } from '../frames.ts'
import type { FeedMessage, FeedRequest, JobStarted, ViewDelta } from './protocol.ts'
import { applyDelta, beginAnew } from './view-delta.ts'

interface Copy {
  readonly view: MaterializedView
  /** The start whose rows it has; counted here, over all workers. */
  start: number
}

export class RemoteViews {
  readonly #nextFrame: NextFrame
  readonly #copies = new Map<string, Copy>()
  #port: MessagePort | null = null
  #job: JobStarted = { start: 0, sinks: [], views: {} }
  #start = 0
  /** The one message that may be under way, until it is shown. */
  #waiting: FeedMessage | null = null
  #callOff: (() => void) | null = null

  constructor(nextFrame: NextFrame) {
    this.#nextFrame = nextFrame
  }

  /** The job has started, in a worker with this feed. */
  begin(port: MessagePort, job: JobStarted): void {
    this.#job = job
    this.#start++
    if (port !== this.#port) {
      this.#waiting = null
      this.#port = port
      port.onmessage = ({ data }: MessageEvent<FeedMessage>) => this.#take(data)
      for (const name of this.#copies.keys()) this.#ask({ kind: 'watch', view: name })
    }
    this.#schedule()
  }

  /** @throws ConfigError `VIEW_UNKNOWN` */
  view(name: string): View {
    const known = this.#copies.get(name)
    if (known !== undefined) return known.view
    const { sinks, views } = this.#job
    const description = Object.hasOwn(views, name) ? views[name] : undefined
    if (description === undefined) {
      const found = sinks.includes(name) ? `its sink ${name} is no view: bind viewSink() to it` : `it has no sink ${name}`
      throw new ConfigError('VIEW_UNKNOWN', `The job has no view ${name}; ${found}. Views are ${Object.keys(views).join(', ') || 'none'}`)
    }
    const view = new MaterializedView(description.limits)
    this.#copies.set(name, { view, start: 0 })
    this.#ask({ kind: 'watch', view: name })
    return view
  }

  close(): void {
    this.#callOff?.()
    this.#callOff = null
  }

  #ask(request: FeedRequest): void {
    this.#port?.postMessage(request)
  }

  #take(message: FeedMessage): void {
    this.#waiting = message
    this.#schedule()
  }

  #schedule(): void {
    // What belongs to a start of which the answer is still under way waits for it.
    if (this.#waiting === null || this.#waiting.start > this.#job.start || this.#callOff !== null) return
    this.#callOff = this.#nextFrame(() => {
      this.#callOff = null
      this.#show()
    })
  }

  #show(): void {
    const message = this.#waiting
    if (message === null || message.start > this.#job.start) return
    this.#waiting = null
    this.#ask({ kind: 'credit' })
    if (message.start < this.#job.start) return
    const changed = message.deltas.map((delta) => this.#apply(delta))
    for (const view of changed) view?.publish()
  }

  #apply(delta: ViewDelta): MaterializedView | null {
    const copy = this.#copies.get(delta.view)
    const description = this.#job.views[delta.view]
    if (copy === undefined || description === undefined) return null
    if (copy.start !== this.#start) {
      // Nothing to show in their place yet.
      if (delta.keys.length === 0) return null
      beginAnew(copy.view, description)
      copy.start = this.#start
    }
    applyDelta(copy.view, delta)
    return copy.view
  }
}
