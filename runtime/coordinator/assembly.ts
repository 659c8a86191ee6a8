/**
 * Builds a running job from its graph and what the user bound: sinks first, then subtasks, sources and outlets.
 *
 * Before: engine.ts has checked options, opened the store and chosen the host. After: coordinator/job runs what is put together here.
 *
 * Invariant: whatever is opened here is in `opened`, so that a failure half-way closes all of it.
 */

import type { DeadLetter } from '../batch-builder.ts'
import type { Clock } from '../clock.ts'
import type { Host, HostStart } from '../host/host.ts'
import { SinkPort } from '../sink/sink-port.ts'
import type { Sink, SinkState } from '../sink/sink.ts'
import type { OperatorNode } from '../operator/operator-node.ts'
import type { Source, SourceContext } from '../source/source.ts'
import { needsRules } from '../source/watermark-strategy.ts'
import type { CheckpointCoordinator, CheckpointCoordinatorOptions } from './checkpoint-coordinator.ts'
import type * as Checkpointing from './checkpointing.ts'
import { Exchange } from './exchange.ts'
import { Intake } from './intake.ts'
import type { IntakeCounts, IntakeState } from './intake-state.ts'
import { type JobParts, RunningJob } from './job.ts'
import type { JobGraph } from './job-graph.ts'
import { Outlet } from './outlet.ts'
import type { StageReport } from './stage.ts'
import type * as TimeRules from './ruled-time-track.ts'
import { TimeTrack } from './time-track.ts'

/** What the user bound and chose, checked. */
export interface AssemblyOptions {
  readonly graph: JobGraph
  readonly sources: Readonly<Record<string, Source>>
  readonly sinks: Readonly<Record<string, Sink>>
  readonly parallelism: number
  readonly keyGroupCount: number
  readonly batchRows: number
  readonly stringsMax: number
  readonly isOrdered: boolean
  readonly clock: Clock
  readonly host: Host
  readonly taskOrder: JobParts['taskOrder']
  readonly onDeadLetter: ((letter: DeadLetter) => void) | undefined
  /** Event time with the rules of live sources; not needed for jobs without. */
  readonly timeRules: typeof TimeRules | null
  readonly checkpoints: AssemblyCheckpoints | null
  /** What sinks are told of the end of the job. */
  readonly finished: Promise<unknown>
  readonly opened: (() => Promise<unknown>)[]
}

/** Only of jobs with checkpoints; the module is loaded for them alone. */
export interface AssemblyCheckpoints {
  readonly module: typeof Checkpointing
  readonly recovery: Checkpointing.Recovery
  readonly everyMs: number
  readonly tolerableFailures: number
}

const DEAD_LETTER_SAMPLES = 100

export async function assemble(options: AssemblyOptions): Promise<RunningJob> {
  const { graph, clock, host, parallelism, keyGroupCount, checkpoints, opened } = options
  const recovered = checkpoints?.recovery.recovered ?? null
  const manifest = recovered?.manifest ?? null
  const epoch = checkpoints?.recovery.session.epoch ?? 1
  const deadLetters: { samples: DeadLetter[] } = { samples: [] }
  const ports = new Map(graph.sinkNames.map((name) => [name, new SinkPort(name, options.sinks[name]!)]))
  const portsOf = (uid: string) => graph.sinksOf(uid).map(({ name }) => ports.get(name)!)

  const ending = new AbortController()
  // Sinks first: what a recovered checkpoint covers is committed before anything else happens.
  for (const { uid } of [...graph.sources, ...graph.windows.map(({ spec }) => spec)]) {
    for (const { name, schema, traits } of graph.sinksOf(uid)) {
      const port = ports.get(name)!
      const restored = (manifest?.sinks[name] as SinkState | undefined) ?? null
      const hasCheckpoints = checkpoints !== null
      const told = { ending: ending.signal, finished: options.finished }
      await port.open({ name, jobName: graph.plan.name, epoch, schema, traits, restored, hasCheckpoints, clock, ...told })
      opened.push(() => port.close())
      if (manifest !== null) await port.commit(manifest.checkpointId)
    }
  }

  let running: RunningJob | null = null
  let early: Error | null = null
  const start: HostStart = {
    layouts: graph.windows.map(({ layout }) => layout),
    parallelism,
    epoch,
    restore: graph.windows.map(({ spec }) => checkpoints?.module.restoreSections(spec.uid, recovered, parallelism, keyGroupCount) ?? []),
    events: {
      snapshot: (operator, subtask, id, sections, counters) => running?.subtaskSnapshot(operator, subtask, id, sections, counters),
      failed: (error) => {
        if (running === null) early ??= error
        else running.fail(error)
      },
    },
  }
  const subtasks = await host.start(start)
  const exchanges = new Map(
    graph.windows.map(({ spec, layout }, index) => [spec.uid, new Exchange(layout, subtasks[index]!, keyGroupCount, epoch, clock)]),
  )
  const leaves = { exchange: (uid: string) => exchanges.get(uid)!, sink: (name: string) => ports.get(name)! }

  const intakes: JobParts['intakes'][number][] = []
  for (const { uid } of graph.sources) {
    const restored = (manifest?.sources[uid] as IntakeState | undefined) ?? null
    const counts: IntakeCounts = { filtered: restored?.counts.filtered ?? 0, deadLetters: restored?.counts.deadLetters ?? 0 }
    const tracks: TimeTrack[] = []
    const report = reporter(counts, deadLetters, options.onDeadLetter)
    const source = options.sources[uid]!
    const nodes: OperatorNode[] = []
    const stages = graph.stages(uid, {
      ...leaves,
      report,
      track: (parts) => {
        const isLive = !source.isBounded
        const Track = needsRules(parts.spec, isLive) ? options.timeRules!.RuledTimeTrack : TimeTrack
        const track = new Track({ ...parts, isLive, clock })
        tracks.push(track)
        return track
      },
      // Those below are made first.
      operator: (node) => nodes.unshift(node),
    })
    for (const { operator } of nodes) operator.restore(checkpoints?.module.restoreChunks(operator.uid, recovered) ?? [])
    const sinks = portsOf(uid)
    const intake = new Intake({
      uid,
      name: uid,
      schema: graph.schema(uid),
      source,
      stages,
      tracks,
      exchanges: graph.windows
        .filter(({ eventTimeUid }) => tracks.some(({ spec }) => spec.uid === eventTimeUid))
        .map(({ spec }) => exchanges.get(spec.uid)!),
      settle: () => {
        for (const sink of sinks) sink.check()
        return sinks.find((sink) => sink.busy !== null)?.busy ?? null
      },
      deadLetter: report.deadLetter,
      clock,
      batchRowsMax: options.batchRows,
      stringsMax: options.stringsMax,
      restored,
      openJournal: journalsOf(uid, checkpoints),
      hasCheckpoints: checkpoints !== null,
    })
    await intake.open()
    opened.push(() => intake.close())
    intakes.push({ intake, tracks, counts, sinks, nodes })
  }

  const outlets = graph.windows.map((node, index) => {
    const { uid, late } = node.spec
    const sinks = portsOf(uid)
    // Rows that a filter behind a window takes away were processed: they are not counted as filtered input.
    const counts: IntakeCounts = { filtered: 0, deadLetters: 0 }
    const report = reporter(counts, deadLetters, options.onDeadLetter)
    const isMisplaced = () => {
      throw new RangeError(`There is no event time behind the window ${uid}`)
    }
    const accumulators = graph.accumulatorsOf(node, report)
    accumulators?.restore(checkpoints?.module.restoreChunks(uid, recovered) ?? [])
    const stages = graph.resultStages(node, { ...leaves, report, track: isMisplaced, operator: isMisplaced }, accumulators)
    const exchange = exchanges.get(uid)!
    const outlet = new Outlet({
      layout: node.layout,
      resultSchema: node.kernelSchema,
      newCells: graph.cellsOf(node),
      streamSchema: node.streamSchema,
      lateDictionary: (generation) => exchange.dictionary(generation),
      onMarks: (markCount) => exchange.passed(markCount),
      epoch,
      subtasks: subtasks[index]!,
      isOrdered: options.isOrdered,
      isBusy: () => sinks.some((sink) => sink.busy !== null),
      onResults: (batch) => {
        for (const stage of stages) stage({ batch, times: null })
      },
      onLate: (batch) => {
        if (late.kind === 'sideOutput') ports.get(late.name)!.write(batch)
      },
      onOperations: (bytes) => accumulators!.apply(bytes),
    })
    return { outlet, exchange, node, sinks, counts, accumulators }
  })

  const sinks = [...ports.values()]
  const accumulating = outlets.flatMap(({ node, accumulators }) => (accumulators === null ? [] : [node.spec.uid]))
  const failed = (error: Error) => running?.fail(error)
  const completed = (states: ReadonlyMap<string, IntakeState>) => {
    for (const { intake } of intakes) intake.checkpointed(states.get(intake.uid)!)
  }
  const coordinator = checkpoints === null ? null : makeCoordinator(options, checkpoints, sinks, accumulating, { failed, completed })
  running = new RunningJob({
    name: graph.plan.name,
    clock,
    host,
    parallelism,
    epoch,
    intakes,
    outlets,
    sinks,
    checkpoints: coordinator === null ? null : { coordinator, everyMs: checkpoints!.everyMs },
    recovered: manifest,
    taskOrder: options.taskOrder,
    deadLetters,
    ending,
    release: async () => {
      await checkpoints?.recovery.session.close()
    },
  })
  // A worker may be lost while the sources are opened.
  if (early !== null) running.fail(early)
  return running
}

function journalsOf(sourceUid: string, checkpoints: AssemblyCheckpoints | null): SourceContext['openJournal'] {
  const session = checkpoints?.recovery.session
  return session?.openJournal === undefined ? null : (name) => session.openJournal!(`${sourceUid}/${name}`)
}

function makeCoordinator(
  { graph, keyGroupCount, parallelism, clock }: AssemblyOptions,
  { module, recovery, tolerableFailures }: AssemblyCheckpoints,
  sinks: readonly SinkPort[],
  accumulating: readonly string[],
  told: Pick<CheckpointCoordinatorOptions, 'completed' | 'failed'>,
): CheckpointCoordinator {
  return new module.CheckpointCoordinator({
    session: recovery.session,
    jobName: graph.plan.name,
    planFingerprint: recovery.planFingerprint,
    keyGroupCount,
    parallelism,
    sources: graph.sources.map(({ uid }) => uid),
    operators: graph.windows.map(({ spec }) => spec.uid),
    accumulating,
    sinks,
    clock,
    recovered: recovery.recovered?.manifest ?? null,
    tolerableFailures,
    ...told,
  })
}

function reporter(
  counts: IntakeCounts,
  deadLetters: { readonly samples: DeadLetter[] },
  onDeadLetter: ((letter: DeadLetter) => void) | undefined,
): StageReport {
  return {
    filtered(_uid, count) {
      counts.filtered += count
    },
    deadLetter(letter) {
      counts.deadLetters++
      if (deadLetters.samples.length < DEAD_LETTER_SAMPLES) deadLetters.samples.push(letter)
      onDeadLetter?.(letter)
    },
  }
}
