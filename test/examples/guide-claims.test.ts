/** What GUIDE.md shows and says of behaviour is what Millrace does: its pictures and tables are made anew and compared. */

import { describe, expect, test } from 'vitest'
import { testJob } from '../../adapters/testing.ts'
import * as millrace from '../../runtime/index.ts'
import { allCombinations } from '../../runtime/plan-legality.ts'
import { boundaries } from './guide/boundaries.ts'
import { marked, markers, tableRows, tableText, write } from './guide/document.ts'
import { panePictures } from './guide/pane-pictures.ts'
import { at, readings, windowPictures } from './guide/pictures.ts'
import { refusals } from './guide/refusals.ts'
import { timePictures } from './guide/time-pictures.ts'

const drawn = { ...windowPictures, ...panePictures, ...timePictures }
const tables = ['boundaries', 'aggregates', 'refused', 'duplicates']

test('everything that the guide says is made is made here', () => {
  const names = [...Object.keys(drawn).map((name) => `drawn: ${name}`), ...tables.map((name) => `table: ${name}`)]
  expect(markers().toSorted()).toEqual(names.toSorted())
})

describe('a picture is what comes out', () => {
  test.each(Object.entries(drawn))('%s', async (name, draw) => {
    const picture = await draw()
    write(`drawn: ${name}`, picture)
    expect(marked(`drawn: ${name}`)).toBe(picture)
  })
})

test('the boundary table is what comes out', async () => {
  const table = tableText(await boundaries())
  write('table: boundaries', table)
  expect(marked('table: boundaries')).toBe(table)
})

describe('an aggregate has the type, and of nulls the value, that the table says', () => {
  const lines = tableRows('table: aggregates').filter(([aggregate]) => aggregate !== '`customAggregate(…)`')

  test.each(lines.map(([aggregate, type, ofNulls]) => ({ code: aggregate!.replaceAll('`', ''), type, ofNulls })))(
    '$code',
    async ({ code, type, ofNulls }) => {
      const declared = new Function(...Object.keys(millrace), `return ${code}`)(...Object.values(millrace)) as millrace.Aggregate
      const job = millrace
        .pipeline('nulls')
        .source(
          'in',
          millrace.schema({ at: millrace.timestamp(), v: millrace.f64(), w: millrace.f64(), s: millrace.utf8(), ok: millrace.bool() }),
        )
        .eventTime('at', millrace.monotonous())
        .window(millrace.tumbling('1s'))
        .aggregate({ result: declared } as never)
        .sink('out')
      const nothing = { at: 0, v: null, w: null, s: null, ok: null }
      const [row] = await millrace.run(job, [nothing, nothing])
      expect(JSON.stringify((row as unknown as { result: unknown }).result)).toBe(ofNulls)
      const { schema } = millrace.analyzePlan(job.plan).sinks[0]!
      expect(schema.columns.find(({ name }) => name === 'result')!.type).toBe(type)
    },
  )
})

describe('what the guide says is refused is refused, by that rule', () => {
  test('the table has every rule', () => {
    const rules = allCombinations().map(({ name }) => name)
    expect(
      tableRows('table: refused')
        .map(([rule]) => rule!.replaceAll('`', ''))
        .toSorted(),
    ).toEqual(rules.toSorted())
    expect(Object.keys(refusals).toSorted()).toEqual(rules.toSorted())
  })

  test.each(Object.entries(refusals))('%s', (rule, declare) => {
    expect(declare).toThrow(expect.objectContaining({ details: expect.objectContaining({ rule }) }))
  })
})

describe('of duplicates pass those that the table says', () => {
  test.each(tableRows('table: duplicates').map(([times, verdicts]) => ({ times: times!, verdicts: verdicts! })))(
    '$times',
    async ({ times, verdicts }) => {
      const test = await testJob(readings().deduplicate({ by: 'device', within: '10s' }).sink('out'))
      await test.push(...at(100))
      const found: string[] = []
      for (const second of times.split(', ')) {
        test.take()
        await test.push(...at(Number(second)))
        found.push(test.take().length === 1 ? 'passes' : 'is dropped')
      }
      expect(found.join(', ')).toBe(verdicts)
    },
  )
})
