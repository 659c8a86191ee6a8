/**
 * A clock under which a job is stepped: whoever sleeps is woken by hand, never by a timer.
 *
 * Before: what drives the job: the test harness, or a Durable Object, where a timer would keep the object from being put to sleep. After: a job on
 * the inline host, whose waits are looks for work.
 *
 * Invariant: a job that sleeps has done everything it can do with what it has, unless a promise of a source, sink or store is under way.
 */

import { type Clock, systemClock } from './clock.ts'

export abstract class SteppedClock implements Clock {
  /** Windows by the clock are told of every change. */
  readonly tickMs = 1
  #sleepers: (() => void)[] = []
  #slept: (() => void)[] = []

  abstract now(): number
  abstract monotonic(): number

  /** Lets everybody who sleeps look again, though no time may have passed. */
  wake(): void {
    for (const wake of this.#sleepers.splice(0)) wake()
  }

  /** Resolves when somebody goes to sleep after this call, or when {@link release} is called. */
  nextSleep(): Promise<void> {
    return new Promise((resolve) => {
      this.#slept.push(resolve)
    })
  }

  /** Wakes everybody, and lets go whoever waits for a sleep: for a job that is over and will never sleep again. */
  release(): void {
    for (const slept of this.#slept.splice(0)) slept()
    this.wake()
  }

  /** Wakes the job and waits until it sleeps again, or is over. */
  async turn(): Promise<void> {
    const slept = this.nextSleep()
    this.wake()
    await slept
  }

  sleep(_ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted === true) return resolve()
      signal?.addEventListener('abort', () => resolve(), { once: true })
      this.#sleepers.push(resolve)
      for (const slept of this.#slept.splice(0)) slept()
    })
  }

  yield(): Promise<void> {
    return systemClock.yield()
  }
}
