/**
 * The plan as it runs: intakes with their stages, exchanges to the subtasks, outlets with theirs, sinks at the leaves.
 *
 * Before: plan.ts. After: coordinator/job drives what is built here.
 *
 * Invariant: every operator of the plan is in exactly one place; every sink has exactly one feeder (an intake or an outlet).
 */

import { ConfigError } from '../errors.ts'
import {
  type AnalyzedPlan,
  type EventTimeSpec,
  type OperatorSpec,
  type Plan,
  type SinkSpec,
  type SourceSpec,
  type StageSpec,
  type WindowSpec,
} from '../plan.ts'
import { analysisOf } from '../plan-loading.ts'
import { EVERY_RECORDS_DEFAULT } from '../plan-watermark.ts'
import type { RecordBatch } from '../record-batch.ts'
import type { CellReader } from '../ring/slot-reader.ts'
import type { AggregateFunctions } from '../plan-functions.ts'
import type { Schema } from '../schema.ts'
import type * as Operators from '../operator/make-operator.ts'
import type { StatefulOperator } from '../operator/operator.ts'
import { findingsSchema, needsOrder } from '../plan-stages.ts'
import { FINDING_TRAITS, rowTraits } from '../sink/row-traits.ts'
import type { RowTraits } from '../sink/sink.ts'
import type { SinkPort } from '../sink/sink-port.ts'
import type * as Strategies from '../source/record-strategies.ts'
import { looksAtRecords, plainGenerator } from '../source/watermark-strategy.ts'
import { type SubtaskLayout, subtaskLayout } from '../subtask/subtask-layout.ts'
import { isExtended } from '../plan-kernel.ts'
import type * as Panes from '../panes/pane-parts.ts'
import type * as Assigners from '../window-assigner/window-assigner.ts'
import type { Exchange } from './exchange.ts'
import { type Chunk, eventTimeStage, type RowFunction, type Stage, type StageReport } from './stage.ts'
import type { TimeTrack, TimeTrackOptions } from './time-track.ts'
import type * as Transforms from './transform-stage.ts'

/** A window operator: what its subtasks are, and the schemas on both sides. */
export interface WindowNode {
  readonly spec: WindowSpec
  readonly layout: SubtaskLayout
  readonly streamSchema: Schema
  readonly resultSchema: Schema
  /** Of the results as the kernel gives them. */
  readonly kernelSchema: Schema
  /** Of windows beyond the slice kernel, or with computed columns. */
  readonly extended: Panes.WindowPlan | null
  /** The `eventTime` operator whose watermark reaches it; without one, windows by the clock have a name of their own for their time. */
  readonly eventTimeUid: string
}

export interface GraphOptions {
  readonly batchRows: number
  readonly slotCount: number
  readonly memoryBytesMax: number
  /** Filter and map; not needed for plans without them. */
  readonly transforms?: typeof Transforms | null
  /** Windows beyond the slice kernel, and computed columns; not needed for plans without them. */
  readonly panes?: typeof Panes | null
  /** Windows that an assigner finds; not needed for plans without them. */
  readonly assigners?: typeof Assigners | null
  /** Watermark strategies that look at every record; not needed for plans without them. */
  readonly strategies?: typeof Strategies | null
  /** Operators with state; not needed for plans without them. */
  readonly operators?: typeof Operators | null
}

export class JobGraph {
  readonly plan: Plan
  readonly analyzed: AnalyzedPlan
  readonly windows: readonly WindowNode[]
  readonly #functions: ReadonlyMap<string, RowFunction>
  readonly #transforms: typeof Transforms | null
  readonly #panes: typeof Panes | null
  readonly #assigners: typeof Assigners | null
  readonly #strategies: typeof Strategies | null
  readonly #operators: typeof Operators | null
  readonly #batchRows: number

  constructor(plan: Plan, functions: ReadonlyMap<string, RowFunction>, options: GraphOptions) {
    this.plan = plan
    this.analyzed = analysisOf(plan)
    this.#functions = functions
    this.#transforms = options.transforms ?? null
    this.#panes = options.panes ?? null
    this.#assigners = options.assigners ?? null
    this.#strategies = options.strategies ?? null
    this.#operators = options.operators ?? null
    this.#batchRows = options.batchRows
    this.windows = plan.operators
      .filter((spec) => spec.op === 'window')
      .map((spec) => {
        const streamSchema = this.schema(spec.inputs[0])
        const resultSchema = this.schema(spec.uid)
        const extended = isExtended(spec) ? this.#panes!.planPanes(spec, streamSchema, this.#keysOf(spec), resultSchema) : null
        const layout = subtaskLayout({
          window: spec,
          schema: streamSchema,
          keyColumns: this.#keysOf(spec),
          batchRowsMax: options.batchRows,
          slotCount: options.slotCount,
          memoryBytesMax: options.memoryBytesMax,
          extended,
        })
        const kernelSchema = extended?.kernelSchema ?? resultSchema
        const eventTimeUid = this.#upstream(spec, 'eventTime')?.uid ?? this.#innerUid(spec, 'clock')
        return { spec, layout, streamSchema, resultSchema, kernelSchema, extended, eventTimeUid }
      })
  }

  /** What reads the results of a window that do not lie in their cells. */
  cellsOf({ layout, streamSchema }: WindowNode): (() => CellReader) | null {
    const panes = this.#panes
    return panes === null || layout.kernel === 'slices' ? null : () => new panes.ResultCells(layout, streamSchema)
  }

  get sources(): readonly SourceSpec[] {
    return this.plan.operators.filter((spec) => spec.op === 'source')
  }

  /** Output schema of an operator. */
  schema(uid: string): Schema {
    return this.analyzed.operators.get(uid)!.schema
  }

  /** Sinks fed by `uid`, with what is known of what they get: those behind it, and for a window its late output. */
  sinksOf(uid: string): { readonly name: string; readonly schema: Schema; readonly traits: RowTraits }[] {
    const found: { name: string; schema: Schema; traits: RowTraits }[] = []
    const visit = (from: string) => {
      for (const spec of this.#downstream(from)) {
        if (spec.op === 'sink')
          found.push({ name: spec.name, schema: this.schema(spec.inputs[0]), traits: rowTraits(this.analyzed, spec.inputs[0]) })
        else if (spec.op !== 'window') visit(spec.uid)
        if (spec.op === 'trackSequence' && spec.findingsTo !== undefined) {
          found.push({ name: spec.findingsTo, schema: findingsSchema(spec, this.schema(spec.uid)), traits: FINDING_TRAITS })
        }
      }
    }
    visit(uid)
    const spec = this.plan.operators.find((operator) => operator.uid === uid)
    if (spec?.op === 'window' && spec.late.kind === 'sideOutput') {
      found.push({ name: spec.late.name, schema: this.schema(spec.inputs[0]), traits: rowTraits(this.analyzed, spec.inputs[0]) })
    }
    return found
  }

  /** All names that `sinks` must bind. */
  get sinkNames(): string[] {
    const names = this.plan.operators.filter((spec): spec is SinkSpec => spec.op === 'sink').map((spec) => spec.name)
    for (const spec of this.plan.operators) if (spec.op === 'trackSequence' && spec.findingsTo !== undefined) names.push(spec.findingsTo)
    for (const { spec } of this.windows) if (spec.late.kind === 'sideOutput') names.push(spec.late.name)
    return names
  }

  /** Stages behind an operator, up to exchanges and sinks. */
  stages(uid: string, leaves: StageLeaves, reach: Reach = newReach()): Stage[] {
    return this.#downstream(uid).map((spec) => this.#stage(spec, leaves, reach))
  }

  /** @param reach - Told of the exchanges and operators with state that a watermark from above comes to. */
  #stage(spec: OperatorSpec, leaves: StageLeaves, reach: Reach): Stage {
    const input = this.schema('inputs' in spec ? spec.inputs[0] : spec.uid)
    switch (spec.op) {
      case 'filter':
        return this.#transforms!.filterStage(
          spec,
          input,
          this.#functions.get(spec.uid),
          leaves.report,
          this.stages(spec.uid, leaves, reach),
        )
      case 'map':
        return this.#transforms!.mapStage(
          spec,
          input,
          this.schema(spec.uid),
          this.#functions.get(spec.uid),
          leaves.report,
          this.stages(spec.uid, leaves, reach),
        )
      case 'eventTime':
        return this.#eventTime(spec, input, leaves)
      case 'sortByEventTime':
      case 'deduplicate':
      case 'trackSequence':
        return this.#stateful(leaves, reach, (below) =>
          this.#operators!.makeOperator(spec, input, {
            next: this.stages(spec.uid, leaves, below),
            rowsMax: this.#batchRows,
            report: leaves.report,
            side: sideOf(spec, leaves),
          }),
        )
      case 'keyBy': {
        const next = this.stages(spec.uid, leaves, reach)
        return (chunk: Chunk) => {
          for (const stage of next) stage(chunk)
        }
      }
      case 'window':
        return this.#windowStage(spec, input, leaves, reach)
      case 'sink': {
        const port = leaves.sink(spec.name)
        return ({ batch }) => port.write(batch)
      }
      case 'source':
        throw new ConfigError('PLAN_CYCLE', `Source ${spec.uid} cannot have an input`)
      default: {
        const never: never = spec
        throw new ConfigError('OPERATOR_UNKNOWN', `Unknown operator ${String(never)}`)
      }
    }
  }

  #windowStage(spec: WindowSpec, schema: Schema, leaves: StageLeaves, reach: Reach): Stage {
    const exchange = leaves.exchange(spec.uid)
    const offer = this.#offerStage(spec, schema, exchange, leaves.report)
    if (this.#upstream(spec, 'eventTime') === null) return this.#byClock(spec, schema, leaves, exchange, offer)
    if (!needsOrder(spec)) {
      reach.exchanges.push(exchange)
      return offer
    }
    return this.#stateful(leaves, reach, (below) => {
      below.exchanges.push(exchange)
      const output = { next: [offer], rowsMax: this.#batchRows, report: leaves.report, side: null }
      return this.#operators!.makeSorterBefore(spec, this.#innerUid(spec, 'sort'), schema, output)
    })
  }

  /** A window by the clock whose rows have no event time: it is marked as if they had one, and its only watermark is the end of the stream: no event time is observed. */
  #byClock(spec: WindowSpec, schema: Schema, leaves: StageLeaves, exchange: Exchange, offer: Stage): Stage {
    const time: EventTimeSpec = {
      uid: this.#innerUid(spec, 'clock'),
      op: 'eventTime',
      inputs: spec.inputs,
      column: '',
      watermark: { kind: 'monotonous', flushAfterMs: null, everyRecords: EVERY_RECORDS_DEFAULT },
    }
    leaves.track({ spec: time, schema, exchanges: [exchange], nodes: [], makeGenerator: plainGenerator(time), report: leaves.report })
    return ({ batch }) => offer({ batch, times: exchange.clockTimes(batch.rowCount) })
  }

  /** What gives rows to an exchange, with the columns that only the kernel wants. */
  #offerStage(spec: WindowSpec, schema: Schema, exchange: Exchange, report: StageReport): Stage {
    const plan = this.windows.find((window) => window.spec === spec)!.extended
    if (plan === null || plan.computed.length === 0) return ({ batch, times }) => exchange.offer(batch, times!)
    const functionOf = (part: string) => this.#functions.get(`${spec.uid}.${part}`)
    return this.#panes!.computedStage({ spec, plan, schema, exchange, report, functionOf, assigners: this.#assigners })
  }

  /** Accumulators of a window's custom aggregates, where they are kept outside the kernel. */
  accumulatorsOf({ spec, layout, extended, streamSchema }: WindowNode, report: StageReport): Panes.WindowAccumulators | null {
    if (extended === null || !this.#panes!.tellsOperations(spec)) return null
    const customs = extended.customs.map((custom) => ({
      ...custom,
      functions: this.#functions.get(`${spec.uid}.aggregate.${custom.name}`) as unknown as AggregateFunctions<unknown>,
    }))
    return new this.#panes!.WindowAccumulators({
      uid: spec.uid,
      customs,
      records: new this.#panes!.RecordReader(layout, streamSchema),
      report,
    })
  }

  /** Stages behind a window: first of all that of its functions, if it has any. */
  resultStages(node: WindowNode, leaves: StageLeaves, accumulators: Panes.WindowAccumulators | null): Stage[] {
    const { spec, extended: plan, resultSchema } = node
    const next = this.stages(spec.uid, leaves)
    if (plan === null || !this.#panes!.hasFunctions(spec)) return next
    const functionOf = (part: string) => this.#functions.get(`${spec.uid}.${part}`)
    const keyColumns = this.#keysOf(spec)
    return [
      this.#panes!.windowFunctionsStage({ spec, plan, keyColumns, resultSchema, functionOf, accumulators, report: leaves.report, next }),
    ]
  }

  #eventTime(spec: EventTimeSpec, input: Schema, leaves: StageLeaves): Stage {
    const reach = newReach()
    const next = this.stages(spec.uid, leaves, reach)
    const track = leaves.track({
      spec,
      schema: input,
      ...reach,
      makeGenerator: looksAtRecords(spec)
        ? this.#strategies!.recordGenerator(spec, input, this.#functions.get(`${spec.uid}.watermark`) as (() => unknown) | undefined)
        : plainGenerator(spec),
      report: leaves.report,
    })
    return eventTimeStage(spec, input, track, leaves.report, next)
  }

  /** An operator with state in its place: what is below it gets its watermarks from it. */
  #stateful(leaves: StageLeaves, reach: Reach, make: (below: Reach) => StatefulOperator): Stage {
    const below = newReach()
    const node = new this.#operators!.OperatorNode(make(below), below)
    reach.nodes.push(node)
    leaves.operator(node)
    return node.stage
  }

  /** A name for what stands before a window without being in the plan: one that no operator has. */
  #innerUid({ uid }: WindowSpec, what: 'sort' | 'clock'): string {
    let name = `${uid}:${what}`
    while (this.plan.operators.some((spec) => spec.uid === name)) name += `:${what}`
    return name
  }

  #downstream(uid: string): OperatorSpec[] {
    return this.plan.operators.filter((spec) => 'inputs' in spec && spec.inputs.includes(uid as never))
  }

  #upstream<Op extends OperatorSpec['op']>(spec: OperatorSpec, op: Op): Extract<OperatorSpec, { op: Op }> | null {
    for (let at: OperatorSpec | undefined = spec; at !== undefined; ) {
      if (at.op === op) return at as Extract<OperatorSpec, { op: Op }>
      const input: string | undefined = 'inputs' in at ? at.inputs[0] : undefined
      at = this.plan.operators.find((operator) => operator.uid === input)
    }
    return null
  }

  #keysOf(spec: WindowSpec): readonly string[] {
    return this.#upstream(spec, 'keyBy')?.columns ?? []
  }
}

/** What the leaves of the stages are. */
export interface StageLeaves {
  readonly report: StageReport
  exchange(uid: string): Exchange
  sink(name: string): SinkPort
  track(options: Omit<TimeTrackOptions, 'isLive' | 'clock'>): TimeTrack
  /** Told of every operator with state. */
  operator(node: Operators.OperatorNode): void
}

/** What a watermark comes to without passing an operator with state. */
interface Reach {
  readonly exchanges: Exchange[]
  readonly nodes: Operators.OperatorNode[]
}

function newReach(): Reach {
  return { exchanges: [], nodes: [] }
}

function sideOf(spec: StageSpec, leaves: StageLeaves): ((batch: RecordBatch) => void) | null {
  if (spec.op !== 'trackSequence' || spec.findingsTo === undefined) return null
  const port = leaves.sink(spec.findingsTo)
  return (batch) => port.write(batch)
}
