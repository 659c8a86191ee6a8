/** The page of the proof of the ready-made job worker: a plan and data, no script of one's own. */

import { boundedOutOfOrderness, count, f64, fromPlan, max, pipeline, runAll, schema, timestamp, tumbling, utf8 } from 'millrace'
import { connect } from 'millrace/browser'
import type { PlanParameters } from 'millrace/plan-worker'

const job = pipeline('planned')
  .source('readings', schema({ device: utf8(), at: timestamp(), celsius: f64() }))
  .eventTime('at', boundedOutOfOrderness('1s'))
  .keyBy('device')
  .window(tumbling('10s'))
  .aggregate({ n: count(), max: max('celsius') })
  .sink('windows')

const worker = () => new Worker('/plan-worker.js', { type: 'module' })
const rows = Array.from({ length: 5_000 }, (_, index) => ({ device: `device-${index % 7}`, at: index * 20, celsius: (index * 37) % 100 }))
const sorted = (list: readonly object[]) => JSON.stringify(list.map((row) => JSON.stringify(row)).sort())

const scenes = {
  /** A plan as a page gets it, from a server or an editor. */
  async whole(more: Partial<PlanParameters>) {
    const plan = JSON.parse(JSON.stringify(job.plan)) as unknown
    const parameters: PlanParameters = {
      plan,
      sources: { readings: { kind: 'rows', rows } },
      sinks: { windows: { kind: 'view' } },
      checkpoints: { kind: 'memory', every: '20ms' },
      ...more,
    }
    const remote = await connect(worker, { parameters, restart: true })
    const view = remote.view('windows')
    const { state, recordsIn, tier, parallelism } = await remote.finished
    while (view.snapshot().rows.length < 70) await new Promise<void>((resolve) => void view.subscribe(resolve))
    remote.close()
    const expected = await runAll(fromPlan(plan), rows)
    const isEqual = sorted(view.snapshot().rows) === sorted(expected['windows']!)
    return { state, recordsIn, tier, parallelism, isEqual, restarts: remote.restartCount }
  },

  /** A port of the page feeds the job; its checkpoints and the view's rows outlive the worker, and the page's copy too. */
  async resumed(checkpoints: 'indexedDb' | 'opfs', host: NonNullable<PlanParameters['host']>) {
    const name = `plan-worker-${checkpoints}`
    const plan = JSON.parse(JSON.stringify(job.plan)) as unknown
    const expected = (await runAll(fromPlan(plan), rows))['windows']!
    const parts = [rows.slice(0, 2_500), rows.slice(2_500)]
    const seen: number[] = []
    let last: readonly object[] = []
    let resumed: unknown = null
    for (const part of parts) {
      const { port1, port2 } = new MessageChannel()
      const parameters: PlanParameters = {
        plan,
        sources: { readings: { kind: 'messagePort', port: port2 } },
        sinks: { windows: { kind: 'view', durable: true } },
        checkpoints: { kind: checkpoints, name, every: '1h' },
        host,
      }
      const remote = await connect(worker, { parameters, transfer: [port2] })
      const view = remote.view('windows')
      const before = (await remote.status()).recordsIn
      port1.postMessage(part)
      while ((await remote.status()).recordsIn < before + part.length) await new Promise((resolve) => setTimeout(resolve, 10))
      const status = await remote.stop()
      resumed = status.recoveredFrom
      await new Promise((resolve) => setTimeout(resolve, 200))
      last = view.snapshot().rows
      seen.push(last.length)
      remote.close()
    }
    // Windows that are still open are not among them.
    const known = new Set(expected.map((row) => JSON.stringify(row)))
    return { seen, isResumed: resumed !== null, areKnown: last.every((row) => known.has(JSON.stringify(row))) }
  },

  async refused(parameters: object) {
    const error = await connect(worker, { parameters }).then(
      () => null,
      (reason: { name: string; code: string; message: string }) => reason,
    )
    return { name: error?.name, code: error?.code, message: error?.message }
  },
}

export type Scenes = typeof scenes
Object.assign(globalThis, { scenes })
