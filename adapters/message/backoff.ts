/**
 * How long to wait before something is tried again: longer with each failure, and never exactly as long as somebody else.
 *
 * Before: options of the user. After: connection, and sources that ask again themselves.
 * Chance, which keeps a thousand clients from coming back at the same moment, is taken from the clock, as everything of the kind.
 *
 * Invariant: a wait is at least `(1 - jitter)` of the doubled one before it, and at most `mostMs`.
 */

import type { Clock } from '../../runtime/clock.ts'
import { mix } from '../../runtime/dictionary.ts'
import { type Duration, durationMs } from '../../runtime/duration.ts'
import { ConfigError } from '../../runtime/errors.ts'

/** How long a source waits before it tries again. */
export interface BackoffOptions {
  /** Wait after the first failure; default `'500ms'`. It doubles with each one that follows. */
  readonly least?: Duration
  /** Longest wait; default `'30s'`. */
  readonly most?: Duration
  /** The part of a wait that is left to chance, 0 to 1; default 0.5. */
  readonly jitter?: number
  /** Failures in a row after which the source fails with `SOURCE_UNREACHABLE`; default: it never gives up. */
  readonly attemptsMax?: number
}

export class Backoff {
  readonly attemptsMax: number
  readonly #leastMs: number
  readonly #mostMs: number
  readonly #jitter: number

  /** @throws ConfigError `DURATION_INVALID`, `SOURCE_OPTION_INVALID` */
  constructor({ least = '500ms', most = '30s', jitter = 0.5, attemptsMax = Number.POSITIVE_INFINITY }: BackoffOptions = {}) {
    this.#leastMs = durationMs(least, { of: 'backoff.least', positive: true })
    this.#mostMs = Math.max(this.#leastMs, durationMs(most, { of: 'backoff.most', positive: true }))
    this.#jitter = jitter
    this.attemptsMax = attemptsMax
    if (!(jitter >= 0 && jitter <= 1)) throw invalid('jitter', jitter, 'a number from 0 to 1')
    if (!(attemptsMax >= 1)) throw invalid('attemptsMax', attemptsMax, 'at least 1')
  }

  /** The wait after so many failures in a row, ms. */
  delayMs(failureCount: number, clock: Clock): number {
    const wholeMs = Math.min(this.#mostMs, this.#leastMs * 2 ** Math.min(failureCount - 1, 30))
    const chance = mix((clock.now() ^ Math.floor(clock.monotonic() * 1e6)) + failureCount) / 2 ** 32
    return Math.ceil(wholeMs * (1 - this.#jitter * chance))
  }
}

function invalid(option: string, found: unknown, wanted: string): ConfigError {
  return new ConfigError('SOURCE_OPTION_INVALID', `Cannot use backoff.${option}: ${String(found)}; it must be ${wanted}`)
}
