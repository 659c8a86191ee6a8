/** Laws of rings whose two ends share no memory: what crosses in frames, and how the producer is held back. */

import { expect, test } from 'vitest'
import { BatchBuilder } from '../../runtime/batch-builder.ts'
import { systemClock } from '../../runtime/clock.ts'
import { Exchange } from '../../runtime/coordinator/exchange.ts'
import { Dictionary } from '../../runtime/dictionary.ts'
import { type FrameMessage, SlotLink } from '../../runtime/ring/slot-link.ts'
import { formatRing, RingConsumer, RingProducer, RingRelay } from '../../runtime/ring/spsc-ring.ts'
import { f64, schema, timestamp, utf8 } from '../../runtime/schema.ts'
import { formatMemory } from '../../runtime/subtask/kernel-instance.ts'
import { InputReader, type InputSlot } from '../support/input-slots.ts'
import { Prng } from '../support/prng.ts'
import { laidOut } from '../support/window-specs.ts'

const columns = schema({ t: timestamp(), k: utf8(), v: f64() })

/** Posts that are kept until a test delivers them, as a channel would: what was transferred is gone at the sender. */
class Channel {
  readonly #queue: FrameMessage[] = []
  readonly post = (message: FrameMessage, transfer: ArrayBuffer[]) => void this.#queue.push(structuredClone(message, { transfer }))
  frames = 0

  deliver(link: SlotLink): boolean {
    const message = this.#queue.shift()
    if (message === undefined) return false
    this.frames++
    link.receive(message)
    return true
  }
}

/** An exchange whose one subtask is on the other side of a link. */
function setUp(slotCount: number, batchRows = 8) {
  const { layout } = laidOut({ late: { kind: 'sideOutput', name: 'late' } }, columns, ['k', 'v'], { slotCount, batchRowsMax: batchRows })
  const mirror = { buffer: new ArrayBuffer(layout.stateOffset) }
  formatMemory(mirror, layout, 1)
  const far = new InputReader(layout)
  const [there, back] = [new Channel(), new Channel()]
  const near = new SlotLink([{ memory: mirror, layout, from: layout.input, into: layout.output }], there.post)
  const end = new SlotLink([{ memory: far.memory, layout, from: layout.output, into: layout.input }], back.post)
  const exchange = new Exchange(layout, [{ memory: mirror, ring: () => {} }], 16, 1, systemClock)
  return { layout, mirror, far, there, back, near, end, exchange }
}

function batchOf(prng: Prng, dictionary: Dictionary, rowCount: number) {
  const builder = new BatchBuilder(columns, 64, dictionary)
  for (let row = 0; row < rowCount; row++) {
    builder.appendRow({ t: row, k: prng.int(5) === 0 ? null : `k${prng.int(40)}`, v: prng.int(7) === 0 ? null : prng.next() }, '')
  }
  return builder.build()
}

test('what an exchange writes comes out at the other end as it would from the ring itself, whatever the turns', () => {
  for (let seed = 1; seed <= 60; seed++) {
    const prng = new Prng(seed)
    const slotCount = prng.pick([2, 4, 16])
    const linked = setUp(slotCount)
    const direct = new InputReader(linked.layout)
    const whole = new Exchange(linked.layout, [{ memory: direct.memory, ring: () => {} }], 16, 1, systemClock)
    const found: InputSlot[] = []
    const wanted: InputSlot[] = []
    const dictionaries = [new Dictionary(), new Dictionary()]
    /** One move of the link, chosen at random. */
    const move = () => {
      const roll = prng.int(8)
      if (roll === 0) linked.near.send()
      else if (roll === 1) linked.near.flush()
      else if (roll === 2) linked.there.deliver(linked.end)
      else if (roll === 3) found.push(...linked.far.take())
      else if (roll === 4) linked.end.send()
      else if (roll === 5) linked.end.flush()
      else if (roll === 6) linked.back.deliver(linked.near)
      // The memory of a kernel grows under the link.
      else if (prng.int(20) === 0) linked.far.memory.grow(1)
      expect(linked.exchange.fill).toBeLessThanOrEqual(1)
    }
    for (let step = 0; step < 40; step++) {
      const rowCount = prng.int(30)
      const both = batchOf(prng, dictionaries[0]!, rowCount)
      const watermarkMs = step * 10
      const offer = (exchange: Exchange, isEnd: boolean) => {
        exchange.offer(
          both,
          Float64Array.from({ length: rowCount }, (_, row) => row),
        )
        if (step % 3 === 0) exchange.watermark(watermarkMs)
        if (step % 7 === 0) exchange.barrier(step)
        if (isEnd) exchange.end()
      }
      offer(linked.exchange, step === 39)
      offer(whole, step === 39)
      while (!whole.flush()) wanted.push(...direct.take())
      for (let tries = 0; !linked.exchange.flush(); tries++) {
        move()
        expect(tries, `seed ${seed} is stuck`).toBeLessThan(10_000)
      }
    }
    for (let tries = 0; found.at(-1)?.kind !== 'end'; tries++) {
      move()
      expect(tries, `seed ${seed} does not end`).toBeLessThan(10_000)
    }
    wanted.push(...direct.take())
    expect(found, `seed ${seed}`).toEqual(wanted)
  }
})

test('a slot stays taken until the consumer at the other end has released it', () => {
  const { exchange, near, end, there, back, far } = setUp(4)
  for (let mark = 1; mark <= 4; mark++) exchange.watermark(mark)
  expect(exchange.flush()).toBe(true)
  exchange.watermark(5)
  expect(exchange.flush()).toBe(false)
  near.flush()
  there.deliver(end)
  // All have arrived, and none was taken.
  end.flush()
  expect(back.deliver(near)).toBe(false)
  expect(exchange.flush()).toBe(false)
  expect(exchange.fill).toBe(1)
  expect(far.take().map(({ watermarkMs }) => watermarkMs)).toEqual([1, 2, 3, 4])
  expect(exchange.flush()).toBe(false)
  end.flush()
  expect(back.deliver(near)).toBe(true)
  expect(exchange.flush()).toBe(true)
})

test('small amounts wait for each other while the other end has enough to do, and are sent at once when it has not', () => {
  const { exchange, near, there, end, back, far } = setUp(16)
  const put = (count: number) => {
    for (let index = 0; index < count; index++) exchange.watermark(index)
    expect(exchange.flush()).toBe(true)
    near.send()
  }
  put(1)
  expect(there.deliver(end)).toBe(true)
  put(8)
  expect(there.deliver(end)).toBe(true)
  // Nine are there to be worked on: more than half of the ring.
  put(1)
  put(2)
  expect(there.deliver(end)).toBe(false)
  put(1)
  expect(there.deliver(end)).toBe(true)
  expect(far.take()).toHaveLength(13)
  end.send()
  expect(back.deliver(near)).toBe(true)
})

test('frames go to and fro instead of being made anew', () => {
  const { near, end, there, back, far, exchange } = setUp(16, 4_096)
  const made: number[] = []
  const Original = ArrayBuffer
  const dictionary = new Dictionary()
  const prng = new Prng(1)
  class Counting extends Original {
    constructor(byteLength: number) {
      super(byteLength)
      if (byteLength > 100_000) made.push(byteLength)
    }
  }
  globalThis.ArrayBuffer = Counting as ArrayBufferConstructor
  try {
    for (let round = 0; round < 40; round++) {
      exchange.offer(bigBatch(prng, dictionary), new Float64Array(4_096))
      while (!exchange.flush()) expect.fail('the ring is full')
      near.flush()
      while (there.deliver(end));
      far.take()
      end.flush()
      while (back.deliver(near));
    }
  } finally {
    globalThis.ArrayBuffer = Original
  }
  expect(made.length).toBeGreaterThan(0)
  expect(made.length).toBeLessThanOrEqual(2)
})

function bigBatch(prng: Prng, dictionary: Dictionary) {
  const builder = new BatchBuilder(columns, 4_096, dictionary)
  for (let row = 0; row < 4_096; row++) builder.appendRow({ t: row, k: `k${prng.int(40)}`, v: row }, '')
  return builder.build()
}

test('a frame with more slots than the ring has is a defect that is told', () => {
  const { exchange, near, there, end } = setUp(2)
  exchange.watermark(1)
  exchange.watermark(2)
  exchange.flush()
  near.flush()
  there.deliver(end)
  const frame = new ArrayBuffer(8 + 64)
  new DataView(frame).setInt32(4, 1, true)
  expect(() => end.receive({ frame, spares: [] })).toThrow(expect.objectContaining({ code: 'FRAME_UNEXPECTED' }))
})

test('a relay counts on beyond 2^32 slots', () => {
  const geometry = { offset: 64, slotCount: 4, slotBytes: 64 }
  const memory = { buffer: new ArrayBuffer(1 << 12) }
  formatRing(memory.buffer, geometry)
  const producer = new RingProducer(memory, geometry)
  const relay = new RingRelay(memory, geometry)
  const consumer = new RingConsumer(memory, geometry)
  for (let round = 0; round < 100; round++) {
    while (producer.claim() >= 0) producer.publish()
    expect(relay.unpassedCount).toBe(4)
    expect(relay.unpassed(0)).toBe(consumer.take())
    relay.pass(3)
    expect([relay.unpassedCount, relay.unreleasedCount]).toEqual([1, 3])
    relay.release(2)
    expect(producer.fill).toBe(2)
    relay.pass(1)
    relay.release(2)
    for (let slot = 0; slot < 4; slot++) consumer.release()
    expect([relay.unpassedCount, relay.unreleasedCount, producer.fill]).toEqual([0, 0, 0])
  }
})
