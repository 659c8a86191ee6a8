/**
 * The only door to time: everything that waits or looks at the wall clock does it through a {@link Clock}.
 *
 * Hosts pass {@link systemClock}; tests pass a manual one. No other file may name `Date.now`, `performance.now` or `setTimeout`
 * (test/rules checks it).
 */

export interface Clock {
  /** Wall-clock milliseconds since the Unix epoch. May jump. */
  now(): number
  /** Milliseconds from an arbitrary origin; never goes back. For durations only. */
  monotonic(): number
  /** Resolves after at least `ms` milliseconds, or as soon as `signal` aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
  /** Resolves after everything that is ready in the event loop had its turn. */
  yield(): Promise<void>
  /** How often windows that go by the clock are told it, ms; default 50. A clock that a test sets has them told of every change. */
  readonly tickMs?: number
  /**
   * The last millisecond that is over, to which windows by the clock and triggers on it fire; default `now() - 1`, as records of the present
   * one may still come. Clocks of tests may say otherwise.
   */
  overMs?(): number
  /** Whether time comes from a log that is read again after a restart: then it goes on exactly where a checkpoint left it. */
  readonly isLogged?: boolean
}

/**
 * Lets the event loop have a turn. Node, Deno and Bun have `setImmediate`, behind which files and sockets get theirs; a port of our own would
 * not do there, because Node works off a thousand messages before it looks at anything else. Pages have only the port. Edge workers must not
 * have one: a port that is open keeps them from being put to sleep, and timers are no longer than asked for there.
 */
const turn: (resolve: () => void) => void =
  typeof setImmediate === 'function'
    ? (resolve) => void setImmediate(resolve)
    : isEdge()
      ? (resolve) => void setTimeout(resolve, 0)
      : (resolve) => {
          turns ??= new MessageChannel()
          turns.port1.onmessage = () => waiting.shift()?.()
          waiting.push(resolve)
          turns.port2.postMessage(null)
        }
function isEdge(): boolean {
  return globalThis.navigator?.userAgent === 'Cloudflare-Workers' || typeof MessageChannel !== 'function'
}
let turns: MessageChannel | null = null
const waiting: (() => void)[] = []

/** The clock of the machine. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve()
      const timer = setTimeout(done, ms)
      function done() {
        clearTimeout(timer)
        signal?.removeEventListener('abort', done)
        resolve()
      }
      signal?.addEventListener('abort', done, { once: true })
    }),
  yield: () => new Promise(turn),
}
