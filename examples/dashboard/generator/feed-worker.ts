/**
 * The feed of a page that has no server: the same log, sent over a MessagePort.
 *
 * Before: the page's commands. After: a port that the page hands to the job worker.
 */

import { Feed, PUMP_MS } from './feed.ts'
import { FeedLog } from './feed-log.ts'
import type { FeedCommand, FeedReport, ReaderHello } from './feed-protocol.ts'

/** Beside the commands of the protocol: a port of a new reader, which says from where it wants to read. */
type Incoming = FeedCommand | { readonly kind: 'reader'; readonly port: MessagePort }

/** More than two seconds at the highest rate. */
const AHEAD_MAX = 500_000
const REPORT_MS = 100

let log: FeedLog | null = null
let reader: { readonly port: MessagePort; feed: Feed | null } | null = null
let isOffline = false

const report = (message: FeedReport) => globalThis.postMessage(message, {})

addEventListener('message', ({ data }: MessageEvent<Incoming>) => {
  switch (data.kind) {
    case 'log':
      log = new FeedLog(data.log)
      break
    case 'settings':
      if (log === null || data.segment.fromTick <= log.tickAt(Date.now()) || !log.add(data.segment)) {
        report({ kind: 'refused', segment: data.segment })
      }
      break
    case 'offline':
      isOffline = data.isOffline
      if (isOffline) disconnect()
      break
    case 'acknowledge':
      reader?.feed?.acknowledge(data.number)
      break
    case 'reader':
      connect(data.port)
      break
    default: {
      const never: never = data
      throw new TypeError(`Unknown command ${String(never)}`)
    }
  }
})

function connect(port: MessagePort): void {
  disconnect()
  const own = { port, feed: null as Feed | null }
  reader = own
  port.addEventListener('message', ({ data }: MessageEvent<ReaderHello>) => {
    if (log === null || isOffline) return disconnect()
    const carrier = { send: (message: string) => port.postMessage(message), backlogBytes: 0 }
    own.feed = new Feed({ log, carrier, from: data.resume, aheadMax: AHEAD_MAX })
  })
  port.start()
}

function disconnect(): void {
  reader?.port.postMessage({ kind: 'closed' }, [])
  reader?.port.close()
  reader = null
}

setInterval(() => reader?.feed?.pump(Date.now()), PUMP_MS)
setInterval(() => {
  if (log === null) return
  const nowMs = Date.now()
  report({ kind: 'sent', number: log.firstNumber(Math.max(0, log.tickAt(nowMs))), nowMs, readers: reader?.feed == null ? 0 : 1 })
}, REPORT_MS)
