/**
 * The fluent API of aggregates: what it builds in the plan, which functions it keeps, what it refuses where.
 */

import { describe, expect, it } from 'vitest'
import * as m from '../../runtime/index.ts'
import { col, count, sum } from '../../runtime/index.ts'
import { errorOf, expectPlain, loose, windowed, windowIn } from '../support/fluent-windows.ts'

describe('aggregates', () => {
  it('build what the plan has', () => {
    const product = {
      create: () => 1,
      add: (value: number, row: { readonly n: number | null }) => value * (row.n ?? 1),
      merge: (a: number, b: number) => a * b,
      result: (value: number) => value,
    }
    const job = windowed()
      .aggregate(
        {
          a: m.countDistinct('device'),
          b: m.countDistinct('device', { approximate: true, precision: 10 }),
          c: m.quantile('celsius', 0.9, { accuracy: 0.05 }),
          d: m.median('celsius'),
          e: m.histogram('celsius', [0, 10]),
          f: m.topK('device', 3),
          g: m.topK('device', 3, { by: 'celsius' }),
          h: m.mode('device'),
          i: m.argMin('device', 'celsius'),
          j: m.argMax('at', 'celsius'),
          k: m.collect('celsius', { order: 'arrival', limit: 10 }),
          l: m.concat('device', { separator: '+' }),
          m: m.anyTrue('ok'),
          n: m.everyTrue('ok'),
          o: m.sumOfProducts('celsius', 'n'),
          p: m.covariance('celsius', 'n', { population: true }),
          q: m.correlation('celsius', 'n'),
          r: m.linearSlope('celsius'),
          s: m.timeWeightedMean('celsius'),
          t: m.delta('n'),
          u: m.rate('n'),
          v: m.ewma('celsius', '5m'),
          w: m.customAggregate(product),
        },
        { uid: 'w' },
      )
      .sink('out')
    expect((windowIn(job) as { aggregates: object }).aggregates).toEqual({
      a: { fn: 'countDistinct', column: 'device' },
      b: { fn: 'countDistinct', column: 'device', approximate: true, precision: 10 },
      c: { fn: 'quantile', column: 'celsius', q: 0.9, accuracy: 0.05 },
      d: { fn: 'median', column: 'celsius', accuracy: 0.01 },
      e: { fn: 'histogram', column: 'celsius', bounds: [0, 10] },
      f: { fn: 'topK', column: 'device', k: 3 },
      g: { fn: 'topK', column: 'device', k: 3, by: 'celsius' },
      h: { fn: 'mode', column: 'device' },
      i: { fn: 'argMin', column: 'device', by: 'celsius' },
      j: { fn: 'argMax', column: 'at', by: 'celsius' },
      k: { fn: 'collect', column: 'celsius', order: 'arrival', limit: 10 },
      l: { fn: 'concat', column: 'device', order: 'eventTime', separator: '+' },
      m: { fn: 'any', column: 'ok' },
      n: { fn: 'every', column: 'ok' },
      o: { fn: 'sumOfProducts', column: 'celsius', by: 'n' },
      p: { fn: 'covariance', column: 'celsius', by: 'n', population: true },
      q: { fn: 'correlation', column: 'celsius', by: 'n' },
      r: { fn: 'linearSlope', column: 'celsius' },
      s: { fn: 'timeWeightedMean', column: 'celsius' },
      t: { fn: 'delta', column: 'n' },
      u: { fn: 'rate', column: 'n' },
      v: { fn: 'ewma', column: 'celsius', halfLifeMs: 300_000 },
      w: { fn: 'custom', function: true },
    })
    expect([...job.functions]).toEqual([['w.aggregate.w', product]])
    expectPlain(job)
  })

  it('take conditions, which add up, and stay plain JSON', () => {
    const hot = count().where(col('celsius').gt(30))
    expect(JSON.parse(JSON.stringify({ hot }))).toEqual({ hot: { fn: 'count', where: col('celsius').gt(30).tree } })
    expect(hot.where(col('ok')).spec.where).toEqual(col('celsius').gt(30).and(col('ok')).tree)
    const job = windowed()
      .aggregate({ hot, total: sum('n').where({ column: 'ok' }), middle: m.median('celsius').where(col('ok')) })
      .sink('out')
    expect((windowIn(job) as { aggregates: object }).aggregates).toEqual({
      hot: { fn: 'count', where: col('celsius').gt(30).tree },
      total: { fn: 'sum', column: 'n', where: { column: 'ok' } },
      middle: { fn: 'median', column: 'celsius', accuracy: 0.01, where: { column: 'ok' } },
    })
    expectPlain(job)
  })

  it.each<[string, () => unknown, string, string]>([
    ['a misspelt column', () => windowed().aggregate({ a: loose(m.median('celcius')) }), 'COLUMN_UNKNOWN', 'aggregates.a.column'],
    ['a column of another type', () => windowed().aggregate({ a: loose(m.anyTrue('n')) }), 'COLUMN_TYPE', 'aggregates.a.column'],
    [
      'bounds that descend',
      () => windowed().aggregate({ a: m.histogram('n', [2, 1]) }),
      'AGGREGATE_OPTION_INVALID',
      'aggregates.a.bounds[1]',
    ],
    ['what is no condition', () => windowed().aggregate({ a: loose(count().where(col('n'))) }), 'EXPRESSION_TYPE', 'aggregates.a.where'],
    ['what is no aggregate', () => windowed().aggregate({ a: loose(5) }), 'PLAN_TYPE', 'aggregates.a'],
    ['one written by hand', () => windowed().aggregate({ a: loose({ fn: 'median', column: 'n' }) }), 'FUNCTION_UNKNOWN', 'aggregates.a.fn'],
  ])('refuse %s', (_, call, code, path) => {
    expect(errorOf(call)).toMatchObject({ code, details: { path: `window "window-1".${path}` } })
  })
})
