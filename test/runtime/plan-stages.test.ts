/** Plans with sorting, deduplication and sequence tracking: defaults, limits, columns, places, and how they are explained. */

import { describe, expect, test } from 'vitest'
import { col } from '../../runtime/expression/expression.ts'
import { pipeline } from '../../runtime/pipeline.ts'
import { analyzePlan, explain, loadPlan, type Plan } from '../../runtime/plan.ts'
import { f64, i32, schema, timestamp, utf8 } from '../../runtime/schema.ts'
import { monotonous } from '../../runtime/watermark.ts'
import { tumbling } from '../../runtime/window.ts'
import { count } from '../../runtime/aggregate.ts'

const SCHEMA = schema({ t: timestamp(), id: utf8(), q: i32(), v: f64() })
const timed = () => pipeline('stages').source('in', SCHEMA).eventTime('t', monotonous())
const stageOf = ({ plan }: { readonly plan: Plan }) => plan.operators[2]
/** A plan of JSON with one stage. */
const planWith = (stage: object) => ({
  millrace: 1,
  name: 'stages',
  operators: [
    { uid: 'in', op: 'source', schema: { t: 'timestamp', id: 'utf8', q: 'i32', v: 'f64' } },
    { uid: 'time', op: 'eventTime', inputs: ['in'], column: 't', watermark: { kind: 'monotonous' } },
    { uid: 'stage', inputs: ['time'], ...stage },
    { uid: 'out', op: 'sink', inputs: ['stage'], name: 'out' },
  ],
})
const refused = (code: string, path: string) => expect.objectContaining({ code, details: expect.objectContaining({ path }) })

describe('defaults', () => {
  test('of sortByEventTime', () => {
    expect(stageOf(timed().sortByEventTime().sink('out'))).toEqual({
      uid: 'sort',
      op: 'sortByEventTime',
      inputs: ['time'],
      bufferRecordsMax: 1_000_000,
      whenFull: 'fail',
      late: 'pass',
    })
  })

  test('of deduplicate, whose id may be one column or several', () => {
    const wanted = {
      uid: 'deduplicate',
      op: 'deduplicate',
      inputs: ['time'],
      by: ['id'],
      withinMs: 60_000,
      late: 'pass',
      idsMax: 5_000_000,
      whenFull: 'fail',
    }
    expect(stageOf(timed().deduplicate({ by: 'id', within: '1m' }).sink('out'))).toEqual(wanted)
    expect(
      stageOf(
        timed()
          .deduplicate({ by: ['id', 't'], within: 1, uid: 'd' })
          .sink('out'),
      ),
    ).toEqual({ ...wanted, uid: 'd', by: ['id', 't'], withinMs: 1 })
  })

  test('of trackSequence, whose window is less than half of where numbers wrap', () => {
    const wanted = {
      uid: 'sequence',
      op: 'trackSequence',
      inputs: ['time'],
      source: ['id'],
      sequence: 'q',
      reorderWindow: 1_000,
      sourcesMax: 100_000,
    }
    expect(stageOf(timed().trackSequence({ source: 'id', sequence: 'q' }).sink('out'))).toEqual(wanted)
    expect(stageOf(timed().trackSequence({ source: 'id', sequence: 'q', wrapsAt: 256 }).sink('out'))).toEqual({
      ...wanted,
      reorderWindow: 127,
      wrapsAt: 256,
    })
  })

  test('a plan of JSON and the fluent API say the same', () => {
    const fluent = timed()
      .trackSequence({ source: ['id'], sequence: 'q', silentAfter: '5s', forgetAfter: '1h', restartBelow: 1, findingsTo: 'findings' })
      .sink('out')
    expect(loadPlan(JSON.parse(JSON.stringify(fluent.plan)))).toEqual(fluent.plan)
  })
})

describe('what is refused, by its path', () => {
  const cases: readonly (readonly [string, object, string, string])[] = [
    ['an unknown field', { op: 'sortByEventTime', buffer: 1 }, 'PLAN_FIELD_UNKNOWN', 'operators[2].buffer'],
    ['a buffer of nothing', { op: 'sortByEventTime', bufferRecordsMax: 0 }, 'OPTION_INVALID', 'operators[2].bufferRecordsMax'],
    ['an unknown policy', { op: 'sortByEventTime', late: 'sideOutput' }, 'OPTION_UNKNOWN', 'operators[2].late'],
    ['no id', { op: 'deduplicate', withinMs: 1 }, 'PLAN_FIELD_MISSING', 'operators[2].by'],
    ['an id of no column', { op: 'deduplicate', by: [], withinMs: 1 }, 'COLUMNS_INVALID', 'operators[2].by'],
    ['an id of one column twice', { op: 'deduplicate', by: ['id', 'id'], withinMs: 1 }, 'COLUMNS_INVALID', 'operators[2].by[1]'],
    ['an id of an unknown column', { op: 'deduplicate', by: ['ids'], withinMs: 1 }, 'COLUMN_UNKNOWN', 'operators[2].by[0]'],
    ['no horizon', { op: 'deduplicate', by: ['id'] }, 'DURATION_INVALID', 'operators[2].withinMs'],
    ['a horizon of nothing', { op: 'deduplicate', by: ['id'], withinMs: 0 }, 'DURATION_INVALID', 'operators[2].withinMs'],
    ['a horizon as text', { op: 'deduplicate', by: ['id'], withinMs: '1m' }, 'DURATION_INVALID', 'operators[2].withinMs'],
    ['a sequence of text', { op: 'trackSequence', source: ['id'], sequence: 'id' }, 'COLUMN_TYPE', 'operators[2].sequence'],
    ['an unknown sequence', { op: 'trackSequence', source: ['id'], sequence: 'x' }, 'COLUMN_UNKNOWN', 'operators[2].sequence'],
    [
      'a window of half the circle',
      { op: 'trackSequence', source: ['id'], sequence: 'q', wrapsAt: 256, reorderWindow: 128 },
      'OPTION_INVALID',
      'operators[2].reorderWindow',
    ],
    ['a circle of three', { op: 'trackSequence', source: ['id'], sequence: 'q', wrapsAt: 3 }, 'OPTION_INVALID', 'operators[2].wrapsAt'],
    ['a sink for two', { op: 'trackSequence', source: ['id'], sequence: 'q', findingsTo: 'out' }, 'SINK_DUPLICATE', 'operators[3].name'],
  ]
  for (const [name, stage, code, path] of cases) {
    test(name, () => {
      if (code === 'DURATION_INVALID' && !('withinMs' in stage))
        expect(() => loadPlan(planWith(stage))).toThrow(expect.objectContaining({ details: expect.objectContaining({ path }) }))
      else expect(() => loadPlan(planWith(stage))).toThrow(refused(code, path))
    })
  }

  test('a source with a column that every finding has', () => {
    const named = pipeline('stages')
      .source('in', schema({ t: timestamp(), kind: utf8(), q: f64() }))
      .eventTime('t', monotonous())
    expect(() => named.trackSequence({ source: 'kind', sequence: 'q' })).toThrow(expect.objectContaining({ code: 'NAME_CONFLICT' }))
  })

  test('rows without an event time, keyed rows, and results of a window', () => {
    const before = planWith({ op: 'sortByEventTime' })
    const [source, time, stage, sink] = before.operators as { readonly inputs?: readonly string[] }[]
    const withOperators = (...operators: object[]) => ({ ...before, operators })
    expect(() => loadPlan(withOperators(source!, { ...stage, inputs: ['in'] }, sink!))).toThrow(
      expect.objectContaining({ code: 'EVENT_TIME_MISSING' }),
    )
    const keyBy = { uid: 'by', op: 'keyBy', inputs: ['time'], columns: ['id'] }
    const window = {
      uid: 'w',
      op: 'window',
      inputs: ['stage'],
      window: { kind: 'tumbling', sizeMs: 1 },
      aggregates: { n: { fn: 'count' } },
    }
    expect(() => loadPlan(withOperators(source!, time!, keyBy, { ...stage, inputs: ['by'] }, window, { ...sink, inputs: ['w'] }))).toThrow(
      expect.objectContaining({ code: 'PLAN_UNSUPPORTED' }),
    )
    expect(() => loadPlan(withOperators(source!, time!, { ...window, inputs: ['time'] }, { ...stage, inputs: ['w'] }, sink!))).toThrow(
      expect.objectContaining({ code: 'PLAN_UNSUPPORTED' }),
    )
  })
})

const all = () =>
  timed()
    .sortByEventTime({ whenFull: 'release' })
    .filter(col('v').gt(0))
    .deduplicate({ by: ['id', 'q'], within: '10m', late: 'drop' })
    .trackSequence({ source: 'id', sequence: 'q', silentAfter: '30s', findingsTo: 'findings' })
    .keyBy('id')
    .window(tumbling('1m'))
    .aggregate({ n: count() })
    .sink('out')

test('findings are an output with the columns of the source, then kind, from, to, count, at', () => {
  const { sinks } = analyzePlan(all().plan)
  expect(sinks.map(({ name, kind }) => [name, kind])).toEqual([
    ['findings', 'findings'],
    ['out', 'result'],
  ])
  expect(sinks[0]!.schema.columns).toEqual([
    { name: 'id', type: 'utf8' },
    { name: 'kind', type: 'utf8' },
    { name: 'from', type: 'f64' },
    { name: 'to', type: 'f64' },
    { name: 'count', type: 'f64' },
    { name: 'at', type: 'timestamp' },
  ])
})

test('a plan says in words what its stages do', () => {
  const { text, mermaid } = explain(all().plan)
  expect(text).toMatchInlineSnapshot(`
    "Job stages: 9 operators, 1 source, 2 outputs

    in  source
        rows: t timestamp, id utf8, q i32, v f64
    time  eventTime ← in
        event time: t
        watermark: monotonous, every 1,024 records of a split
    sort  sortByEventTime ← time
        order: event time, then arrival, as far as the watermark has come
        buffer: at most 1,000,000 records, then the oldest leave early
        late: pass at once
    filter-1  filter ← sort
        where: v > 0
    deduplicate  deduplicate ← filter-1
        id: id, q
        first of an id passes, others within 10 m of it are dropped and counted
        ids: at most 5,000,000, then the job fails
        late by more than 10 m: drop and count
    sequence  trackSequence ← deduplicate
        source: id, at most 100,000
        sequence: q
        reorder window: 1000
        silent after: 30 s
        findings: to findings
    by-id  keyBy ← sequence
        keys: id
    window-1  window ← by-id
        window: tumbling 1 m
        late: drop and count
        n = count()
        rows: windowStart timestamp, windowEnd timestamp, id utf8, n f64
    out  sink ← window-1
        name: out
        rows: windowStart timestamp, windowEnd timestamp, id utf8, n f64

    Delivery
        findings: findings of sequence; state exactly once; output as the sink bound at start permits
        out: state exactly once; output as the sink bound at start permits
    "
  `)
  expect(mermaid).toMatchInlineSnapshot(`
    "flowchart LR
      op0(["in<br/>source"])
      op1["time<br/>event time t"]
      op2["sort<br/>sort by event time"]
      op3["filter-1<br/>filter v #62; 0"]
      op4["deduplicate<br/>deduplicate by id, q<br/>within 10 m"]
      op5["sequence<br/>track q<br/>of id"]
      op6["by-id<br/>key by id"]
      op7["window-1<br/>tumbling 1 m<br/>n"]
      op8(["out<br/>sink out"])
      op0 --> op1
      op1 --> op2
      op2 --> op3
      op3 --> op4
      op4 --> op5
      op5 --> op6
      op6 --> op7
      op7 --> op8
      findings0(["findings"])
      op5 -. findings .-> findings0
    "
  `)
})
