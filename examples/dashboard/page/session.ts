/**
 * What outlives a reload: which log the fleet sends, from where, and which storage the job has.
 *
 * Before: localStorage. After: the feed, the job and the auditor, which must all speak of the same log.
 *
 * Invariant: settings are kept before they are sent: a log that anybody has sent from is never forgotten.
 */

import type { LogDescription, LogSegment } from '../generator/feed-log.ts'
import { TICK_MS } from '../generator/readings.ts'
import { DEFAULT_SETTINGS, type FleetSettings } from '../generator/settings.ts'
import { WINDOW_MS, WINDOWS_KEPT, windowStartOf } from '../cells.ts'

export type FeedKind = 'page' | 'websocket' | 'mqtt'

interface Kept {
  readonly storage: string
  readonly feed: FeedKind
  readonly parallelism: number
  readonly log: LogDescription
  readonly seenMs: number
}

const KEY = 'millrace.dashboard'
/** New settings hold so long after they were chosen: until then everybody has heard of them. */
const NOTICE_TICKS = 16
/** Who was away for longer finds a fleet that has slept meanwhile. */
const AWAY_MS_MAX = 20_000
/** Who was away for longer begins anew. */
const STALE_MS = 600_000

export class Session {
  #kept: Kept
  #isOver = false
  /** Whether it goes on where it was before a reload. */
  readonly isResumed: boolean

  private constructor(kept: Kept, isResumed: boolean) {
    this.#kept = kept
    this.isResumed = isResumed
    this.#save()
  }

  static open(nowMs: number, feeds: readonly FeedKind[]): Session {
    const found = read()
    if (found === null || nowMs - found.seenMs > STALE_MS || !feeds.includes(found.feed)) {
      return Session.begin({ nowMs, feed: feeds[0]!, settings: found === null ? DEFAULT_SETTINGS : settingsOf(found.log) })
    }
    const session = new Session(found, true)
    if (nowMs - found.seenMs > AWAY_MS_MAX) session.#sleep(found.seenMs, nowMs)
    return session
  }

  /** A new log, with five quiet minutes before now, so that there is something to see at once. */
  static begin(options: {
    readonly nowMs: number
    readonly feed: FeedKind
    readonly settings: FleetSettings
    readonly seed?: number
    readonly parallelism?: number
  }): Session {
    const { nowMs, feed, settings, seed = 2_026, parallelism = 2 } = options
    const startMs = windowStartOf(nowMs) - (WINDOWS_KEPT + 1) * WINDOW_MS
    const segments = [
      { fromTick: 0, settings: quiet(settings) },
      { fromTick: Math.ceil((nowMs - startMs) / TICK_MS), settings },
    ]
    const storage = `dashboard-${Math.floor(nowMs).toString(36)}`
    return new Session({ storage, feed, parallelism, log: { seed, startMs, segments }, seenMs: nowMs }, false)
  }

  get storage(): string {
    return this.#kept.storage
  }

  get feed(): FeedKind {
    return this.#kept.feed
  }

  get parallelism(): number {
    return this.#kept.parallelism
  }

  set parallelism(parallelism: number) {
    this.#kept = { ...this.#kept, parallelism }
    this.#save()
  }

  get log(): LogDescription {
    return this.#kept.log
  }

  get settings(): FleetSettings {
    return settingsOf(this.#kept.log)
  }

  /** Changes settings a moment from now. @returns from when on they hold. */
  change(settings: FleetSettings, nowMs: number): LogSegment {
    const { log } = this.#kept
    const last = log.segments.at(-1)!
    const fromTick = Math.max(last.fromTick + 1, Math.floor((nowMs - log.startMs) / TICK_MS) + NOTICE_TICKS)
    const segment = { fromTick, settings }
    this.#kept = { ...this.#kept, log: { ...log, segments: [...log.segments, segment] } }
    this.#save()
    return segment
  }

  /** Notes that the page is alive. */
  seen(nowMs: number): void {
    this.#kept = { ...this.#kept, seenMs: nowMs }
    this.#save()
  }

  /** The fleet was quiet while nobody looked, from shortly after the page was seen last. */
  #sleep(seenMs: number, nowMs: number): void {
    const { log } = this.#kept
    const settings = this.settings
    const asleep = Math.max(log.segments.at(-1)!.fromTick + 1, Math.ceil((seenMs + 5_000 - log.startMs) / TICK_MS))
    const awake = Math.max(asleep + 1, Math.ceil((nowMs - log.startMs) / TICK_MS))
    const segments = [...log.segments, { fromTick: asleep, settings: quiet(settings) }, { fromTick: awake, settings }]
    this.#kept = { ...this.#kept, log: { ...log, segments } }
    this.#save()
  }

  /** Keeps nothing more: another session takes its place. */
  end(): void {
    this.#isOver = true
  }

  #save(): void {
    if (this.#isOver) return
    localStorage.setItem(KEY, JSON.stringify(this.#kept))
  }
}

function settingsOf({ segments }: LogDescription): FleetSettings {
  return segments.at(-1)!.settings
}

/** A reading of every device in two seconds: enough to draw, little to catch up with. */
function quiet(settings: FleetSettings): FleetSettings {
  return { ...settings, rate: Math.max(40, Math.round(settings.devices / 2)) }
}

function read(): Kept | null {
  const text = localStorage.getItem(KEY)
  if (text === null) return null
  try {
    return JSON.parse(text) as Kept
  } catch {
    return null
  }
}
