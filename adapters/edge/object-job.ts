/**
 * A job that lives in a Durable Object: driven entry by entry from the object's log, at rest between two calls.
 *
 * Before: requests, messages and alarms (durable-job) append to the log. After: the engine on the inline host, whose results lie in the result log.
 *
 * The job sees nothing but the log: its rows and its times. So after an eviction or a crash the newest checkpoint and the entries behind it give the
 * same job again, results included. No timer runs and nothing waits between two calls, so the object can be put to sleep.
 *
 * Invariant: when {@link ObjectJob.drive} has resolved, everything that follows from the log has come out.
 */

import { systemClock } from '../../runtime/clock.ts'
import { DURATION_MS_MAX } from '../../runtime/duration.ts'
import { ConfigError, type JobStatus, JobStateError, MillraceError, type Run, type Sink, start } from '../../runtime/index.ts'
import { durableObjectCheckpoints } from '../durable-object-store.ts'
import { epochIn } from '../durable-object/sql-session.ts'
import { makeTables } from '../durable-object/tables.ts'
import { dueTime } from './due-time.ts'
import { makeEdgeTables } from './edge-tables.ts'
import { InputLog } from './input-log.ts'
import { Desk, inputSource } from './input-source.ts'
import { LoggedClock } from './logged-clock.ts'
import type { ObjectContext } from './object-context.ts'
import { ResultLog } from './result-log.ts'
import { resultSink } from './result-sink.ts'
import type { Settings } from './settings.ts'

const GENERATIONS = 3
/** Small rings: the job is at rest between two entries, so nothing piles up. */
const BATCH_ROWS = 1_024
const RING_SLOTS = 8
const LINE_BYTES_MAX = 1 << 20
/** Bytes of entries after which others get a turn. */
const TURN_BYTES = 256 * 1024

/** A start of the job: everything that a later start has anew. */
interface Life {
  readonly run: Run
  readonly clock: LoggedClock
  readonly desk: Desk
  readonly log: InputLog
  readonly epoch: number
  failure: unknown
}

export class ObjectJob {
  readonly #context: ObjectContext
  readonly #settings: Settings
  readonly results: ResultLog
  #life: Life | null = null
  #lastFailure: MillraceError | null = null
  /** Calls that step the job, one after the other. */
  #tail: Promise<unknown> = Promise.resolve()
  /** Since the last checkpoint. */
  #work = { records: 0, bytes: 0, entries: 0, sinceMs: 0 }
  #checkpointCount = 0
  /** When time alone brings something next; null: nothing waits. */
  #tickDueMs: number | null = null
  #looks = 0

  constructor(context: ObjectContext, settings: Settings) {
    this.#context = context
    this.#settings = settings
    makeEdgeTables(context.storage.sql)
    this.results = new ResultLog(context.storage)
  }

  /** Starts the job where it was, unless it runs. @throws what `start` throws, and the error the log makes it fail with. */
  async open(): Promise<void> {
    if (this.#life !== null) return
    await this.#alone(async () => {
      if (this.#life !== null) return
      try {
        this.#life = await this.#start()
        this.#work = { records: 0, bytes: 0, entries: 0, sinceMs: this.#settings.clock.now() }
        await this.#drain()
        this.#lastFailure = null
      } catch (error) {
        throw this.#failed(error)
      }
    })
  }

  /** The log of what came in; only after {@link open}. */
  get log(): InputLog {
    return this.#lives().log
  }

  /** When the object must be woken for the job's sake, ms since the epoch; null: no need. */
  get dueMs(): number | null {
    const checkpointDueMs = this.#work.entries === 0 ? null : this.#work.sinceMs + this.#settings.checkpoint.afterMs
    if (this.#tickDueMs === null || checkpointDueMs === null) return this.#tickDueMs ?? checkpointDueMs
    return Math.min(this.#tickDueMs, checkpointDueMs)
  }

  /** Processes what the log has. */
  async drive(): Promise<void> {
    await this.open()
    await this.#alone(async () => {
      try {
        await this.#drain()
      } catch (error) {
        throw this.#failed(error)
      }
    })
  }

  /** What is due by now: time that passes, a checkpoint. Called again, or late, it does what is due then. */
  async look(): Promise<void> {
    await this.open()
    const nowMs = this.log.nowMs()
    if (this.#tickDueMs !== null && this.#tickDueMs <= nowMs) {
      this.log.tick()
      await this.drive()
    }
    if (this.#work.entries > 0 && nowMs >= this.#work.sinceMs + this.#settings.checkpoint.afterMs) await this.checkpoint()
  }

  /** Takes a checkpoint now. */
  async checkpoint(): Promise<void> {
    await this.open()
    await this.#alone(async () => {
      try {
        await this.#drain()
        await this.#checkpoint(this.#lives())
      } catch (error) {
        throw this.#failed(error)
      }
    })
  }

  async status(): Promise<{ readonly job: JobStatus | null; readonly object: Readonly<Record<string, unknown>> }> {
    const life = this.#life
    const { storage } = this.#context
    const failure = this.#lastFailure
    return {
      job: life === null ? null : await life.run.status(),
      object: {
        log: life === null ? null : { begin: life.log.begin, end: life.log.end, next: life.desk.next, bytes: life.log.byteLength },
        checkpoints: this.#checkpointCount,
        differences: this.results.differences,
        dueMs: this.dueMs,
        alarmMs: await storage.getAlarm(),
        failure: failure === null ? null : { code: failure.code, message: failure.message },
      },
    }
  }

  #lives(): Life {
    if (this.#life === null) throw new JobStateError('JOB_CLOSED', 'The job of this object does not run; open it first')
    return this.#life
  }

  #alone<T>(task: () => Promise<T>): Promise<T> {
    const done = this.#tail.then(task)
    this.#tail = done.catch(() => {})
    return done
  }

  async #start(): Promise<Life> {
    const { job, plan, sources, sinks, results, memoryBytesMax, warn, clock: wall } = this.#settings
    const { storage } = this.#context
    let epoch = Number.NaN
    const checkClaim = () => {
      const newest = epochIn(storage.sql)
      if (newest !== epoch) throw new JobStateError('JOB_FENCED', `Epoch ${epoch} of the object's job is over: epoch ${newest} runs it`)
    }
    const store = durableObjectCheckpoints(storage, { generations: GENERATIONS })
    // The store's tables are the log's too.
    makeTables(storage.sql)
    const log = new InputLog({ storage, checkClaim, generations: GENERATIONS, wall })
    const clock = new LoggedClock(log.bornMs)
    const desk = new Desk(0)
    const allSinks = plan.sinks.map(({ name, uid, kind }): [string, Sink] => {
      if (Object.hasOwn(sinks, name)) return [name, sinks[name]!]
      if (results.includes(name)) return [name, resultSink(this.results, kind === 'result' ? idColumns(this.#settings, uid) : null)]
      throw new ConfigError('BINDING_MISSING', `No sink is bound to ${name}: name it in results, or bind one of your own in sinks`)
    })
    const unfed = plan.sources.find(({ uid }) => !sources.includes(uid))
    if (unfed !== undefined) throw new ConfigError('BINDING_MISSING', `No source is bound to ${unfed.uid}: name it in source`)
    const run = await start(job, {
      host: 'inline',
      // A job that failed starts anew with the next call, on what the log has then.
      restart: false,
      clock,
      sources: Object.fromEntries(sources.map((name) => [name, inputSource({ desk, log, clock, lineBytesMax: LINE_BYTES_MAX })])),
      sinks: Object.fromEntries(allSinks),
      checkpoints: { store, every: DURATION_MS_MAX },
      batchRows: BATCH_ROWS,
      ringSlots: RING_SLOTS,
      memoryBytesMax,
      onWarning: warn,
    })
    epoch = epochIn(storage.sql)
    const life: Life = { run, clock, desk, log, epoch, failure: null }
    const isOver = (error: unknown) => {
      life.failure = error
      clock.release()
    }
    run.finished.then(() => isOver(new JobStateError('JOB_CLOSED', 'The job of this object has ended')), isOver)
    return life
  }

  #failed(error: unknown): MillraceError {
    this.#life = null
    this.#tickDueMs = null
    const message = error instanceof Error ? error.message : String(error)
    this.#lastFailure =
      error instanceof MillraceError ? error : new JobStateError('JOB_FAILED', `The job failed: ${message}`, { cause: error })
    return this.#lastFailure
  }

  async #drain(): Promise<void> {
    const life = this.#lives()
    let bytes = 0
    if (life.desk.next >= life.log.end && this.#tickDueMs !== null) return
    while (life.desk.next < life.log.end) {
      bytes += await this.#step(life)
      if (bytes >= TURN_BYTES) {
        bytes = 0
        await systemClock.yield()
      }
    }
    await this.#plan()
  }

  /** Lets the job process one entry, to its last consequence. @returns the bytes of the entry. */
  async #step(life: Life): Promise<number> {
    const { clock, desk, log } = life
    const entry = log.read(desk.next)
    const isTick = entry.source === null
    const before = isTick ? await outcome(life) : ''
    clock.set(entry.atMs)
    desk.put(entry)
    // Two looks without news are certain: one finds what is ready, the other what came of it.
    do await turn(life)
    while (!desk.isEmpty)
    await turn(life)
    await turn(life)
    desk.next++
    const work = this.#work
    if (work.entries === 0) work.sinceMs = entry.atMs
    work.entries++
    work.bytes += entry.lines.length
    work.records += countLines(entry.lines)
    this.#looks = isTick && (await outcome(life)) === before ? this.#looks + 1 : 0
    const { records, bytes, entries } = this.#settings.checkpoint
    if (work.records >= records || work.bytes >= bytes || work.entries >= entries) await this.#checkpoint(life)
    return entry.lines.length
  }

  async #checkpoint(life: Life): Promise<void> {
    let isDone = false
    const taken = life.run.checkpoint().finally(() => {
      isDone = true
    })
    while (!isDone) {
      await turn(life)
      // The store may have to wait for the disk.
      if (!isDone) await Promise.race([taken, systemClock.sleep(1)])
    }
    this.#work = { records: 0, bytes: 0, entries: 0, sinceMs: this.#settings.clock.now() }
    // It is tried again with the next work; the log keeps everything until then.
    if (!(await taken)) return
    this.#checkpointCount++
    life.log.checkpointed(life.desk.next)
    for (const name of this.#settings.results) this.results.trim(name, this.#settings.resultRowsMax)
  }

  /** Finds when time alone brings something. */
  async #plan(): Promise<void> {
    const { run, clock } = this.#lives()
    this.#tickDueMs = dueTime(this.#settings.plan, await run.status(), clock.now(), this.#looks)
  }
}

/** @throws the error that the job failed with. */
async function turn(life: Life): Promise<void> {
  if (life.failure === null) await life.clock.turn()
  if (life.failure !== null) throw life.failure
}

/** What time alone may change. */
async function outcome({ run }: Life): Promise<string> {
  const { windows, eventTimes, operators } = await run.status()
  const times = eventTimes.map(({ watermarkMs }) => watermarkMs)
  return JSON.stringify([windows.map(({ results, slices }) => [results, slices]), times, operators])
}

/** Columns that tell of which window and key a result is; null when the rows no longer have them all. */
function idColumns({ plan }: Settings, sinkUid: string): readonly string[] | null {
  const { keys, windowUid, schema } = plan.operators.get(sinkUid)!
  if (windowUid === null) return null
  const spec = plan.operators.get(windowUid)!
  const columns = ['windowStart', 'windowEnd', ...spec.keys]
  const has = new Set(schema.columns.map(({ name }) => name))
  return columns.every((name) => has.has(name)) && keys.length === spec.keys.length ? columns : null
}

function countLines(bytes: Uint8Array): number {
  let count = 0
  for (let at = bytes.indexOf(0x0a); at >= 0; at = bytes.indexOf(0x0a, at + 1)) count++
  return count
}
