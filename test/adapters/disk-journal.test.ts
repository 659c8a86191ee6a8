import { appendFileSync, readFileSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, test } from 'vitest'
import { DiskPaths } from '../../adapters/disk/names.ts'
import { frameOf } from '../../adapters/disk/journal-frame.ts'
import { fileCheckpoints } from '../../adapters/disk-store.ts'
import type { Journal } from '../../runtime/checkpoint/journal.ts'
import { systemClock } from '../../runtime/clock.ts'
import { Prng } from '../support/prng.ts'
import { journalEntry } from './disk-journal-child.ts'
import { type DiskFault, diskStore, FakeProcesses, FaultyDisk, temporaryDirectory } from './disk-store-support.ts'
import { type Owners, powerLossLaws } from './power-loss.ts'

const SEED_COUNT = Number(process.env['MILLRACE_SEEDS'] ?? 60)
const KILL_COUNT = Number(process.env['MILLRACE_KILLS'] ?? 10)

const directories: string[] = []
const kills: (() => void)[] = []
afterEach(() => {
  for (const kill of kills.splice(0)) kill()
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true })
})
function newDirectory(): string {
  const directory = temporaryDirectory()
  directories.push(directory)
  return directory
}

/** Whether all entries from `journal.begin` on are those that were appended, in batches that are whole. */
async function checkWhole(journal: Journal): Promise<void> {
  const decoder = new TextDecoder()
  let batchBegin = -1
  for (let number = journal.begin; number < journal.end; ) {
    const entries = await journal.read(number, 500)
    for (const bytes of entries) {
      const text = decoder.decode(bytes)
      const begin = Number(/^\d+ of (\d+)/.exec(text)![1])
      if (begin !== batchBegin && number > journal.begin) expect(begin, 'a batch is whole before the next begins').toBe(number)
      batchBegin = begin
      expect(text).toBe(decoder.decode(journalEntry(number, begin)))
      number++
    }
  }
  if (batchBegin >= 0) expect(journal.end).toBe(batchBegin + 1 + (batchBegin % 13))
}

test(`SIGKILL in the middle of appends, ${KILL_COUNT} times: what was acknowledged is there, no batch in part`, async () => {
  const directory = newDirectory()
  const prng = new Prng(3)
  let acknowledged = 0
  for (let kill = 0; kill < KILL_COUNT; kill++) {
    const child = spawn(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', fileURLToPath(new URL('disk-journal-child.ts', import.meta.url)), directory],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    )
    kills.push(() => child.kill('SIGKILL'))
    let output = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
    const closed = once(child, 'close')
    while (output.split('\n').length < 4) await Promise.race([once(child.stdout, 'data'), closed])
    await systemClock.sleep(prng.int(40))
    child.kill('SIGKILL')
    await closed
    const [opened, ...lines] = output.split('\n').slice(0, -1)
    expect(Number(opened!.split(' ')[2]), `kill ${kill}`).toBeGreaterThanOrEqual(acknowledged)
    for (const line of lines) expect(line).toMatch(/^\d+$/)
    acknowledged = Number(lines.at(-1))
  }
  const session = await fileCheckpoints(directory).open('contract')
  const journal = await session.openJournal!('messages')
  expect(journal.end).toBeGreaterThanOrEqual(acknowledged)
  expect(acknowledged).toBeGreaterThan(KILL_COUNT * 10)
  await checkWhole(journal)
  await session.close()
})

/** Processes that append to what there is, and trim it. */
const writers: Owners = {
  operationsMax: 60,
  fault: (prng) => prng.pick<DiskFault>(['crash', 'torn-crash']),
  begin(prng) {
    let acknowledged = 0
    let trimmed = 0
    return async (session) => {
      const journal = await session.openJournal!('messages')
      if (journal.end < acknowledged) return `${acknowledged} was acknowledged, ${journal.end} is the end`
      const texts = (await journal.read(trimmed, 1e6)).map((bytes) => new TextDecoder().decode(bytes))
      const wrong = texts.findIndex((text, index) => !text.startsWith(`${trimmed + index} `))
      if (wrong >= 0) return `entry ${trimmed + wrong} is ${texts[wrong]}`
      // A reader may have used what is there.
      acknowledged = journal.end
      for (;;) {
        const begin = journal.end
        const count = 1 + prng.int(4)
        // Large ones, so that segments follow each other.
        const entries = Array.from({ length: count }, (_, index) => new TextEncoder().encode(`${begin + index} `.padEnd(1_500_000, 'x')))
        await journal.append(entries)
        acknowledged = journal.end
        if (prng.int(4) === 0) {
          trimmed = Math.max(trimmed, journal.end - 5)
          await journal.trim(trimmed)
        }
      }
    }
  },
}

powerLossLaws('entries that were acknowledged stay', writers, { seedCount: SEED_COUNT, flawed: { seeds: 12, least: 6 } })

describe.each<DiskFault>(['EIO', 'ENOSPC', 'short', 'short-then-ENOSPC', 'nonsense-count'])('%s at every changing operation', (fault) => {
  test('of an append: it fails with a typed error or holds, and the journal goes on', async () => {
    for (let nth = 0; ; nth++) {
      const where = `${fault} at operation ${nth}`
      const processes = new FakeProcesses()
      const root = join(newDirectory(), 'state')
      const disk = new FaultyDisk()
      const session = await diskStore(root, processes.spawn(), disk).open('contract')
      const journal = await session.openJournal!('messages')
      await journal.append([journalEntry(0, 0)])
      disk.failAt(nth, fault)
      const error = await journal.append([journalEntry(1, 1), journalEntry(2, 1)]).then(
        () => null,
        (reason: unknown) => reason,
      )
      const hasFailed = disk.hasFailed
      disk.heal()
      if (error === null) expect(journal.end, where).toBe(3)
      else {
        expect(error, where).toMatchObject({ name: 'CheckpointError', code: fault === 'EIO' ? 'STORE_UNAVAILABLE' : 'STORE_FULL' })
        expect(journal.end, where).toBe(1)
        expect(await journal.append([journalEntry(1, 1), journalEntry(2, 1)]), where).toBe(1)
      }
      processes.killAll()
      const next = await diskStore(root, processes.spawn()).open('contract')
      const again = await next.openJournal!('messages')
      expect(
        (await again.read(0, 10)).map((bytes) => bytes.length),
        where,
      ).toEqual([0, 1, 2].map((n) => journalEntry(n, 1).length))
      await session.close()
      await next.close()
      if (!hasFailed) break
    }
  })
})

describe('what lies in the directory', () => {
  const withEntries = async (count: number) => {
    const root = join(newDirectory(), 'state')
    const session = await fileCheckpoints(root).open('contract')
    const journal = await session.openJournal!('messages')
    for (let number = 0; number < count; number++) await journal.append([journalEntry(number, number)])
    await session.close()
    const directory = new DiskPaths(root).journal('messages')
    return { root, directory, segment: join(directory, readdirSync(directory)[0]!) }
  }
  const reopened = async (root: string) => {
    const session = await fileCheckpoints(root).open('contract')
    kills.push(() => void session.close())
    return await session.openJournal!('messages')
  }

  test('a write that was cut at any byte leaves the entries before it', async () => {
    const { root, segment } = await withEntries(4)
    const size = readFileSync(segment).length
    const lastFrame = frameOf(3, [journalEntry(3, 3)]).length
    for (const cut of [1, 2, 10, 40, 52, 60, lastFrame - 1]) {
      const bytes = readFileSync(segment)
      truncateSync(segment, size - cut)
      const journal = await reopened(root)
      expect(journal.end, `cut by ${cut}`).toBe(3)
      expect(await journal.read(3, 1)).toEqual([])
      kills.pop()!()
      await systemClock.sleep(5)
      writeFileSync(segment, bytes)
    }
  })

  test('every bit that flips in the middle is found: entries are refused, not passed over', async () => {
    const { root, segment } = await withEntries(3)
    const bytes = readFileSync(segment)
    for (let at = 0; at < frameOf(0, [journalEntry(0, 0)]).length; at += 1) {
      const damaged = Buffer.from(bytes)
      damaged[at]! ^= 1 << (at % 8)
      writeFileSync(segment, damaged)
      const session = await fileCheckpoints(root).open('contract')
      await expect(session.openJournal!('messages'), `byte ${at}`).rejects.toMatchObject({ code: 'CHECKPOINT_CORRUPT' })
      await session.close()
    }
  })

  test('what a paused owner adds behind the end of its successor counts for nothing', async () => {
    const { root, segment } = await withEntries(2)
    const owner = await reopened(root)
    expect(await owner.append([journalEntry(2, 2)])).toBe(2)
    // As an owner that was stopped between two instructions and still has the file open.
    appendFileSync(segment, frameOf(2, [new TextEncoder().encode('of a zombie'), new TextEncoder().encode('of a zombie')]))
    for (const journal of [owner, await reopened(root).catch(() => owner)]) {
      expect(journal.end).toBe(3)
      expect((await journal.read(2, 5)).map((bytes) => bytes.length)).toEqual([journalEntry(2, 2).length])
    }
    kills.splice(0).forEach((kill) => kill())
    await systemClock.sleep(10)
    const next = await reopened(root)
    expect(next.end).toBe(3)
    expect((await next.read(0, 5)).map((bytes) => bytes.length)).toEqual([0, 1, 2].map((number) => journalEntry(number, number).length))
  })

  test('files of other names are left alone', async () => {
    const { root, directory } = await withEntries(2)
    writeFileSync(join(directory, 'notes.txt'), 'not ours')
    expect((await reopened(root)).end).toBe(2)
    expect(readFileSync(join(directory, 'notes.txt'), 'utf8')).toBe('not ours')
  })
})
