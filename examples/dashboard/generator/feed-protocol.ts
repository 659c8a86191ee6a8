/**
 * What the page and a feed say to each other beside the readings. One file for the Node server and the worker in the page.
 *
 * Before: the page's sliders and buttons. After: server.ts, feed-worker.ts.
 * The page has the last word on the log: it says from which tick on settings hold, and keeps that itself, so a feed that is started anew is told
 * everything it needs.
 */

import type { LogDescription, LogSegment } from './feed-log.ts'

/** From the page. */
export type FeedCommand =
  /** The log to send from. Said first, and again after a reconnect. */
  | { readonly kind: 'log'; readonly log: LogDescription }
  | { readonly kind: 'settings'; readonly segment: LogSegment }
  /** Closes the connections of readers and lets nobody connect, or lets them again. */
  | { readonly kind: 'offline'; readonly isOffline: boolean }
  /** The job has taken the readings before this number: for carriers that do not hold back by themselves. */
  | { readonly kind: 'acknowledge'; readonly number: number }

/** From the feed. */
export type FeedReport =
  | {
      readonly kind: 'sent'
      /** So many readings have come into being. Those that no reader has got yet count, too. */
      readonly number: number
      /** The feed's clock. */
      readonly nowMs: number
      readonly readers: number
    }
  /** Settings came after their tick: they are to be said again for a later one. */
  | { readonly kind: 'refused'; readonly segment: LogSegment }

/** First message of a reader. */
export interface ReaderHello {
  readonly resume: number
}
