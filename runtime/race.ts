/**
 * `Promise.race` for promises that outlive many races, such as that a worker is lost.
 *
 * `Promise.race` leaves a reaction on every promise that did not win, and a reaction holds its race for as long as its promise is pending: who asks
 * a job ten times a second how it is would keep ten races a second. Here a promise gets one reaction, however often it runs, and a race that is
 * decided is taken off it.
 *
 * Before: whoever waits for an answer or an end. After: nothing.
 *
 * Invariant: of a race that is decided nothing is held by the promises that did not win.
 */

interface Race {
  resolve(value: unknown): void
  reject(error: unknown): void
}

const running = new WeakMap<Promise<unknown>, Set<Race>>()

/** Settles as the first of them does. */
export function race<const Runners extends readonly Promise<unknown>[]>(runners: Runners): Promise<Awaited<Runners[number]>> {
  const { promise, ...own } = Promise.withResolvers<unknown>()
  for (const runner of runners) racesOf(runner).add(own)
  const decided = promise.finally(() => {
    for (const runner of runners) running.get(runner)?.delete(own)
  })
  return decided as Promise<Awaited<Runners[number]>>
}

function racesOf(runner: Promise<unknown>): Set<Race> {
  const known = running.get(runner)
  if (known !== undefined) return known
  const races = new Set<Race>()
  running.set(runner, races)
  const end = (decide: (own: Race) => void) => {
    running.delete(runner)
    for (const own of races) decide(own)
  }
  runner.then(
    (value) => end((own) => own.resolve(value)),
    (error: unknown) => end((own) => own.reject(error)),
  )
  return races
}
