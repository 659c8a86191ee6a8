/**
 * A window operator of the product driven by hand: elements and watermarks are given one at a time, results are taken when wanted.
 *
 * Before: runner, with a plan. After: the same exchange, inline host, kernel and outlet that `start` puts together.
 * The public API has no watermarks from outside, so this enters one level below: where the intake would call the exchange.
 *
 * Invariant: after each call everything that follows from it has come out.
 */

import { BatchBuilder } from '../../runtime/batch-builder.ts'
import { systemClock } from '../../runtime/clock.ts'
import { Exchange } from '../../runtime/coordinator/exchange.ts'
import { JobGraph } from '../../runtime/coordinator/job-graph.ts'
import { Outlet } from '../../runtime/coordinator/outlet.ts'
import { Dictionary } from '../../runtime/dictionary.ts'
import type { HostedSubtask } from '../../runtime/host/host.ts'
import { InlineHost } from '../../runtime/host/inline-host.ts'
import { loadPlan } from '../../runtime/plan.ts'
import { kernelModule } from '../../runtime/platform/kernel-module.ts'
import type { RecordBatch, RowObject } from '../../runtime/record-batch.ts'
import { chunksOfSnapshot, sectionsForSubtask } from '../../runtime/subtask/snapshot-chunks.ts'

export interface EmittedPane {
  readonly row: RowObject
  readonly index: number
  readonly timing: number
}

const KEY_GROUPS = 128

export class ScriptedWindow {
  readonly panes: EmittedPane[] = []
  readonly late: RowObject[] = []
  readonly #plan: object
  readonly #epoch: number
  #host!: InlineHost
  #exchange!: Exchange
  #outlet!: Outlet
  #builder!: BatchBuilder
  #snapshot: Uint8Array<ArrayBuffer> | null = null
  /** Records dropped before the restore this window came from. */
  #droppedBefore = 0

  private constructor(plan: object, epoch: number) {
    this.#plan = plan
    this.#epoch = epoch
  }

  static async open(plan: object, from: ScriptedWindow | null = null): Promise<ScriptedWindow> {
    const window = new ScriptedWindow(plan, from === null ? 1 : from.#epoch + 1)
    await window.#start(from === null ? null : from.#snapshot)
    return window
  }

  async #start(snapshot: Uint8Array<ArrayBuffer> | null): Promise<void> {
    const graph = new JobGraph(loadPlan(this.#plan), new Map(), { batchRows: 16, slotCount: 8, memoryBytesMax: 1 << 26 })
    const node = graph.windows[0]!
    const { layout } = node
    this.#host = new InlineHost({ load: (kind) => kernelModule(false, kind), clock: systemClock })
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
    this.#exchange = new Exchange(layout, hosted, KEY_GROUPS, this.#epoch, systemClock)
    this.#builder = new BatchBuilder(node.streamSchema, 1, new Dictionary())
    this.#outlet = new Outlet({
      layout,
      resultSchema: node.resultSchema,
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
    this.#exchange.offer(this.#builder.build(), Float64Array.of(timeMs))
    this.#settle()
  }

  watermark(watermarkMs: number): void {
    this.#exchange.watermark(watermarkMs)
    this.#settle()
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
      this.panes.push({ row: batch.row(row), index: batch.panes!.index[row]!, timing: batch.panes!.timing[row]! })
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
