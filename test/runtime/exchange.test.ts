/** Laws of the edge from the intake to the subtasks, seen in the rings themselves. */

import { expect, test } from 'vitest'
import * as L from '../../kernel/layout.ts'
import { BatchBuilder } from '../../runtime/batch-builder.ts'
import { systemClock } from '../../runtime/clock.ts'
import { CLOCK_MS, Exchange } from '../../runtime/coordinator/exchange.ts'
import { Dictionary } from '../../runtime/dictionary.ts'
import { loadPlan, type WindowSpec } from '../../runtime/plan.ts'
import { RingConsumer } from '../../runtime/ring/spsc-ring.ts'
import { f64, schema, timestamp, utf8 } from '../../runtime/schema.ts'
import { createMemory, formatMemory } from '../../runtime/subtask/kernel-instance.ts'
import { subtaskLayout } from '../../runtime/subtask/subtask-layout.ts'
import { planOf } from '../support/plans.ts'
import { InputReader } from '../support/input-slots.ts'
import { Prng } from '../support/prng.ts'
import { Timeline, VirtualClock } from '../support/virtual-clock.ts'
import { laidOut } from '../support/window-specs.ts'

const columns = schema({ t: timestamp(), k: utf8(), v: f64() })
const plan = loadPlan(
  planOf({
    schema: { t: 'timestamp', k: 'utf8', v: 'f64' },
    time: 't',
    delayMs: 0,
    windows: [{ name: 'w', keys: ['k'], sizeMs: 10, aggregates: { total: { fn: 'sum', column: 'v' } } }],
  }),
)
const window = plan.operators.find((spec): spec is WindowSpec => spec.op === 'window')!
const layout = subtaskLayout({ window, schema: columns, keyColumns: ['k'], batchRowsMax: 8, slotCount: 2, memoryBytesMax: 1 << 24 })

interface Read {
  readonly texts: string[]
  readonly marks: string[]
  readonly keysOfRows: string[]
  /** Of every slot, rows or no rows. */
  readonly generations: number[]
}

function setUp(parallelism: number) {
  let rings = 0
  const memories = Array.from({ length: parallelism }, () => createMemory(layout, false))
  for (const memory of memories) formatMemory(memory, layout, 7)
  const exchange = new Exchange(
    layout,
    memories.map((memory) => ({ memory, ring: () => void rings++ })),
    16,
    7,
    systemClock,
  )
  const consumers = memories.map((memory) => new RingConsumer(memory, layout.input))
  const reads = memories.map((): Read => ({ texts: [], marks: [], keysOfRows: [], generations: [] }))
  /** Takes at most one slot of a subtask. */
  const take = (subtask: number): boolean => {
    const slot = consumers[subtask]!.take()
    if (slot < 0) return false
    const view = new DataView(memories[subtask]!.buffer)
    const read = reads[subtask]!
    const rowCount = view.getInt32(slot + L.SLOT_ROW_COUNT_OFFSET, true)
    read.generations.push(view.getInt32(slot + L.SLOT_GENERATION_OFFSET, true))
    expect(view.getInt32(slot + L.SLOT_EPOCH_OFFSET, true)).toBe(7)
    switch (view.getInt32(slot + L.SLOT_KIND_OFFSET, true)) {
      case L.SLOT_DICTIONARY: {
        let at = slot + L.SLOT_HEADER_BYTES
        for (let entry = 0; entry < rowCount; entry++) {
          const length = view.getInt32(at + L.ENTRY_BYTE_LENGTH_OFFSET, true)
          read.texts[view.getUint32(at + L.ENTRY_CODE_OFFSET, true)] = Buffer.from(
            view.buffer,
            at + L.ENTRY_BYTES_OFFSET,
            length,
          ).toString()
          at += L.entryBytes(length)
        }
        break
      }
      case L.SLOT_BATCH: {
        const codes = new Uint32Array(view.buffer, slot + layout.columns[layout.keys[0]!]!.valuesOffset, rowCount)
        for (const code of codes) {
          const text = code === L.NULL_CODE ? null : read.texts[code]
          // A code never comes before its entry.
          expect(text).not.toBeUndefined()
          read.keysOfRows.push(String(text))
        }
        const watermark = view.getFloat64(slot + L.SLOT_WATERMARK_OFFSET, true)
        if (!Number.isNaN(watermark)) read.marks.push(`watermark ${watermark} after ${read.keysOfRows.length}`)
        break
      }
      case L.SLOT_BARRIER:
        read.marks.push(`barrier ${view.getFloat64(slot + L.SLOT_CHECKPOINT_OFFSET, true)} after ${read.keysOfRows.length}`)
        break
      default:
        read.marks.push('end')
    }
    consumers[subtask]!.release()
    return true
  }
  return { exchange, reads, take, rings: () => rings }
}

function batchOf(keys: readonly (string | null)[], dictionary: Dictionary) {
  const builder = new BatchBuilder(columns, 8, dictionary)
  for (const [index, k] of keys.entries()) builder.appendRow({ t: index, k, v: index }, '')
  return builder.build()
}

test('a slot without rows keeps the generation of the codes before it, so that no kernel forgets them', () => {
  const { exchange, reads, take } = setUp(1)
  const flush = () => {
    while (!exchange.flush()) take(0)
    while (take(0)) {}
  }
  for (const generation of [0, 1, 2]) {
    exchange.offer(batchOf(['a', `b ${generation}`], new Dictionary(generation)), Float64Array.of(0, 1))
    flush()
    exchange.watermark(generation)
    flush()
  }
  expect(reads[0]!.generations).toEqual([0, 0, 0, 1, 1, 1, 2, 2, 2])
})

test('a dictionary stays until the mark behind its last rows has come out of every subtask', () => {
  const { exchange, take } = setUp(1)
  const flush = () => {
    while (!exchange.flush()) take(0)
  }
  const offer = (generation: number) => {
    exchange.offer(batchOf([`a ${generation}`], new Dictionary(generation)), Float64Array.of(0))
    flush()
  }
  const kept = () => Array.from({ length: 12 }, (_, generation) => generation).filter((each) => exchange.dictionary(each) !== undefined)
  for (let generation = 0; generation < 10; generation++) offer(generation)
  expect(kept()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  exchange.watermark(5)
  flush()
  offer(10)
  exchange.passed(1)
  expect(kept()).toEqual([9, 10])
  exchange.watermark(6)
  flush()
  exchange.passed(2)
  expect(kept()).toEqual([10])
})

test('every ring carries the same marks, each after exactly the rows before it, however full the rings are', () => {
  for (let seed = 1; seed <= 60; seed++) {
    const prng = new Prng(seed)
    const parallelism = 1 + prng.int(4)
    const { exchange, reads, take } = setUp(parallelism)
    const dictionary = new Dictionary()
    const sent: string[] = []
    const marksOf: string[] = []
    const flush = () => {
      for (let turn = 0; !exchange.flush(); turn++) {
        expect(turn, `seed ${seed}`).toBeLessThan(1_000)
        take(prng.int(parallelism))
      }
    }
    for (let chunk = 0; chunk < 20; chunk++) {
      const keys = Array.from({ length: prng.int(9) }, () => (prng.int(10) === 0 ? null : `key ${prng.int(30)}`))
      sent.push(...keys.map(String))
      exchange.offer(
        batchOf(keys, dictionary),
        Float64Array.from(keys, (_, index) => index),
      )
      if (prng.int(2) === 0) {
        exchange.watermark(chunk)
        marksOf.push(`watermark ${chunk} after ${sent.length}`)
      }
      flush()
      if (prng.int(4) === 0) {
        exchange.barrier(chunk)
        marksOf.push(`barrier ${chunk} after ${sent.length}`)
        flush()
      }
    }
    exchange.end()
    flush()
    for (let subtask = 0; subtask < parallelism; subtask++) while (take(subtask)) continue
    expect(reads.flatMap(({ keysOfRows }) => keysOfRows).toSorted(), `seed ${seed}`).toEqual(sent.toSorted())
    const names = (marks: readonly string[]) => marks.map((mark) => mark.replace(/ after .*/, ''))
    for (const { marks } of reads) expect(names(marks), `seed ${seed}`).toEqual([...names(marksOf), 'end'])
    // All subtasks together have before each mark what was sent before it.
    marksOf.forEach((mark, index) => {
      const before = reads.reduce((sum, { marks }) => sum + Number(marks[index]!.replace(/.* after /, '')), 0)
      expect(before, `seed ${seed}, ${mark}`).toBe(Number(mark.replace(/.* after /, '')))
    })
  }
})

test('rows of one key go to one subtask', () => {
  const { exchange, reads, take } = setUp(4)
  const dictionary = new Dictionary()
  for (let chunk = 0; chunk < 20; chunk++) {
    const keys = Array.from({ length: 8 }, (_, index) => `key ${(chunk * 8 + index) % 40}`)
    exchange.offer(batchOf(keys, dictionary), new Float64Array(8))
    while (!exchange.flush()) for (let subtask = 0; subtask < 4; subtask++) take(subtask)
  }
  for (let subtask = 0; subtask < 4; subtask++) while (take(subtask)) continue
  const owners = reads.map(({ keysOfRows }) => new Set(keysOfRows))
  for (let key = 0; key < 40; key++) expect(owners.filter((own) => own.has(`key ${key}`))).toHaveLength(1)
  expect(owners.filter(({ size }) => size > 0).length).toBeGreaterThan(1)
})

test('a new dictionary sends its entries anew', () => {
  const { exchange, reads, take } = setUp(1)
  for (const generation of [0, 1]) {
    const dictionary = new Dictionary(generation)
    if (generation === 1) dictionary.codeOf('something before')
    exchange.offer(batchOf(['a', 'b'], dictionary), new Float64Array(2))
    while (!exchange.flush()) take(0)
    while (take(0)) continue
  }
  expect(reads[0]!.keysOfRows).toEqual(['a', 'b', 'a', 'b'])
})

test('a barrier lies behind a mark when no rows follow the newest watermark, and always with one subtask', () => {
  const several = setUp(2).exchange
  expect(several.isBehindMark).toBe(true)
  several.offer(batchOf(['a'], new Dictionary()), new Float64Array(1))
  expect(several.isBehindMark).toBe(false)
  several.watermark(1)
  expect(several.isBehindMark).toBe(true)
  const one = setUp(1).exchange
  one.offer(batchOf(['a'], new Dictionary()), new Float64Array(1))
  expect(one.isBehindMark).toBe(true)
})

test('writing wakes the subtask that was written to', () => {
  const { exchange, rings } = setUp(1)
  exchange.offer(batchOf(['a'], new Dictionary()), new Float64Array(1))
  exchange.flush()
  exchange.wake()
  expect(rings()).toBeGreaterThan(0)
})

test('the clock is told on every ring, at its pace, with the rows and without; others are not told', () => {
  const timeline = new Timeline()
  const clock = new VirtualClock(timeline, { wall: (ms) => 1_000_000 + (ms < 120 ? ms : ms - 50) })
  const spec = { window: { kind: 'global' }, trigger: { kind: 'onProcessingTime', everyMs: 5 } } as const
  const { layout: told } = laidOut(spec, columns, ['k'])
  const readers = [new InputReader(told), new InputReader(told)]
  const clocked = new Exchange(told, readers, 16, 1, clock)
  const take = () => {
    while (!clocked.flush()) continue
    return readers.map((reader) => reader.take().map(({ rows, clockMs }) => `${rows.length} at ${clockMs - 1_000_000}`))
  }
  const pass = (ms: number) => {
    timeline.after(ms, () => {})
    timeline.next()
  }
  expect(clocked.tick()).toBe(true)
  expect(clocked.tick()).toBe(false)
  expect(clocked.isBehindMark).toBe(true)
  // Without rows: the last millisecond that is over.
  expect(take()).toEqual([['0 at -1'], ['0 at -1']])
  pass(CLOCK_MS - 1)
  expect(clocked.tick()).toBe(false)
  clocked.offer(batchOf(['a'], new Dictionary()), new Float64Array(1))
  expect(clocked.isBehindMark).toBe(false)
  expect(take().flat()).toEqual([`1 at ${CLOCK_MS - 1}`])
  pass(1)
  expect(clocked.tick()).toBe(true)
  expect(take()).toEqual([[`0 at ${CLOCK_MS - 1}`], [`0 at ${CLOCK_MS - 1}`]])
  // The wall clock goes back: what is told does not.
  pass(60)
  expect(clocked.tick()).toBe(true)
  const before = take()
  pass(CLOCK_MS)
  clocked.tick()
  expect([before, take()]).toEqual([
    [['0 at 109'], ['0 at 109']],
    [['0 at 109'], ['0 at 109']],
  ])

  const other = laidOut({ window: { kind: 'global' } }, columns, ['k']).layout
  const reader = new InputReader(other)
  const plain = new Exchange(other, [reader], 16, 1, clock)
  expect(plain.tick()).toBe(false)
  plain.offer(batchOf(['a'], new Dictionary()), new Float64Array(1))
  plain.flush()
  expect(reader.take()).toMatchObject([{ clockMs: Number.NaN }])
})

test('texts of value columns are sent to every subtask that needs them', () => {
  const stream = schema({ t: timestamp(), k: utf8(), s: utf8() })
  const { layout: listed } = laidOut({ aggregates: { all: { fn: 'collect', column: 's' } } }, stream, ['k'])
  const readers = Array.from({ length: 3 }, () => new InputReader(listed))
  const sending = new Exchange(listed, readers, 16, 1, systemClock)
  const dictionary = new Dictionary()
  const prng = new Prng(7)
  for (let chunk = 0; chunk < 30; chunk++) {
    const builder = new BatchBuilder(stream, 8, dictionary)
    for (let index = 0; index < 8; index++) builder.appendRow({ t: 0, k: `k${prng.int(6)}`, s: `k${prng.int(9)}` }, '')
    sending.offer(builder.build(), new Float64Array(8))
    const rows = []
    while (!sending.flush()) for (const reader of readers) rows.push(...reader.take())
    for (const reader of readers) rows.push(...reader.take())
    expect(rows.flatMap((slot) => slot.rows)).toHaveLength(8)
  }
})

test('a text that fits in no slot fails with its length', () => {
  const { exchange } = setUp(1)
  exchange.offer(batchOf(['x'.repeat(100_000)], new Dictionary()), new Float64Array(1))
  expect(() => exchange.flush()).toThrow(/100000 bytes/)
})
