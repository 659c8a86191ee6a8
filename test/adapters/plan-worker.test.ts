/** The ready-made job worker, in a thread of Node as it is shipped; and what it refuses. */

import { Worker } from 'node:worker_threads'
import { afterEach, describe, expect, test } from 'vitest'
import { planJob } from '../../adapters/plan-worker/plan-job.ts'
import type { PlanParameters } from '../../adapters/plan-worker/plan-parameters.ts'
import { connect, type RemoteRun } from '../../runtime/job-worker/connect.ts'
import { boundedOutOfOrderness, col, count, f64, max, pipeline, runAll, schema, timestamp, tumbling, utf8 } from '../../runtime/index.ts'

const job = pipeline('planned')
  .source('readings', schema({ device: utf8(), at: timestamp(), celsius: f64() }))
  .eventTime('at', boundedOutOfOrderness('1s'))
  .filter(col('celsius').gt(10))
  .keyBy('device')
  .window(tumbling('10s'))
  .lateTo('late')
  .aggregate({ n: count(), max: max('celsius') })
  .sink('windows')
const rows = Array.from({ length: 3_000 }, (_, index) => ({ device: `device-${index % 5}`, at: index * 20, celsius: (index * 37) % 100 }))

const whole: PlanParameters = {
  plan: JSON.parse(JSON.stringify(job.plan)),
  sources: { readings: { kind: 'rows', rows } },
  sinks: { windows: { kind: 'view', rowsMax: 500 }, late: { kind: 'discard' } },
}

const opened: RemoteRun<typeof job>[] = []
afterEach(() => {
  for (const remote of opened.splice(0)) remote.close()
})

async function planned(parameters: PlanParameters, transfer: readonly Transferable[] = []) {
  const worker = () => new Worker(new URL(import.meta.resolve('millrace/plan-worker')))
  const remote = await connect<typeof job>(worker, { parameters, transfer })
  opened.push(remote)
  return remote
}

const sorted = (list: readonly object[]) => list.map((row) => JSON.stringify(row)).sort()

describe('the ready-made job worker', () => {
  test('runs a plan that is told as data', async () => {
    const remote = await planned({ ...whole, parallelism: 2, host: 'inline', checkpoints: { kind: 'memory', every: '10ms' } })
    const view = remote.view('windows')
    const status = await remote.finished
    expect(status).toMatchObject({ state: 'ended', recordsIn: rows.length, parallelism: 2 })
    expect(status.checkpoints.count).toBeGreaterThan(0)
    const expected = (await runAll(job, rows)).windows
    while (view.snapshot().rows.length < expected.length) await new Promise<void>((resolve) => void view.subscribe(resolve))
    expect(sorted(view.snapshot().rows)).toEqual(sorted(expected))
    // Typed by the job: no cast, no any.
    const first: number = view.snapshot().rows[0]!.n
    expect(first).toBeGreaterThan(0)
  })

  test('gives results to a port of the page', async () => {
    const { port1, port2 } = new MessageChannel()
    const seen: object[] = []
    port1.onmessage = ({ data }: MessageEvent<readonly object[]>) => void seen.push(...data)
    const remote = await planned({ ...whole, sinks: { windows: { kind: 'messagePort', port: port2 }, late: { kind: 'discard' } } }, [port2])
    await remote.finished
    const expected = (await runAll(job, rows)).windows
    while (seen.length < expected.length) await new Promise((resolve) => setTimeout(resolve, 5))
    expect(sorted(seen)).toEqual(sorted(expected))
    port1.close()
  })

  test('goes on from a checkpoint in memory when it is restarted', async () => {
    const checkpoints = { kind: 'memory', every: '10ms' } as const
    const remote = await planned({ ...whole, checkpoints })
    await remote.finished
    await remote.restart({ ...whole, checkpoints, parallelism: 3 })
    expect((await remote.finished).recoveredFrom).not.toBeNull()
  })

  test('tells the page by name what it does not know', async () => {
    const unknown = planned({ ...whole, sources: { readings: { kind: 'row' as 'rows', rows } } })
    await expect(unknown).rejects.toMatchObject({ name: 'ConfigError', code: 'KIND_UNKNOWN' })
  })
})

describe('a description is refused by its path', () => {
  const refused = (change: object): { code: string; message: string } => {
    try {
      planJob({ ...whole, ...change })
    } catch (error) {
      return error as { code: string; message: string }
    }
    throw new Error('it was accepted')
  }

  test.each([
    [
      'a kind that there is not',
      { sinks: { windows: { kind: 'viev' } } },
      'KIND_UNKNOWN',
      /sinks\.windows\.kind.*one of .*view.*did you mean "view"/,
    ],
    ['no kind', { sources: { readings: {} } }, 'KIND_UNKNOWN', /found nothing, wanted one of rows/],
    ['a kind of the prototype', { sources: { readings: { kind: 'constructor' } } }, 'KIND_UNKNOWN', /"constructor"/],
    ['no object', { sources: { readings: 'rows' } }, 'DESCRIPTION_INVALID', /sources\.readings: found "rows"/],
    ['no sources', { sources: undefined }, 'DESCRIPTION_INVALID', /accept sources: found nothing/],
    ['a field that nobody reads', { sinks: { windows: { kind: 'view', rowMax: 1 } } }, 'FIELD_UNKNOWN', /did you mean "rowsMax"/],
    ['a field that is missing', { sources: { readings: { kind: 'rows' } } }, 'FIELD_MISSING', /sources\.readings\.rows.*a list of rows/],
    ['a port that is none', { sinks: { windows: { kind: 'messagePort', port: {} } } }, 'FIELD_MISSING', /a MessagePort/],
    ['an option that there is not', { paralelism: 2 }, 'FIELD_UNKNOWN', /parameters\.paralelism.*did you mean "parallelism"/],
    ['an option that is no data', { clock: {} }, 'FIELD_UNKNOWN', /parameters\.clock/],
    ['a store that there is not', { checkpoints: { kind: 'indexDb' } }, 'KIND_UNKNOWN', /checkpoints\.kind/],
    ['a setting of checkpoints that there is not', { checkpoints: { kind: 'memory', evry: '1s' } }, 'FIELD_UNKNOWN', /checkpoints\.evry/],
    ['an option of an adapter', { sinks: { windows: { kind: 'view', rowsMax: -1 } } }, 'OPTION_INVALID', /rowsMax is -1/],
    ['no plan', { plan: undefined }, 'PLAN_FIELD_MISSING', /plan/],
  ])('%s', (_what, change, code, message) => {
    const error = refused(change)
    expect(error).toMatchObject({ name: 'ConfigError', code })
    expect(error.message).toMatch(message)
  })

  test('functions of a plan need a worker of their own', () => {
    const filtered = pipeline('functions')
      .source('readings', schema({ at: timestamp() }))
      .filter(() => true)
      .sink('out')
    const error = refused({ plan: filtered.plan, sinks: { out: { kind: 'view' } } })
    expect(error.code).toMatch(/FUNCTION/)
  })
})
