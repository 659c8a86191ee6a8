import { describe, expect, test } from 'vitest'
import { boundedOutOfOrderness, col, count, f64, i32, type Job, pipeline, schema, timestamp, tumbling, utf8 } from '../../runtime/index.ts'
import { JobGraph } from '../../runtime/coordinator/job-graph.ts'
import * as panes from '../../runtime/panes/pane-parts.ts'
import type { RowTraits } from '../../runtime/sink/sink.ts'

const stream = () =>
  pipeline('traits')
    .source('in', schema({ device: utf8(), at: timestamp(), n: i32() }))
    .eventTime('at', boundedOutOfOrderness('1s'))
const windowed = () => stream().keyBy('device').window(tumbling('1m'))

/** What each sink of the job is told of its rows. */
function traitsOf({ plan, functions }: Job): Record<string, RowTraits> {
  const graph = new JobGraph(plan, functions as never, { batchRows: 16, slotCount: 4, memoryBytesMax: 1 << 26, panes })
  const uids = [...graph.sources.map(({ uid }) => uid), ...graph.windows.map(({ spec }) => spec.uid)]
  return Object.fromEntries(uids.flatMap((uid) => graph.sinksOf(uid).map(({ name, traits }) => [name, traits])))
}

const results = { kind: 'results', key: ['windowStart', 'windowEnd', 'device'], timeColumn: 'windowEnd' }

describe('what a sink is told of its rows', () => {
  test('results have the bounds of their window and the key as their name', () => {
    const job = windowed()
      .lateTo('late')
      .aggregate({ count: count() })
      .filter(col('count').gt(1))
      .map({ rate: col('count').div(60) })
      .sink('out')
    expect(traitsOf(job)).toEqual({ out: results, late: { kind: 'events', key: null, timeColumn: 'at' } })
  })

  test('without a key the window alone names them', () => {
    expect(traitsOf(stream().window(tumbling('1m')).aggregate({ count: count() }).sink('out'))['out']).toEqual({
      ...results,
      key: ['windowStart', 'windowEnd'],
    })
  })

  test('a map that replaces a part of the name leaves them without one', () => {
    const counted = () => windowed().aggregate({ count: count() })
    expect(
      traitsOf(
        counted()
          .map({ device: col('device').coalesce('') })
          .sink('out'),
      )['out'],
    ).toEqual({ ...results, key: null })
    expect(
      traitsOf(
        counted()
          .map({ windowEnd: col('count') })
          .sink('out'),
      )['out'],
    ).toEqual({ kind: 'results', key: null, timeColumn: null })
    const byFunction = counted()
      .map((row) => ({ device: row.device }), schema({ device: utf8() }))
      .sink('out')
    expect(traitsOf(byFunction)['out']).toEqual({ kind: 'results', key: null, timeColumn: null })
  })

  test('a function of the window may give several rows of one name', () => {
    const applied = windowed()
      .apply(() => [{ part: 1 }, { part: 2 }], schema({ part: f64() }))
      .sink('out')
    expect(traitsOf(applied)['out']).toEqual({ ...results, key: null })
  })

  test('events stand for themselves, with or without a time', () => {
    expect(traitsOf(stream().sink('raw'))['raw']).toEqual({ kind: 'events', key: null, timeColumn: 'at' })
    const untimed = pipeline('untimed')
      .source('in', schema({ device: utf8() }))
      .sink('raw')
    expect(traitsOf(untimed)['raw']).toEqual({ kind: 'events', key: null, timeColumn: null })
    const without = stream()
      .map((row) => ({ n: row.n }), schema({ n: i32() }))
      .sink('raw')
    expect(traitsOf(without)['raw']).toEqual({ kind: 'events', key: null, timeColumn: null })
  })

  test('findings have a time of their own', () => {
    const tracked = stream().trackSequence({ source: 'device', sequence: 'n', findingsTo: 'findings' }).sink('raw')
    const { plan, functions } = tracked
    expect(plan.operators.some(({ op }) => op === 'trackSequence')).toBe(true)
    const graph = new JobGraph(plan, functions as never, { batchRows: 16, slotCount: 4, memoryBytesMax: 1 << 26 })
    const findings = graph.sinksOf('in').find(({ name }) => name === 'findings')!
    expect(findings.traits).toEqual({ kind: 'events', key: null, timeColumn: 'at' })
    expect(findings.schema.columns.find(({ name }) => name === 'at')?.type).toBe('timestamp')
  })
})
