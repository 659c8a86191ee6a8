/**
 * The worker's end of the feed: sends what changes in the views that the page watches.
 *
 * Before: views of a running job. After: a port to remote-views.ts in the page.
 * One message is under way at a time. The page gives credit for the next one when it has shown this one, at most once per frame; so a slow
 * or hidden page costs the job nothing, and what it gets is always the newest.
 *
 * Invariant: what waits is bounded by the rows of the views, whatever the page does.
 */

import type { Clock } from '../clock.ts'
import type { MaterializedView } from '../sink/view.ts'
import type { FeedMessage, FeedRequest } from './protocol.ts'
import { DeltaCollector } from './view-delta.ts'

interface Watched {
  readonly collector: DeltaCollector
  readonly stop: () => void
}

export class ViewFeed {
  readonly #port: MessagePort
  readonly #clock: Clock
  /** Names that the page asked for, whether the job of now has them or not. */
  readonly #names = new Set<string>()
  #watched: Watched[] = []
  #views: ReadonlyMap<string, MaterializedView> = new Map()
  #start = 0
  #hasCredit = true
  #isScheduled = false

  constructor(port: MessagePort, clock: Clock) {
    this.#port = port
    this.#clock = clock
    port.addEventListener('message', ({ data }: MessageEvent<FeedRequest>) => this.#asked(data))
    port.start()
  }

  /** Another start of the job has these views. */
  begin(start: number, views: ReadonlyMap<string, MaterializedView>): void {
    for (const { stop } of this.#watched) stop()
    this.#watched = []
    this.#start = start
    this.#views = views
    for (const name of this.#names) this.#watch(name)
  }

  #asked(request: FeedRequest): void {
    if (request.kind === 'credit') {
      this.#hasCredit = true
      this.#schedule()
    } else if (!this.#names.has(request.view)) {
      this.#names.add(request.view)
      this.#watch(request.view)
    }
  }

  #watch(name: string): void {
    const view = this.#views.get(name)
    if (view === undefined) return
    const collector = new DeltaCollector(view, name)
    const unsubscribe = view.subscribe(() => this.#schedule())
    const stop = () => {
      unsubscribe()
      collector.close()
    }
    this.#watched.push({ collector, stop })
    this.#schedule()
  }

  /** Sends after a turn of the event loop, so that a burst of results is one message. */
  #schedule(): void {
    if (this.#isScheduled || !this.#hasCredit) return
    this.#isScheduled = true
    void this.#clock.yield().then(() => {
      this.#isScheduled = false
      this.#send()
    })
  }

  #send(): void {
    const deltas = this.#watched.map(({ collector }) => collector.take()).filter((delta) => delta !== null)
    if (deltas.length === 0) return
    this.#hasCredit = false
    this.#port.postMessage({ start: this.#start, deltas } satisfies FeedMessage)
  }
}
