/**
 * Results as a stream of server-sent events, from a cursor on.
 *
 * Before: result-log. After: an EventSource, which comes back with the id of the last event it has seen.
 * The reader sets the pace: a page is read from the log when the one before was taken.
 *
 * Invariant: the id of an event is the cursor behind it.
 */

import type { ResultLog, ResultPage } from './result-log.ts'

/** Resolves whoever waits for news of results. */
export class News {
  #waiting: (() => void)[] = []

  next(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve)
    })
  }

  tell(): void {
    for (const resolve of this.#waiting.splice(0)) resolve()
  }
}

export function resultStream(log: ResultLog, news: News, sink: string, after: number | null): Response {
  const encoder = new TextEncoder()
  let cursor = after
  let isCancelled = false
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        for (;;) {
          const page = log.page(sink, cursor)
          const isFirst = cursor === null
          cursor = page.cursor
          if (page.rows.length > 0 || page.isReset || isFirst) return controller.enqueue(encoder.encode(eventsOf(page)))
          await news.next()
          if (isCancelled) return
        }
      },
      cancel() {
        isCancelled = true
      },
    },
    { highWaterMark: 1 },
  )
  return new Response(body, { headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-store' } })
}

function eventsOf({ rows, cursor, isReset }: ResultPage): string {
  const reset = isReset ? `event: reset\ndata: {}\n\n` : ''
  const events = rows.map(({ seq, row, pane }) => `id: ${seq}\ndata: ${JSON.stringify({ seq, row, pane })}\n\n`)
  // Current rows do not end at the cursor: the newest may have been taken back.
  return `${reset}${events.join('')}id: ${cursor}\nevent: cursor\ndata: ${cursor}\n\n`
}
