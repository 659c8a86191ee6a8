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
}

const turns = new MessageChannel()
const waiting: (() => void)[] = []
turns.port1.onmessage = () => {
  waiting.shift()?.()
  if (waiting.length === 0) unref(turns.port1)
}
unref(turns.port1)

/** Node keeps a process alive for a listening port; a port nobody waits on must not. */
function unref(port: MessagePort): void {
  ;(port as MessagePort & { unref?: () => void }).unref?.()
}
function ref(port: MessagePort): void {
  ;(port as MessagePort & { ref?: () => void }).ref?.()
}

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
  yield: () =>
    new Promise((resolve) => {
      waiting.push(resolve)
      ref(turns.port1)
      turns.port2.postMessage(null)
    }),
}
