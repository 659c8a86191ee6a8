/**
 * A job under test: the whole of it (sources, stages, kernels, checkpoints), with time, watermarks and crashes in the hands of the test.
 *
 * Before: a job of the fluent API or of a plan. After: `start`, with a source, sinks and a clock of our own, on the inline host.
 *
 * Invariant: when a call has resolved, everything that follows from it has come out.
 */

import type { DeadLetter } from '../batch-builder.ts'
import type { CheckpointStore } from '../checkpoint/checkpoint-store.ts'
import type { JobStatus } from '../coordinator/job-status.ts'
import { type Duration, durationMs, DURATION_MS_MAX } from '../duration.ts'
import { ConfigError } from '../errors.ts'
import { Job, type SinkNames, type SinkRow, type SourceNames, type SourceRow } from '../pipeline-job.ts'
import { analyzePlan, loadPlan, type OperatorSpec } from '../plan.ts'
import { type Run, start, type StartOptions } from '../start.ts'
import { ManualClock } from './manual-clock.ts'
import { CrashOnPurpose, ScriptSource } from './script-source.ts'
import { type Result, TestSink } from './test-sink.ts'

export interface TestOptions extends Pick<StartOptions, 'keyGroupCount' | 'batchRows' | 'ringSlots' | 'memoryBytesMax'> {
  /** Subtasks of every window; default 1. */
  readonly parallelism?: number
  /** Splits of every source; default 1. `push` gives rows to the first, {@link TestHarness.pushToSplit} to any. */
  readonly splits?: number
  /**
   * Where watermarks come from. `manual` (default): from {@link TestHarness.advanceWatermark} alone, whatever the job declares.
   * `declared`: from the strategies of the job, by records and the clock.
   */
  readonly watermarks?: 'manual' | 'declared'
  /**
   * The clock at the beginning, ms since the epoch; default 0. Only a test that sets it can have records of the future: without it, the
   * guard against them is off unless the job asks for it, as dates of today are far in the future of 1970.
   */
  readonly startMs?: number
  /**
   * Whether windows and triggers by the clock that are due in a millisecond fire `after` it (default), when no record can come in it any more,
   * or already when the clock is set `at` it, as Flink's test harness has it.
   */
  readonly timers?: 'after' | 'at'
}

/** What a restart may change. */
export type RestartOptions = Pick<TestOptions, 'parallelism' | 'batchRows' | 'ringSlots'>

/** Times that the job may be idle before it counts as having done everything: once would do, were it not for promises of a sink or store. */
const IDLE_ROUNDS = 2

export class TestHarness<J extends Job = Job> {
  readonly #job: Job
  readonly #store: CheckpointStore
  readonly #clock: ManualClock
  readonly #sources: ReadonlyMap<string, ScriptSource>
  readonly #sinks: ReadonlyMap<string, TestSink>
  readonly #deadLetters: DeadLetter[] = []
  #options: TestOptions
  #run: Run | null = null
  #lastStatus: JobStatus | null = null
  /** Dead letters that a checkpoint covers; the others come again after a crash. */
  #coveredLetters = 0

  private constructor(job: J, store: CheckpointStore, options: TestOptions) {
    this.#job = options.watermarks === 'declared' ? (options.startMs === undefined ? withoutGuard(job) : job) : withManualWatermarks(job)
    this.#store = store
    this.#options = options
    this.#clock = new ManualClock({
      ...(options.startMs === undefined ? {} : { startMs: options.startMs }),
      ...(options.timers === undefined ? {} : { timers: options.timers }),
    })
    const { sources, sinks } = analyzePlan(this.#job.plan)
    this.#sources = new Map(sources.map(({ uid }) => [uid, new ScriptSource(options.splits)]))
    this.#sinks = new Map(sinks.map(({ name }) => [name, new TestSink()]))
  }

  /** Starts the job. `testJob` of `millrace/testing` does it with a store in memory. */
  static async start<J extends Job>(job: J, store: CheckpointStore, options: TestOptions = {}): Promise<TestHarness<J>> {
    const harness = new TestHarness<J>(job, store, options)
    await harness.#start('never')
    return harness
  }

  /** The clock that the job sees, ms since the epoch. */
  get nowMs(): number {
    return this.#clock.now()
  }

  /** Inputs that could not become records, and records on which a function threw, so far. */
  get deadLetters(): readonly DeadLetter[] {
    return this.#deadLetters
  }

  /** Gives rows to the job's only source, in this order. */
  push(...rows: readonly SourceRow<J, SourceNames<J>>[]): Promise<void> {
    return this.#push(this.#only('source', this.#sources), rows)
  }

  /** Gives rows to a source, in this order. */
  pushTo<N extends SourceNames<J>>(source: N, ...rows: readonly SourceRow<J, N>[]): Promise<void> {
    return this.#push(this.#named('source', source, this.#sources), rows)
  }

  /**
   * Gives rows to one split of the job's only source, or of `source`: for splits that are idle, ahead or behind.
   *
   * @param at - `split`: from 0 to `options.splits` less 1.
   * @throws RangeError for a split that there is not.
   */
  pushToSplit<N extends SourceNames<J>>(
    at: { readonly split: number; readonly source?: N },
    ...rows: readonly SourceRow<J, N>[]
  ): Promise<void> {
    const source = at.source === undefined ? this.#only('source', this.#sources) : this.#named('source', at.source, this.#sources)
    if (!Number.isInteger(at.split) || at.split < 0 || at.split >= source.splitCount) {
      throw new RangeError(`The source has splits 0 to ${source.splitCount - 1}, not ${at.split}: say how many with options.splits`)
    }
    return this.#push(source, rows, at.split)
  }

  async #push(source: ScriptSource, rows: readonly object[], split = 0): Promise<void> {
    this.#running()
    for (const row of rows) source.push(row, split)
    await this.#settle()
  }

  /**
   * Says that no more records with an event time ≤ `watermarkMs` are expected; +Infinity: none at all.
   *
   * @param source - Of a job with several sources, the one whose watermark it is. Default: of all.
   * @throws ConfigError `WATERMARK_NOT_MANUAL` when the job makes its watermarks itself.
   */
  async advanceWatermark(watermarkMs: number, source?: SourceNames<J>): Promise<void> {
    this.#running()
    if (this.#options.watermarks === 'declared') {
      throw new ConfigError(
        'WATERMARK_NOT_MANUAL',
        "Cannot advance the watermark: this test has the job make its watermarks itself; leave out watermarks: 'declared'",
      )
    }
    const sources = source === undefined ? [...this.#sources.values()] : [this.#named('source', source, this.#sources)]
    for (const each of sources) each.watermark(watermarkMs)
    await this.#settle()
  }

  /** Lets the host's clock go on: processing-time windows and triggers, idleness and whatever else goes by it take notice. */
  async advanceTime(by: Duration): Promise<void> {
    this.#running()
    this.#clock.advance(durationMs(by, { of: 'the time to pass' }))
    await this.#settle()
  }

  /** Takes a checkpoint: what {@link crash} goes back to. */
  async checkpoint(): Promise<void> {
    const run = this.#running()
    const taken = run.checkpoint()
    let isDone = false
    void taken.finally(() => {
      isDone = true
    })
    while (!isDone) await this.#turn(run)
    if (!(await taken)) throw new ConfigError('CHECKPOINT_FAILED', 'The checkpoint of the job under test was not completed')
    this.#coveredLetters = this.#deadLetters.length
    await this.#settle()
  }

  /** Stops the job with a checkpoint and starts it again from there, with another parallelism perhaps. */
  async restart(options: RestartOptions = {}): Promise<void> {
    const run = this.#running()
    await this.#settle()
    const stopped = run.stop()
    await this.#until(run, stopped)
    this.#coveredLetters = this.#deadLetters.length
    this.#options = { ...this.#options, ...options }
    await this.#start('always')
  }

  /**
   * Lets the job crash and starts it again: from the newest checkpoint, or from the beginning if there is none. Rows and watermarks since
   * then come again; results since then are taken back, and come again as well.
   */
  async crash(options: RestartOptions = {}): Promise<void> {
    const run = this.#running()
    for (const source of this.#sources.values()) source.crash()
    try {
      await this.#until(run, run.finished)
    } catch (error) {
      if (!isOnPurpose(error)) throw error
    }
    this.#deadLetters.length = this.#coveredLetters
    this.#options = { ...this.#options, ...options }
    await this.#start('auto')
  }

  /** Ends the sources: all windows fire, and the job ends. Results stay to be looked at. */
  async end(): Promise<JobStatus> {
    const run = this.#running()
    for (const source of this.#sources.values()) source.end()
    await this.#until(run, run.finished)
    this.#lastStatus = await run.finished
    this.#run = null
    return this.#lastStatus
  }

  /** Stops the job if it runs. */
  async close(): Promise<void> {
    const run = this.#run
    this.#run = null
    if (run === null) return
    const stopped = run.stop()
    await this.#until(run, stopped).catch(() => {})
  }

  /** All results of a sink so far, with the pane each comes from. `sink`: of a job with several sinks, which. */
  results<N extends SinkNames<J>>(sink?: N): readonly Result<SinkRow<J, N>>[] {
    // The rows have the types that the plan derives for the sink.
    return [...this.#sink(sink).results] as Result<SinkRow<J, N>>[]
  }

  /** The results since the last call for this sink. */
  take<N extends SinkNames<J>>(sink?: N): readonly Result<SinkRow<J, N>>[] {
    const found = this.#sink(sink)
    const taken = found.results.slice(found.takenCount)
    found.takenCount = found.results.length
    return taken as Result<SinkRow<J, N>>[]
  }

  /** The rows alone. */
  rows<N extends SinkNames<J>>(sink?: N): readonly SinkRow<J, N>[] {
    return this.results(sink).map(({ row }) => row)
  }

  /** Everything that the job says of itself: counters of windows, watermarks, checkpoints. */
  async status(): Promise<JobStatus> {
    return this.#run === null ? this.#lastStatus! : this.#run.status()
  }

  async #start(resume: 'auto' | 'always' | 'never'): Promise<void> {
    const { keyGroupCount, batchRows, ringSlots, memoryBytesMax, parallelism } = this.#options
    this.#run = await start(this.#job, {
      ...(keyGroupCount === undefined ? {} : { keyGroupCount }),
      ...(batchRows === undefined ? {} : { batchRows }),
      ...(ringSlots === undefined ? {} : { ringSlots }),
      ...(memoryBytesMax === undefined ? {} : { memoryBytesMax }),
      ...(parallelism === undefined ? {} : { parallelism }),
      host: 'inline',
      clock: this.#clock,
      sources: Object.fromEntries(this.#sources),
      sinks: Object.fromEntries(this.#sinks),
      // Only when the test says so.
      checkpoints: { store: this.#store, every: DURATION_MS_MAX, resume },
      restart: false,
      onDeadLetter: (letter) => this.#deadLetters.push(letter),
      onWarning: () => {},
    })
    await this.#settle()
  }

  /** Lets the job run until it has nothing more to do. @throws the error it failed with */
  async #settle(): Promise<void> {
    const run = this.#running()
    for (let round = 0; round < IDLE_ROUNDS; round++) await this.#turn(run)
  }

  /** Wakes the job and waits until it sleeps again, or is over. */
  async #turn(run: Run): Promise<void> {
    await Promise.race([this.#clock.turn(), run.finished])
    // What the job waits for, such as a hash of a checkpoint, may need the event loop.
    await this.#clock.yield()
  }

  /** Lets the job run until it is over. */
  async #until(run: Run, done: Promise<unknown>): Promise<void> {
    let isDone = false
    const mark = () => {
      isDone = true
    }
    done.then(mark, mark)
    while (!isDone) {
      await this.#turn(run).catch(() => this.#clock.yield())
    }
    await done
  }

  #running(): Run {
    if (this.#run === null) throw new ConfigError('JOB_CLOSED', 'The job under test has ended: start another one')
    return this.#run
  }

  #sink(name: string | undefined): TestSink {
    return name === undefined ? this.#only('sink', this.#sinks) : this.#named('sink', name, this.#sinks)
  }

  #only<T>(kind: string, all: ReadonlyMap<string, T>): T {
    const [first, second] = all.values()
    if (first !== undefined && second === undefined) return first
    throw new ConfigError('BINDING_AMBIGUOUS', `The job has several ${kind}s: say which of ${[...all.keys()].join(', ')}`)
  }

  #named<T>(kind: string, name: string, all: ReadonlyMap<string, T>): T {
    const found = all.get(name)
    if (found !== undefined) return found
    throw new ConfigError('BINDING_UNKNOWN', `The job has no ${kind} ${name}; it has ${[...all.keys()].join(', ')}`)
  }
}

/** The same job, with watermarks that only come from outside. */
function withManualWatermarks(job: Job): Job {
  const operators = job.plan.operators.map((spec): OperatorSpec => {
    if (spec.op !== 'eventTime') return spec
    return { ...spec, watermark: { kind: 'manual', everyRecords: spec.watermark.everyRecords, maxFutureSkewMs: null } }
  })
  return new Job(loadPlan({ ...job.plan, operators }, job.functions), job.functions)
}

/** The job, with no guard against records of the future but where it is declared. */
function withoutGuard(job: Job): Job {
  const operators = job.plan.operators.map((spec): OperatorSpec => {
    if (spec.op !== 'eventTime' || spec.watermark.maxFutureSkewMs !== undefined) return spec
    return { ...spec, watermark: { ...spec.watermark, maxFutureSkewMs: null } }
  })
  return new Job(loadPlan({ ...job.plan, operators }, job.functions), job.functions)
}

function isOnPurpose(error: unknown): boolean {
  return error instanceof Error && (error instanceof CrashOnPurpose || isOnPurpose(error.cause))
}
