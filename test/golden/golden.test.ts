/**
 * Real data against golden results: every golden query that tumbling and sliding windows can answer, through the file source.
 *
 * Before: ../shared/data. After: nothing.
 *
 * Invariant: counts, minima and maxima are exact (up to the nine decimals of the files), sums and means within 1e-9 relative.
 */

import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { csvFile } from '../../adapters/file/csv-file.ts'
import { memoryCheckpoints } from '../../adapters/memory-store.ts'
import { PANE_LATE, PANE_ON_TIME } from '../../kernel/layout.ts'
import type { JobStatus } from '../../runtime/coordinator/job-status.ts'
import { fromPlan } from '../../runtime/pipeline.ts'
import { collectSink } from '../../runtime/sink/callback-sink.ts'
import type { Source } from '../../runtime/source/source.ts'
import { start, type StartOptions } from '../../runtime/start.ts'
import { type ActualPane, actualPanes } from '../oracle/compare.ts'
import { planOf } from '../support/plans.ts'
import { sharedDescribe, sharedPath, sharedTable } from '../support/shared-data.ts'
import { GOLDEN_FILES, type GoldenBranch, LATE_QUERIES, type LateQuery } from './queries.ts'

const HOSTS = ['inline', 'shared', 'transferred'] as const
const PARALLELISMS = [1, 2, 4]
const cli = fileURLToPath(new URL('../../dist/cli.js', import.meta.url))

sharedDescribe('golden results', () => {
  for (const golden of GOLDEN_FILES) {
    const names = golden.branches.map(({ golden: name }) => name).join(' and ')
    for (const host of HOSTS) {
      for (const parallelism of PARALLELISMS) {
        test(`${golden.file} gives ${names} on ${host}, parallelism ${parallelism}`, async () => {
          const sinks = Object.fromEntries(golden.branches.map(({ name }) => [`${name}-out`, collectSink()]))
          const run = await start(fromPlan(planOf({ ...golden, windows: golden.branches })), {
            host,
            parallelism,
            sources: { in: csvFile(sharedPath('data', golden.file)) },
            sinks,
          })
          const status = await run.finished
          expect({ late: status.late, deadLetters: status.deadLetters }).toEqual({ late: 0, deadLetters: 0 })
          for (const branch of golden.branches) expectGolden(branch, sinks[`${branch.name}-out`]!.rows)
        })
      }
    }
  }
})

sharedDescribe('golden results by the command', () => {
  for (const golden of GOLDEN_FILES) {
    test(`millrace run gives ${golden.branches.map(({ golden: name }) => name).join(' and ')}`, () => {
      const folder = mkdtempSync(join(tmpdir(), 'millrace-golden-'))
      try {
        const plan = join(folder, 'plan.json')
        writeFileSync(plan, JSON.stringify(planOf({ ...golden, windows: golden.branches })))
        const resultOf = (name: string) => join(folder, `${name}.ndjson`)
        const sinks = golden.branches.flatMap(({ name }) => ['--sink', `${name}-out=${resultOf(name)}`])
        const source = ['--source', `in=${sharedPath('data', golden.file)}`]
        const options = ['--parallelism', '2', '--checkpoints', join(folder, 'state'), '--quiet']
        execFileSync(process.execPath, [cli, 'run', plan, ...source, ...sinks, ...options], { stdio: 'pipe' })
        for (const branch of golden.branches) {
          const lines = readFileSync(resultOf(branch.name), 'utf8').trimEnd().split('\n')
          expectGolden(
            branch,
            lines.map((line) => JSON.parse(line) as Record<string, unknown>),
          )
        }
      } finally {
        rmSync(folder, { recursive: true, force: true })
      }
    })
  }
})

function expectGolden(branch: GoldenBranch, rows: readonly Readonly<Record<string, unknown>>[]): void {
  const { golden, key, columns } = branch
  if (branch.ranked !== undefined) {
    expectRanked(branch, branch.ranked, rows)
    return
  }
  const expected = new Map(
    sharedTable('data', 'golden', golden).map((line) => [`${line['start']} ${line['end']} ${key === null ? '' : line['key']}`, line]),
  )
  expect(rows.length, golden).toBe(expected.size)
  for (const row of rows) {
    const id = `${String(row['windowStart'])} ${String(row['windowEnd'])} ${key === null ? '' : String(row[key])}`
    const line: Record<string, string> | undefined = expected.get(id)
    if (line === undefined) expect.fail(`${golden}: no row ${id}`)
    for (const [theirs, ours] of Object.entries(columns)) {
      const wanted: number = Number(line[theirs])
      const found = row[ours] as number
      const isExact = !['sum', 'mean', 'bytes_sum'].includes(theirs)
      const isEqual = isExact ? Number(found.toFixed(9)) === wanted : Math.abs(found - wanted) <= 1e-9 * Math.max(1, Math.abs(wanted))
      if (!isEqual) expect.fail(`${golden}: ${theirs} of ${id} should be ${wanted}, is ${found}`)
    }
  }
}

/** Golden files with a row for each entry of a list. */
function expectRanked({ golden, columns }: GoldenBranch, ranked: string, rows: readonly Readonly<Record<string, unknown>>[]): void {
  const actual = rows.flatMap((row) =>
    (row[ranked] as readonly Readonly<Record<string, unknown>>[]).map((entry, index) =>
      [row['windowStart'], row['windowEnd'], index + 1, ...Object.values(columns).map((name) => entry[name])].join(' '),
    ),
  )
  const names = ['start', 'end', 'rank', ...Object.keys(columns)]
  const expected = sharedTable('data', 'golden', golden).map((line) => names.map((name) => line[name]).join(' '))
  expect(actual.sort()).toEqual(expected.sort())
}

interface LateResult {
  readonly panes: readonly ActualPane[]
  readonly late: readonly Readonly<Record<string, unknown>>[]
  readonly status: JobStatus
}

type Options = Partial<Omit<StartOptions, 'sources' | 'sinks' | 'checkpoints'>>

function latePlan(query: LateQuery): object {
  const { key, sizeMs, allowedLatenessMs } = query
  return planOf({
    ...query,
    name: 'golden-late',
    everyRecords: 1,
    windows: [{ name: 'w', keys: [key], sizeMs, allowedLatenessMs, lateSink: 'late', aggregates: { count: { fn: 'count' } } }],
  })
}

async function runLate(query: LateQuery, options: Options): Promise<LateResult> {
  const out = collectSink<Record<string, unknown>>()
  const late = collectSink<Record<string, unknown>>()
  const run = await start(fromPlan(latePlan(query)), {
    ...options,
    sources: { in: csvFile(sharedPath('data', query.file)) },
    sinks: { 'w-out': out, late },
  })
  const status = await run.finished
  return { panes: actualPanes(out as never), late: late.rows, status }
}

/** Stops when a third of the file was read, and goes on in another start, at another parallelism. */
async function runLateTwice(query: LateQuery, first: Options, second: Options): Promise<LateResult> {
  const out = collectSink<Record<string, unknown>>()
  const late = collectSink<Record<string, unknown>>()
  const checkpoints = { store: memoryCheckpoints(), every: '1h' } as const
  const job = fromPlan(latePlan(query))
  const sinks = { 'w-out': out, late }
  const path = sharedPath('data', query.file)
  const { source, reached, release } = stallingSource(csvFile(path), Math.floor(sharedTable('data', query.file).length / 3))
  const before = await start(job, { ...first, sources: { in: source }, sinks, checkpoints })
  await reached
  const stopped = before.stop()
  release()
  expect((await stopped).state).toBe('stopped')
  const after = await start(job, { ...second, sources: { in: csvFile(path) }, sinks, checkpoints: { ...checkpoints, resume: 'always' } })
  const status = await after.finished
  return { panes: actualPanes(out as never), late: late.rows, status }
}

/** A source that pauses after about `rows` rows: until it is released, when the job has been asked to stop. */
function stallingSource(
  whole: Source,
  rows: number,
): { readonly source: Source; readonly reached: Promise<void>; readonly release: () => void } {
  const { promise: reached, resolve } = Promise.withResolvers<void>()
  let rest = rows
  const release = () => {
    rest = Number.POSITIVE_INFINITY
  }
  const source: Source = {
    kind: whole.kind,
    isReplayable: whole.isReplayable,
    isBounded: whole.isBounded,
    async splits(context) {
      const splits = await whole.splits(context)
      return splits.map((split) => ({
        splitId: split.splitId,
        async open(position) {
          const reader = await split.open(position)
          return {
            async read(builder, rowsMax) {
              if (rest > 0) {
                const result = await reader.read(builder, Math.min(rest, rowsMax))
                rest -= builder.rowCount
                return result
              }
              resolve()
              return 'idle'
            },
            position: () => reader.position(),
            progress: () => reader.progress(),
            close: () => reader.close(),
          }
        },
      }))
    },
  }
  return { source, reached, release }
}

function expectLate({ golden, key, droppedCount, dropped }: LateQuery, { panes, late, status }: LateResult): void {
  const byWindow = Map.groupBy(panes, ({ row }) => `${row['windowStart']} ${row['windowEnd']} ${row[key]}`)
  const actual = [...byWindow].map(([id, fired]) => {
    fired.forEach(({ index }, at) => {
      expect(index, `${golden}: pane ${at} of ${id}`).toBe(at)
    })
    const [first] = fired.filter(({ timing }) => timing === PANE_ON_TIME)
    const lateCount = fired.filter(({ timing }) => timing === PANE_LATE).length
    return `${id} ${fired.at(-1)!.row['count']} ${first?.row['count'] ?? 0} ${lateCount}`
  })
  const expected = sharedTable('data', 'golden', golden).map((line) =>
    ['start', 'end', 'key', 'count', 'count_at_first_firing', 'late_updates'].map((name) => line[name]).join(' '),
  )
  expect(actual.sort()).toEqual(expected.sort())
  expect(late.length).toBe(droppedCount)
  expect(status.late).toBe(droppedCount)
  if (dropped === undefined) return
  const lines = sharedTable('data', 'golden', dropped).map((line) => `${line['t']} ${line['key']}`)
  const found = late.map((row) => `${String(row['t'])} ${String(row[key])}`)
  expect(found.sort()).toEqual(lines.sort())
}

sharedDescribe('golden results of late rows', () => {
  for (const query of LATE_QUERIES) {
    const isLarge = query.file.startsWith('ais')
    test(`${query.golden} does not depend on parallelism, batch size or host`, async () => {
      for (const parallelism of isLarge ? [1, 3] : PARALLELISMS) {
        for (const batchRows of isLarge ? [4_096] : [1, 7, 4_096])
          expectLate(query, await runLate(query, { host: 'inline', parallelism, batchRows }))
      }
      expectLate(query, await runLate(query, { host: 'workers', parallelism: 2 }))
    })

    test(`${query.golden} does not change by a checkpoint and a restart in the middle`, async () => {
      expectLate(query, await runLateTwice(query, { host: 'inline', parallelism: 2 }, { host: 'inline', parallelism: 3, batchRows: 7 }))
      if (!isLarge) expectLate(query, await runLateTwice(query, { host: 'workers', parallelism: 1 }, { host: 'inline', parallelism: 1 }))
    })
  }

  test('dropped rows come out in the order of the file when there is one subtask', async () => {
    const query = LATE_QUERIES.find(({ dropped }) => dropped !== undefined)!
    const { late } = await runLate(query, { host: 'inline' })
    const lines = sharedTable('data', 'golden', query.dropped!).map((line) => `${line['t']} ${line['key']}`)
    expect(late.map((row) => `${String(row['t'])} ${String(row[query.key])}`)).toEqual(lines)
  })
})
