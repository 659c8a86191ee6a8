/**
 * A whole job of the product whose source is fed by hand: elements are released one at a time, watermarks are the product's own.
 *
 * Before: runner, for cases with a watermark generator. After: `start`, with a memory store.
 * A checkpoint tells when everything released has come out: its barrier passes the whole dataflow behind the elements.
 *
 * Invariant: after `settle` the results of everything released so far are in `panes` and `late`.
 */

import { memoryCheckpoints } from '../../adapters/memory-store.ts'
import type { CheckpointStore } from '../../runtime/checkpoint/checkpoint-store.ts'
import { systemClock } from '../../runtime/clock.ts'
import { fromPlan } from '../../runtime/pipeline.ts'
import type { RowObject } from '../../runtime/record-batch.ts'
import { type CollectSink, collectSink } from '../../runtime/sink/callback-sink.ts'
import type { Source } from '../../runtime/source/source.ts'
import { type Run, start } from '../../runtime/start.ts'
import type { EmittedPane } from './scripted-window.ts'

export class ScriptedJob {
  readonly #plan: object
  readonly #store: CheckpointStore = memoryCheckpoints()
  readonly #out: CollectSink = collectSink()
  readonly #late: CollectSink = collectSink()
  readonly #released: object[] = []
  #run!: Run

  private constructor(plan: object) {
    this.#plan = plan
  }

  static async open(plan: object): Promise<ScriptedJob> {
    const job = new ScriptedJob(plan)
    await job.#start()
    return job
  }

  get panes(): readonly EmittedPane[] {
    return this.#out.rows.map((row, index) => ({ row, ...this.#out.panes[index]! }))
  }

  get late(): readonly RowObject[] {
    return this.#late.rows
  }

  async dropped(): Promise<number> {
    return (await this.#run.status()).late
  }

  element(row: object): void {
    this.#released.push(row)
  }

  async settle(): Promise<void> {
    while ((await this.#run.status()).recordsIn < this.#released.length) await systemClock.yield()
    if (!(await this.#run.checkpoint())) throw new Error('The checkpoint was not completed')
  }

  async restore(): Promise<void> {
    await this.settle()
    await this.#run.stop()
    await this.#start()
  }

  async close(): Promise<void> {
    await this.#run.stop()
  }

  async #start(): Promise<void> {
    const job = fromPlan(this.#plan)
    const hasLate = job.plan.operators.some((spec) => spec.op === 'window' && spec.late.kind === 'sideOutput')
    this.#run = await start(job, {
      host: 'inline',
      sources: { in: this.#source() },
      sinks: { 'w-out': this.#out, ...(hasLate ? { late: this.#late } : {}) },
      checkpoints: { store: this.#store, every: '1d' },
    })
  }

  #source(): Source {
    const released = this.#released
    const split = {
      splitId: 'script',
      open: (position: Readonly<Record<string, unknown>> | null) => {
        let at = position === null ? 0 : Number(position['row'])
        return Promise.resolve({
          read(
            builder: Parameters<Awaited<ReturnType<Awaited<ReturnType<Source['splits']>>[number]['open']>>['read']>[0],
            rowsMax: number,
          ) {
            for (const row of released.slice(at, at + rowsMax)) {
              if (!builder.appendRow(row, `element ${at}`)) throw new TypeError(`Element ${at} does not fit the schema`)
              at++
            }
            return 'idle' as const
          },
          position: () => ({ row: at }),
          progress: () => null,
          close: () => Promise.resolve(),
        })
      },
    }
    // Live, so that a checkpoint need not wait for a watermark that a script may never bring.
    return { kind: 'script', isReplayable: true, isBounded: false, splits: () => Promise.resolve([split]) }
  }
}
