/**
 * The boundary table of GUIDE.md: what happens at exactly the start and the end of a window, of every kind that differs.
 *
 * Before: `millrace/testing`. After: `guide-claims.test.ts`.
 *
 * The window is [0, 10 s) in all of them; the session has it from records at 0 and 5 s with a gap of 5 s. Lateness is 5 s.
 * Invariant: every cell is an observation of a job of its own.
 */

import { type TestHarness, testJob } from '../../../adapters/testing.ts'
import { count, countTumbling, session, tumbling } from '../../../runtime/index.ts'
import { at, readings } from './pictures.ts'

const START = 0
const END = 10_000
const LATENESS = 5_000

interface Kind {
  /** Starts a job with a window [0, 10 s) that has two records. */
  start(): Promise<TestHarness>
  /** Gives a record of a moment. */
  record(test: TestHarness, ms: number): Promise<void>
  /** Lets time come to a moment. */
  time(test: TestHarness, ms: number): Promise<void>
}

const byRecord = (test: TestHarness, ms: number) => test.push(...at(ms / 1000))

async function begun(declared: 'time' | 'session' | 'count'): Promise<TestHarness> {
  const window = { time: tumbling('10s'), session: session('5s'), count: countTumbling(3) }[declared]
  const windowed = readings().window(window)
  const lateness = declared === 'count' ? windowed : windowed.allowedLateness(LATENESS)
  const test: TestHarness = await testJob(lateness.aggregate({ n: count() }).sink('out'))
  await test.push(...at(0, 5))
  return test
}

const byWatermark = (declared: 'time' | 'session' | 'count'): Kind => ({
  start: () => begun(declared),
  record: byRecord,
  time: (test, ms) => test.advanceWatermark(ms),
})

/** The clock shows 1,000,000 s at the beginning, which is a multiple of the size: times are from there. */
const CLOCK_START = 1_000_000_000
const byClock: Kind = {
  async start() {
    const job = readings().window(tumbling('10s')).processingTime().aggregate({ n: count() }).sink('out')
    const test: TestHarness = await testJob(job, { startMs: CLOCK_START - 1 })
    return test
  },
  async record(test, ms) {
    if (ms >= START) await this.time(test, START)
    if (ms >= START) await test.push(...at(0, 5))
    await this.time(test, ms)
    await test.push(...at(77))
    if (ms < START) await this.time(test, START)
    if (ms < START) await test.push(...at(0, 5))
  },
  async time(test, ms) {
    const byMs = CLOCK_START + ms - test.nowMs
    if (byMs > 0) await test.advanceTime(byMs)
  },
}

const KINDS: readonly Kind[] = [byWatermark('time'), byWatermark('session'), byWatermark('count'), byClock]

/** Whether a record of a moment is in the window that has the two others. */
async function place(kind: Kind, ms: number): Promise<string> {
  const test = await kind.start()
  await kind.record(test, ms)
  await test.end()
  const counts = test.rows().map((row) => Number((row as { n: number }).n))
  return counts.length === 1 && counts[0] === 3 ? 'in it' : 'not in it'
}

/** What the window does when time comes to a moment. */
async function firing(kind: Kind, ms: number): Promise<string> {
  const test = await kind.start()
  if (kind === byClock) await kind.record(test, START)
  await kind.time(test, ms)
  const fired = test.take().length > 0
  await test.close()
  return fired ? 'has fired' : 'open'
}

/** What becomes of a record that belongs to the window, at 3 s, and comes when time is at a moment. */
async function lateness(kind: Kind, ms: number): Promise<string> {
  const test = await kind.start()
  if (kind === byClock) {
    await kind.record(test, START)
    await kind.time(test, ms)
    test.take()
    await test.push(...at(3))
    await test.end()
    return test.take().length === 0 ? 'late' : 'in the window of that moment'
  }
  await kind.time(test, ms)
  test.take()
  await kind.record(test, 3_000)
  const corrected = test.take()
  const { late } = (await test.status()).windows[0]!
  await test.close()
  if (late > 0) return 'late'
  return corrected.some(({ pane }) => pane.timing === 2) ? 'corrects at once' : 'in it'
}

const rows: readonly (readonly [string, (kind: Kind) => Promise<string>])[] = [
  ['a record at start − 1 ms', (kind) => place(kind, START - 1)],
  ['a record at start', (kind) => place(kind, START)],
  ['a record at end − 1 ms', (kind) => place(kind, END - 1)],
  ['a record at end', (kind) => place(kind, END)],
  ['a record at end + 1 ms', (kind) => place(kind, END + 1)],
  ['time comes to end − 2 ms', (kind) => firing(kind, END - 2)],
  ['time comes to end − 1 ms', (kind) => firing(kind, END - 1)],
  ['time comes to end', (kind) => firing(kind, END)],
  ['a record for it, time is end − 2 ms', (kind) => lateness(kind, END - 2)],
  ['a record for it, time is end − 1 ms', (kind) => lateness(kind, END - 1)],
  ['a record for it, time is end − 1 ms + lateness − 1 ms', (kind) => lateness(kind, END - 1 + LATENESS - 1)],
  ['a record for it, time is end − 1 ms + lateness', (kind) => lateness(kind, END - 1 + LATENESS)],
]

export async function boundaries(): Promise<readonly (readonly string[])[]> {
  const head = ['At exactly', 'Windows of time', 'Sessions', 'Count windows', 'By the clock']
  const body: string[][] = []
  for (const [name, probe] of rows) {
    const cells: string[] = []
    for (const kind of KINDS) cells.push(await probe(kind))
    body.push([name, ...cells])
  }
  return [head, ...body]
}
