/**
 * Real data through sorting and deduplication: positions of ships, out of order by up to a quarter of an hour, some of them twice.
 *
 * Before: ../shared/data/ais-positions.csv.gz. After: nothing; what must come out is computed here by sorting an array.
 *
 * Invariant: rows that clocks of the future made (after the first half hour of the day) are left out, as the data's description says.
 */

import { expect, test } from 'vitest'
import { csvFile } from '../../adapters/file/csv-file.ts'
import { count } from '../../runtime/aggregate.ts'
import { col } from '../../runtime/expression/expression.ts'
import { pipeline } from '../../runtime/pipeline.ts'
import { f64, schema, timestamp, utf8 } from '../../runtime/schema.ts'
import { collectSink } from '../../runtime/sink/callback-sink.ts'
import { start } from '../../runtime/start.ts'
import { boundedOutOfOrderness } from '../../runtime/watermark.ts'
import { tumbling } from '../../runtime/window.ts'
import { sharedDescribe, sharedPath, sharedTable } from '../support/shared-data.ts'

const FUTURE_MS = Date.UTC(2022, 0, 3, 0, 30)
const SCHEMA = schema({ t: timestamp(), mmsi: utf8(), lat: f64(), lon: f64(), sog: f64() })

sharedDescribe('positions of ships', () => {
  for (const [host, parallelism] of [
    ['inline', 1],
    ['inline', 3],
    ['workers', 2],
    ['transferred', 2],
  ] as const) {
    test(`sorted and deduplicated on ${host}, parallelism ${parallelism}: in order, no row lost, 43 pairs once`, async () => {
      const input = sharedTable('data', 'ais-positions.csv.gz')
        .map(({ t, mmsi }) => ({ t: Number(t), mmsi: mmsi! }))
        .filter(({ t }) => t < FUTURE_MS)
      const times = new Map<string, number>()
      const firsts = input.filter(({ t, mmsi }) => {
        const pair = `${mmsi} ${t}`
        times.set(pair, (times.get(pair) ?? 0) + 1)
        return times.get(pair) === 1
      })
      expect([...times.values()].filter((each) => each > 1)).toHaveLength(43)
      const wanted = firsts.toSorted((a, b) => a.t - b.t)

      const sorted = pipeline('ships')
        .source('positions', SCHEMA)
        .filter(col('t').lt(FUTURE_MS))
        .eventTime('t', boundedOutOfOrderness('906s'))
        .deduplicate({ by: ['mmsi', 't'], within: '1m' })
        .sortByEventTime()
      const direct = sorted.sink('sorted')
      const job = sorted.keyBy('mmsi').window(tumbling('1m')).aggregate({ n: count() }).sink('minutes').and(direct)
      const out = collectSink()
      const minutes = collectSink()
      const run = await start(job, {
        host,
        parallelism,
        sources: { positions: csvFile(sharedPath('data', 'ais-positions.csv.gz')) },
        sinks: { sorted: out, minutes },
      })
      const status = await run.finished
      const rows = out.rows as readonly { readonly t: number; readonly mmsi: string }[]
      expect(rows.map(({ t, mmsi }) => `${t} ${mmsi}`)).toEqual(wanted.map(({ t, mmsi }) => `${t} ${mmsi}`))
      expect(status).toMatchObject({ late: 0, deadLetters: 0 })
      const { deduplicate, sort } = Object.fromEntries(status.operators.map(({ uid, counts }) => [uid, counts]))
      expect(deduplicate).toMatchObject({ recordsIn: input.length, duplicates: input.length - firsts.length, latePassed: 0 })
      expect(sort).toMatchObject({ recordsIn: firsts.length, latePassed: 0 })
      const total = minutes.rows.reduce((sum, row) => sum + Number((row as { readonly n: number }).n), 0)
      expect(total).toBe(firsts.length)
    })
  }
})
