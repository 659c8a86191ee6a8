/**
 * Checkpoints that are damaged, foreign, full or in use: each ends in a typed error or in the checkpoint before, and never in an empty start.
 */

import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { DiskStore, fileCheckpoints } from '../../adapters/disk-store.ts'
import { nodeFileSystem } from '../../adapters/disk/file-system.ts'
import { nodeProcessTable } from '../../adapters/disk/process-table.ts'
import { ndjsonFile } from '../../adapters/file/index.ts'
import { memoryCheckpoints } from '../../adapters/memory-store.ts'
import { count, max } from '../../runtime/aggregate.ts'
import { verify } from '../../runtime/checkpoint/recovery.ts'
import { systemClock } from '../../runtime/clock.ts'
import { type Job, pipeline } from '../../runtime/pipeline.ts'
import { schema } from '../../runtime/schema.ts'
import { collectSink } from '../../runtime/sink/callback-sink.ts'
import { rowsSource } from '../../runtime/source/rows-source.ts'
import type { Source } from '../../runtime/source/source.ts'
import { start, type StartOptions } from '../../runtime/start.ts'
import { boundedOutOfOrderness } from '../../runtime/watermark.ts'
import { tumbling } from '../../runtime/window.ts'
import { columns, simple, testFolder } from '../support/bad-input-job.ts'
import { changedReaders } from '../support/changed-readers.ts'

const { directory, file } = testFolder()
const rows = Array.from({ length: 3_000 }, (_, index) => ({ k: `k${index % 5}`, t: index * 40, v: index }))

/** Rows that come so many at a time with a pause between, from the middle on: so there is time for several checkpoints. */
function slowRows(atATime = 1): Source {
  return changedReaders(rowsSource(rows), (reader) => ({
    read(builder, rowsMax) {
      const rest = 1_500 - Number(reader.position()['row'])
      if (rest > 0) return reader.read(builder, Math.min(rowsMax, rest))
      return systemClock.sleep(2).then(() => reader.read(builder, Math.min(rowsMax, atATime)))
    },
  }))
}

/** A directory with several checkpoints of a job that was stopped in the middle. */
async function stopped(path: string): Promise<void> {
  const run = await start(simple, {
    host: 'inline',
    sources: { in: slowRows() },
    sinks: { out: collectSink() },
    checkpoints: { store: fileCheckpoints(path), every: '1h' },
  })
  for (let index = 0; index < 3; index++) expect(await run.checkpoint()).toBe(true)
  expect((await run.stop()).state).toBe('stopped')
}

const resumed = (path: string, job: Job = simple, more: Partial<StartOptions> = {}) =>
  start(job, {
    host: 'inline',
    ...more,
    sources: { in: rowsSource(rows) },
    sinks: { out: collectSink() },
    checkpoints: { store: fileCheckpoints(path), resume: 'always' },
  } as StartOptions)

test('a checkpoint of another plan, of other key groups, or of another job is refused, and the directory stays usable', async () => {
  const path = directory()
  await stopped(path)
  const build = (name: string, size: '10s' | '20s') =>
    pipeline(name)
      .source('in', schema(columns))
      .eventTime('t', boundedOutOfOrderness('1s'))
      .keyBy('k')
      .window(tumbling(size))
      .aggregate({ rows: count(), most: max('v') })
      .sink('out')
  await expect(resumed(path, build('bad-input', '20s'))).rejects.toMatchObject({ code: 'PLAN_MISMATCH' })
  await expect(resumed(path, simple, { keyGroupCount: 64 })).rejects.toMatchObject({
    code: 'KEY_GROUP_COUNT_MISMATCH',
    details: { found: 128, wanted: 64 },
  })
  await expect(resumed(path, build('other', '10s'))).rejects.toMatchObject({ code: 'STATE_FOREIGN' })
  const status = await (await resumed(path)).finished
  expect(status).toMatchObject({ state: 'ended', recordsIn: rows.length })
})

test('a second start on the directory of a running job is refused, and the first goes on', async () => {
  const path = directory()
  const options = { host: 'inline', sources: { in: slowRows(50) }, sinks: { out: collectSink() } } as const
  const first = await start(simple, { ...options, checkpoints: { store: fileCheckpoints(path), every: '5ms' } })
  await expect(start(simple, { ...options, checkpoints: { store: fileCheckpoints(path) } })).rejects.toMatchObject({ code: 'JOB_LOCKED' })
  expect(await first.finished).toMatchObject({ state: 'ended', recordsIn: rows.length })
})

async function filesOf(path: string, folder: string): Promise<string[]> {
  const names = await readdir(join(path, folder), { recursive: true, withFileTypes: true })
  return names
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted()
}

test('every damage to the newest manifest leads to the checkpoint before, with a warning, and to right results', async () => {
  const path = directory()
  await stopped(path)
  const newest = (await filesOf(path, 'manifests')).at(-1)!
  const whole = await readFile(newest)
  const damages: [string, () => Promise<void>][] = [
    ['truncated to nothing', () => truncate(newest, 0)],
    ['truncated in the middle', () => truncate(newest, whole.length >> 1)],
    ['one byte short', () => truncate(newest, whole.length - 1)],
    ...[0, 5, 20, 60, whole.length >> 1, whole.length - 1].map((at): [string, () => Promise<void>] => [
      `a bit flipped at byte ${at}`,
      async () => {
        const flipped = Buffer.from(whole)
        flipped[at]! ^= 4
        await writeFile(newest, flipped)
      },
    ]),
  ]
  for (const [name, damage] of damages) {
    const copy = directory()
    await writeFile(newest, whole)
    await damage()
    await copyDirectory(path, copy)
    const warnings: string[] = []
    const run = await resumed(copy, simple, { onWarning: (text) => void warnings.push(text) })
    const status = await run.finished
    expect(status, name).toMatchObject({ state: 'ended', recordsIn: rows.length, late: 0 })
    expect(warnings.join(), name).toMatch(/damaged/)
  }
})

test('damage to every checkpoint is a typed error that lists what was tried, never an empty start', async () => {
  const path = directory()
  await stopped(path)
  for (const chunk of await filesOf(path, 'chunks')) await truncate(chunk, 10)
  await expect(resumed(path)).rejects.toMatchObject({ code: 'CHECKPOINT_CORRUPT' })
  for (const manifest of await filesOf(path, 'manifests')) await rm(manifest)
  await expect(resumed(path)).rejects.toMatchObject({ code: 'STATE_LOST' })
})

async function copyDirectory(from: string, to: string): Promise<void> {
  for (const entry of await readdir(from, { recursive: true, withFileTypes: true })) {
    const target = join(to, entry.parentPath.slice(from.length), entry.name)
    if (entry.isDirectory()) await mkdir(target, { recursive: true })
    else {
      await mkdir(join(target, '..'), { recursive: true })
      await writeFile(target, await readFile(join(entry.parentPath, entry.name)))
    }
  }
}

test.each([
  ['read-only', 'EROFS', 'STORE_UNAVAILABLE'],
  ['forbidden', 'EACCES', 'STORE_UNAVAILABLE'],
])('a %s directory is refused at start', async (_, errno, code) => {
  const fails = () => Promise.reject(Object.assign(new Error(`${errno}: as injected`), { code: errno }))
  const fs = {
    ...nodeFileSystem,
    makeDirectories: fails,
    makeDirectory: fails,
    open: fails,
    openExclusive: fails,
  } as unknown as typeof nodeFileSystem
  const store = new DiskStore(directory(), {}, { fs, processes: nodeProcessTable, clock: systemClock })
  await expect(
    start(simple, { host: 'inline', sources: { in: rowsSource(rows) }, sinks: { out: collectSink() }, checkpoints: { store } }),
  ).rejects.toMatchObject({ code })
})

test('a store that is full is tolerated for a while; then the job stops, with the last checkpoint whole', async () => {
  const inner = memoryCheckpoints()
  let isFull = false
  const { CheckpointError } = await import('../../runtime/errors.ts')
  const store = {
    ...inner,
    kind: 'full',
    inspect: () => inner.inspect(),
    async open(name: string) {
      const session = await inner.open(name)
      return {
        ...session,
        commit: (...args: Parameters<typeof session.commit>) =>
          isFull ? Promise.reject(new CheckpointError('STORE_FULL', 'no room, as injected', { retryable: true })) : session.commit(...args),
      }
    },
  }
  const out = collectSink()
  const run = await start(simple, {
    host: 'inline',
    batchRows: 100,
    sources: { in: slowRows() },
    sinks: { out },
    checkpoints: { store, every: '1h', tolerableFailures: 2 },
  })
  expect(await run.checkpoint()).toBe(true)
  isFull = true
  expect(await run.checkpoint()).toBe(false)
  isFull = false
  expect(await run.checkpoint()).toBe(true)
  isFull = true
  for (let failures = 0; failures < 2; failures++) expect(await run.checkpoint()).toBe(false)
  await run.checkpoint().catch(() => false)
  await expect(run.finished).rejects.toMatchObject({ code: 'STORE_FULL' })
  expect((await verify(await inner.inspect())).map(({ problem }) => problem)).toEqual([null, null])
  isFull = false
  const again = await start(simple, {
    host: 'inline',
    sources: { in: rowsSource(rows) },
    sinks: { out },
    checkpoints: { store, resume: 'always' },
  })
  expect(await again.finished).toMatchObject({ state: 'ended', recordsIn: rows.length })
  const alone = collectSink()
  await (await start(simple, { host: 'inline', sources: { in: rowsSource(rows) }, sinks: { out: alone } })).finished
  expect(createHash('sha256').update(JSON.stringify(out.rows)).digest('hex')).toBe(
    createHash('sha256').update(JSON.stringify(alone.rows)).digest('hex'),
  )
})

test('a source that is shorter than the checkpoint is refused as SOURCE_REWIND', async () => {
  const path = directory()
  const input = await file('in.ndjson', rows.map((row) => JSON.stringify(row)).join('\n'))
  const first = await start(simple, {
    host: 'inline',
    sources: { in: ndjsonFile(input) },
    sinks: { out: collectSink() },
    checkpoints: { store: fileCheckpoints(path) },
  })
  await first.finished
  await truncate(input, 100)
  await expect(
    start(simple, {
      host: 'inline',
      sources: { in: ndjsonFile(input) },
      sinks: { out: collectSink() },
      checkpoints: { store: fileCheckpoints(path) },
    }),
  ).rejects.toMatchObject({ code: 'SOURCE_REWIND' })
})
