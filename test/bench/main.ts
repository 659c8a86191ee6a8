/**
 * `npm run bench`: W1 through the product's own kernel and through the whole job, beside a native baseline where one can be built.
 *
 * Contestants take turns in every round, so that a machine whose speed drifts slows all alike; medians and ratios are printed.
 * `npm run bench -- --quick` runs fewer events and rounds.
 */

import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { runJob } from './job-run.ts'
import { type Native, prepareNative, w1Columns } from './input.ts'
import { KernelRun } from './kernel-run.ts'
import { PANE_JOBS, W1 } from './window-jobs.ts'

const { values: flags } = parseArgs({ options: { quick: { type: 'boolean', default: false }, rounds: { type: 'string' } } })
const ROWS = flags.quick ? 4_000_000 : 16_000_000
const ROUNDS = Number(flags.rounds ?? (flags.quick ? 3 : 5))

const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1]!

/** Runs each contestant once a round after one warm-up round; medians by name. */
async function takeTurns(contestants: Readonly<Record<string, () => number | Promise<number>>>): Promise<Map<string, number>> {
  const times = new Map<string, number[]>(Object.keys(contestants).map((name) => [name, []]))
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [name, run] of Object.entries(contestants)) {
      const nanoseconds = await run()
      if (round > 0) times.get(name)!.push(nanoseconds)
    }
  }
  return new Map([...times].map(([name, list]) => [name, median(list)]))
}

const line = (...cells: (string | number)[]) =>
  console.log(cells.map((cell, index) => (index === 0 ? String(cell).padEnd(44) : String(cell).padStart(12))).join(' '))
const ns = (value: number | undefined) => (value === undefined ? '-' : value.toFixed(2))
const ratio = (a: number | undefined, b: number | undefined) => (a === undefined || b === undefined ? '-' : `${(a / b).toFixed(2)}x`)
const rate = (value: number) => `${(1000 / value).toFixed(0)} M/s`

const native: Native = prepareNative()
console.log(
  `millrace bench: ${cpus()[0]?.model ?? 'unknown CPU'}, ${cpus().length} cores, Node ${process.version}, ${ROWS / 1e6} M events, median of ${ROUNDS} rounds`,
)
console.log(native.kind === 'ready' ? 'native: C, gcc -O3 -march=native, best variant' : `native: none, ${native.why}`)

console.log('\nW1, tumbling 1 s, count sum min max, kernel alone (columns in the ring)')
line('', 'ns/event', 'native', 'ratio')
// The native program's fastest design for each number of keys.
const variants: Readonly<Record<number, string>> = { 16: '12', 1024: '12', 65536: '56', 1048576: '46' }
for (const keyCount of [16, 1024, 65_536, 1_048_576]) {
  for (const disorder of ['d0', 'd20'] as const) {
    const kernel = new KernelRun(w1Columns(native, ROWS, keyCount, disorder), { keyCount, sizeMs: 1000, slideMs: 1000 })
    const result = await takeTurns({
      kernel: () => kernel.run(),
      ...(native.kind === 'ready' ? { native: () => native.run(keyCount, disorder, variants[keyCount]!) } : {}),
    })
    line(
      `K=${keyCount} ${disorder === 'd0' ? 'in order' : '20 % disorder'}`,
      ns(result.get('kernel')),
      ns(result.get('native')),
      ratio(result.get('kernel'), result.get('native')),
    )
  }
}

console.log('\nSliding 60 s / 1 s against tumbling 1 s, kernel alone, K=1024, 20 % disorder')
{
  const columns = w1Columns(native, ROWS, 1024, 'd20')
  const tumbling = new KernelRun(columns, { keyCount: 1024, sizeMs: 1000, slideMs: 1000 })
  const sliding = new KernelRun(columns, { keyCount: 1024, sizeMs: 60_000, slideMs: 1000 })
  const result = await takeTurns({ tumbling: () => tumbling.run(), sliding: () => sliding.run() })
  line('', 'ns/event', 'ratio')
  line('tumbling 1 s', ns(result.get('tumbling')))
  line('sliding 60 s / 1 s', ns(result.get('sliding')), ratio(result.get('sliding'), result.get('tumbling')))
}

console.log('\nWhole job by the public API: columns -> router -> rings -> workers -> windows -> sink, K=1024, 20 % disorder')
{
  const columns = w1Columns(native, ROWS, 1024, 'd20')
  const quarter = w1Columns(native, ROWS / 4, 1024, 'd20')
  const result = await takeTurns({
    'shared, parallelism 1': () => runJob(W1, columns, { host: 'shared', parallelism: 1 }),
    'the same, a quarter of the events': () => runJob(W1, quarter, { host: 'shared', parallelism: 1 }),
    'shared, parallelism 2': () => runJob(W1, columns, { host: 'shared', parallelism: 2 }),
    'transferred, parallelism 1': () => runJob(W1, columns, { host: 'transferred', parallelism: 1 }),
    'transferred, parallelism 2': () => runJob(W1, columns, { host: 'transferred', parallelism: 2 }),
    inline: () => runJob(W1, columns, { host: 'inline', parallelism: 1 }),
  })
  line('', 'ns/event', 'rate', 'of inline')
  for (const [name, value] of result) line(name, ns(value), rate(value), ratio(value, result.get('inline')))
  // What the later three quarters cost: without what a start costs (pages touched for the first time, compilers).
  const later = (result.get('shared, parallelism 1')! * 4 - result.get('the same, a quarter of the events')!) / 3
  line('shared, parallelism 1, once under way', ns(later), rate(later))
}

console.log('\nWindows of the pane kernel, whole job, inline, K=1024, 20 % disorder')
{
  const columns = w1Columns(native, ROWS / 8, 1024, 'd20')
  const plain = 'tumbling 1 s (slice kernel)'
  const inline = { host: 'inline', parallelism: 1 } as const
  const contestants = Object.entries({ [plain]: W1, ...PANE_JOBS }).map(
    ([name, job]) => [name, () => runJob(job, columns, inline)] as const,
  )
  const result = await takeTurns(Object.fromEntries(contestants))
  line('', 'ns/event', 'ratio')
  for (const [name, value] of result) line(name, ns(value), ratio(value, result.get(plain)))
}
