/**
 * What a job says of itself: counts that add up, watermarks and their lag, ring fill, checkpoints.
 *
 * Invariant, for a pipeline without branches: records in = processed + late + filtered + dead letters. Counts go on across restarts.
 */

import type { DeadLetter } from '../batch-builder.ts'
import type { HostTier } from '../host/host.ts'
import type { StatefulOperator } from '../operator/operator.ts'
import type { SubtaskCounters } from '../subtask/subtask.ts'
import type { CheckpointStatistics } from './checkpoint-coordinator.ts'
import type { JobParts, JobState } from './job.ts'
import type { TimeStatistics, TimeTrack } from './time-track.ts'

export interface SourceStatus {
  readonly uid: string
  /** Records and dead letters that were read. */
  readonly recordsIn: number
  readonly filtered: number
  readonly deadLetters: number
  /** Records whose event time was further ahead of the host's clock than `maxFutureSkew`, whatever became of them. */
  readonly futureRecords: number
  /** Share of a bounded source that was read, 0 to 1; null when unknown. */
  readonly progress: number | null
}

/** How far event time is, at an `eventTime` operator. */
export interface EventTimeStatus extends TimeStatistics {
  readonly uid: string
  readonly sourceUid: string
  readonly watermarkMs: number | null
  /** Whether the source has ended, and with it event time. */
  readonly isTimeEnded: boolean
  /** How far the watermark is behind the job's clock, ms; null without a watermark. */
  readonly lagMs: number | null
}

export interface WindowStatus {
  readonly uid: string
  readonly recordsIn: number
  /** Records that counted in at least one window, or lie in none. */
  readonly processed: number
  /** Records whose windows were all past their lateness. */
  readonly late: number
  /** Result rows that a function behind the window threw on, in this run. */
  readonly deadLetters: number
  /** Panes fired in all, and those that a late record fired again. */
  readonly results: number
  readonly lateUpdates: number
  /** Records that lie in no window. */
  readonly outside: number
  /** Pairs of record and window that were refused because the window's trigger had finished. */
  readonly closed: number
  /** Watermark the sources have reached; null before the first. +Infinity (the end) is given as null with `isTimeEnded`. */
  readonly watermarkMs: number | null
  readonly isTimeEnded: boolean
  /** How far the slowest subtask is behind that watermark, ms; null when unknown. */
  readonly watermarkLagMs: number | null
  /** Time in which its subtasks have computed, ms, that of all together, since the job was last started: 1,000 a second of each is all they can. */
  readonly busyMs: number
  /** Fullest input ring, 0 to 1. */
  readonly ringFill: number
  readonly keys: number
  /** Slices held, or windows where every window is kept by itself. */
  readonly slices: number
  readonly stateBytes: number
  /** Watermark at which something is due next, at the earliest; null when nothing waits for event time. */
  readonly nextEventMs: number | null
  /** The same on the job's clock, of windows and triggers that go by it, ms since the epoch. */
  readonly nextClockMs: number | null
}

/** An operator with state that runs before rows are divided by key: sorting, deduplication, sequence tracking. */
export interface OperatorStatus {
  readonly uid: string
  /** What it counts, by name, such as `duplicates` or `gaps`; counts go on across restarts. */
  readonly counts: Readonly<Record<string, number>>
  /** Records, ids or sources that it holds now, and about how many bytes they take. */
  readonly stateCount: number
  readonly stateBytes: number
}

export interface JobStatus {
  readonly name: string
  readonly state: JobState
  readonly tier: HostTier
  readonly parallelism: number
  readonly epoch: number
  readonly durationMs: number
  /**
   * Time in which the job's own thread has read, routed and written, ms, since it was last started; on the inline tier windows are computed in it,
   * and time in which it waits for a sink that holds it back counts.
   */
  readonly busyMs: number
  readonly sources: readonly SourceStatus[]
  readonly eventTimes: readonly EventTimeStatus[]
  readonly operators: readonly OperatorStatus[]
  readonly windows: readonly WindowStatus[]
  readonly sinks: readonly { readonly name: string; readonly rows: number; readonly delivery: string }[]
  /** Sums over the sources, operators and windows above. */
  readonly recordsIn: number
  readonly recordsOut: number
  readonly filtered: number
  readonly late: number
  readonly deadLetters: number
  /** The first dead letters, at most 100. */
  readonly deadLetterSamples: readonly DeadLetter[]
  readonly checkpoints: CheckpointStatistics
  /** Epoch and checkpoint this run went on from; null on a fresh start. */
  readonly recoveredFrom: { readonly epoch: number; readonly checkpointId: number } | null
  /** How often the job has failed and was started again by itself. */
  readonly restarts: number
  /** What the last restart was for; null when there was none. */
  readonly lastFailure: JobFailure | null
}

/** Why a job was started again. */
export interface JobFailure {
  readonly code: string
  readonly message: string
  readonly atMs: number
}

export function jobStatus(
  parts: JobParts,
  counters: readonly (readonly SubtaskCounters[])[],
  state: JobState,
  { durationMs, busyMs }: Pick<JobStatus, 'durationMs' | 'busyMs'>,
): JobStatus {
  const sources = parts.intakes.map(({ intake, counts, tracks }): SourceStatus => {
    const progress = intake.progress()
    return {
      uid: intake.uid,
      recordsIn: intake.recordCount + intake.deadLetterCount,
      filtered: counts.filtered,
      deadLetters: counts.deadLetters,
      futureRecords: tracks.reduce((sum, track) => sum + track.futureRecords, 0),
      progress: progress === null ? null : progress.done / progress.total,
    }
  })
  const operators = parts.intakes.flatMap(({ nodes }) => nodes.map(({ operator }) => operatorStatus(parts, operator)))
  const windows = parts.outlets.map((_, index) => windowStatus(parts, index, counters[index] ?? []))
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)
  return {
    name: parts.name,
    state,
    tier: parts.host.tier,
    parallelism: parts.parallelism,
    epoch: parts.epoch,
    durationMs,
    busyMs,
    sources,
    eventTimes: parts.intakes.flatMap(({ intake, tracks }) =>
      // Windows by the clock have a track without a column.
      tracks.filter(({ spec }) => spec.column !== '').map((track) => eventTimeStatus(intake.uid, track, parts.clock.now())),
    ),
    operators,
    windows,
    sinks: parts.sinks.map(({ name, rowCount, delivery }) => ({ name, rows: rowCount, delivery })),
    recordsIn: sum(sources.map((source) => source.recordsIn)),
    recordsOut: sum(parts.sinks.map((sink) => sink.rowCount)),
    filtered: sum(sources.map((source) => source.filtered)),
    late: sum(windows.map((window) => window.late)) + sum(operators.map(({ counts }) => counts['lateDropped'] ?? 0)),
    deadLetters: sum(sources.map((source) => source.deadLetters)),
    deadLetterSamples: parts.deadLetters.samples,
    checkpoints: parts.checkpoints?.coordinator.statistics ?? { count: 0, failedCount: 0, last: null },
    recoveredFrom: parts.recovered === null ? null : { epoch: parts.recovered.epoch, checkpointId: parts.recovered.checkpointId },
    restarts: 0,
    lastFailure: null,
  }
}

function eventTimeStatus(sourceUid: string, track: TimeTrack, nowMs: number): EventTimeStatus {
  const { watermarkMs } = track
  const isKnown = Number.isFinite(watermarkMs)
  return {
    uid: track.spec.uid,
    sourceUid,
    watermarkMs: isKnown ? watermarkMs : null,
    isTimeEnded: watermarkMs === Number.POSITIVE_INFINITY,
    lagMs: isKnown ? Math.floor(nowMs) - watermarkMs : null,
    ...track.statistics,
  }
}

function operatorStatus(parts: JobParts, operator: StatefulOperator): OperatorStatus {
  const { counts, stateCount, stateBytes } = operator.status()
  const base = (name: string) => parts.recovered?.counters[`${operator.uid}.${name}`] ?? 0
  const all = Object.entries(counts).map(([name, value]) => [name, base(name) + value] as const)
  return { uid: operator.uid, counts: Object.fromEntries(all), stateCount, stateBytes }
}

function windowStatus(parts: JobParts, index: number, counters: readonly SubtaskCounters[]): WindowStatus {
  const { node, exchange } = parts.outlets[index]!
  const { uid } = node.spec
  const base = (name: string) => parts.recovered?.counters[`${uid}.${name}`] ?? 0
  const sum = (
    name: 'recordsIn' | 'lateDropped' | 'lateUpdates' | 'results' | 'outside' | 'closed' | 'keys' | 'slices' | 'stateBytes' | 'busyMs',
  ) => counters.reduce((total, subtask) => total + subtask[name], 0)
  const recordsIn = base('recordsIn') + sum('recordsIn')
  const late = base('lateDropped') + sum('lateDropped')
  const reached = trackWatermark(parts, node.eventTimeUid)
  const slowest = Math.min(...counters.map((subtask) => subtask.watermarkMs))
  return {
    uid,
    recordsIn,
    processed: recordsIn - late,
    late,
    deadLetters: parts.outlets[index]!.counts.deadLetters,
    results: base('results') + sum('results'),
    lateUpdates: base('lateUpdates') + sum('lateUpdates'),
    outside: base('outside') + sum('outside'),
    closed: base('closed') + sum('closed'),
    watermarkMs: Number.isFinite(reached) ? reached : null,
    isTimeEnded: reached === Number.POSITIVE_INFINITY,
    watermarkLagMs: Number.isFinite(reached) && Number.isFinite(slowest) ? reached - slowest : null,
    busyMs: sum('busyMs'),
    ringFill: exchange.fill,
    keys: sum('keys'),
    slices: sum('slices'),
    stateBytes: sum('stateBytes'),
    nextEventMs: leastOf(counters, 'nextEventMs'),
    nextClockMs: leastOf(counters, 'nextClockMs'),
  }
}

function leastOf(counters: readonly SubtaskCounters[], name: 'nextEventMs' | 'nextClockMs'): number | null {
  const least = Math.min(...counters.map((subtask) => subtask[name]))
  return Number.isFinite(least) ? least : null
}

function trackWatermark(parts: JobParts, eventTimeUid: string): number {
  for (const { tracks } of parts.intakes) for (const track of tracks) if (track.spec.uid === eventTimeUid) return track.watermarkMs
  return Number.NEGATIVE_INFINITY
}
