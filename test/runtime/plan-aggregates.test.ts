/**
 * Aggregates of a window operator in a plan: their options, the types of their results, and what is refused.
 */

import { describe, expect, it } from 'vitest'
import { AT, errorOf, type Json, resultsOf, windowOf } from '../support/window-operators.ts'

const column = (name: string) => ({ column: name })
const gt = (name: string, value: number) => ({ fn: 'gt', args: [column(name), { literal: value }] })
const aggregate = (spec: unknown): Json => ({ aggregates: { a: spec } })

describe('an aggregate', () => {
  it.each<[Json, string, Json?]>([
    [{ fn: 'countDistinct', column: 'device' }, 'f64'],
    [{ fn: 'countDistinct', column: 'n', approximate: true }, 'f64', { precision: 12 }],
    [{ fn: 'countDistinct', column: 'n', approximate: true, precision: 16 }, 'f64'],
    [{ fn: 'quantile', column: 'celsius', q: 0.99 }, 'f64', { accuracy: 0.01 }],
    [{ fn: 'median', column: 'at', accuracy: 0.5 }, 'f64'],
    [{ fn: 'histogram', column: 'n', bounds: [-1, 0, 2.5] }, 'json'],
    [{ fn: 'topK', column: 'device', k: 1_000 }, 'json'],
    [{ fn: 'topK', column: 'ok', k: 1, by: 'celsius' }, 'json'],
    [{ fn: 'mode', column: 'device' }, 'utf8'],
    [{ fn: 'mode', column: 'n' }, 'i32'],
    [{ fn: 'argMin', column: 'ok', by: 'celsius' }, 'bool'],
    [{ fn: 'argMax', column: 'at', by: 'n' }, 'timestamp'],
    [{ fn: 'collect', column: 'device' }, 'json', { order: 'eventTime' }],
    [{ fn: 'collect', column: 'n', order: 'arrival', limit: 3 }, 'json'],
    [{ fn: 'concat', column: 'device' }, 'utf8', { order: 'eventTime', separator: ',' }],
    [{ fn: 'concat', column: 'n', order: 'arrival', separator: '' }, 'utf8'],
    [{ fn: 'any', column: 'ok' }, 'bool'],
    [{ fn: 'every', column: 'ok' }, 'bool'],
    [{ fn: 'sumOfProducts', column: 'n', by: 'celsius' }, 'f64'],
    [{ fn: 'covariance', column: 'n', by: 'celsius', population: true }, 'f64'],
    [{ fn: 'correlation', column: 'n', by: 'celsius' }, 'f64'],
    [{ fn: 'linearSlope', column: 'celsius' }, 'f64'],
    [{ fn: 'timeWeightedMean', column: 'celsius' }, 'f64'],
    [{ fn: 'delta', column: 'celsius' }, 'f64'],
    [{ fn: 'rate', column: 'n' }, 'f64'],
    [{ fn: 'ewma', column: 'celsius', halfLifeMs: 1 }, 'f64'],
    [{ fn: 'custom', function: true }, 'json'],
    [{ fn: 'count', where: gt('celsius', 30) }, 'f64'],
    [{ fn: 'mode', column: 'device', where: column('ok') }, 'utf8'],
  ])('may be %j', (spec, type, defaults = {}) => {
    expect(windowOf(aggregate(spec)).aggregates['a']).toEqual({ ...spec, ...defaults })
    expect(resultsOf(aggregate(spec)).columns.at(-1)).toEqual({ name: 'a', type })
  })

  it.each<[what: string, spec: Json, code: string, path: string, inMessage?: string]>([
    ['that is misspelt', { fn: 'medain', column: 'n' }, 'FUNCTION_UNKNOWN', '.fn', 'did you mean "median"'],
    ['without its column', { fn: 'mode' }, 'PLAN_FIELD_MISSING', '.column'],
    ['without its second column', { fn: 'argMin', column: 'n' }, 'PLAN_FIELD_MISSING', '.by'],
    ['with a second column it has not', { fn: 'mode', column: 'n', by: 'n' }, 'PLAN_FIELD_UNKNOWN', '.by'],
    ['over text', { fn: 'median', column: 'device' }, 'COLUMN_TYPE', '.column', 'numeric'],
    ['over booleans', { fn: 'rate', column: 'ok' }, 'COLUMN_TYPE', '.column'],
    ['of truth over numbers', { fn: 'any', column: 'n' }, 'COLUMN_TYPE', '.column', 'bool'],
    ['by text', { fn: 'argMax', column: 'n', by: 'device' }, 'COLUMN_TYPE', '.by'],
    ['by a misspelt column', { fn: 'topK', column: 'n', k: 1, by: 'celcius' }, 'COLUMN_UNKNOWN', '.by', 'celsius'],
    ['with a precision though it is exact', { fn: 'countDistinct', column: 'n', precision: 5 }, 'AGGREGATE_OPTION_INVALID', '.precision'],
    [
      'with a precision of 17',
      { fn: 'countDistinct', column: 'n', approximate: true, precision: 17 },
      'AGGREGATE_OPTION_INVALID',
      '.precision',
    ],
    ['without its quantile', { fn: 'quantile', column: 'n' }, 'PLAN_FIELD_MISSING', '.q'],
    ['with a quantile in percent', { fn: 'quantile', column: 'n', q: 99 }, 'AGGREGATE_OPTION_INVALID', '.q', '0 to 1'],
    ['that is perfectly accurate', { fn: 'median', column: 'n', accuracy: 0 }, 'AGGREGATE_OPTION_INVALID', '.accuracy'],
    ['without bounds', { fn: 'histogram', column: 'n', bounds: [] }, 'AGGREGATE_OPTION_INVALID', '.bounds'],
    ['with bounds that descend', { fn: 'histogram', column: 'n', bounds: [1, 3, 2] }, 'AGGREGATE_OPTION_INVALID', '.bounds[2]'],
    ['with equal bounds', { fn: 'histogram', column: 'n', bounds: [1, 1] }, 'AGGREGATE_OPTION_INVALID', '.bounds[1]'],
    [
      'with an infinite bound',
      { fn: 'histogram', column: 'n', bounds: [Number.POSITIVE_INFINITY] },
      'AGGREGATE_OPTION_INVALID',
      '.bounds[0]',
    ],
    [
      'with 256 bounds',
      { fn: 'histogram', column: 'n', bounds: Array.from({ length: 256 }, (_, i) => i) },
      'AGGREGATE_OPTION_INVALID',
      '.bounds',
    ],
    ['of the first 0', { fn: 'topK', column: 'n', k: 0 }, 'AGGREGATE_OPTION_INVALID', '.k'],
    ['of the first 1,001', { fn: 'topK', column: 'n', k: 1_001 }, 'AGGREGATE_OPTION_INVALID', '.k'],
    ['in an unknown order', { fn: 'collect', column: 'n', order: 'time' }, 'AGGREGATE_OPTION_INVALID', '.order'],
    ['of at most 0 values', { fn: 'collect', column: 'n', limit: 0 }, 'AGGREGATE_OPTION_INVALID', '.limit'],
    ['with a separator that is none', { fn: 'concat', column: 'n', separator: 1 }, 'AGGREGATE_OPTION_INVALID', '.separator'],
    ['without a half-life', { fn: 'ewma', column: 'n' }, 'PLAN_FIELD_MISSING', '.halfLifeMs'],
    ['with a half-life of 0', { fn: 'ewma', column: 'n', halfLifeMs: 0 }, 'AGGREGATE_OPTION_INVALID', '.halfLifeMs'],
    ['custom over a column', { fn: 'custom', function: true, column: 'n' }, 'PLAN_FIELD_UNKNOWN', '.column'],
    ['custom without its mark', { fn: 'custom' }, 'PLAN_TYPE', '.function'],
    ['with an option of another', { fn: 'mode', column: 'n', k: 3 }, 'PLAN_FIELD_UNKNOWN', '.k'],
    ['where something is no condition', { fn: 'count', where: column('n') }, 'EXPRESSION_TYPE', '.where'],
    ['where a column is misspelt', { fn: 'mode', column: 'n', where: column('okay') }, 'COLUMN_UNKNOWN', '.where.column'],
  ])('is refused %s', (_, spec, code, path, inMessage) => {
    const error = errorOf(aggregate(spec))
    expect(error?.code).toBe(code)
    expect(error?.details['path']).toBe(`${AT}.aggregates.a${path}`)
    if (inMessage !== undefined) expect(error?.message).toContain(inMessage)
  })

  it('shares the table of bounds with those beside it', () => {
    const bounds = (count: number) => ({ fn: 'histogram', column: 'n', bounds: Array.from({ length: count }, (_, i) => i) })
    expect(errorOf({ aggregates: { a: bounds(128), b: bounds(128) } })).toBeNull()
    expect(errorOf({ aggregates: { a: bounds(128), b: bounds(129) } })).toMatchObject({
      code: 'AGGREGATE_OPTION_INVALID',
      details: { path: `${AT}.aggregates.b.bounds` },
    })
  })
})
