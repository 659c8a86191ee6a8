/**
 * A window operator of the product driven by hand: elements and watermarks are given one at a time, results are taken when wanted.
 *
 * Before: runner, with a plan. After: the same exchange, inline host, kernel and outlet that `start` puts together.
 * The public API has no watermarks from outside, so this enters one level below: where the intake would call the exchange.
 *
 * Invariant: after each call everything that follows from it has come out.
 */

import { BatchBuilder } from '../../runtime/batch-builder.ts'
import type { Clock } from '../../runtime/clock.ts'
import { Exchange } from '../../runtime/coordinator/exchange.ts'
import { JobGraph } from '../../runtime/coordinator/job-graph.ts'
import { Outlet } from '../../runtime/coordinator/outlet.ts'
import type { Stage } from '../../runtime/coordinator/stage.ts'
import * as transforms from '../../runtime/coordinator/transform-stage.ts'
import { Dictionary } from '../../runtime/dictionary.ts'
import type { HostedSubtask } from '../../runtime/host/host.ts'
import { InlineHost } from '../../runtime/host/inline-host.ts'
import * as panes from '../../runtime/panes/pane-parts.ts'
import { loadPlan } from '../../runtime/plan.ts'
import { kernelModule } from '../../runtime/platform/kernel-module.ts'
import type { RecordBatch, RowObject } from '../../runtime/record-batch.ts'
import { type Pane, paneOf } from '../../runtime/sink/callback-sink.ts'
import { chunksOfSnapshot, sectionsForSubtask } from '../../runtime/subtask/snapshot-chunks.ts'

export interface EmittedPane extends Pane {
  readonly row: RowObject
}

/** A clock that stands still until it is set; every look at its monotonic side finds that time has passed. */
class SteppedClock implements Clock {
  wallMs = 0
  #looks = 0

  now(): number {
    return this.wallMs
  }

  monotonic(): number {
    this.#looks += 1_000
    return this.#looks
  }

  sleep(): Promise<void> {
    return Promise.resolve()
  }

  yield(): Promise<void> {
    return Promise.resolve()
  }
}

const KEY_GROUPS = 128

export class ScriptedWindow {
  readonly panes: EmittedPane[] = []
  readonly late: RowObject[] = []
  readonly #plan: object
  readonly #epoch: number
  readonly #clock: SteppedClock
  #host!: InlineHost
  #exchange!: Exchange
  #outlet!: Outlet
  #builder!: BatchBuilder
  #stage!: Stage
  #snapshot: Uint8Array<ArrayBuffer> | null = null
  /** Records dropped before the restore this window came from. */
  #droppedBefore = 0

  private constructor(plan: object, epoch: number, clock: SteppedClock) {
    this.#plan = plan
    this.#epoch = epoch
    this.#clock = clock
  }

  static async open(plan: object, from: ScriptedWindow | null = null): Promise<ScriptedWindow> {
    const window = new ScriptedWindow(plan, from === null ? 1 : from.#epoch + 1, from === null ? new SteppedClock() : from.#clock)
    await window.#start(from === null ? null : from.#snapshot)
    return window
  }

  async #start(snapshot: Uint8Array<ArrayBuffer> | null): Promise<void> {
    const graph = new JobGraph(loadPlan(this.#plan), new Map(), { batchRows: 16, slotCount: 8, memoryBytesMax: 1 << 26, transforms, panes })
    const node = graph.windows[0]!
    const { layout } = node
    this.#host = new InlineHost({ load: (kind) => kernelModule(false, kind), clock: this.#clock })
    const subtasks = await this.#host.start({
      layouts: [layout],
      parallelism: 1,
      epoch: this.#epoch,
      restore: [[snapshot === null ? [] : sectionsForSubtask(chunksOfSnapshot(snapshot), () => true)]],
      events: {
        snapshot: (_operator, _subtask, _checkpointId, sections) => {
          this.#snapshot = sections.slice()
        },
        failed: (error) => {
          throw error
        },
      },
    })
    const hosted: readonly HostedSubtask[] = subtasks[0]!
    this.#exchange = new Exchange(layout, hosted, KEY_GROUPS, this.#epoch, this.#clock)
    this.#builder = new BatchBuilder(node.streamSchema, 1, new Dictionary())
    const unexpected = (): never => {
      throw new TypeError('A window script has only a window')
    }
    const leaves = {
      report: { filtered: unexpected, deadLetter: unexpected },
      exchange: () => this.#exchange,
      sink: unexpected,
      track: unexpected,
      operator: unexpected,
    }
    this.#stage = graph.stages(node.spec.inputs[0], leaves)[0]!
    this.#outlet = new Outlet({
      layout,
      resultSchema: node.kernelSchema,
      newCells: graph.cellsOf(node),
      streamSchema: node.streamSchema,
      lateDictionary: (generation) => this.#exchange.dictionary(generation),
      epoch: this.#epoch,
      subtasks: hosted,
      isOrdered: true,
      isBusy: () => false,
      onResults: (batch) => this.#take(batch),
      onLate: (batch) => {
        for (let row = 0; row < batch.rowCount; row++) this.late.push(batch.row(row))
      },
    })
  }

  /** Records whose windows were all past their lateness, restores included. */
  async dropped(): Promise<number> {
    const counters = await this.#host.counters()
    return this.#droppedBefore + counters[0]![0]!.lateDropped
  }

  element(row: object, timeMs: number): void {
    this.#builder.clear()
    if (!this.#builder.appendRow(row, 'element')) throw new TypeError(`The element does not fit: ${this.#builder.deadLetters[0]?.reason}`)
    this.#stage({ batch: this.#builder.build(), times: Float64Array.of(timeMs) })
    this.#settle()
  }

  watermark(watermarkMs: number): void {
    this.#exchange.watermark(watermarkMs)
    this.#settle()
  }

  /** Sets the host's clock, and tells it. */
  processingTime(clockMs: number): void {
    this.#clock.wallMs = clockMs
    this.#exchange.tick()
    this.#settle()
  }

  /** Refused because their windows' triggers had finished, window by window, since the last restore. */
  async closed(): Promise<number> {
    return (await this.#host.counters())[0]![0]!.closed
  }

  /** Takes a snapshot, throws this operator away and answers a new one that goes on from it. */
  async restored(): Promise<ScriptedWindow> {
    this.#exchange.barrier(1)
    this.#settle()
    if (this.#snapshot === null) throw new Error('The barrier gave no snapshot')
    const droppedBefore = await this.dropped()
    await this.close()
    const next = await ScriptedWindow.open(this.#plan, this)
    next.#droppedBefore = droppedBefore
    next.panes.push(...this.panes)
    next.late.push(...this.late)
    return next
  }

  close(): Promise<void> {
    return this.#host.close()
  }

  #take(batch: RecordBatch): void {
    for (let row = 0; row < batch.rowCount; row++) {
      this.panes.push({ row: batch.row(row), ...paneOf(batch, row) })
    }
  }

  #settle(): void {
    for (let isDone = false; !isDone; ) {
      const isWritten = this.#exchange.flush()
      const hasWorked = this.#host.step()
      const hasGiven = this.#outlet.step()
      if (this.#outlet.barrier !== null) this.#outlet.passBarrier()
      isDone = isWritten && !hasWorked && !hasGiven
    }
  }
}
