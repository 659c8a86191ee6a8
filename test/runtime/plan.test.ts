/**
 * Plans: what is legal, what follows from a plan, how it is explained, and its fingerprint.
 */

import { describe, expect, it } from 'vitest'
import { analyzePlan, explain, fingerprint, loadPlan } from '../../runtime/plan.ts'
import {
  aggregates,
  changed,
  errorOf,
  EXAMPLE,
  example,
  FILTER,
  inserted,
  KEY,
  type LoosePlan,
  SINK,
  sliding,
  SOURCE,
  TIME,
  tumbling,
  watermark,
  WINDOW,
} from '../support/example-plan.ts'

describe('a legal plan', () => {
  it('loads complete, with its defaults, and frozen', () => {
    const plan = loadPlan(example())
    const expected = example()
    Object.assign(expected.operators[WINDOW]!, {
      late: { kind: 'drop' },
      time: 'event',
      trigger: { kind: 'onWatermark' },
      accumulation: 'accumulating',
      closing: 'none',
    })
    expect(plan).toEqual(expected)
    expect(Object.isFrozen(plan)).toBe(true)
    expect(loadPlan(plan)).toBe(plan)
    expect(loadPlan(JSON.parse(JSON.stringify(plan)))).toEqual(plan)
  })

  it('has defaults for what is left out', () => {
    const plan = tumbling({})
    plan.operators[TIME]!['watermark'] = { kind: 'monotonous' }
    delete plan.operators[WINDOW]!['allowedLatenessMs']
    const loaded = loadPlan(plan).operators
    expect(loaded[TIME]).toMatchObject({ watermark: { kind: 'monotonous', everyRecords: 1_024 } })
    expect(loaded[WINDOW]).toMatchObject({ window: { offsetMs: 0 }, allowedLatenessMs: 0, late: { kind: 'drop' } })
  })

  it.each<[string, LoosePlan]>([
    ['a slide longer than the size', sliding({ slideMs: 90_000 })],
    ['a slide that does not divide the size', sliding({ slideMs: 7_000 })],
    ['a negative offset', tumbling({ offsetMs: -59_999 })],
    ['10,000 slices', sliding({ sizeMs: 10_000, slideMs: 1 })],
    ['operators in any order', { ...example(), operators: example().operators.toReversed() }],
    ['a window without keys', changed(WINDOW, { inputs: ['plausible'] })].map((value, i) => {
      if (i === 1) (value as LoosePlan).operators.splice(KEY, 1)
      return value
    }) as [string, LoosePlan],
    ['a filter before the event time', inserted('readings', { uid: 'f', op: 'filter', where: { column: 'ok' } })].map((value, i) => {
      if (i === 1) (value as LoosePlan).operators[SOURCE]!['schema'] = { device: 'utf8', at: 'timestamp', celsius: 'f64', ok: 'bool' }
      return value
    }) as [string, LoosePlan],
    ['a map between keyBy and window', inserted('by-device', { uid: 'm', op: 'map', columns: { celsius: { column: 'at' } } })],
    [
      'filter and map after the window',
      inserted(
        'minutes',
        { uid: 'm', op: 'map', columns: { length: { fn: 'sub', args: [{ column: 'windowEnd' }, { column: 'windowStart' }] } } },
        { uid: 'f', op: 'filter', where: { fn: 'gt', args: [{ column: 'length' }, { literal: 0 }] } },
      ),
    ],
    ['late rows to a sink', changed(WINDOW, { late: { kind: 'sideOutput', name: 'late' } })],
    ['options that are off', aggregates({ s: { fn: 'sum', column: 'celsius', compensated: false } })],
  ])('may have %s', (_, plan) => {
    expect(errorOf(plan)).toBeNull()
  })

  it('tells what flows along every edge', () => {
    const analyzed = analyzePlan(loadPlan(changed(WINDOW, { late: { kind: 'sideOutput', name: 'late' } })))
    const input = [
      { name: 'device', type: 'utf8' },
      { name: 'at', type: 'timestamp' },
      { name: 'celsius', type: 'f64' },
    ]
    const results = [
      { name: 'windowStart', type: 'timestamp' },
      { name: 'windowEnd', type: 'timestamp' },
      { name: 'device', type: 'utf8' },
      { name: 'n', type: 'f64' },
      { name: 'mean', type: 'f64' },
      { name: 'max', type: 'f64' },
    ]
    expect([...analyzed.operators.keys()]).toEqual(['readings', 'time', 'plausible', 'by-device', 'minutes', 'out'])
    expect(analyzed.operators.get('by-device')).toMatchObject({
      schema: { columns: input },
      keys: ['device'],
      eventTime: { uid: 'time', column: 'at' },
      windowUid: null,
      sourceUid: 'readings',
      downstream: ['minutes'],
      index: KEY,
    })
    expect(analyzed.operators.get('out')).toMatchObject({
      schema: { columns: results },
      keys: ['device'],
      eventTime: null,
      windowUid: 'minutes',
      downstream: [],
    })
    expect(analyzed.sources).toMatchObject([{ uid: 'readings', schema: { columns: input } }])
    expect(analyzed.sinks).toMatchObject([
      { name: 'late', kind: 'late', uid: 'minutes', schema: { columns: input } },
      { name: 'minutes', kind: 'result', uid: 'out', schema: { columns: results } },
    ])
  })

  it('may use __proto__ as the name of columns, keys, aggregates, outputs and operators', () => {
    const text = EXAMPLE.replaceAll('"device"', '"__proto__"')
      .replaceAll('"mean":', '"constructor":')
      .replaceAll('"readings"', '"__proto__"')
      .replace('"name": "minutes"', '"name": "__proto__"')
    const plan = loadPlan(JSON.parse(text))
    expect(
      analyzePlan(plan)
        .operators.get('out')!
        .schema.columns.map(({ name }) => name),
    ).toEqual(['windowStart', 'windowEnd', '__proto__', 'n', 'constructor', 'max'])
    expect(loadPlan(JSON.parse(JSON.stringify(plan)))).toEqual(plan)
    expect(Object.prototype).not.toHaveProperty('fn')
    const swapped = EXAMPLE.replaceAll('"max":', '"__proto__":')
    const aggregate = loadPlan(JSON.parse(swapped)).operators[WINDOW]!
    expect(aggregate.op === 'window' && Object.keys(aggregate.aggregates)).toEqual(['n', 'mean', '__proto__'])
    expect(explain(plan).text).toContain('__proto__')
  })

  it('with functions needs them', () => {
    const plan = changed(FILTER, { where: { function: true } })
    expect(errorOf(plan)).toMatchObject({ code: 'FUNCTION_MISSING', details: { path: 'operators[2]' } })
    expect(loadPlan(plan, new Map([['plausible', () => true]])).operators[FILTER]).toMatchObject({ where: { function: true } })
    const mapped = inserted('readings', {
      uid: 'm',
      op: 'map',
      function: true,
      schema: { device: 'utf8', at: 'timestamp', celsius: 'f64' },
    })
    expect(errorOf(mapped)?.code).toBe('FUNCTION_MISSING')
    expect(loadPlan(mapped, new Map([['m', () => ({})]]))).toBeDefined()
  })
})

describe('a fingerprint', () => {
  /** The same plan with the fields of every object that is not keyed by users' names in reverse. */
  function reversed(value: unknown, isNamed = false): unknown {
    if (Array.isArray(value)) return value.map((item) => reversed(item))
    if (typeof value !== 'object' || value === null) return value
    const entries = Object.entries(value).map(([key, item]) => [key, reversed(item, key === 'schema' || key === 'aggregates')] as const)
    return Object.fromEntries(isNamed ? entries : entries.toReversed())
  }

  it('does not depend on the order of fields nor on whether defaults are written out', async () => {
    const expected = await fingerprint(loadPlan(example()))
    expect(expected).toMatch(/^[0-9a-f]{64}$/)
    expect(await fingerprint(loadPlan(reversed(example())))).toBe(expected)
    expect(await fingerprint(loadPlan(changed(WINDOW, { late: { kind: 'drop' } })))).toBe(expected)
    expect(await fingerprint(loadPlan(JSON.parse(JSON.stringify(loadPlan(example())))))).toBe(expected)
  })

  it('is that of the canonical form, for ever', async () => {
    expect(await fingerprint(loadPlan(example()))).toMatchInlineSnapshot(
      `"9778dd160e23a5a86bde7652d2ebef43eeaa6b588b7172ece975bdd90c8a6e45"`,
    )
  })

  it('changes with every change of meaning', async () => {
    const plans = [
      example(),
      { ...example(), name: 'other' },
      tumbling({ sizeMs: 60_001 }),
      tumbling({ offsetMs: 1 }),
      watermark({ everyRecords: 1 }),
      changed(FILTER, { where: { fn: 'ge', args: [{ column: 'celsius' }, { literal: -50 }] } }),
      changed(FILTER, { uid: 'plausible' }),
      aggregates({ n: { fn: 'count' } }),
      aggregates({ n: { fn: 'count' }, max: { fn: 'max', column: 'celsius' }, mean: { fn: 'mean', column: 'celsius' } }),
      changed(SOURCE, { schema: { at: 'timestamp', device: 'utf8', celsius: 'f64' } }),
    ]
    const prints = await Promise.all(plans.map(async (plan) => fingerprint(loadPlan(plan))))
    expect(new Set(prints).size).toBe(plans.length - 1)
  })
})

describe('explain', () => {
  it('tells in words what a plan does', () => {
    expect(explain(loadPlan(example())).text).toMatchInlineSnapshot(`
      "Job device-minutes: 6 operators, 1 source, 1 output

      readings  source
          rows: device utf8, at timestamp, celsius f64
      time  eventTime ← readings
          event time: at
          watermark: largest event time less 5 s, idle after 30 s, every 1,024 records of a split
      plausible  filter ← time
          where: celsius > -50
      by-device  keyBy ← plausible
          keys: device
      minutes  window ← by-device
          window: tumbling 1 m
          late: refire for 2 m, then drop and count
          n = count()
          mean = mean(celsius)
          max = max(celsius)
          rows: windowStart timestamp, windowEnd timestamp, device utf8, n f64, mean f64, max f64
      out  sink ← minutes
          name: minutes
          rows: windowStart timestamp, windowEnd timestamp, device utf8, n f64, mean f64, max f64

      Delivery
          minutes: state exactly once; output as the sink bound at start permits
      "
    `)
  })

  it('draws a flowchart', () => {
    expect(explain(loadPlan(changed(WINDOW, { late: { kind: 'sideOutput', name: 'late' } }))).mermaid).toMatchInlineSnapshot(`
      "flowchart LR
        op0(["readings<br/>source"])
        op1["time<br/>event time at"]
        op2["plausible<br/>filter celsius #62; -50"]
        op3["by-device<br/>key by device"]
        op4["minutes<br/>tumbling 1 m<br/>n, mean, max"]
        op5(["out<br/>sink minutes"])
        op0 --> op1
        op1 --> op2
        op2 --> op3
        op3 --> op4
        op4 --> op5
        late0(["late"])
        op4 -. late .-> late0
      "
    `)
  })

  it('no name breaks out of the flowchart', () => {
    const evil = 'x"]\n  click op0 "javascript:alert(1)" %%{init}%% <script>'
    const plan = changed(SINK, { uid: evil, name: evil })
    const { mermaid, text } = explain(loadPlan(plan))
    expect(mermaid.split('\n').length).toBe(explain(loadPlan(example())).mermaid.split('\n').length)
    expect(mermaid).not.toContain('<script>')
    expect(mermaid.split('\n').every((line) => (line.match(/"/g) ?? []).length % 2 === 0 && (line.match(/"/g) ?? []).length <= 2)).toBe(
      true,
    )
    expect(text.split('\n').length).toBe(explain(loadPlan(example())).text.split('\n').length)
  })
})
