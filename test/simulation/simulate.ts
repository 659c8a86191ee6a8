/**
 * Lives one scenario: a run without faults for what must come out, then life after life of the same job over one store and one set of
 * sinks, each killed, failed or stopped somewhere, and a last one that may end.
 *
 * Before: a seed, and maybe a planted bug. After: simulation.test.ts and main.ts look at the result.
 * One thread, one virtual clock; hashing is made synchronous, so that nothing but the seed decides the order of anything.
 *
 * Invariant: two runs of one seed have the same trace.
 */

import { createHash } from 'node:crypto'
import { memoryCheckpoints } from '../../adapters/memory-store.ts'
import { Exchange } from '../../runtime/coordinator/exchange.ts'
import type { JobStatus } from '../../runtime/coordinator/job-status.ts'
import { MillraceError } from '../../runtime/errors.ts'
import { fromPlan } from '../../runtime/pipeline.ts'
import { RingProducer } from '../../runtime/ring/spsc-ring.ts'
import type { RecordBatch, RowObject } from '../../runtime/record-batch.ts'
import { rowsSource } from '../../runtime/source/rows-source.ts'
import { collectSink } from '../../runtime/sink/callback-sink.ts'
import { paneOf } from '../../runtime/sink/pane.ts'
import type { Sink } from '../../runtime/sink/sink.ts'
import type { Source } from '../../runtime/source/source.ts'
import { type Run, start } from '../../runtime/start.ts'
import { Subtask } from '../../runtime/subtask/subtask.ts'
import type { ActualRow } from '../oracle/panes/compare.ts'
import type { PaneOutcome } from '../property/pane-run.ts'
import { Prng } from '../support/prng.ts'
import { drive } from '../support/virtual-clock.ts'
import type { PlantedBug } from './planted-bugs.ts'
import { type LifePlan, type Scenario, scenarioOf } from './scenario.ts'
import { SinkDisk, simSink } from './sim-sink.ts'
import { simSource } from './sim-source.ts'
import { isOlder, SimStore } from './sim-store.ts'
import { Crashed, Life, NO_FAULTS, type Situation, World } from './world.ts'

export interface SeedResult {
  readonly seed: number
  /** Why the laws were broken; empty is good. */
  readonly violations: readonly string[]
  readonly traceHash: string
  readonly seen: ReadonlyMap<Situation, number>
  readonly lives: number
}

/** A job that has done nothing for so long hangs. Virtual milliseconds. */
const SILENCE_MS = 5_000
const TRACE_MAX = 200_000
/** How a simulated trouble may end a life; any other error is a defect. */
const EXPECTED = new Set(['SIM_SOURCE', 'SIM_SINK', 'STORE_UNAVAILABLE', 'STORE_FULL', 'FINAL_CHECKPOINT_FAILED'])
const EXPECTED_OF_ZOMBIES = new Set([...EXPECTED, 'JOB_FENCED', 'SIM_SINK_FENCED'])

let observed: { readonly world: World; life: Life | null } | null = null
let isPrepared: Promise<void> | null = null

/** Makes hashing synchronous, has rings and subtasks report what is worth seeing, and compiles the kernel. Once for each process. */
function prepare(): Promise<void> {
  isPrepared ??= (async () => {
    Object.defineProperty(crypto.subtle, 'digest', {
      value: (_: string, data: Uint8Array) => Promise.resolve(new Uint8Array(createHash('sha256').update(data).digest()).buffer),
      configurable: true,
    })
    const claim = RingProducer.prototype.claim
    RingProducer.prototype.claim = function observedClaim() {
      const slot = claim.call(this)
      if (slot < 0 && observed?.life != null) {
        observed.world.saw('ring full')
        if (observed.life.phase === 'barrier') observed.world.saw('ring full at a barrier')
      }
      return slot
    }
    const step = Subtask.prototype.step
    Subtask.prototype.step = function observedStep() {
      const before = observed === null ? 0 : this.counters().lateUpdates
      const state = step.call(this)
      if (state === 'blocked' && observed !== null) {
        observed.world.saw('output full')
        if (this.counters().lateUpdates > before) observed.world.saw('late refire suspended by full output')
      }
      return state
    }
    const barrier = Exchange.prototype.barrier
    Exchange.prototype.barrier = function observedBarrier(checkpointId) {
      if (!this.isBehindMark && observed !== null) observed.world.hadUnmarkedBarrier = true
      barrier.call(this, checkpointId)
    }
    // Compiles the kernel and loads what is loaded on demand: nothing is left that the machine's event loop would have to be waited for.
    const { plan, sinkNames } = scenarioOf(new Prng(1))
    const sinks = Object.fromEntries(sinkNames.map((name) => [name, collectSink()]))
    const run = await start(fromPlan(plan), {
      host: 'inline',
      sources: { in: rowsSource([]) },
      sinks,
      checkpoints: { store: memoryCheckpoints() },
    })
    await run.finished
  })()
  return isPrepared
}

/** Lives the scenario of a seed. */
export async function simulate(seed: number, bug: PlantedBug | null = null): Promise<SeedResult> {
  await prepare()
  await bug?.prepare?.()
  const prng = new Prng(seed)
  const scenario = scenarioOf(prng)
  const world = new World(prng)
  let uninstall = () => {}
  let lives = 0
  try {
    const expected = await withoutFaults(scenario)
    observed = { world, life: null }
    uninstall = bug?.install?.() ?? uninstall
    lives = await liveAll(scenario, world, expected, bug)
  } catch (error) {
    world.violation(
      error instanceof Error
        ? `${error.name} ${(error as Partial<MillraceError>).code ?? ''}: ${error.message}\n${error.stack ?? ''}`
        : String(error),
    )
  } finally {
    uninstall()
    observed = null
  }
  return { seed, violations: world.violations, traceHash: world.traceHash, seen: world.seen, lives }
}

interface Expected {
  readonly lines: ReadonlyMap<string, readonly string[]>
  readonly status: JobStatus
}

/** The same job with other batches and rings, in order, at once, without checkpoints. */
async function withoutFaults(scenario: Scenario): Promise<Expected> {
  const world = new World(new Prng(0))
  const life = new Life(world, new Prng(0), NO_FAULTS, null)
  const disks = new Map(scenario.sinkNames.map((name) => [name, new SinkDisk(name, world)]))
  const outcome = new Outcome()
  const run = await start(fromPlan(scenario.plan, scenario.functions as never), {
    host: 'inline',
    parallelism: scenario.parallelism,
    keyGroupCount: scenario.keyGroupCount,
    batchRows: 4096,
    ringSlots: 16,
    sources: { in: splitRows(scenario) },
    sinks: Object.fromEntries([...disks].map(([name, disk]) => [name, watched(simSink(life, disk), (batch) => outcome.take(name, batch))])),
  })
  const status = await run.finished
  const why = scenario.oracle?.(outcome.of(status))
  if (why != null) throw new Error(`the run without faults is not what the oracle says: ${why}`)
  return { lines: new Map([...disks].map(([name, disk]) => [name, disk.lines])), status }
}

/** What the oracle is shown of a run. */
class Outcome {
  readonly #rows: ActualRow[] = []
  readonly #late: RowObject[] = []

  take(sinkName: string, batch: RecordBatch): void {
    for (let row = 0; row < batch.rowCount; row++) {
      if (sinkName === 'late') this.#late.push(batch.row(row))
      else this.#rows.push({ row: batch.row(row), ...paneOf(batch, row) })
    }
  }

  of({ windows, deadLetters }: JobStatus): PaneOutcome {
    const { late, outside, closed, results } = windows[0]!
    return { rows: this.#rows, late: this.#late, counts: { late, outside, closed, results }, deadLetters }
  }
}

/** The sink, with someone who sees what is written. */
function watched(sink: Sink, see: (batch: RecordBatch) => void): Sink {
  return {
    ...sink,
    async open(context) {
      const writer = await sink.open(context)
      const write: typeof writer.write = (batch) => {
        see(batch)
        return writer.write(batch)
      }
      return { ...writer, write }
    },
  }
}

/** All splits of the scenario as plain rows, one after the other as fast as they come. */
function splitRows({ splits, isLive, endsApart }: Scenario): Source {
  return {
    kind: 'rows',
    isReplayable: true,
    isBounded: !isLive,
    splits: async (context) => {
      const all = await Promise.all(splits.map((rows) => rowsSource(rows).splits(context)))
      return all.map(([split], index) => ({
        splitId: `split-${index}`,
        async open(position) {
          const reader = await split!.open(position)
          let wasAtEnd = splits[index]!.length === 0
          return {
            ...reader,
            read(builder, rowsMax) {
              const result = reader.read(builder, rowsMax)
              if (result !== 'end' || wasAtEnd || !endsApart) return result
              wasAtEnd = true
              return 'more'
            },
          }
        },
      }))
    },
  }
}

async function liveAll(scenario: Scenario, world: World, expected: Expected, bug: PlantedBug | null): Promise<number> {
  const store = new SimStore(world)
  const disks = new Map(scenario.sinkNames.map((name) => [name, new SinkDisk(name, world)]))
  if (scenario.splits.length > 1) world.saw('several splits')
  if (scenario.isLive) world.saw('live source')
  const zombies: Life[] = []
  let parallelismBefore = 0
  for (let index = 0; ; index++) {
    const plan = scenario.lives[Math.min(index, scenario.lives.length - 1)]!
    if (index > scenario.lives.length) throw new Error('the last life did not end')
    if (plan.damagesNewest && index > 0 && zombies.every(({ isDead }) => isDead) && (await store.damageNewest(world.prng))) {
      world.saw('damaged newest checkpoint, older one used')
      for (const disk of disks.values()) disk.mayRollBack = true
    }
    if (parallelismBefore !== 0 && plan.parallelism !== parallelismBefore) world.saw('restart with another parallelism')
    parallelismBefore = plan.parallelism
    world.note(`life ${index}`)
    const life = new Life(world, new Prng(world.prng.int(2 ** 31)), plan.rates, plan.crash)
    observed = { world, life }
    const status = await live(scenario, plan, life, store, disks, bug)
    if (!life.isZombie) life.kill()
    else zombies.push(life)
    // A zombie lives on for a while beside the next life, no longer.
    for (const zombie of zombies.slice(0, -1)) zombie.kill()
    if (!life.isZombie) for (const zombie of zombies) zombie.kill()
    if (zombies.every(({ isDead }) => isDead)) await store.checkAcknowledged()
    if (status?.state === 'ended') {
      for (const zombie of zombies) zombie.kill()
      compare(scenario, world, expected, status, disks)
      return index + 1
    }
    if (store.acknowledged === null) world.saw('crash before the first checkpoint')
    if (life.phase === 'ended') world.saw('crash between the last checkpoint and finish')
  }
}

/** One life. @returns its last status when it ended or was stopped; null when it crashed or failed as simulated. */
async function live(
  scenario: Scenario,
  plan: LifePlan,
  life: Life,
  store: SimStore,
  disks: ReadonlyMap<string, SinkDisk>,
  bug: PlantedBug | null,
): Promise<JobStatus | null> {
  const { world } = life
  const isStuck = () => {
    if (world.timeline.nowMs - world.lastActivityMs > SILENCE_MS) return `the job hangs: nothing has happened for ${SILENCE_MS} ms`
    return world.traceLength > TRACE_MAX ? 'the job never ends' : null
  }
  const acknowledged = store.acknowledged
  const source = simSource(life, scenario)
  let run: Run | null = null
  const lived = (async () => {
    run = await start(fromPlan(scenario.plan, scenario.functions as never), {
      host: 'inline',
      parallelism: plan.parallelism,
      keyGroupCount: scenario.keyGroupCount,
      batchRows: plan.batchRows,
      ringSlots: plan.ringSlots,
      clock: life.clock,
      scheduler: scheduler(life, plan),
      onWarning: () => {},
      sources: { in: bug?.source?.(source, life) ?? source },
      sinks: Object.fromEntries(
        [...disks].map(([name, disk]) => [name, bug?.sink?.(simSink(life, disk), disk, life) ?? simSink(life, disk)]),
      ),
      checkpoints: {
        store: bug?.store?.(store.forLife(life), store, life) ?? store.forLife(life),
        every: plan.everyMs,
        tolerableFailures: 5,
      },
    })
    life.phase = 'idle'
    askFor(run, plan, life)
    return run.finished
  })()
  const outcome = lived.then(
    (status) => ({ status, error: null }),
    (error: unknown) => ({ status: null, error }),
  )
  void outcome.then(({ error }) => {
    // A zombie may also be refused; whatever becomes of it later is judged here.
    if (life.isZombie && error !== null && !isExpected(error, EXPECTED_OF_ZOMBIES)) world.violation(`a zombie failed with ${String(error)}`)
  })
  await drive(world.timeline, Promise.race([outcome, life.crashed]), isStuck)
  if (life.isDead || life.isZombie) return null
  const { status, error } = await outcome
  if (error !== null) {
    const hasZombie = world.seen.has('zombie runs on beside its successor')
    if (!isExpected(error, hasZombie ? EXPECTED_OF_ZOMBIES : EXPECTED)) throw error
    world.note(`failed ${(error as MillraceError).code}`)
    return null
  }
  if (acknowledged !== null && (status!.recoveredFrom === null || isOlder(status!.recoveredFrom, acknowledged))) {
    world.violation(`the job went on from ${JSON.stringify(status!.recoveredFrom)} though ${JSON.stringify(acknowledged)} was acknowledged`)
  }
  return status
}

function isExpected(error: unknown, codes: ReadonlySet<string>): boolean {
  return (
    error instanceof Crashed ||
    (error instanceof Error && error.cause instanceof Crashed) ||
    (error instanceof MillraceError && codes.has(error.code))
  )
}

/** Tasks and subtasks in any order, some left out, some twice. */
function scheduler(life: Life, { starve }: LifePlan): (count: number) => number[] {
  const { prng } = life
  return (count) => {
    life.point('schedule')
    const order = Array.from({ length: count }, (_, index) => index).filter(() => prng.next() >= starve)
    for (let at = order.length - 1; at > 0; at--) {
      const other = prng.int(at + 1)
      const swapped = order[at]!
      order[at] = order[other]!
      order[other] = swapped
    }
    if (order.length > 0 && prng.int(4) === 0) order.push(prng.pick(order))
    return order
  }
}

function askFor(run: Run, { demandAtMs, stopAtMs }: LifePlan, life: Life): void {
  const { world } = life
  if (demandAtMs !== null) {
    world.timeline.after(demandAtMs, () => {
      if (life.isDead) return
      run.checkpoint().then(
        (isComplete) => {
          if (isComplete) world.saw('checkpoint on demand')
        },
        () => {},
      )
    })
  }
  if (stopAtMs !== null) {
    world.timeline.after(stopAtMs, () => {
      if (life.isDead) return
      run.stop().then(
        ({ state }) => {
          if (state === 'stopped') world.saw('stop and go on')
        },
        () => {},
      )
    })
  }
}

function compare(scenario: Scenario, world: World, expected: Expected, status: JobStatus, disks: ReadonlyMap<string, SinkDisk>): void {
  const { recordsIn, filtered, deadLetters } = status
  for (const window of status.windows) {
    // Windows behind a filter of their own count fewer: what entered is what they say, and it must divide without a rest.
    if (window.processed + window.late !== window.recordsIn)
      world.violation(`window ${window.uid}: ${window.processed} processed + ${window.late} late are not ${window.recordsIn}`)
  }
  for (const [name, disk] of disks) if (!disk.isFinished) world.violation(`sink ${name} was not finished`)
  if (scenario.comparison === 'counts') {
    const wanted = expected.status
    if (recordsIn !== wanted.recordsIn || filtered !== wanted.filtered || deadLetters !== wanted.deadLetters)
      world.violation(`counts differ: ${counts(status)}; without faults ${counts(wanted)}`)
    return
  }
  if (counts(status) !== counts(expected.status))
    world.violation(`counts differ: ${counts(status)}; without faults ${counts(expected.status)}`)
  for (const [name, disk] of disks) {
    const inOrder = (all: readonly string[]) =>
      scenario.comparison === 'every byte' && !world.hadUnmarkedBarrier ? all : byKey(all, scenario.keyColumns.get(name)!)
    const lines = inOrder(disk.lines)
    const wanted = inOrder(expected.lines.get(name)!)
    const at = Array.from({ length: Math.max(lines.length, wanted.length) }, (_, index) => index).find(
      (index) => lines[index] !== wanted[index],
    )
    if (at !== undefined)
      world.violation(
        `sink ${name}: line ${at} of ${lines.length} is ${lines[at] ?? 'missing'}; ` +
          `without faults (${wanted.length} lines) ${wanted[at] ?? 'nothing'}`,
      )
  }
}

/** Lines of one key behind each other, in their order; without key columns that mean anything, sorted. */
function byKey(lines: readonly string[], columns: readonly number[] | null): readonly string[] {
  if (columns === null) return lines.toSorted()
  const keyOf = (line: string) => {
    const cells = JSON.parse(line) as readonly unknown[]
    return JSON.stringify(columns.map((column) => cells[column]))
  }
  return lines
    .map((line) => ({ line, key: keyOf(line) }))
    .sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
    .map(({ line }) => line)
}

function counts({ recordsIn, filtered, late, deadLetters, windows }: JobStatus): string {
  const parts = windows.map(({ uid, recordsIn: entered, processed, results, lateUpdates, outside, closed }) => ({
    uid,
    entered,
    processed,
    results,
    lateUpdates,
    outside,
    closed,
  }))
  return JSON.stringify({ recordsIn, filtered, late, deadLetters, windows: parts })
}
