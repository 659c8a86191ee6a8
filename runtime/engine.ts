/**
 * The engine: binds sources, sinks, store and host to a pipeline, recovers the newest checkpoint, and lets the job run.
 *
 * Before: start.ts. After: coordinator/job.
 *
 * Invariant: a job either starts whole or throws before the first record is read, with everything it opened closed again.
 */

import { platform } from '#platform'
import { type Clock, systemClock } from './clock.ts'
import { type AssemblyCheckpoints, assemble } from './coordinator/assembly.ts'
import { JobGraph } from './coordinator/job-graph.ts'
import type { RowFunction } from './coordinator/stage.ts'
import { durationMs } from './duration.ts'
import type { EngineParts } from './engine-parts.ts'
import { ConfigError } from './errors.ts'
import type { RunningJob } from './coordinator/job.ts'
import type { Host } from './host/host.ts'
import { InlineHost } from './host/inline-host.ts'
import type { Job } from './pipeline.ts'
import { kernelModule } from './platform/kernel-module.ts'
import type { CheckpointOptions, Run, StartOptions } from './start.ts'

const DEFAULTS = {
  everyMs: 10_000,
  keyGroupCount: 128,
  memoryBytesMax: 1 << 30,
  batchRows: 4096,
  ringSlots: 64,
  stringsMax: 1 << 20,
  tolerableFailures: 3,
}

const warned = new Set<string>()

/** As `start` says. */
export async function startJob(job: Job, options: StartOptions, parts: EngineParts): Promise<Run> {
  const settings = checkedSettings(options)
  const clock = options.clock ?? systemClock
  const warn = warner(options)
  const { supervision } = parts
  const policy = supervision?.restartPolicy(options) ?? null
  const finished = Promise.withResolvers<unknown>()
  // Only sinks that ask hear of it.
  finished.promise.catch(() => {})
  const launch = (resume: CheckpointOptions['resume']) =>
    launchJob(job, options, { parts, settings, clock, warn, resume, finished: finished.promise })
  try {
    const first = await launch(options.checkpoints?.resume)
    const run =
      supervision === null || policy === null
        ? runOf(first)
        : new supervision.Supervisor({ first, launch: () => launch('auto'), policy, clock, warn })
    finished.resolve(run.finished)
    return run
  } catch (error) {
    finished.reject(error)
    throw error
  }
}

function runOf(first: RunningJob): Run {
  return {
    finished: first.finished,
    status: () => first.status(),
    checkpoint: () => first.checkpoint(),
    advanceWatermark: (source, watermarkMs) => first.advanceWatermark(source, watermarkMs),
    stop: () => first.stop(),
  }
}

interface Launch {
  readonly parts: EngineParts
  readonly settings: Settings
  readonly clock: Clock
  readonly warn: (message: string) => void
  readonly resume: CheckpointOptions['resume']
  readonly finished: Promise<unknown>
}

async function launchJob(job: Job, options: StartOptions, launch: Launch): Promise<RunningJob> {
  const { parts, settings, clock, finished } = launch
  const graph = new JobGraph(job.plan, job.functions as ReadonlyMap<string, RowFunction>, {
    ...parts,
    batchRows: settings.batchRows,
    slotCount: settings.ringSlots,
    memoryBytesMax: settings.memoryBytesMax,
  })
  checkBindings(
    'source',
    graph.sources.map((source) => source.uid),
    options.sources,
  )
  checkBindings('sink', graph.sinkNames, options.sinks)
  checkShapes(options)
  const opened: (() => Promise<unknown>)[] = []
  try {
    const checkpoints = await recover(options, launch, graph, opened)
    const host = await makeHost(options, launch)
    opened.push(() => host.close())
    return await assemble({
      graph,
      sources: options.sources,
      sinks: options.sinks,
      ...settings,
      isOrdered: options.ordered ?? true,
      clock,
      host,
      taskOrder: options.scheduler ?? ((count) => Array.from({ length: count }, (_, index) => index)),
      onDeadLetter: options.onDeadLetter,
      timeRules: parts.timeRules,
      checkpoints,
      finished,
      opened,
    })
  } catch (error) {
    for (const close of opened.toReversed()) await close().catch(() => {})
    throw error
  }
}

async function recover(
  { checkpoints, sources }: StartOptions,
  { parts, settings, warn, resume }: Launch,
  graph: JobGraph,
  opened: (() => Promise<unknown>)[],
): Promise<AssemblyCheckpoints | null> {
  const module = parts.checkpointing
  if (checkpoints === undefined || module === null) return null
  for (const { uid } of graph.sources) {
    const source = sources[uid]!
    if (!source.isReplayable)
      warn(`Source ${uid} (${source.kind}) cannot be rewound: records between the last checkpoint and a crash are lost`)
  }
  const everyMs =
    checkpoints.every === undefined ? DEFAULTS.everyMs : durationMs(checkpoints.every, { of: 'checkpoints.every', positive: true })
  const recovery = await module.openStore({
    store: checkpoints.store,
    plan: graph.plan,
    keyGroupCount: settings.keyGroupCount,
    resume: resume ?? 'auto',
    warn,
  })
  opened.push(() => recovery.session.close())
  return { module, recovery, everyMs, tolerableFailures: checkpoints.tolerableFailures ?? DEFAULTS.tolerableFailures }
}

async function makeHost({ host: wish = 'auto', worker, scheduler }: StartOptions, { parts, settings, clock, warn }: Launch): Promise<Host> {
  if (!platform.hasWorkers && wish !== 'auto' && wish !== 'inline')
    throw new ConfigError('WORKERS_UNAVAILABLE', `Cannot run on workers: ${platform.whyNot}; use host: 'inline'`)
  if (parts.tiers !== null && wish !== 'inline') {
    const { parallelism, workerTimeoutMs: timeoutMs } = settings
    const host = await parts.tiers.hostWithWorkers({ wish, platform, parallelism, clock, worker, timeoutMs, warn })
    if (host !== null) return host
  }
  return new InlineHost({
    load: (kind) => kernelModule(false, kind),
    clock,
    ...(scheduler === undefined ? {} : { order: scheduler }),
  })
}

/** Says each thing once: a job by its own function, all jobs together on the console. */
function warner({ onWarning }: StartOptions): (message: string) => void {
  const said = onWarning === undefined ? warned : new Set<string>()
  return (message) => {
    if (said.has(message)) return
    said.add(message)
    if (onWarning === undefined) console.warn(`millrace: ${message}`)
    else onWarning(message)
  }
}

interface Settings {
  readonly parallelism: number
  readonly keyGroupCount: number
  readonly memoryBytesMax: number
  readonly batchRows: number
  readonly ringSlots: number
  readonly stringsMax: number
  readonly workerTimeoutMs: number
}

function checkedSettings(options: StartOptions): Settings {
  const whole = (name: Exclude<keyof Settings, 'workerTimeoutMs'>, fallback: number, least: number, most: number): number => {
    const value = options[name] ?? fallback
    if (!Number.isInteger(value) || value < least || value > most) {
      throw new ConfigError('OPTION_INVALID', `${name} is ${String(value)}; it must be a whole number from ${least} to ${most}`)
    }
    return value
  }
  const keyGroupCount = whole('keyGroupCount', DEFAULTS.keyGroupCount, 1, 32_768)
  const ringSlots = whole('ringSlots', DEFAULTS.ringSlots, 2, 65_536)
  if ((ringSlots & (ringSlots - 1)) !== 0) throw new ConfigError('OPTION_INVALID', `ringSlots is ${ringSlots}; it must be a power of two`)
  oneOf('host', options.host, ['auto', 'workers', 'shared', 'transferred', 'inline'])
  if (options.checkpoints !== undefined) {
    const { resume, tolerableFailures = DEFAULTS.tolerableFailures } = options.checkpoints
    oneOf('checkpoints.resume', resume, ['auto', 'always', 'never'])
    if (!Number.isInteger(tolerableFailures) || tolerableFailures < 0) {
      throw new ConfigError(
        'OPTION_INVALID',
        `checkpoints.tolerableFailures is ${String(tolerableFailures)}; it must be a whole number from 0`,
      )
    }
  }
  return {
    keyGroupCount,
    ringSlots,
    parallelism: whole('parallelism', 1, 1, Math.min(keyGroupCount, 256)),
    memoryBytesMax: whole('memoryBytesMax', DEFAULTS.memoryBytesMax, 1 << 20, 2 ** 32),
    batchRows: whole('batchRows', DEFAULTS.batchRows, 1, 65_536),
    stringsMax: whole('stringsMax', DEFAULTS.stringsMax, 1, 1 << 26),
    workerTimeoutMs: durationMs(options.workerTimeout ?? '10s', { of: 'workerTimeout', positive: true }),
  }
}

function checkBindings(kind: 'source' | 'sink', wanted: readonly string[], given: Readonly<Record<string, unknown>>): void {
  for (const name of wanted) {
    if (!Object.hasOwn(given, name)) {
      throw new ConfigError(
        'BINDING_MISSING',
        `No ${kind} is bound to ${name}; the job needs ${wanted.join(', ')}, given were ${Object.keys(given).join(', ') || 'none'}`,
      )
    }
  }
  for (const name of Object.keys(given)) {
    if (!wanted.includes(name)) throw new ConfigError('BINDING_UNKNOWN', `The job has no ${kind} ${name}; it has ${wanted.join(', ')}`)
  }
}

/** @throws ConfigError when an option is none of its words. */
function oneOf(name: string, value: string | undefined, words: readonly string[]): void {
  if (value !== undefined && !words.includes(value))
    throw new ConfigError('OPTION_INVALID', `${name} is ${String(value)}; it must be one of ${words.join(', ')}`)
}

/** Plain JavaScript can bind anything: what is no source or sink is told before it is used. */
function checkShapes({ sources, sinks }: StartOptions): void {
  const check = (kind: string, bound: Readonly<Record<string, unknown>>, method: string) => {
    for (const [name, value] of Object.entries(bound)) {
      if (typeof (value as Readonly<Record<string, unknown>> | null | undefined)?.[method] === 'function') continue
      throw new ConfigError(
        'BINDING_INVALID',
        `What is bound to ${kind} ${name} is no ${kind}: it has no method ${method}; bind what csvFile, rowsSource, collectSink and their like return`,
      )
    }
  }
  check('source', sources, 'splits')
  check('sink', sinks, 'open')
}
