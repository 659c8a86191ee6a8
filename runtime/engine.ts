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
import { ConfigError } from './errors.ts'
import type { RunningJob } from './coordinator/job.ts'
import type { Host } from './host/host.ts'
import type { Job } from './pipeline.ts'
import { isExtended } from './plan-kernel.ts'
import { isStage, needsOrder } from './plan-stages.ts'
import { kernelModule } from './platform/kernel-module.ts'
import { looksAtRecords, needsRules } from './source/watermark-strategy.ts'
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
export async function startJob(job: Job, options: StartOptions): Promise<Run> {
  const settings = checkedSettings(options)
  const clock = options.clock ?? systemClock
  const warn = warner(options)
  const mayRestart = options.restart !== false && (options.checkpoints !== undefined || options.restart !== undefined)
  const supervision = mayRestart ? await import('./coordinator/supervisor.ts') : null
  const policy = supervision?.restartPolicy(options) ?? null
  const finished = Promise.withResolvers<unknown>()
  // Only sinks that ask hear of it.
  finished.promise.catch(() => {})
  const launch = (resume: CheckpointOptions['resume']) => launchJob(job, options, settings, clock, warn, resume, finished.promise)
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

async function launchJob(
  job: Job,
  options: StartOptions,
  settings: Settings,
  clock: Clock,
  warn: (message: string) => void,
  resume: CheckpointOptions['resume'],
  finished: Promise<unknown>,
): Promise<RunningJob> {
  const graph = await makeGraph(job, settings)
  checkBindings(
    'source',
    graph.sources.map((source) => source.uid),
    options.sources,
  )
  checkBindings('sink', graph.sinkNames, options.sinks)
  checkShapes(options)
  const opened: (() => Promise<unknown>)[] = []
  try {
    const checkpoints =
      options.checkpoints === undefined
        ? null
        : await recoverFrom({ ...options.checkpoints, resume }, graph, settings, options, warn, opened)
    const host = await makeHost(graph, options, settings, clock, warn)
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
      timeRules: needsTimeRules(graph, options) ? await import('./coordinator/ruled-time-track.ts') : null,
      checkpoints,
      finished,
      opened,
    })
  } catch (error) {
    for (const close of opened.toReversed()) await close().catch(() => {})
    throw error
  }
}

/**
 * Filter and map, operators with state, watermark strategies that look at every record, and windows beyond the simple ones are loaded for
 * plans that have them.
 */
async function makeGraph(job: Job, settings: Settings): Promise<JobGraph> {
  const hasTransforms = job.plan.operators.some((spec) => spec.op === 'filter' || spec.op === 'map')
  const hasStrategies = job.plan.operators.some((spec) => spec.op === 'eventTime' && looksAtRecords(spec))
  const windows = job.plan.operators.filter((spec) => spec.op === 'window')
  const panes = windows.some(isExtended) ? await import('./panes/pane-parts.ts') : null
  const hasAssigned = panes !== null && windows.some(({ window }) => panes.isAssigned(window))
  const hasOperators = job.plan.operators.some((spec) => isStage(spec) || (spec.op === 'window' && needsOrder(spec)))
  return new JobGraph(job.plan, job.functions as ReadonlyMap<string, RowFunction>, {
    batchRows: settings.batchRows,
    slotCount: settings.ringSlots,
    memoryBytesMax: settings.memoryBytesMax,
    transforms: hasTransforms ? await import('./coordinator/transform-stage.ts') : null,
    strategies: hasStrategies ? await import('./source/record-strategies.ts') : null,
    panes,
    assigners: hasAssigned ? await import('./window-assigner/window-assigner.ts') : null,
    operators: hasOperators ? await import('./operator/make-operator.ts') : null,
  })
}

/** Rules of live sources are loaded for jobs that have one, or ask for them. */
function needsTimeRules({ analyzed, plan }: JobGraph, { sources }: StartOptions): boolean {
  return plan.operators.some((spec) => {
    const isLive = !sources[analyzed.operators.get(spec.uid)!.sourceUid]!.isBounded
    // Windows by the clock have a time of their own, which follows the same rules.
    if (spec.op === 'window') return isLive && spec.time === 'processing'
    return spec.op === 'eventTime' && needsRules(spec, isLive)
  })
}

async function recoverFrom(
  checkpoints: CheckpointOptions,
  graph: JobGraph,
  settings: Settings,
  options: StartOptions,
  warn: (message: string) => void,
  opened: (() => Promise<unknown>)[],
): Promise<AssemblyCheckpoints> {
  for (const { uid } of graph.sources) {
    const source = options.sources[uid]!
    if (!source.isReplayable)
      warn(`Source ${uid} (${source.kind}) cannot be rewound: records between the last checkpoint and a crash are lost`)
  }
  const everyMs =
    checkpoints.every === undefined ? DEFAULTS.everyMs : durationMs(checkpoints.every, { of: 'checkpoints.every', positive: true })
  const module = await import('./coordinator/checkpointing.ts')
  const recovery = await module.openStore({
    store: checkpoints.store,
    plan: graph.plan,
    keyGroupCount: settings.keyGroupCount,
    resume: checkpoints.resume ?? 'auto',
    warn,
  })
  opened.push(() => recovery.session.close())
  return { module, recovery, everyMs, tolerableFailures: checkpoints.tolerableFailures ?? DEFAULTS.tolerableFailures }
}

async function makeHost(
  graph: JobGraph,
  options: StartOptions,
  settings: Settings,
  clock: Clock,
  warn: (message: string) => void,
): Promise<Host> {
  const wish = options.host ?? 'auto'
  // Without windows there are no kernels that could run elsewhere.
  const isOfUse = platform.hasWorkers && graph.windows.length > 0
  if (wish !== 'inline' && (isOfUse || wish !== 'auto')) {
    // Each host is loaded when it is used: a page without workers does not download Comlink.
    const { hostWithWorkers } = await import('./host/tiers.ts')
    const { worker } = options
    const { parallelism, workerTimeoutMs: timeoutMs } = settings
    const host = await hostWithWorkers({
      wish: wish as Exclude<typeof wish, 'inline'>,
      platform,
      parallelism,
      clock,
      worker,
      timeoutMs,
      warn,
    })
    if (host !== null) return host
  }
  const { InlineHost } = await import('./host/inline-host.ts')
  return new InlineHost({
    load: (kind) => kernelModule(false, kind),
    clock,
    ...(options.scheduler === undefined ? {} : { order: options.scheduler }),
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
