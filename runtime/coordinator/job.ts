/**
 * A job that runs: one loop on the coordinator's thread that lets intakes read, subtasks work (inline), outlets give on, and checkpoints happen.
 *
 * Before: engine.ts has bound sources, sinks, store and host. After: everything else in this folder.
 * States: running → draining (all read, or asked to stop) → final checkpoint → ended; or failed, from anywhere.
 *
 * Invariant: nothing is awaited inside the loop that needs the loop to go on.
 */

import type { DeadLetter } from '../batch-builder.ts'
import type { Manifest } from '../checkpoint/manifest.ts'
import type { Clock } from '../clock.ts'
import { ConfigError, JobStateError } from '../errors.ts'
import type { Host } from '../host/host.ts'
import type { OperatorNode } from '../operator/operator-node.ts'
import { race } from '../race.ts'
import { TIMESTAMP_MAX_MS } from '../schema.ts'
import type { SinkPort } from '../sink/sink-port.ts'
import type { SubtaskCounters } from '../subtask/subtask.ts'
import type { CheckpointCoordinator } from './checkpoint-coordinator.ts'
import type { Exchange } from './exchange.ts'
import type { Intake, IntakeProgress } from './intake.ts'
import type { IntakeCounts } from './intake-state.ts'
import type { WindowNode } from './job-graph.ts'
import { type JobStatus, jobStatus } from './job-status.ts'
import type { Outlet } from './outlet.ts'
import type { TimeTrack } from './time-track.ts'

/** A place where sinks are fed: an intake directly, or a window's outlet. */
export interface Feeder {
  readonly sinks: readonly SinkPort[]
}

export interface JobParts {
  readonly name: string
  readonly clock: Clock
  readonly host: Host
  readonly parallelism: number
  readonly epoch: number
  readonly intakes: readonly (Feeder & {
    readonly intake: Intake
    readonly tracks: readonly TimeTrack[]
    readonly counts: IntakeCounts
    readonly nodes: readonly OperatorNode[]
  })[]
  readonly outlets: readonly (Feeder & {
    readonly outlet: Outlet
    readonly exchange: Exchange
    readonly node: WindowNode
    readonly counts: Readonly<IntakeCounts>
    /** State of functions of the user, where the window has such. */
    readonly accumulators: { snapshot(): Uint8Array<ArrayBuffer> } | null
  })[]
  readonly sinks: readonly SinkPort[]
  readonly checkpoints: { readonly coordinator: CheckpointCoordinator; readonly everyMs: number } | null
  readonly recovered: Manifest | null
  /** The order in which the loop's tasks step; simulation shuffles it. */
  readonly taskOrder: (count: number) => Iterable<number>
  readonly deadLetters: { readonly samples: DeadLetter[] }
  /** Aborted when nothing more is read: sinks must not hold the job back any more. */
  readonly ending: AbortController
  readonly release: () => Promise<void>
}

/** `restarting`: it has failed, and is being started again from its newest checkpoint. */
export type JobState = 'running' | 'stopping' | 'restarting' | 'ended' | 'stopped' | 'failed'

const IDLE_MS = 10
/** How long a barrier waits for a source to reach its next mark, behind which it changes the order of no results; then it goes without. */
const MARK_MS_MAX = 5_000
/** Busy rounds before the event loop gets a turn: checkpoints, signals and control messages live there. */
const BUSY_MS = 4

export class RunningJob {
  readonly parts: JobParts
  readonly #startedMs: number
  #state: JobState = 'running'
  #failure: Error | null = null
  #stop: { readonly kind: 'stop' } | null = null
  #nextCheckpointMs: number
  /** Intakes that have yet to inject the barrier of the pending checkpoint. */
  #barrierAt = new Map<Intake, number>()
  /** Intakes whose barrier waits for a mark, and since when, ms. */
  #markWaits = new Map<Intake, number>()
  #preparing = new Map<Feeder, Promise<void>>()
  #lastCounters: readonly (readonly SubtaskCounters[])[] = []
  #durationMs: number | null = null
  #busyMs = 0
  /** Set when nothing but the last checkpoint may begin any more. */
  #isEnding = false
  /** Resolves when the job lets go of everything: nobody may wait for a worker or a checkpoint beyond that. */
  readonly #closing = Promise.withResolvers<null>()
  /** Resolves when the job has ended or was stopped; rejects when it failed. */
  readonly finished: Promise<JobStatus>

  constructor(parts: JobParts) {
    this.parts = parts
    this.#startedMs = parts.clock.monotonic()
    this.#nextCheckpointMs = this.#startedMs + (parts.checkpoints?.everyMs ?? 0)
    this.finished = this.#run()
    // Whoever looks at it gets the error; nobody looking is no crash of the process.
    this.finished.catch(() => {})
  }

  get state(): JobState {
    return this.#state
  }

  /** Ends the job after what was read so far: a last checkpoint, no final watermark. Resolves when it has stopped. */
  async stop(): Promise<JobStatus> {
    this.#stop ??= { kind: 'stop' }
    if (this.#state === 'running') this.#state = 'stopping'
    this.parts.ending.abort()
    return this.finished
  }

  /** Takes a checkpoint now. @returns whether it was completed. @throws JobStateError `CHECKPOINTS_OFF`, `JOB_CLOSED` */
  async checkpoint(): Promise<boolean> {
    const { checkpoints } = this.parts
    if (checkpoints === null) throw new JobStateError('CHECKPOINTS_OFF', 'This job was started without a checkpoint store')
    const isOpen = () => this.#state === 'running' && !this.#isEnding
    while (checkpoints.coordinator.pendingId !== null && isOpen()) await this.parts.clock.sleep(1)
    if (!isOpen())
      throw new JobStateError('JOB_CLOSED', `Cannot take a checkpoint: the job is ${this.#isEnding ? 'about to end' : this.#state}`)
    return (await race([this.#beginCheckpoint(false), this.#closing.promise])) ?? false
  }

  /**
   * Tells a source's `manual` operators the watermark, behind the records read so far.
   *
   * @throws ConfigError `BINDING_UNKNOWN`, `WATERMARK_NOT_MANUAL`, `TIMESTAMP_INVALID`; JobStateError `JOB_CLOSED`.
   */
  async advanceWatermark(source: string, watermarkMs: number): Promise<void> {
    const { intakes } = this.parts
    const entry = intakes.find(({ intake }) => intake.uid === source)
    if (entry === undefined) {
      const names = intakes.map(({ intake }) => intake.uid).join(', ')
      throw new ConfigError('BINDING_UNKNOWN', `The job has no source ${source}; it has ${names}`)
    }
    if (!entry.tracks.some(({ spec }) => spec.watermark.kind === 'manual')) {
      throw new ConfigError(
        'WATERMARK_NOT_MANUAL',
        `Source ${source} makes its watermarks itself; declare its event time with the strategy manual()`,
      )
    }
    if (!Number.isInteger(watermarkMs) || Math.abs(watermarkMs) > TIMESTAMP_MAX_MS) {
      throw new ConfigError('TIMESTAMP_INVALID', `The watermark is ${String(watermarkMs)}; it must be whole milliseconds since 1970`)
    }
    const isOpen = this.#state === 'running' && !this.#isEnding
    const isPassed = isOpen
      ? ((await race([entry.intake.supplyWatermark(watermarkMs).then(() => true), this.#closing.promise])) ?? false)
      : false
    if (!isPassed) throw new JobStateError('JOB_CLOSED', 'Cannot advance the watermark: the job has ended or was stopped')
  }

  /** A snapshot of all metrics; of a job that is over, or whose workers do not answer any more, the last ones known. */
  async status(): Promise<JobStatus> {
    if (this.#state === 'running' || this.#state === 'stopping') {
      const counters = await race([this.parts.host.counters().catch(() => null), this.#closing.promise])
      if (counters !== null) this.#lastCounters = counters
    }
    return jobStatus(this.parts, this.#lastCounters, this.#state, {
      durationMs: this.#durationMs ?? this.parts.clock.monotonic() - this.#startedMs,
      busyMs: this.#busyMs,
    })
  }

  subtaskSnapshot(
    operator: number,
    subtask: number,
    checkpointId: number,
    sections: Uint8Array<ArrayBuffer>,
    counters: SubtaskCounters,
  ): void {
    this.parts.checkpoints?.coordinator.subtaskReached(
      this.parts.outlets[operator]!.node.spec.uid,
      subtask,
      checkpointId,
      sections,
      counters,
    )
  }

  fail(error: Error): void {
    this.#failure ??= error
  }

  async #run(): Promise<JobStatus> {
    try {
      await this.#loop()
      this.parts.ending.abort()
      // Asked before the end: afterwards every intake is finished, read to its end or not.
      const state = this.#allRead() ? 'ended' : 'stopped'
      await this.#end()
      return await this.#close(state)
    } catch (error) {
      this.#state = 'failed'
      this.parts.ending.abort()
      await this.#release().catch(() => {})
      throw error
    }
  }

  #allRead(): boolean {
    return this.parts.intakes.every(({ intake }) => intake.isEnded)
  }

  /** Runs until everything was read, or until asked to stop. */
  async #loop(): Promise<void> {
    const { clock, host } = this.parts
    let turnMs = clock.monotonic()
    let roundMs = turnMs
    while (!this.#isDrained()) {
      const signal = host.signal
      const progressed = await this.#round(this.#stop === null)
      const nowMs = clock.monotonic()
      if (progressed) this.#busyMs += nowMs - roundMs
      roundMs = nowMs
      if (
        this.parts.checkpoints !== null &&
        nowMs >= this.#nextCheckpointMs &&
        this.parts.checkpoints.coordinator.pendingId === null &&
        this.#stop === null
      ) {
        this.#nextCheckpointMs = nowMs + this.parts.checkpoints.everyMs
        void this.#beginCheckpoint(false)
      } else if (!progressed) {
        await this.#idle(signal)
        turnMs = roundMs = clock.monotonic()
      } else if (nowMs - turnMs >= BUSY_MS) {
        await clock.yield()
        turnMs = roundMs = clock.monotonic()
      }
    }
    this.#isEnding = true
  }

  /** Nothing more to read, and no checkpoint under way that would have to be finished first. */
  #isDrained(): boolean {
    const isRead = this.#stop === null ? this.#allRead() : this.parts.intakes.every(({ intake }) => intake.isAtRest)
    return isRead && (this.parts.checkpoints?.coordinator.pendingId ?? null) === null
  }

  /** Lets every task step once. @returns whether any made progress. */
  async #round(mayRead: boolean): Promise<boolean> {
    const { intakes, outlets, host } = this.parts
    const tasks: (() => boolean | Promise<boolean>)[] = [
      ...intakes.map((entry) => () => this.#stepIntake(entry, mayRead)),
      ...outlets.map((entry) => () => this.#stepOutlet(entry)),
      () => host.step(),
    ]
    let progressed = false
    for (const index of this.parts.taskOrder(tasks.length)) {
      const result = tasks[index]!()
      if (result instanceof Promise ? await result : result) progressed = true
      if (this.#failure !== null) throw this.#failure
    }
    return progressed
  }

  #stepIntake(entry: JobParts['intakes'][number], mayRead: boolean): boolean | Promise<boolean> {
    const { intake } = entry
    const checkpointId = this.#barrierAt.get(intake)
    if (checkpointId !== undefined) {
      if (!intake.rest()) return false
      if (this.#waitsForMark(intake)) return isProgress(intake.step(true))
      this.#markWaits.delete(intake)
      this.#barrierAt.delete(intake)
      const state = intake.barrier(checkpointId, entry.counts)
      this.parts.checkpoints!.coordinator.sourceReached(intake.uid, checkpointId, state, entry.nodes)
      if (entry.sinks.length > 0) this.#prepare(entry, checkpointId, () => {})
      return true
    }
    if (this.#preparing.has(entry)) return false
    if (!mayRead || intake.isEnded) return intake.isAtRest ? false : intake.rest()
    return isProgress(intake.step())
  }

  /** Whether a barrier of this intake should wait for the mark that is to come. */
  #waitsForMark(intake: Intake): boolean {
    if (intake.isBehindMark || intake.isEnded) return false
    const nowMs = this.parts.clock.monotonic()
    const sinceMs = this.#markWaits.get(intake) ?? nowMs
    this.#markWaits.set(intake, sinceMs)
    return nowMs - sinceMs < MARK_MS_MAX
  }

  #stepOutlet(entry: JobParts['outlets'][number]): boolean {
    for (const sink of entry.sinks) sink.check()
    const progressed = entry.outlet.step()
    const { barrier } = entry.outlet
    if (barrier !== null && !this.#preparing.has(entry)) {
      if (entry.accumulators !== null) {
        this.parts.checkpoints?.coordinator.accumulatorsReached(entry.node.spec.uid, barrier, entry.accumulators.snapshot())
      }
      this.#prepare(entry, barrier, () => entry.outlet.passBarrier())
    }
    return progressed
  }

  /** Prepares the sinks of a feeder in the background; the feeder waits until they are. */
  #prepare(feeder: Feeder, checkpointId: number, done: () => void): void {
    const preparing = Promise.all(
      feeder.sinks.map(async (sink) => {
        const state = await sink.prepare(checkpointId)
        this.parts.checkpoints?.coordinator.sinkReached(sink.name, checkpointId, state)
      }),
    ).then(
      () => {
        this.#preparing.delete(feeder)
        done()
      },
      (error: unknown) => this.fail(error as Error),
    )
    this.#preparing.set(feeder, preparing)
  }

  #beginCheckpoint(isFinal: boolean): Promise<boolean> {
    const { checkpointId, done } = this.parts.checkpoints!.coordinator.begin(isFinal)
    for (const { intake } of this.parts.intakes) this.#barrierAt.set(intake, checkpointId)
    return done
  }

  async #idle(signal: number): Promise<void> {
    const { intakes, host } = this.parts
    const waits: Promise<unknown>[] = [host.idle(signal, IDLE_MS), ...this.#preparing.values()]
    const writing = this.parts.checkpoints?.coordinator.pendingDone ?? null
    if (writing !== null) waits.push(writing)
    for (const { busy } of this.parts.sinks) if (busy !== null) waits.push(busy)
    for (const entry of intakes) {
      const { intake } = entry
      // Only of who will take what is ready: a promise that has long resolved would keep the event loop from its turn.
      const isTaken = this.#barrierAt.has(intake) || (this.#stop === null && !this.#isEnding && !this.#preparing.has(entry))
      const ready = isTaken ? intake.ready() : null
      if (ready !== null) waits.push(ready)
    }
    await Promise.race(waits)
  }

  /** The last checkpoint, the end on every ring, and the sinks' final form. */
  async #end(): Promise<void> {
    const { checkpoints, intakes, outlets, sinks } = this.parts
    const isWhole = this.#allRead()
    if (checkpoints !== null) {
      const written = this.#beginCheckpoint(isWhole)
      let isWritten: boolean | null = null
      void written.then((value) => {
        isWritten = value
      })
      await this.#drainUntil(() => isWritten !== null)
      if (!isWritten)
        throw new JobStateError(
          'FINAL_CHECKPOINT_FAILED',
          'The last checkpoint could not be written; resume from the one before when the store has room',
          { retryable: true },
        )
    }
    for (const { intake } of intakes) intake.finish()
    await this.#drainUntil(() => intakes.every(({ intake }) => intake.isAtRest) && outlets.every(({ outlet }) => outlet.isEnded))
    if (checkpoints === null) {
      for (const sink of sinks) {
        await sink.prepare(1)
        await sink.commit(1)
      }
    }
    if (isWhole || checkpoints === null) for (const sink of sinks) await sink.finish()
  }

  async #drainUntil(isDone: () => boolean): Promise<void> {
    while (!isDone()) {
      const signal = this.parts.host.signal
      if (!(await this.#round(false))) await this.#idle(signal)
      else await this.parts.clock.yield()
    }
  }

  async #close(state: JobState): Promise<JobStatus> {
    this.#lastCounters = await this.parts.host.counters()
    this.#durationMs = this.parts.clock.monotonic() - this.#startedMs
    this.#state = state
    await this.#release()
    return this.status()
  }

  async #release(): Promise<void> {
    const { host, intakes, sinks, checkpoints } = this.parts
    this.#isEnding = true
    this.#closing.resolve(null)
    // What is being written is let finish: whoever comes next may open the same store and the same files.
    await Promise.allSettled([...this.#preparing.values(), checkpoints?.coordinator.writing])
    await Promise.allSettled([host.close(), ...intakes.map(({ intake }) => intake.close()), ...sinks.map((sink) => sink.close())])
    await this.parts.release()
  }
}

function isProgress(progress: IntakeProgress | Promise<IntakeProgress>): boolean | Promise<boolean> {
  return progress instanceof Promise ? progress.then((value) => value === 'progress') : progress === 'progress'
}
