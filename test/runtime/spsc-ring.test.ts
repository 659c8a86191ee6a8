import { expect, test } from 'vitest'
import { RING_HEAD_OFFSET, RING_TAIL_OFFSET, ringBytes } from '../../kernel/layout.ts'
import { formatRing, RingConsumer, RingProducer } from '../../runtime/ring/spsc-ring.ts'
import { Prng } from '../support/prng.ts'

const geometry = { offset: 64, slotCount: 4, slotBytes: 64 }

function ring(firstPosition = 0) {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 4 })
  expect(ringBytes(4, 64)).toBeLessThan(65_536)
  formatRing(memory.buffer, geometry)
  const words = new Int32Array(memory.buffer)
  words[(64 + RING_TAIL_OFFSET) >> 2] = firstPosition
  words[(64 + RING_HEAD_OFFSET) >> 2] = firstPosition
  return { memory, producer: new RingProducer(memory, geometry), consumer: new RingConsumer(memory, geometry) }
}

test('an empty ring gives nothing, a full one takes nothing', () => {
  const { producer, consumer } = ring()
  expect(consumer.take()).toBe(-1)
  for (let slot = 0; slot < 4; slot++) {
    expect(producer.claim()).toBeGreaterThanOrEqual(0)
    producer.publish()
  }
  expect(producer.claim()).toBe(-1)
  expect(producer.fill).toBe(4)
  expect(consumer.take()).toBeGreaterThanOrEqual(0)
  expect(producer.claim()).toBe(-1)
  consumer.release()
  expect(producer.claim()).toBeGreaterThanOrEqual(0)
})

test('a claim that is not published is not seen, and is given again', () => {
  const { producer, consumer } = ring()
  const slot = producer.claim()
  expect(consumer.take()).toBe(-1)
  expect(producer.claim()).toBe(slot)
})

test('slots come out in the order in which they went in, whatever the turns', () => {
  for (let seed = 1; seed <= 100; seed++) {
    const prng = new Prng(seed)
    const { memory, producer, consumer } = ring()
    const bytes = new Uint8Array(memory.buffer)
    let written = 0
    let read = 0
    for (let step = 0; step < 500; step++) {
      if (prng.int(2) === 0) {
        const slot = producer.claim()
        expect(slot < 0).toBe(written - read === 4)
        if (slot < 0) continue
        bytes[slot] = written++ & 255
        producer.publish()
      } else {
        const slot = consumer.take()
        expect(slot < 0).toBe(written === read)
        if (slot < 0) continue
        expect(bytes[slot], `seed ${seed}`).toBe(read++ & 255)
        consumer.release()
      }
      expect(producer.fill).toBe(written - read)
    }
  }
})

test('the ends go on when a plain memory has grown', () => {
  const { memory, producer, consumer } = ring()
  producer.claim()
  producer.publish()
  memory.grow(1)
  expect(consumer.take()).toBeGreaterThanOrEqual(0)
  consumer.release()
  for (let slot = 0; slot < 4; slot++) {
    expect(producer.claim()).toBeGreaterThanOrEqual(0)
    producer.publish()
  }
  expect(producer.claim()).toBe(-1)
})
