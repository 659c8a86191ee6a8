/** Laws of what the playground writes down: streams, links, programs of plans, programs for Node. */

import { execFile } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import * as millrace from 'millrace'
import { fromPlan, type Job } from 'millrace'
import { describe, expect, test } from 'vitest'
import { entriesOf, EntryError, textOf } from '../../examples/playground/model/entry.ts'
import { fragmentOf, sharedOf } from '../../examples/playground/model/link.ts'
import { generated, GENERATOR_DEFAULTS } from '../../examples/playground/model/generator.ts'
import { nodeProgramOf } from '../../examples/playground/model/node-program.ts'
import { planText } from '../../examples/playground/model/plan-text.ts'
import { programOf } from '../../examples/playground/model/program-of-plan.ts'
import { BASE_DAY_MS, cellOf, durationText, momentOf } from '../../examples/playground/model/time-text.ts'
import { readFileSync } from 'node:fs'
import { expectedRows } from './expected.ts'
import { gallery } from './gallery.ts'

const shown = await gallery()
const root = fileURLToPath(new URL('../../', import.meta.url))
/** Inside the package, so that programs import it by its name, as users do. */
const folder = `${root}.cache/playground/`
mkdirSync(folder, { recursive: true })

describe('streams as text', () => {
  test.each(shown.map((example) => [example.id, example] as const))('%s reads back what it writes', (_, { entries }) => {
    expect(entriesOf(textOf(entries))).toEqual(entries)
  })

  test('what is no stream is refused with its line', () => {
    const problemOf = (text: string) => {
      try {
        entriesOf(text)
      } catch (error) {
        return error instanceof EntryError ? [error.line, error.message] : error
      }
      return null
    }
    expect(problemOf('{"a": 1}\n\n{"a": ')).toEqual([3, expect.stringContaining('Line 3 is no JSON')])
    expect(problemOf('[1]')).toEqual([1, expect.stringContaining('write an object of columns')])
    expect(problemOf('{"$split": 9}')).toEqual([1, expect.stringContaining('0 to 7')])
    expect(problemOf('{"a": 1}\n'.repeat(201))).toEqual([201, expect.stringContaining('room for 200')])
  })
})

describe('moments', () => {
  test('are read as people write them, and written as they were', () => {
    expect(momentOf('12:00:03')).toBe(BASE_DAY_MS + 43_203_000)
    expect(momentOf('9:05')).toBe(BASE_DAY_MS + 32_700_000)
    expect(momentOf('2026-02-01T00:00:00')).toBe(Date.UTC(2026, 1, 1))
    expect(momentOf('2026-02-01T01:00:00+01:00')).toBe(Date.UTC(2026, 1, 1))
    expect(momentOf('soon')).toBeNull()
    expect(cellOf(BASE_DAY_MS + 1_500, '00:00:01')).toBe('00:00:01.500')
    expect(cellOf(1_000, 5)).toBe(1_000)
    expect(cellOf(BASE_DAY_MS, '2025-01-01')).toBe('2026-01-01T00:00:00Z')
    expect([90_000, 60_000, 1, 86_400_000, 0].map(durationText)).toEqual(['90s', '1m', '1ms', '1d', '0ms'])
  })
})

describe('links', () => {
  test('bring back what was shared', async () => {
    const { entries } = shown[0]!
    const shared = { language: 'typescript', text: 'export default 1 // ü', entries, step: 3 } as const
    const fragment = await fragmentOf(shared)
    expect(fragment).toMatch(/^s=[\w-]+$/)
    expect(await sharedOf(fragment)).toEqual(shared)
  })

  test('that are damaged, or say something else, bring nothing', async () => {
    const fragment = await fragmentOf({ language: 'plan', text: '{}', entries: [], step: 0 })
    const foreign = await fragmentOf({ language: 'plan', text: '{}', entries: [{ kind: 'record' }] as never, step: 0 })
    for (const broken of ['', 'late', 's=', 's=%%%', fragment.slice(0, -6), foreign]) expect(await sharedOf(broken), broken).toBeNull()
  })
})

const parts: Readonly<Record<string, (readings: ReturnType<typeof wheels>) => Job>> = {
  'every option of a window': (stream) =>
    stream
      .keyBy('wheel')
      .window(millrace.tumbling('1m', { offset: -5 }), { uid: 'minutes' })
      .trigger(millrace.onWatermark({ early: millrace.onCount(3), late: millrace.purging(millrace.onCount(2)) }))
      .evict(millrace.countEvictor(3, { after: true }))
      .allowedLateness('90s')
      .lateTo("it's late")
      .closing('always')
      .emptyPanes()
      .aggregate({
        n: millrace.count(),
        'the best': millrace.topK('wheel', 2, { by: 'litres' }),
        q: millrace.quantile('litres', 0.9, { accuracy: 0.05 }),
        some: millrace.count().where(millrace.col('litres').gt(3).and(millrace.col('wheel').ne("o'clock"))),
        h: millrace.histogram('litres', [0, 5]),
        e: millrace.ewma('litres', '10s'),
        list: millrace.collect('litres', { limit: 3, order: 'arrival' }),
      })
      .sink('out'),
  'filters, maps and stages': (stream) =>
    stream
      .filter(millrace.when(millrace.col('litres').isNull(), false, millrace.col('litres').ge(0)))
      .map({ double: millrace.col('litres').mul(2), wheel: millrace.col('wheel').coalesce('none') })
      .deduplicate({ by: ['wheel', 'at'], within: '1m', late: 'drop' })
      .sortByEventTime({ whenFull: 'release' })
      .trackSequence({ source: 'wheel', sequence: 'double', silentAfter: '1m', findingsTo: 'findings', uid: 'watch' })
      .sink('out'),
  'retracting sessions': (stream) =>
    stream
      .window(millrace.session('5s'))
      .retracting({ unchanged: true })
      .lateFails()
      .aggregate({ n: millrace.anyTrue('ok') })
      .sink('out'),
  'triggers within triggers': (stream) =>
    stream
      .window(millrace.globalWindow())
      .trigger(
        millrace.orFinally(
          millrace.inOrder(millrace.onCount(1), millrace.repeatedly(millrace.afterProcessingTime('5s'))),
          millrace.onEnd(),
        ),
      )
      .discarding()
      .aggregate({ n: millrace.correlation('litres', 'litres') })
      .sink('out'),
  'windows by the clock': (stream) =>
    stream
      .window(millrace.cumulate('1h', '10m'))
      .processingTime()
      .trigger(millrace.onProcessingTime('1m'))
      .aggregate({ n: millrace.count() })
      .sink('out'),
  intervals: (stream) =>
    stream
      .window(millrace.intervals([{ name: 'a', start: 0, end: 10 }]))
      .aggregate({ n: millrace.count() })
      .sink('out'),
  'trading days': (stream) =>
    stream
      .window(
        millrace.tradingDay({
          timeZone: 'Asia/Tokyo',
          sessions: [{ days: ['mon'], open: '09:00', close: '11:30' }],
          holidays: ['2025-01-01'],
        }),
      )
      .aggregate({ n: millrace.median('litres') })
      .sink('out'),
}

function wheels() {
  return millrace
    .pipeline('parts')
    .source('wheels', millrace.schema({ wheel: millrace.utf8(), at: millrace.timestamp(), litres: millrace.f64(), ok: millrace.bool() }))
    .eventTime(
      'at',
      millrace.predicted(0.9, { floor: '1s', ceiling: '1m', idleAfter: '30s', maxFutureSkew: Infinity, futurePolicy: 'accept' }),
    )
}

describe('programs of plans', () => {
  const jobs = [
    ...shown.filter(({ job }) => job.functions.size === 0).map(({ id, job }) => [id, job] as const),
    ...Object.entries(parts).map(([name, make]) => [name, make(wheels())] as const),
  ]
  test.each(jobs)('%s: the program has the plan that it was made of', async (name, job) => {
    const text = programOf(job.plan)
    const file = `${folder}${name.replaceAll(/\W/g, '-')}.ts`
    writeFileSync(file, text)
    const again = (await import(/* @vite-ignore */ file)) as { readonly default: Job }
    expect(again.default.plan).toEqual(job.plan)
    // Branches are said by the plan itself; all else in calls.
    expect(text.includes('fromPlan')).toBe(name === 'strategies')
  })

  test('a plan as text is the plan', () => {
    for (const { job } of shown) {
      const text = planText(job.plan)
      expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(job.plan)))
      expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThan(200)
      if (job.functions.size === 0) expect(fromPlan(JSON.parse(text)).plan).toEqual(job.plan)
    }
  })
})

describe('programs for Node', () => {
  const examples = shown.filter(({ id }) => ['corrections', 'idle', 'custom-window'].includes(id))
  test.each(examples.map((example) => [example.id, example] as const))(
    '%s prints what the playground shows',
    async (id, { job, entries }) => {
      const text = readFileSync(`${root}examples/playground/gallery/programs/${id}.ts`, 'utf8')
      const { columns } = millrace.analyzePlan(job.plan).sources[0]!.schema
      for (const language of job.functions.size === 0 ? (['typescript', 'plan'] as const) : (['typescript'] as const)) {
        const file = `${folder}node-${id}-${language}.ts`
        writeFileSync(file, nodeProgramOf({ language, text: language === 'plan' ? planText(job.plan) : text, entries, columns }))
        const { stdout } = await promisify(execFile)(process.execPath, [file], { cwd: root })
        const printed: Record<string, object[]> = {}
        for (const line of stdout.trim().split('\n')) {
          const [, sink, row] = /^(\S+) \S+ (.*)$/.exec(line)!
          ;(printed[sink!] ??= []).push(JSON.parse(row!))
        }
        const expected = Object.entries(await expectedRows(job, entries)).filter(([, rows]) => rows.length > 0)
        expect(printed).toEqual(JSON.parse(JSON.stringify(Object.fromEntries(expected))))
      }
    },
  )
})

describe('generated streams', () => {
  const source = {
    uid: 's',
    timeColumn: 'at',
    columns: [
      { name: 'wheel', type: 'utf8' },
      { name: 'at', type: 'timestamp' },
      { name: 'litres', type: 'f64' },
    ],
  }
  const delays = (settings: Partial<typeof GENERATOR_DEFAULTS>) => {
    let newest = Number.NEGATIVE_INFINITY
    return generated({ ...GENERATOR_DEFAULTS, count: 60, ...settings }, source).map((entry) => {
      const ms = entry.kind === 'record' ? momentOf(entry.row['at'])! : 0
      newest = Math.max(newest, ms)
      return newest - ms
    })
  }
  test('are in order without disorder, and out of order as much as is asked for', () => {
    expect(Math.max(...delays({ disorder: 0, lateShare: 0 }))).toBe(0)
    const some = Math.max(...delays({ disorder: 5, lateShare: 0 }))
    expect(some).toBeGreaterThan(0)
    expect(some).toBeLessThanOrEqual(5_000)
    expect(Math.max(...delays({ disorder: 0, lateShare: 0.3 }))).toBeGreaterThan(5_000)
  })

  test('are the same for the same seed', () => {
    expect(generated(GENERATOR_DEFAULTS, source)).toEqual(generated(GENERATOR_DEFAULTS, source))
    expect(generated({ ...GENERATOR_DEFAULTS, seed: 2 }, source)).not.toEqual(generated(GENERATOR_DEFAULTS, source))
  })
})
