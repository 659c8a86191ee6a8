/** Watermark strategies as plans and people write them: defaults, refusals, explanations. */

import { describe, expect, test } from 'vitest'
import { count } from '../../runtime/aggregate.ts'
import { ConfigError } from '../../runtime/errors.ts'
import { col } from '../../runtime/expression/expression.ts'
import { fromPlan, pipeline } from '../../runtime/pipeline.ts'
import { explain, fingerprint, loadPlan } from '../../runtime/plan.ts'
import type { EventTimeSpec } from '../../runtime/plan-spec.ts'
import { bool, schema, timestamp, utf8 } from '../../runtime/schema.ts'
import {
  boundedOutOfOrderness,
  type CustomWatermarks,
  customWatermark,
  manual,
  monotonous,
  percentile,
  predicted,
  punctuated,
  timeLag,
  type WatermarkDeclaration,
} from '../../runtime/watermark.ts'
import { tumbling } from '../../runtime/window.ts'

const planWith = (watermark: unknown) => ({
  millrace: 1,
  name: 'watermarks',
  operators: [
    { uid: 'in', op: 'source', schema: { t: 'timestamp', mark: 'bool', k: 'utf8' } },
    { uid: 'time', op: 'eventTime', inputs: ['in'], column: 't', watermark },
    { uid: 'out', op: 'sink', inputs: ['time'], name: 'out' },
  ],
})
const functions = new Map([['time.watermark', () => ({})]])
const loaded = (watermark: unknown) => (loadPlan(planWith(watermark), functions).operators[1] as EventTimeSpec).watermark

function errorOf(watermark: unknown): ConfigError {
  try {
    loaded(watermark)
  } catch (error) {
    if (error instanceof ConfigError) return error
    throw error
  }
  throw new Error('accepted')
}

const declared = (watermark: WatermarkDeclaration) =>
  pipeline('p')
    .source('in', schema({ t: timestamp(), mark: bool(), k: utf8() }))
    .eventTime('t', watermark)
    .window(tumbling('1m'))
    .aggregate({ n: count() })
    .sink('out')
const declaredSpec = (watermark: WatermarkDeclaration) => ({ ...(declared(watermark).plan.operators[1] as EventTimeSpec).watermark })

const never: CustomWatermarks = { onRecord: () => {}, watermark: () => Number.NEGATIVE_INFINITY, snapshot: () => null, restore: () => {} }
const everyRecords = 1_024

test('every strategy is complete with its defaults, and loads again as it is', () => {
  const specs: readonly (readonly [WatermarkDeclaration, object])[] = [
    [monotonous(), { kind: 'monotonous', everyRecords }],
    [boundedOutOfOrderness('5s'), { kind: 'boundedOutOfOrderness', delayMs: 5_000, everyRecords }],
    [punctuated(col('mark')), { kind: 'punctuated', when: { column: 'mark' }, everyRecords }],
    [punctuated(col('mark'), { time: col('t') }), { kind: 'punctuated', when: { column: 'mark' }, time: { column: 't' }, everyRecords }],
    [timeLag('10s', { idleAfter: '1m' }), { kind: 'timeLag', delayMs: 10_000, idleAfterMs: 60_000, everyRecords }],
    [percentile(0.99), { kind: 'percentile', p: 0.99, windowRecords: 2_048, floorMs: 0, everyRecords }],
    [
      percentile(0.5, { records: 10, floor: '1s', ceiling: '1m' }),
      { kind: 'percentile', p: 0.5, windowRecords: 10, floorMs: 1_000, ceilingMs: 60_000, everyRecords },
    ],
    [predicted(0.9), { kind: 'predicted', p: 0.9, windowRecords: 1_000, floorMs: 0, smoothing: 0.25, everyRecords }],
    [manual({ everyRecords: 1 }), { kind: 'manual', everyRecords: 1 }],
    [customWatermark(() => never), { kind: 'custom', function: true, everyRecords }],
    [
      monotonous({ maxDrift: '1m', flushAfter: Infinity, maxFutureSkew: Infinity, futurePolicy: 'accept' }),
      { kind: 'monotonous', maxDriftMs: 60_000, flushAfterMs: null, maxFutureSkewMs: null, futurePolicy: 'accept', everyRecords },
    ],
    [monotonous({ flushAfter: '1s', maxFutureSkew: 0 }), { kind: 'monotonous', flushAfterMs: 1_000, maxFutureSkewMs: 0, everyRecords }],
  ]
  for (const [declaration, spec] of specs) {
    expect(declaredSpec(declaration)).toEqual(spec)
    expect({ ...loaded(JSON.parse(JSON.stringify(declaredSpec(declaration)))) }).toEqual(spec)
  }
})

test('what is not said leaves the fingerprint as it was', async () => {
  const bare = await fingerprint(loadPlan(planWith({ kind: 'monotonous' })))
  expect(await fingerprint(loadPlan(planWith({ kind: 'monotonous', everyRecords })))).toBe(bare)
  expect(await fingerprint(loadPlan(planWith({ kind: 'monotonous', flushAfterMs: null })))).not.toBe(bare)
})

describe('a strategy is refused', () => {
  test.each([
    ['unknown', { kind: 'percentil', p: 1 }, 'WATERMARK_UNKNOWN', 'kind'],
    ['percentile without p', { kind: 'percentile' }, 'PLAN_FIELD_MISSING', 'p'],
    ['with p of nothing', { kind: 'percentile', p: 0 }, 'WATERMARK_INVALID', 'p'],
    ['with p above 1', { kind: 'predicted', p: 1.1 }, 'WATERMARK_INVALID', 'p'],
    ['with p that is NaN', { kind: 'predicted', p: Number.NaN }, 'WATERMARK_INVALID', 'p'],
    ['with a window of no records', { kind: 'percentile', p: 1, windowRecords: 0 }, 'WATERMARK_INVALID', 'windowRecords'],
    ['with a window beyond all bounds', { kind: 'percentile', p: 1, windowRecords: 65_537 }, 'WATERMARK_INVALID', 'windowRecords'],
    ['with smoothing of nothing', { kind: 'predicted', p: 1, smoothing: 0 }, 'WATERMARK_INVALID', 'smoothing'],
    ['with smoothing of another', { kind: 'percentile', p: 1, smoothing: 1 }, 'PLAN_FIELD_UNKNOWN', 'smoothing'],
    ['with a ceiling below the floor', { kind: 'percentile', p: 1, floorMs: 2, ceilingMs: 1 }, 'WATERMARK_INVALID', 'ceilingMs'],
    ['with a negative floor', { kind: 'percentile', p: 1, floorMs: -1 }, 'DURATION_INVALID', 'floorMs'],
    ['time lag without a lag', { kind: 'timeLag' }, 'PLAN_FIELD_MISSING', 'delayMs'],
    ['time lag that flushes', { kind: 'timeLag', delayMs: 1, flushAfterMs: 1 }, 'PLAN_FIELD_UNKNOWN', 'flushAfterMs'],
    ['manual that flushes', { kind: 'manual', flushAfterMs: 1 }, 'PLAN_FIELD_UNKNOWN', 'flushAfterMs'],
    ['with a flush at once', { kind: 'monotonous', flushAfterMs: 0 }, 'DURATION_INVALID', 'flushAfterMs'],
    ['with a negative skew', { kind: 'monotonous', maxFutureSkewMs: -1 }, 'DURATION_INVALID', 'maxFutureSkewMs'],
    ['with half a millisecond of drift', { kind: 'monotonous', maxDriftMs: 0.5 }, 'DURATION_INVALID', 'maxDriftMs'],
    ['with drift that is null', { kind: 'monotonous', maxDriftMs: null }, 'DURATION_INVALID', 'maxDriftMs'],
    ['with another policy', { kind: 'monotonous', futurePolicy: 'drop' }, 'FUTURE_POLICY_UNKNOWN', 'futurePolicy'],
    ['punctuated without a condition', { kind: 'punctuated' }, 'PLAN_FIELD_MISSING', 'when'],
    ['punctuated by what is no condition', { kind: 'punctuated', when: { column: 't' } }, 'EXPRESSION_TYPE', 'when'],
    ['punctuated by an unknown column', { kind: 'punctuated', when: { column: 'marc' } }, 'COLUMN_UNKNOWN', 'when.column'],
    [
      'punctuated with a time that is text',
      { kind: 'punctuated', when: { column: 'mark' }, time: { column: 'k' } },
      'EXPRESSION_TYPE',
      'time',
    ],
    ['custom without its function', { kind: 'custom' }, 'PLAN_TYPE', 'function'],
    ['custom with a function of false', { kind: 'custom', function: false }, 'PLAN_TYPE', 'function'],
  ])('%s', (_, watermark, code, field) => {
    const error = errorOf(watermark)
    expect([error.code, error.details['path']]).toEqual([code, `operators[1].watermark.${field}`])
  })

  test('custom when its function is not at hand', () => {
    expect(() => loadPlan(planWith({ kind: 'custom', function: true }))).toThrow(expect.objectContaining({ code: 'FUNCTION_MISSING' }))
  })
})

test('a custom strategy keeps its function beside the plan', () => {
  const create = () => never
  const { plan, functions: kept } = declared(customWatermark(create))
  expect(kept.get('time.watermark')).toBe(create)
  expect(fromPlan(JSON.parse(JSON.stringify(plan)), kept).plan.operators[1]).toEqual(plan.operators[1])
})

test('durations are checked where they are written', () => {
  for (const make of [
    () => boundedOutOfOrderness('5 s' as never),
    () => percentile(0.9, { floor: -1 }),
    () => monotonous({ flushAfter: 0 }),
    () => monotonous({ maxDrift: 'x' as never }),
  ])
    expect(make).toThrow(expect.objectContaining({ code: 'DURATION_INVALID' }))
})

test('an explanation says what the watermark is', () => {
  const text = (watermark: object) => /watermark: (.*)/.exec(explain(loadPlan(planWith(watermark), functions)).text)![1]
  const end = 'every 1,024 records of a split'
  expect(text({ kind: 'punctuated', when: { column: 'mark' } })).toBe(`event time of records where mark, ${end}`)
  expect(text({ kind: 'timeLag', delayMs: 5_000, maxDriftMs: 60_000 })).toBe(`clock less 5 s, splits at most 1 m apart, ${end}`)
  expect(text({ kind: 'percentile', p: 0.9, ceilingMs: 1_000 })).toBe(
    `largest event time less the 0.9-quantile of the delay of 2,048 records (0 ms to 1 s), ${end}`,
  )
  expect(text({ kind: 'predicted', p: 0.9, floorMs: 5, flushAfterMs: null })).toBe(
    `largest event time less the predicted 0.9-quantile of the delay (at least 5 ms), no flush, ${end}`,
  )
  expect(text({ kind: 'manual', maxFutureSkewMs: 1_000, futurePolicy: 'deadLetter' })).toBe(
    `from outside, at most 1 s ahead of the clock, beyond that deadLetter, ${end}`,
  )
  expect(text({ kind: 'custom', function: true, maxFutureSkewMs: null })).toBe(
    `by a JavaScript function, any time ahead of the clock, ${end}`,
  )
})
