/** Windows by the clock of the host, of rows that need no event time. */

import { describe, expect, it } from 'vitest'
import { memoryCheckpoints } from '../../adapters/memory-store.ts'
import { collectSink, count, f64, globalWindow, onCount, pipeline, run, schema, start, sum, tumbling, utf8 } from '../../runtime/index.ts'
import { rowsSource } from '../../runtime/source/rows-source.ts'

const rows = Array.from({ length: 3_000 }, (_, index) => ({ k: index % 3 === 0 ? 'a' : 'b', v: 1 }))
const stream = () =>
  pipeline('clock')
    .source('rows', schema({ k: utf8(), v: f64() }))
    .keyBy('k')

describe('windows by the clock', () => {
  it('need no eventTime operator, and give what is open when the stream ends', async () => {
    const job = stream().window(tumbling('1h')).processingTime().aggregate({ n: count() }).sink('out')
    const results = await run(job, rows)
    const counted = new Map<string | null, number>()
    for (const { k, n } of results) counted.set(k, (counted.get(k) ?? 0) + n)
    expect([...counted].sort()).toEqual([
      ['a', 1_000],
      ['b', 2_000],
    ])
    expect(results.every(({ windowStart, windowEnd }) => windowEnd - windowStart === 3_600_000)).toBe(true)
  })

  it('are the same on workers, with checkpoints, at every parallelism', async () => {
    for (const parallelism of [1, 2, 4]) {
      const job = stream()
        .window(globalWindow())
        .processingTime()
        .trigger(onCount(1_000))
        .discarding()
        .aggregate({ n: count(), sum: sum('v') })
        .sink('out')
      const out = collectSink()
      const running = await start(job, {
        sources: { rows: rowsSource(rows) },
        sinks: { out },
        host: parallelism === 2 ? 'transferred' : 'workers',
        parallelism,
        checkpoints: { store: memoryCheckpoints(), every: '5ms' },
      })
      await running.finished
      const fired = out.rows.map(({ k, n, sum: total }) => [k, n, total])
      expect(fired.toSorted((a, b) => (String(a[0]) < String(b[0]) ? -1 : 1))).toEqual([
        ['a', 1_000, 1_000],
        ['b', 1_000, 1_000],
        ['b', 1_000, 1_000],
      ])
    }
  })
})
