/**
 * The page's line to the feed: which log to send, what the sliders say, and whether the connection is cut.
 *
 * Before: session.ts and the controls. After: a worker in the page, or the Node server.
 *
 * Invariant: a feed that was lost and comes back is told the log before anything else.
 */

import type { FeedCommand, FeedReport } from '../generator/feed-protocol.ts'
import type { LogDescription, LogSegment } from '../generator/feed-log.ts'

export interface FeedLink {
  begin(log: LogDescription): void
  settings(segment: LogSegment): void
  offline(isOffline: boolean): void
  acknowledge(number: number): void
  /** A way to read for a job that has none of its own. */
  reader(port: MessagePort): void
  close(): void
}

type OnReport = (report: FeedReport) => void

/** The feed in a worker of the page. */
export function workerFeed(onReport: OnReport): FeedLink {
  const worker = new Worker(new URL('./feed-worker.js', import.meta.url), { type: 'module', name: 'feed' })
  worker.addEventListener('message', ({ data }: MessageEvent<FeedReport>) => onReport(data))
  const tell = (command: FeedCommand) => worker.postMessage(command, [])
  return {
    begin: (log) => tell({ kind: 'log', log }),
    settings: (segment) => tell({ kind: 'settings', segment }),
    offline: (isOffline) => tell({ kind: 'offline', isOffline }),
    acknowledge: (number) => tell({ kind: 'acknowledge', number }),
    reader: (port) => worker.postMessage({ kind: 'reader', port }, [port]),
    close: () => worker.terminate(),
  }
}

const RETRY_MS = 800

/** The feed of the Node server, over a WebSocket beside that of the readings. */
export function serverFeed(url: string, onReport: OnReport): FeedLink {
  let socket: WebSocket | null = null
  let log: LogDescription | null = null
  let isOffline = false
  let isClosed = false
  const tell = (command: FeedCommand) => {
    if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(command))
  }
  const connect = () => {
    if (isClosed) return
    const own = new WebSocket(url)
    socket = own
    own.addEventListener('open', () => {
      if (log !== null) tell({ kind: 'log', log })
      tell({ kind: 'offline', isOffline })
    })
    own.addEventListener('message', ({ data }: MessageEvent<string>) => onReport(JSON.parse(data) as FeedReport))
    own.addEventListener('close', () => setTimeout(connect, RETRY_MS))
  }
  connect()
  return {
    begin(given) {
      log = given
      tell({ kind: 'log', log })
    },
    settings(segment) {
      if (log !== null) log = { ...log, segments: [...log.segments, segment] }
      tell({ kind: 'settings', segment })
    },
    offline(value) {
      isOffline = value
      tell({ kind: 'offline', isOffline })
    },
    acknowledge: (number) => tell({ kind: 'acknowledge', number }),
    reader: (port) => port.close(),
    close() {
      isClosed = true
      socket?.close()
    },
  }
}
