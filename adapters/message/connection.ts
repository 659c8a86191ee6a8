/**
 * Keeps a connection up: connects again after it was lost, later and later while that fails, each time by a different delay.
 *
 * Before: a transport says how one attempt goes. After: the transport's own protocol.
 *
 * Invariant: there is one attempt at a time, and none after `close`.
 */

import { ConnectorError, connectorError } from '../../runtime/errors.ts'
import type { SourceContext } from '../../runtime/source/source.ts'
import type { Backoff } from './backoff.ts'
import type { Inbox } from './inbox.ts'

/** What happens to a connection, for those who want to show it. */
export interface ConnectionEvent {
  readonly state: 'open' | 'lost'
  /** Why it was lost. */
  readonly reason: string
  /** Failures in a row. */
  readonly attempt: number
  /** Until the next attempt, ms; 0 when it is open. */
  readonly delayMs: number
}

/** How an attempt ended. */
export type Outcome =
  /** It failed, or was lost: try again, not before `waitMs` if that is given; a wait of 0 is no failure. */
  | { readonly kind: 'lost'; readonly reason: string; readonly waitMs?: number }
  /** There is nothing more to come. */
  | { readonly kind: 'ended' }
  /** Trying again would not help. */
  | { readonly kind: 'refused'; readonly error: Error }

export interface AttemptControl {
  /** Aborted by `close`: the attempt must end. */
  readonly signal: AbortSignal
  /** The connection is there. */
  opened(): void
  /** It has delivered: the next failure is a first one. */
  proved(): void
}

export interface ConnectionOptions {
  /** What the connection delivers to: it ends and fails with it. */
  readonly inbox: Inbox
  readonly context: SourceContext
  readonly backoff: Backoff
  readonly onConnection: ((event: ConnectionEvent) => void) | undefined
  readonly attempt: (control: AttemptControl) => Promise<Outcome>
}

export class Connection {
  readonly #options: ConnectionOptions
  readonly #closing = new AbortController()
  readonly #done: Promise<void>
  #failures = 0

  constructor(options: ConnectionOptions) {
    this.#options = options
    this.#done = this.#run()
  }

  async close(): Promise<void> {
    this.#closing.abort()
    await this.#done
  }

  async #run(): Promise<void> {
    const { attempt, backoff, context, inbox, onConnection } = this.#options
    const { name: source, clock } = context
    const { signal } = this.#closing
    const control: AttemptControl = {
      signal,
      opened: () => onConnection?.({ state: 'open', reason: '', attempt: this.#failures, delayMs: 0 }),
      proved: () => (this.#failures = 0),
    }
    while (!signal.aborted) {
      let outcome: Outcome
      try {
        outcome = await attempt(control)
      } catch (error) {
        outcome = { kind: 'refused', error: connectorError('source', source, error) }
      }
      if (signal.aborted) return
      if (outcome.kind === 'ended') return inbox.end()
      if (outcome.kind === 'refused') return inbox.fail(outcome.error)
      if (outcome.waitMs !== 0) this.#failures++
      if (this.#failures >= backoff.attemptsMax) {
        const message = `Source ${source} could not be reached ${this.#failures} times in a row: ${outcome.reason}`
        return inbox.fail(new ConnectorError('SOURCE_UNREACHABLE', message, { retryable: true }))
      }
      const delayMs = outcome.waitMs === 0 ? 0 : Math.max(outcome.waitMs ?? 0, backoff.delayMs(this.#failures, clock))
      onConnection?.({ state: 'lost', reason: outcome.reason, attempt: this.#failures, delayMs })
      if (delayMs > 0) await this.#sleep(delayMs)
    }
  }

  /** Waits, but not longer than until the machine is on the network again. */
  async #sleep(ms: number): Promise<void> {
    const waking = new AbortController()
    const wake = () => waking.abort()
    const { signal } = this.#closing
    signal.addEventListener('abort', wake, { once: true })
    const network = typeof addEventListener === 'function' ? globalThis : null
    network?.addEventListener('online', wake)
    if (!signal.aborted) await this.#options.context.clock.sleep(ms, waking.signal)
    network?.removeEventListener('online', wake)
    signal.removeEventListener('abort', wake)
  }
}
