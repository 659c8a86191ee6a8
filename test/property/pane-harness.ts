/**
 * A window operator of the product driven by hand: records in batches, watermarks and the clock when a case says so, snapshots anywhere.
 *
 * Before: a plan and operations. After: the stages, exchange, inline host, kernels and outlet that `start` puts together.
 *
 * Invariant: what comes out depends on the operations alone; how many subtasks, batches and restores there were may not show.
 */

import { BatchBuilder } from '../../runtime/batch-builder.ts'
import { type Clock, systemClock } from '../../runtime/clock.ts'
import { Exchange } from '../../runtime/coordinator/exchange.ts'
import { JobGraph } from '../../runtime/coordinator/job-graph.ts'
import { subtaskOfKeyGroup } from '../../runtime/coordinator/key-router.ts'
import { Outlet } from '../../runtime/coordinator/outlet.ts'
import type { Stage } from '../../runtime/coordinator/stage.ts'
import { Dictionary } from '../../runtime/dictionary.ts'
import { InlineHost } from '../../runtime/host/inline-host.ts'
import type { JobFunctions } from '../../runtime/plan-functions.ts'
import { fromPlan } from '../../runtime/pipeline.ts'
import * as panes from '../../runtime/panes/pane-parts.ts'
import { kernelModule } from '../../runtime/platform/kernel-module.ts'
import type { RecordBatch, RowObject } from '../../runtime/record-batch.ts'
import { paneOf } from '../../runtime/sink/pane.ts'
import * as assigners from '../../runtime/window-assigner/window-assigner.ts'
import { chunksOfSnapshot, sectionsForSubtask } from '../../runtime/subtask/snapshot-chunks.ts'
import type { ActualRow } from '../oracle/panes/compare.ts'

const KEY_GROUPS = 128
const STANDSTILL_TURNS = 1_000

export interface HarnessOptions {
  readonly parallelism: number
  readonly batchRows: number
  readonly ringSlots: number
}

/** What a subtask's kernel has counted, added up over subtasks and restores. */
export interface HarnessCounts {
  late: number
  outside: number
  closed: number
  results: number
}

export class PaneHarness {
  readonly rows: ActualRow[] = []
  readonly late: RowObject[] = []
  readonly deadLetters: string[] = []
  readonly #plan: object
  readonly #functions: JobFunctions
  #options: HarnessOptions
  #epoch = 0
  #nowMs = 0
  #watermarkMs = Number.NEGATIVE_INFINITY
  #ticks = 0
  #host!: InlineHost
  #exchange!: Exchange
  #outlet!: Outlet
  #builder!: BatchBuilder
  #stage!: Stage
  #timeName = ''
  #sections = new Map<number, Uint8Array<ArrayBuffer>>()
  readonly #before: HarnessCounts = { late: 0, outside: 0, closed: 0, results: 0 }

  private constructor(plan: object, functions: JobFunctions, options: HarnessOptions) {
    this.#plan = plan
    this.#functions = functions
    this.#options = options
  }

  static async open(plan: object, functions: JobFunctions, options: HarnessOptions): Promise<PaneHarness> {
    const harness = new PaneHarness(plan, functions, options)
    await harness.#start([])
    return harness
  }

  async #start(chunks: readonly Uint8Array<ArrayBuffer>[]): Promise<void> {
    const { parallelism, batchRows, ringSlots } = this.#options
    this.#epoch++
    this.#sections = new Map()
    const job = fromPlan(this.#plan, this.#functions)
    const graph = new JobGraph(job.plan, new Map(), { batchRows, slotCount: ringSlots, memoryBytesMax: 1 << 26, panes, assigners })
    const node = graph.windows[0]!
    // Ticks of the exchange are due at once: the cases say when the clock moves.
    const clock: Clock = { ...systemClock, now: () => this.#nowMs, overMs: () => this.#nowMs, monotonic: () => this.#ticks++ * 1_000 }
    this.#host = new InlineHost({ load: (kind) => kernelModule(false, kind), clock: systemClock })
    const subtasks = await this.#host.start({
      layouts: [node.layout],
      parallelism,
      epoch: this.#epoch,
      restore: [
        Array.from({ length: parallelism }, (_, subtask) =>
          sectionsForSubtask(chunks, (group) => subtaskOfKeyGroup(group, KEY_GROUPS, parallelism) === subtask),
        ),
      ],
      events: {
        snapshot: (_operator, subtask, _checkpointId, sections) => {
          this.#sections.set(subtask, sections.slice())
        },
        failed: (error) => {
          throw error
        },
      },
    })
    this.#exchange = new Exchange(node.layout, subtasks[0]!, KEY_GROUPS, this.#epoch, clock)
    this.#builder = new BatchBuilder(node.streamSchema, batchRows, new Dictionary())
    const report = {
      filtered: () => {},
      deadLetter: ({ code }: { readonly code: string }) => {
        this.deadLetters.push(code)
      },
    }
    // Straight before the window, behind the sort that state windows have before them.
    const { spec, streamSchema: schema, extended: plan } = node
    const isComputed = plan !== null && plan.computed.length > 0
    const functionOf = (part: string) => this.#functions.get(`${spec.uid}.${part}`)
    this.#stage = isComputed
      ? panes.computedStage({ spec, plan, schema, exchange: this.#exchange, report, functionOf, assigners })
      : ({ batch, times }) => this.#exchange.offer(batch, times!)
    const time = job.plan.operators.find((operator) => operator.op === 'eventTime')
    this.#timeName = time?.op === 'eventTime' ? time.column : ''
    this.#outlet = new Outlet({
      layout: node.layout,
      resultSchema: node.kernelSchema,
      streamSchema: node.streamSchema,
      newCells: graph.cellsOf(node),
      lateDictionary: (generation) => this.#exchange.dictionary(generation),
      onMarks: (markCount) => this.#exchange.passed(markCount),
      epoch: this.#epoch,
      subtasks: subtasks[0]!,
      isOrdered: true,
      isBusy: () => false,
      onResults: (batch) => this.#take(batch),
      onLate: (batch) => {
        for (let row = 0; row < batch.rowCount; row++) this.late.push(batch.row(row))
      },
    })
  }

  /** Records that come at one time of the clock; `batchRows` of them at most. */
  records(rows: readonly object[]): void {
    this.#builder.clear()
    for (const row of rows) {
      if (!this.#builder.appendRow(row, 'record')) throw new TypeError(`A record does not fit: ${this.#builder.deadLetters[0]?.reason}`)
    }
    const batch = this.#builder.build()
    const times = Float64Array.from(batch.column(this.#timeName).values.subarray(0, batch.rowCount))
    this.#stage({ batch, times })
    this.#write()
  }

  watermark(watermarkMs: number): void {
    this.#watermarkMs = Math.max(this.#watermarkMs, watermarkMs)
    this.#exchange.watermark(watermarkMs)
    this.#write()
  }

  /** Lets all results so far come out: those of several subtasks wait for a mark on every ring. */
  finish(): void {
    this.#exchange.watermark(this.#watermarkMs)
    this.settle()
  }

  clock(nowMs: number): void {
    this.#nowMs = nowMs
    this.#exchange.tick()
    this.#write()
  }

  /** Begins the dictionary of strings anew, as the intake does when it has grown too large. */
  forgetStrings(): void {
    this.#builder.dictionary = new Dictionary(this.#builder.dictionary.generation + 1)
  }

  /** Takes a snapshot, throws everything away and goes on from it. */
  async restore(options: HarnessOptions): Promise<void> {
    this.#exchange.watermark(this.#watermarkMs)
    this.#exchange.barrier(this.#epoch)
    this.settle()
    const chunks = [...this.#sections.values()].flatMap(chunksOfSnapshot)
    if (this.#sections.size !== this.#options.parallelism) throw new Error('Not every subtask gave a snapshot')
    Object.assign(this.#before, await this.counts())
    await this.#host.close()
    this.#options = options
    await this.#start(chunks)
  }

  /** Lets everything that was given come out. */
  settle(): void {
    for (;;) {
      this.#write()
      if (!this.#step()) return
    }
  }

  async counts(): Promise<HarnessCounts> {
    const counters = (await this.#host.counters())[0]!
    const sum = (name: 'lateDropped' | 'outside' | 'closed' | 'results') => counters.reduce((total, each) => total + each[name], 0)
    return {
      late: this.#before.late + sum('lateDropped'),
      outside: this.#before.outside + sum('outside'),
      closed: this.#before.closed + sum('closed'),
      results: this.#before.results + sum('results'),
    }
  }

  close(): Promise<void> {
    return this.#host.close()
  }

  /** Writes what was offered; the kernels work only as far as the rings need it. */
  #write(): void {
    for (let turns = 0; !this.#exchange.flush(); turns++) {
      if (!this.#step() && turns > STANDSTILL_TURNS) throw new Error('The rings are full and nothing moves')
    }
  }

  #step(): boolean {
    const hasWorked = this.#host.step()
    const hasGiven = this.#outlet.step()
    if (this.#outlet.barrier !== null) this.#outlet.passBarrier()
    return hasWorked || hasGiven
  }

  #take(batch: RecordBatch): void {
    for (let row = 0; row < batch.rowCount; row++) this.rows.push({ row: batch.row(row), ...paneOf(batch, row) })
  }
}
