/**
 * Sends results on by POST, at least once.
 *
 * Before: result-log has rows behind what was delivered. After: the receiver, which knows a repetition by its Idempotency-Key.
 * Which rows a request has is noted before it leaves, so a repetition, also after a crash, has the same rows and the same key.
 *
 * Invariant: rows go out in order, and no row is skipped before the receiver has acknowledged it, as long as the log keeps it.
 */

import type { Clock } from '../../runtime/clock.ts'
import type { SqlStorage } from '../durable-object-store.ts'
import { fact, setFact } from './edge-tables.ts'
import type { ResultLog } from './result-log.ts'
import type { WebhookSettings } from './settings.ts'

/** Requests one alarm makes before others get their turn. */
const REQUESTS_A_TURN = 20

interface DeliveryState {
  /** Cursor of the result log up to which everything was acknowledged. */
  readonly sent: number
  /** The request under way: rows up to this cursor. */
  readonly to: number | null
  readonly attempts: number
  readonly dueMs: number
  readonly lastError: string | null
  /** Rows that the log no longer had when they could be sent. */
  readonly lost: number
}

const AT_FIRST: DeliveryState = { sent: 0, to: null, attempts: 0, dueMs: 0, lastError: null, lost: 0 }

export interface WebhookOptions {
  readonly sql: SqlStorage
  readonly results: ResultLog
  readonly settings: WebhookSettings
  readonly jobName: string
  readonly objectId: string
  readonly wall: Clock
}

export class Webhook {
  readonly #options: WebhookOptions
  readonly #name: string
  #isBusy = false

  constructor(options: WebhookOptions) {
    this.#options = options
    this.#name = `webhook ${options.settings.sink}`
  }

  get state(): DeliveryState {
    return fact<DeliveryState>(this.#options.sql, this.#name) ?? AT_FIRST
  }

  /** When something is to be sent, ms since the epoch; null: everything was. */
  get dueMs(): number | null {
    const { sent, dueMs } = this.state
    return this.#options.results.newest(this.#options.settings.sink) > sent ? dueMs : null
  }

  /** Sends what is due. Never throws for a receiver that fails: that is noted, and tried again later. */
  async deliver(): Promise<void> {
    if (this.#isBusy) return
    this.#isBusy = true
    try {
      for (let count = 0; count < REQUESTS_A_TURN; count++) {
        const { dueMs } = this
        if (dueMs === null || dueMs > this.#options.wall.now() || !(await this.#send())) return
      }
    } finally {
      this.#isBusy = false
    }
  }

  /** @returns whether the receiver acknowledged. */
  async #send(): Promise<boolean> {
    const { sql, results, settings, jobName, objectId, wall } = this.#options
    const { sink, rowsMax, url, headers, timeoutMs, firstMs, mostMs } = settings
    const before = this.state
    const page = results.page(sink, before.sent, rowsMax)
    const lost = page.isReset ? (page.rows[0]?.seq ?? page.cursor + 1) - 1 - before.sent : 0
    const rows = page.rows.slice(0, rowsMax).filter(({ seq }) => page.isReset || before.to === null || seq <= before.to)
    const to = rows.at(-1)?.seq ?? page.cursor
    if (before.to !== to) setFact(sql, this.#name, { ...before, to })
    const failure = await post(url, {
      headers: {
        ...headers,
        'content-type': 'application/json',
        'idempotency-key': `${jobName}/${objectId}/${sink}/${rows[0]?.seq ?? to}-${to}`,
      },
      body: JSON.stringify({ job: jobName, object: objectId, sink, rows }),
      timeoutMs,
    })
    if (failure === null) {
      setFact(sql, this.#name, { ...AT_FIRST, sent: to, lost: before.lost + lost })
      return true
    }
    const waitMs = Math.min(mostMs, firstMs * 2 ** before.attempts)
    setFact(sql, this.#name, { ...before, to, attempts: before.attempts + 1, dueMs: wall.now() + waitMs, lastError: failure })
    return false
  }
}

/** @returns null when it was acknowledged, else why not. */
async function post(
  url: string,
  { headers, body, timeoutMs }: { readonly headers: Readonly<Record<string, string>>; readonly body: string; readonly timeoutMs: number },
): Promise<string | null> {
  try {
    const response = await fetch(url, { method: 'POST', headers, body, signal: AbortSignal.timeout(timeoutMs) })
    await response.body?.cancel()
    return response.ok ? null : `the receiver answered ${response.status}`
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}
