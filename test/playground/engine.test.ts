/** Laws of the playground's engine: what it shows is what jobs give, and what it says of open windows is what is in them. */

import {
  boundedOutOfOrderness,
  collect,
  count,
  early,
  f64,
  type Job,
  onCount,
  once,
  pipeline,
  schema,
  session,
  timestamp,
  tumbling,
  utf8,
} from 'millrace'
import { testJob } from 'millrace/testing'
import { describe, expect, test } from 'vitest'
import { play } from '../../examples/playground/engine/play.ts'
import type { Entry } from '../../examples/playground/model/entry.ts'
import { captionOf, fateAt, momentsOf } from '../../examples/playground/model/caption.ts'
import type { Trace } from '../../examples/playground/model/trace.ts'
import { BASE_DAY_MS, cellOf } from '../../examples/playground/model/time-text.ts'
import { expectedRows, rowOf } from './expected.ts'
import { gallery } from './gallery.ts'

const shown = await gallery()
const at = (seconds: number) => cellOf(BASE_DAY_MS + seconds * 1000, '')
const reading = (wheel: string, seconds: number): Entry => ({ kind: 'record', row: { wheel, at: at(seconds), litres: 1 }, split: 0 })
const wheels = (delay: '2s' | '1m' = '2s') =>
  pipeline('test')
    .source('wheels', schema({ wheel: utf8(), at: timestamp(), litres: f64() }))
    .eventTime('at', boundedOutOfOrderness(delay, { everyRecords: 1 }))

function rowsOf(trace: Trace): Readonly<Record<string, readonly object[]>> {
  const results = trace.steps.flatMap((step) => step.results)
  return Object.fromEntries(
    trace.sinks.map(({ name }, sink) => [name, results.filter((result) => result.sink === sink).map(({ row }) => row)]),
  )
}

const windowsAt = (trace: Trace, step: number, view = 0) => trace.steps[step]!.views[view]!.windows
const only = <T>(list: readonly T[]): T => {
  expect(list).toHaveLength(1)
  return list[0]!
}

describe('every example of the gallery', () => {
  test.each(shown.map((example) => [example.id, example] as const))('%s shows the rows that the job gives', async (_, { job, entries }) => {
    const trace = await play(job, entries)
    expect(trace.failure).toBeNull()
    expect(trace.steps).toHaveLength(entries.length + 1)
    const rows = rowsOf(trace)
    expect(Object.values(rows).flat().length).toBeGreaterThan(2)
    expect(rows).toEqual(await expectedRows(job, entries))
  })

  test.each(shown.map((example) => [example.id, example] as const))(
    '%s is told in words at each step',
    async (_, { job, entries, text }) => {
      const trace = await play(job, entries)
      const narrator = { trace, entries, view: 0, moments: momentsOf(trace) }
      for (let step = 0; step <= trace.steps.length; step++) expect(captionOf(narrator, step)).toMatch(/^[A-Z].*\.$/)
      expect(text.match(/[.:;] |[.]$/g)!.length).toBeGreaterThan(1)
    },
  )
})

// Windows with the plain trigger and without lateness: what is open is what would come if the stream ended here.
const PLAIN = [
  'tumbling',
  'sliding',
  'cumulate',
  'sessions',
  'calendar',
  'custom-window',
  'late',
  'deduplicate',
  'punctuated',
  'state',
  'global',
]

describe('what is in open windows', () => {
  const examples = shown.filter(({ id }) => PLAIN.includes(id)).map((example) => [example.id, example] as const)
  test.each(examples)('%s: is what would come if the stream ended at the step', async (_, { job, entries }) => {
    const trace = await play(job, entries)
    let windowCount = 0
    for (let step = 0; step < entries.length; step++) {
      const harness = await testJob(job, { watermarks: 'declared' })
      for (const entry of entries.slice(0, step + 1)) await harness.push(rowOf(job, entry))
      const sink = trace.sinks.find(({ kind }) => kind === 'result')
      harness.take(sink!.name as never)
      await harness.end()
      const open = windowsAt(trace, step).filter(({ phase }) => phase === 'open')
      windowCount += open.length
      const came = (harness.take(sink!.name as never) as readonly { row: Record<string, unknown> }[]).map(({ row }) => row)
      const { keys } = trace.views[0]!
      const told = open.map(({ key, startMs, endMs, values }) => ({ windowStart: startMs, windowEnd: endMs, key, ...values }))
      const expected = came.map(({ windowStart, windowEnd, ...row }) => {
        const values = Object.fromEntries(Object.entries(row).filter(([name]) => !keys.includes(name)))
        return { windowStart, windowEnd, key: keys.map((name) => String(row[name])).join(', '), ...values }
      })
      const byText = (list: readonly object[]) => list.map((item) => JSON.stringify(item, Object.keys(item).sort())).sort()
      expect(byText(told), `step ${step}`).toEqual(byText(expected))
    }
    expect(windowCount).toBeGreaterThan(entries.length / 2)
  })

  test('records of a window are those that its function would get', async () => {
    const job = wheels('1m')
      .keyBy('wheel')
      .window(session('5s'))
      .aggregate({ litres: collect('litres') })
      .sink('out')
    const trace = await play(job, [reading('a', 1), reading('b', 2), reading('a', 9), reading('a', 5)])
    expect(windowsAt(trace, 3).map(({ key, records }) => [key, records])).toEqual([
      ['a', [0, 2, 3]],
      ['b', [1]],
    ])
  })
})

describe('windows from step to step', () => {
  test('a session keeps its id while it grows, and says which it has taken in', async () => {
    const job = wheels('1m').window(session('5s')).aggregate({ n: count() }).sink('out')
    const trace = await play(job, [reading('a', 1), reading('a', 8), reading('a', 4)])
    const [first, second] = windowsAt(trace, 1)
    const merged = only(windowsAt(trace, 2))
    expect(merged).toMatchObject({ id: first!.id, merged: [second!.id], count: 3 })
    expect(merged.events).toContain('merged')
  })

  test('it opens, fires, is corrected and goes, in the words of its events', async () => {
    const job = wheels().window(tumbling('10s')).allowedLateness('5s').aggregate({ n: count() }).sink('out')
    const trace = await play(job, [reading('a', 1), reading('a', 12), reading('a', 3), reading('a', 20)])
    const life = trace.steps.slice(0, 4).map((_, step) => windowsAt(trace, step)[0]!)
    expect(life.map(({ phase, events, count: records }) => [phase, events.join('+'), records])).toEqual([
      ['open', 'opened', 1],
      ['fired', 'fired', 1],
      ['fired', 'took+corrected', 2],
      ['done', 'gone', 2],
    ])
  })

  test('a window whose trigger has ended takes no more, though the job that tells would', async () => {
    const job = wheels()
      .window(tumbling('10s'))
      .trigger(once(onCount(2)))
      .aggregate({ n: count() })
      .sink('out')
    const trace = await play(job, [reading('a', 1), reading('a', 2), reading('a', 3)])
    expect(windowsAt(trace, 2)).toMatchObject([{ phase: 'done', count: 2 }])
    expect(trace.steps.map((step) => fateAt(step, 0))).toEqual(['taken', 'taken', 'closed', null])
  })

  test('what no trigger has fired for is lost, and is said to be', async () => {
    const job = wheels().window(tumbling('10s')).trigger(onCount(2)).aggregate({ n: count() }).sink('out')
    const trace = await play(job, [reading('a', 1), reading('a', 14)])
    expect(windowsAt(trace, 1)[0]).toMatchObject({ phase: 'lost', paneCount: 0, count: 1 })
  })

  test('a window that is complete, and has nothing new to say, has fired though no result comes', async () => {
    const job = wheels()
      .window(tumbling('10s'))
      .trigger(early({ count: 2 }))
      .retracting()
      .allowedLateness('5s')
      .aggregate({ n: count() })
      .sink('out')
    const trace = await play(job, [reading('a', 1), reading('a', 2), reading('a', 12)])
    expect(trace.steps[2]!.results).toEqual([])
    expect(windowsAt(trace, 2)[0]).toMatchObject({ phase: 'fired', events: ['complete'] })
  })

  test('discarding: what the last pane has not had is pending', async () => {
    const job = wheels()
      .window(tumbling('10s'))
      .trigger(early({ count: 2 }))
      .discarding()
      .aggregate({ n: count() })
      .sink('out')
    const trace = await play(job, [reading('a', 1), reading('a', 2), reading('a', 3)])
    expect(windowsAt(trace, 2)[0]).toMatchObject({ count: 3, pending: 1, paneCount: 1 })
  })
})

describe('what becomes of records', () => {
  test('a row that does not fit the schema is a dead letter, with the reason', async () => {
    const job = wheels().window(tumbling('10s')).aggregate({ n: count() }).sink('out')
    const trace = await play(job, [{ kind: 'record', row: { wheel: 7, at: at(1), litres: 1 }, split: 0 }, reading('a', 2)])
    expect(fateAt(trace.steps[0]!, 0)).toBe('deadLetter')
    expect(trace.steps[0]!.deadLetter).toContain('FIELD_TYPE')
    expect(windowsAt(trace, 1)).toMatchObject([{ count: 1, records: [1] }])
  })

  test('a late record that stops the job ends the trace, with the error', async () => {
    const job = wheels().window(tumbling('10s')).lateFails().aggregate({ n: count() }).sink('out')
    const trace = await play(job, [reading('a', 1), reading('a', 20), reading('a', 2), reading('a', 30)])
    expect(trace.failure).toMatchObject({ code: 'LATE_RECORD' })
    expect(trace.steps).toHaveLength(2)
  })

  test('a record that a state window is not open for is in no window, and is told when the watermark has passed it', async () => {
    const { job, entries } = shown.find(({ id }) => id === 'state')!
    const trace = await play(job, entries)
    const told = trace.steps.flatMap(({ views }, step) =>
      views[0]!.fates.filter(({ fate }) => fate === 'outside').map(({ record }) => [record, step]),
    )
    // b turns at 3 s before it has been started; a turns at 12 s, after it has been stopped.
    expect(told).toEqual([
      [2, 3],
      [6, 10],
    ])
  })

  test('windows behind a map by a function are told without their records', async () => {
    const job = wheels()
      .map(({ at: time, litres }) => ({ at: time, double: (litres ?? 0) * 2 }), schema({ at: timestamp(), double: f64() }))
      .window(tumbling('10s'))
      .aggregate({ n: count() })
      .sink('out') as Job
    const trace = await play(job, [reading('a', 1), reading('a', 2)])
    expect(trace.views[0]).toMatchObject({ hasRecords: false })
    expect(windowsAt(trace, 1)).toMatchObject([{ count: 2, records: [], values: { n: 2 } }])
  })

  test('watermarks of the stream stand in place of the declared ones', async () => {
    const job = wheels().window(tumbling('10s')).aggregate({ n: count() }).sink('out')
    const trace = await play(job, [reading('a', 1), reading('a', 60), { kind: 'watermark', to: at(10) }])
    expect(trace.steps.map(({ watermarksMs }) => watermarksMs[0])).toEqual([null, null, BASE_DAY_MS + 10_000, Number.POSITIVE_INFINITY])
    expect(trace.steps[2]!.results).toHaveLength(1)
  })
})
