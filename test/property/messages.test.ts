/**
 * Message sources under random interleavings: messages arrive, connections break, the reader reads, checkpoints complete, the process dies and
 * another one goes on. Whatever happens, the result is every row once, in order.
 *
 * Before: adapters/message, on a server that exists in this test alone, and a journal in memory. After: vitest.
 *
 * Invariant: one seed decides everything; a failing one is printed.
 */

import { expect, test } from 'vitest'
import { memoryCheckpoints } from '../../adapters/memory-store.ts'
import type { Inbox } from '../../adapters/message/inbox.ts'
import { type MessageOptions, messageSource } from '../../adapters/message/message-source.ts'
import { BatchBuilder } from '../../runtime/batch-builder.ts'
import type { CheckpointSession, CheckpointStore } from '../../runtime/checkpoint/checkpoint-store.ts'
import type { Journal } from '../../runtime/checkpoint/journal.ts'
import { systemClock } from '../../runtime/clock.ts'
import { Dictionary } from '../../runtime/dictionary.ts'
import { i32, schema } from '../../runtime/schema.ts'
import type { SplitPosition, SplitReader } from '../../runtime/source/source.ts'
import { Prng } from '../support/prng.ts'
import { wrappedJournal } from '../support/wrapped-journal.ts'

const SEED_COUNT = Number(process.env['MILLRACE_SEEDS'] ?? 400)
const columns = schema({ n: i32() })

/**
 * How a server lets a source go on: by the number of a row, by that of a message, by that of every third message, or by keeping what was not
 * acknowledged.
 */
const RESUMES = ['column', 'message', 'sometimes', 'acknowledgement'] as const
/** Those with which what was not told in time comes twice, and nothing is missing. */
const REPEATING: ReadonlySet<string> = new Set(['sometimes', 'acknowledgement'])

interface Case {
  readonly resume: (typeof RESUMES)[number]
  readonly hasJournal: boolean
  readonly decode: 'json' | 'ndjson'
  readonly bufferMax: number
}

/** Messages that there are, by their first row; and what a broker would keep. */
class World {
  readonly messages: { readonly first: number; readonly count: number }[] = []
  rowCount = 0
  readonly acknowledged = new Set<number>()

  add(count: number): void {
    this.messages.push({ first: this.rowCount, count })
    this.rowCount += count
  }
}

/** A connection of the source under test: delivers in order, from where the source asked it to. */
class TestFeed {
  readonly inbox: Inbox
  readonly #world: World
  readonly #case: Case
  /** Index of the next message; null while nothing is connected. */
  #next: number | null = null
  /** The server begins within that message, behind so many rows. */
  #rowsSkipped = 0
  isClosed = false

  constructor(inbox: Inbox, world: World, options: Case) {
    this.inbox = inbox
    this.#world = world
    this.#case = options
  }

  async connect(): Promise<void> {
    this.#next = null
    const token = await this.inbox.resumeToken()
    const { messages, acknowledged } = this.#world
    this.#rowsSkipped = 0
    if (this.#case.resume === 'acknowledgement') {
      // A broker begins with the first that was not acknowledged.
      const index = messages.findIndex((_, at) => !acknowledged.has(at))
      this.#next = index < 0 ? messages.length : index
    } else if (token === null) this.#next = 0
    else if (this.#case.resume !== 'column') this.#next = Number(token) + 1
    else {
      const row = Number(token) + 1
      const index = messages.findIndex(({ first, count }) => row < first + count)
      this.#next = index < 0 ? messages.length : index
      this.#rowsSkipped = index < 0 ? 0 : row - messages[index]!.first
    }
  }

  deliver(): void {
    const { messages, acknowledged } = this.#world
    if (this.#next === null || this.isClosed || this.inbox.isFull || this.#next >= messages.length) return
    const index = this.#next++
    const { resume, decode } = this.#case
    if (resume === 'acknowledgement' && acknowledged.has(index)) return
    const { first, count } = messages[index]!
    const rows = Array.from({ length: count - this.#rowsSkipped }, (_, at) => ({ n: first + this.#rowsSkipped + at }))
    this.#rowsSkipped = 0
    this.inbox.deliver({
      content: decode === 'json' ? JSON.stringify(rows) : rows.map((row) => JSON.stringify(row)).join('\n'),
      token: resume === 'message' || (resume === 'sometimes' && index % 3 === 0) ? index : null,
      topic: null,
      ...(resume === 'acknowledgement' ? { settled: () => void acknowledged.add(index) } : {}),
    })
  }

  async close(): Promise<void> {
    this.isClosed = true
  }
}

interface Checkpoint {
  readonly position: SplitPosition | null
  readonly rowCount: number
}

/** One process after the other, on the same store. @returns the rows of the last, those of checkpoints before included. */
async function live(seed: number): Promise<{ readonly rows: readonly number[]; readonly wanted: number; readonly given: Case }> {
  const prng = new Prng(seed)
  const given: Case = {
    resume: prng.pick(RESUMES),
    hasJournal: prng.int(2) === 0,
    decode: prng.pick(['json', 'ndjson'] as const),
    bufferMax: prng.pick([60, 300, 1 << 20]),
  }
  const world = new World()
  const store = memoryCheckpoints()
  const rows: number[] = []
  let checkpoint: Checkpoint = { position: null, rowCount: 0 }
  const lives = 1 + prng.int(5)
  for (let life = 0; life < lives; life++) {
    rows.length = checkpoint.rowCount
    const process = await begin(store, given, world, checkpoint.position, prng)
    for (let step = 0, steps = 10 + prng.int(60); step < steps; step++) {
      switch (prng.int(8)) {
        case 0:
          world.add(1 + prng.int(9))
          break
        case 1:
          await process.feed.connect()
          break
        case 2:
        case 3:
        case 4:
          process.feed.deliver()
          break
        case 5:
          await process.read(1 + prng.int(6), rows)
          break
        case 6:
          await systemClock.yield()
          break
        default:
          checkpoint = { position: JSON.parse(JSON.stringify(process.reader.position())) as SplitPosition, rowCount: rows.length }
          // Not every checkpoint completes before the process dies.
          if (prng.int(4) > 0) process.reader.checkpointed!(checkpoint.position!)
      }
    }
    if (life < lives - 1) await process.die(prng.int(2) === 0)
    else {
      await process.feed.connect()
      for (let turn = 0; new Set(rows).size < world.rowCount && turn < 5_000; turn++) {
        process.feed.deliver()
        if (turn % 3 === 0) await systemClock.yield()
        await process.read(1 + prng.int(6), rows)
      }
      // Nothing may come on top.
      for (let turn = 0; turn < 5; turn++) {
        process.feed.deliver()
        await systemClock.yield()
        await process.read(10, rows)
      }
      await process.die(true)
    }
  }
  return { rows, wanted: world.rowCount, given }
}

/** A journal that takes its time with appends, as a disk does. */
async function slowJournal(session: CheckpointSession, prng: Prng, name: string): Promise<Journal> {
  const journal = await session.openJournal!(name)
  return wrappedJournal(journal, {
    append: async (entries) => {
      for (let turn = prng.int(4); turn > 0; turn--) await systemClock.yield()
      return await journal.append(entries)
    },
    read: async (from, countMax) => {
      if (prng.int(2) === 0) await systemClock.yield()
      return await journal.read(from, countMax)
    },
  })
}

async function begin(store: CheckpointStore, given: Case, world: World, position: SplitPosition | null, prng: Prng) {
  const session: CheckpointSession = await store.open('messages')
  let feed: TestFeed | null = null
  const options: MessageOptions = { decode: given.decode, bufferMax: given.bufferMax, journal: given.hasJournal }
  const source = messageSource(
    {
      kind: 'test',
      canBlock: true,
      redelivers: true,
      hasTokens: given.resume !== 'acknowledgement',
      tokenColumn: given.resume === 'column' ? 'n' : null,
      connect: (inbox) => (feed = new TestFeed(inbox, world, given)),
    },
    options,
  )
  const context = { name: 'readings', schema: columns, clock: systemClock, hasCheckpoints: true }
  const [split] = await source.splits({ ...context, openJournal: (name) => slowJournal(session, prng, name) })
  const reader: SplitReader = await split!.open(position)
  const builder = new BatchBuilder(columns, 64, new Dictionary())
  return {
    reader,
    feed: feed! as TestFeed,
    async read(rowsMax: number, into: number[]): Promise<void> {
      builder.clear()
      await reader.read(builder, rowsMax)
      expect(builder.deadLetters).toEqual([])
      expect(builder.rowCount).toBeLessThanOrEqual(rowsMax)
      const batch = builder.build()
      for (let row = 0; row < batch.rowCount; row++) into.push(batch.row(row)['n'] as number)
    },
    async die(isProper: boolean): Promise<void> {
      const over = feed! as TestFeed
      over.isClosed = true
      if (isProper) await reader.close()
      await session.close()
    },
  }
}

test(`${SEED_COUNT} random lives of a message source: every row once, in order`, { timeout: 600_000 }, async () => {
  const seen = new Map<string, number>()
  for (let seed = 1; seed <= SEED_COUNT; seed++) {
    const { rows, wanted, given } = await live(seed)
    const name = `${given.resume}, ${given.hasJournal ? 'journal' : 'no journal'}`
    seen.set(name, (seen.get(name) ?? 0) + 1)
    const expected = Array.from({ length: wanted }, (_, n) => n)
    if (REPEATING.has(given.resume))
      expect(
        [...new Set(rows)].sort((a, b) => a - b),
        `seed ${seed}: ${name}`,
      ).toEqual(expected)
    else expect(rows, `seed ${seed}: ${name}`).toEqual(expected)
  }
  expect(seen.size).toBe(8)
})
