/**
 * Starts a job: binds sources, sinks, store and host to a pipeline, recovers the newest checkpoint, and lets it run.
 *
 * Before: pipeline.ts or a JSON plan. After: coordinator/job.
 *
 * Invariant: a job either starts whole or throws before the first record is read, with everything it opened closed again.
 */

import { platform } from '#platform'
import type { DeadLetter } from './batch-builder.ts'
import type { CheckpointSession, CheckpointStore } from './checkpoint/checkpoint-store.ts'
import type { Manifest } from './checkpoint/manifest.ts'
import { type Recovered, recover } from './checkpoint/recovery.ts'
import { type Clock, systemClock } from './clock.ts'
import { CheckpointCoordinator } from './coordinator/checkpoint-coordinator.ts'
import { Exchange } from './coordinator/exchange.ts'
import { Intake, type IntakeCounts, type IntakeState, type TimeTrack } from './coordinator/intake.ts'
import { type JobParts, RunningJob } from './coordinator/job.ts'
import { JobGraph } from './coordinator/job-graph.ts'
import type { JobStatus } from './coordinator/job-status.ts'
import { subtaskOfKeyGroup } from './coordinator/key-router.ts'
import { Outlet } from './coordinator/outlet.ts'
import type { RowFunction, StageReport } from './coordinator/stage.ts'
import { type Duration, durationMs } from './duration.ts'
import { ConfigError, JobStateError } from './errors.ts'
import type { Host, HostStart } from './host/host.ts'
import { InlineHost, type StepOrder } from './host/inline-host.ts'
import { WorkerHost } from './host/worker-host.ts'
import type { Job, SinkNames, SourceNames } from './pipeline.ts'
import { fingerprint } from './plan.ts'
import { kernelModule } from './platform/kernel-module.ts'
import { SinkPort } from './sink/sink-port.ts'
import type { Sink, SinkState } from './sink/sink.ts'
import type { Source } from './source/source.ts'
import { sectionsForSubtask } from './subtask/snapshot-chunks.ts'

export interface CheckpointOptions {
  readonly store: CheckpointStore
  /** How often; default `'10s'`. */
  readonly every?: Duration
  /** `auto` (default): go on from the newest checkpoint if there is one. `always`: it must be there. `never`: refuse a store that has one. */
  readonly resume?: 'auto' | 'always' | 'never'
  /** Failed checkpoints in a row that the job survives, with the one before still valid; default 3. */
  readonly tolerableFailures?: number
}

export interface StartOptions<J extends Job = Job> {
  /** A source for each source name of the pipeline. */
  readonly sources: { readonly [Name in SourceNames<J>]: Source }
  /** A sink for each sink name of the pipeline, those of late records included. */
  readonly sinks: { readonly [Name in SinkNames<J>]: Sink }
  readonly checkpoints?: CheckpointOptions
  /** Subtasks of every window operator; default 1. At most the number of key groups. */
  readonly parallelism?: number
  /** `auto` (default): worker threads where they can share memory, else inline. */
  readonly host?: 'auto' | 'workers' | 'inline'
  /** Fixed buckets of keys; must stay the same for the life of a job's checkpoints. Default 128. */
  readonly keyGroupCount?: number
  /** Most memory of one subtask, rings included; default 1 GiB, at most 4 GiB. */
  readonly memoryBytesMax?: number
  /** Most rows of a ring slot; default 4096. */
  readonly batchRows?: number
  /** Slots of an input ring, a power of two; default 64. */
  readonly ringSlots?: number
  /** Whether results of several subtasks are put out in a fixed order; default true. */
  readonly ordered?: boolean
  /** Called for every dead letter; they are counted in any case. */
  readonly onDeadLetter?: (letter: DeadLetter) => void
  /** Called once for what is worth knowing, such as that workers cannot be had; default `console.warn`. */
  readonly onWarning?: (message: string) => void
  readonly clock?: Clock
  /** Orders in which tasks step, for simulation. */
  readonly scheduler?: StepOrder
}

/** A job that was started. */
export interface Run {
  /** Resolves with the last status when the job has ended or was stopped; rejects with the error that failed it. */
  readonly finished: Promise<JobStatus>
  /** All metrics as they are now. */
  status(): Promise<JobStatus>
  /** Takes a checkpoint now. @returns whether it was completed. */
  checkpoint(): Promise<boolean>
  /** Ends after a last checkpoint, without closing windows: a later start goes on from there. */
  stop(): Promise<JobStatus>
}

const DEFAULTS = { everyMs: 10_000, keyGroupCount: 128, memoryBytesMax: 1 << 30, batchRows: 4096, ringSlots: 64, tolerableFailures: 3 }
const DEAD_LETTER_SAMPLES = 100

const warned = new Set<string>()

/**
 * Starts a job.
 *
 * @throws ConfigError when a name is not bound or an option is out of range; CheckpointError or JobStateError when the store cannot be used.
 *
 * @example
 * ```ts
 * const run = await start(job, {
 *   sources: { readings: csvFile('telemetry.csv') },
 *   sinks: { minutes: ndjsonFile('minutes.ndjson') },
 *   checkpoints: { store: fileCheckpoints('./state'), every: '10s' },
 *   parallelism: 2,
 * })
 * await run.finished
 * ```
 */
export async function start<J extends Job>(job: J, given: StartOptions<J>): Promise<Run> {
  const options: StartOptions = given
  const settings = checkedSettings(options)
  const clock = options.clock ?? systemClock
  const graph = new JobGraph(job.plan, job.functions as ReadonlyMap<string, RowFunction>, {
    batchRows: settings.batchRows,
    slotCount: settings.ringSlots,
    memoryBytesMax: settings.memoryBytesMax,
  })
  checkBindings('source', graph.sources.map((source) => source.uid), options.sources)
  checkBindings('sink', graph.sinkNames, options.sinks)
  const isExactlyOnce = options.checkpoints !== undefined
  for (const { uid } of graph.sources) {
    if (isExactlyOnce && !options.sources[uid]!.isReplayable) {
      warn(options, `Source ${uid} (${options.sources[uid]!.kind}) cannot be rewound: records between the last checkpoint and a crash are lost`)
    }
  }

  const opened: (() => Promise<unknown>)[] = []
  try {
    const recovery = options.checkpoints === undefined ? null : await openStore(graph, options.checkpoints, settings.keyGroupCount, opened, (message) => warn(options, message))
    const manifest = recovery?.recovered?.manifest ?? null
    const host = await makeHost(options, clock)
    opened.push(() => host.close())
    return await assemble({ graph, options, settings, clock, host, recovery, manifest, opened })
  } catch (error) {
    for (const close of opened.toReversed()) await close().catch(() => {})
    throw error
  }
}

interface Assembly {
  readonly graph: JobGraph
  readonly options: StartOptions
  readonly settings: Settings
  readonly clock: Clock
  readonly host: Host
  readonly recovery: Recovery | null
  readonly manifest: Manifest | null
  readonly opened: (() => Promise<unknown>)[]
}

interface Recovery {
  readonly session: CheckpointSession
  readonly planFingerprint: string
  readonly recovered: Recovered | null
  readonly options: CheckpointOptions
}

async function assemble({ graph, options, settings, clock, host, recovery, manifest, opened }: Assembly): Promise<Run> {
  const { parallelism, keyGroupCount } = settings
  const epoch = recovery?.session.epoch ?? 1
  const deadLetters: { samples: DeadLetter[] } = { samples: [] }
  const ports = new Map(graph.sinkNames.map((name) => [name, new SinkPort(name, options.sinks[name]!)]))
  const portsOf = (uid: string) => graph.sinksOf(uid).map(({ name }) => ports.get(name)!)

  // Sinks first: what a recovered checkpoint covers is committed before anything else happens.
  for (const { uid } of [...graph.sources, ...graph.windows.map(({ spec }) => spec)]) {
    for (const { name, schema } of graph.sinksOf(uid)) {
      const port = ports.get(name)!
      const restored = (manifest?.sinks[name] as SinkState | undefined) ?? null
      await port.open({ name, jobName: graph.plan.name, schema, restored, hasCheckpoints: recovery !== null, clock })
      opened.push(() => port.close())
      if (manifest !== null) await port.commit(manifest.checkpointId)
    }
  }

  let running: RunningJob | null = null
  const start: HostStart = {
    layouts: graph.windows.map(({ layout }) => layout),
    parallelism,
    epoch,
    restore: graph.windows.map(({ spec }) => restoreSections(spec.uid, recovery?.recovered ?? null, parallelism, keyGroupCount)),
    events: {
      snapshot: (operator, subtask, id, sections, counters) => running?.subtaskSnapshot(operator, subtask, id, sections, counters),
      failed: (error) => running?.fail(error),
    },
  }
  const subtasks = await host.start(start)
  const exchanges = new Map(graph.windows.map(({ spec, layout }, index) => [spec.uid, new Exchange(layout, subtasks[index]!, keyGroupCount, epoch)]))

  const intakes: JobParts['intakes'][number][] = []
  for (const { uid } of graph.sources) {
    const restored = (manifest?.sources[uid] as IntakeState | undefined) ?? null
    const counts: IntakeCounts = { filtered: restored?.counts.filtered ?? 0, deadLetters: restored?.counts.deadLetters ?? 0 }
    const tracks: TimeTrack[] = []
    const report = reporter(counts, deadLetters, options)
    const stages = graph.stages(uid, { report, exchange: (name) => exchanges.get(name)!, sink: (name) => ports.get(name)!, track: (track) => tracks.push(track) })
    const sinks = portsOf(uid)
    const intake = new Intake({
      uid,
      name: uid,
      schema: graph.schema(uid),
      source: options.sources[uid]!,
      stages,
      tracks,
      exchanges: tracks.flatMap((track) => track.exchanges),
      settle: () => {
        for (const sink of sinks) sink.check()
        return sinks.find((sink) => sink.busy !== null)?.busy ?? null
      },
      deadLetter: report.deadLetter,
      clock,
      batchRowsMax: settings.batchRows,
      restored,
    })
    await intake.open()
    opened.push(() => intake.close())
    intakes.push({ intake, tracks, counts, sinks })
  }

  const outlets = graph.windows.map((node, index) => {
    const { uid, late } = node.spec
    const sinks = portsOf(uid)
    // Rows that a filter behind a window takes away were processed: they are not counted as filtered input.
    const report = reporter({ filtered: 0, deadLetters: 0 }, deadLetters, options)
    const stages = graph.stages(uid, { report, exchange: (name) => exchanges.get(name)!, sink: (name) => ports.get(name)!, track: () => {} })
    const exchange = exchanges.get(uid)!
    const outlet = new Outlet({
      layout: node.layout,
      resultSchema: node.resultSchema,
      streamSchema: node.streamSchema,
      lateDictionary: (generation) => exchange.dictionary(generation),
      epoch,
      subtasks: subtasks[index]!,
      isOrdered: options.ordered ?? true,
      isBusy: () => sinks.some((sink) => sink.busy !== null),
      onResults: (batch) => {
        for (const stage of stages) stage({ batch, times: null })
      },
      onLate: (batch) => {
        if (late.kind === 'sideOutput') ports.get(late.name)!.write(batch)
      },
    })
    return { outlet, exchange, node, sinks }
  })

  running = new RunningJob({
    name: graph.plan.name,
    clock,
    host,
    parallelism,
    epoch,
    intakes,
    outlets,
    sinks: [...ports.values()],
    checkpoints: recovery === null ? null : { coordinator: coordinator(recovery), everyMs: everyMs(recovery.options) },
    recovered: manifest,
    taskOrder: options.scheduler ?? ((count) => Array.from({ length: count }, (_, index) => index)),
    deadLetters,
    release: async () => {
      await recovery?.session.close()
    },
  })
  const job = running
  return { finished: job.finished, status: () => job.status(), checkpoint: () => job.checkpoint(), stop: () => job.stop() }

  function coordinator({ session, planFingerprint, options: checkpoints }: Recovery): CheckpointCoordinator {
    return new CheckpointCoordinator({
      session,
      jobName: graph.plan.name,
      planFingerprint,
      keyGroupCount,
      parallelism,
      sources: graph.sources.map(({ uid }) => uid),
      operators: graph.windows.map(({ spec }) => spec.uid),
      sinks: [...ports.values()],
      clock,
      recovered: manifest,
      tolerableFailures: checkpoints.tolerableFailures ?? DEFAULTS.tolerableFailures,
      failed: (error) => running?.fail(error),
    })
  }
}

function reporter(counts: IntakeCounts, deadLetters: { readonly samples: DeadLetter[] }, options: StartOptions): StageReport {
  return {
    filtered(_uid, count) {
      counts.filtered += count
    },
    deadLetter(letter) {
      counts.deadLetters++
      if (deadLetters.samples.length < DEAD_LETTER_SAMPLES) deadLetters.samples.push(letter)
      options.onDeadLetter?.(letter)
    },
  }
}

async function openStore(
  graph: JobGraph,
  options: CheckpointOptions,
  keyGroupCount: number,
  opened: (() => Promise<unknown>)[],
  warning: (message: string) => void,
): Promise<Recovery> {
  const session = await options.store.open(graph.plan.name)
  opened.push(() => session.close())
  const planFingerprint = await fingerprint(graph.plan)
  const resume = options.resume ?? 'auto'
  if (resume === 'never' && (await session.generations()).length > 0) {
    throw new JobStateError('CHECKPOINT_EXISTS', `The store already has checkpoints of ${graph.plan.name}; resume from them, or use an empty store`)
  }
  const recovered = await recover(session, { jobName: graph.plan.name, planFingerprint, keyGroupCount })
  for (const { generation, error } of recovered?.skipped ?? []) {
    warning(`Checkpoint ${generation.checkpointId} is damaged and was passed over (${error.message}); going on from checkpoint ${recovered!.generation.checkpointId}`)
  }
  if (recovered === null && resume === 'always') {
    throw new JobStateError('CHECKPOINT_MISSING', `There is no checkpoint of ${graph.plan.name} to resume from; start without resuming, or name the store that has it`)
  }
  return { session, planFingerprint, recovered, options }
}

function restoreSections(uid: string, recovered: Recovered | null, parallelism: number, keyGroupCount: number): (readonly Uint8Array[])[] {
  const entry = recovered?.manifest.operators[uid]
  const chunks = entry === undefined ? [] : entry.subtasks.flatMap(({ chunks: refs }) => refs.map(({ hash }) => recovered!.chunks.get(hash)!))
  return Array.from({ length: parallelism }, (_, index) =>
    sectionsForSubtask(chunks, (keyGroup) => subtaskOfKeyGroup(keyGroup, keyGroupCount, parallelism) === index),
  )
}

async function makeHost(options: StartOptions, clock: Clock): Promise<Host> {
  const wish = options.host ?? 'auto'
  const isShared = wish === 'workers' || (wish === 'auto' && platform.canShare)
  if (wish === 'workers' && !platform.canShare) {
    throw new ConfigError('SHARED_MEMORY_UNAVAILABLE', `Cannot start workers: ${platform.whyNot}, or use host: 'inline'`)
  }
  if (wish === 'auto' && !platform.canShare && platform.name === 'browser') warn(options, `Running on one thread: ${platform.whyNot}`)
  if (isShared) return new WorkerHost({ module: await kernelModule(true), clock, spawn: () => platform.spawn() })
  return new InlineHost({ module: await kernelModule(false), clock, ...(options.scheduler === undefined ? {} : { order: options.scheduler }) })
}

function warn(options: StartOptions, message: string): void {
  if (options.onWarning !== undefined) return options.onWarning(message)
  if (warned.has(message)) return
  warned.add(message)
  console.warn(`millrace: ${message}`)
}

interface Settings {
  readonly parallelism: number
  readonly keyGroupCount: number
  readonly memoryBytesMax: number
  readonly batchRows: number
  readonly ringSlots: number
}

function checkedSettings(options: StartOptions): Settings {
  const whole = (name: keyof Settings, fallback: number, least: number, most: number): number => {
    const value = options[name] ?? fallback
    if (!Number.isInteger(value) || value < least || value > most) {
      throw new ConfigError('OPTION_INVALID', `${name} is ${String(value)}; it must be a whole number from ${least} to ${most}`)
    }
    return value
  }
  const keyGroupCount = whole('keyGroupCount', DEFAULTS.keyGroupCount, 1, 32_768)
  const ringSlots = whole('ringSlots', DEFAULTS.ringSlots, 2, 65_536)
  if ((ringSlots & (ringSlots - 1)) !== 0) throw new ConfigError('OPTION_INVALID', `ringSlots is ${ringSlots}; it must be a power of two`)
  return {
    keyGroupCount,
    ringSlots,
    parallelism: whole('parallelism', 1, 1, Math.min(keyGroupCount, 256)),
    memoryBytesMax: whole('memoryBytesMax', DEFAULTS.memoryBytesMax, 1 << 20, 2 ** 32),
    batchRows: whole('batchRows', DEFAULTS.batchRows, 1, 65_536),
  }
}

function everyMs(options: CheckpointOptions): number {
  return options.every === undefined ? DEFAULTS.everyMs : durationMs(options.every, { of: 'checkpoints.every', positive: true })
}

function checkBindings(kind: 'source' | 'sink', wanted: readonly string[], given: Readonly<Record<string, unknown>>): void {
  for (const name of wanted) {
    if (!Object.hasOwn(given, name)) {
      throw new ConfigError('BINDING_MISSING', `No ${kind} is bound to ${name}; the job needs ${wanted.join(', ')}, given were ${Object.keys(given).join(', ') || 'none'}`)
    }
  }
  for (const name of Object.keys(given)) {
    if (!wanted.includes(name)) throw new ConfigError('BINDING_UNKNOWN', `The job has no ${kind} ${name}; it has ${wanted.join(', ')}`)
  }
}
