/** The consuming thread of ring.test.ts: takes slots from one ring, checks them, and gives each on through a second ring. */

import { parentPort, workerData } from 'node:worker_threads'
import { Doorbell } from '../../runtime/ring/doorbell.ts'
import { RingConsumer, type RingGeometry, RingProducer } from '../../runtime/ring/spsc-ring.ts'

const { memory, input, output, total, bells } = workerData as {
  readonly memory: WebAssembly.Memory
  readonly input: RingGeometry
  readonly output: RingGeometry
  readonly total: number
  readonly bells: SharedArrayBuffer
}
const consumer = new RingConsumer(memory, input)
const producer = new RingProducer(memory, output)
const words = new Int32Array(memory.buffer)
const own = new Doorbell(bells, 0)
const other = new Doorbell(bells, 8)
const wordCount = input.slotBytes >> 2
let torn = 0
let outOfOrder = 0
let sleeps = 0

for (let expected = 0; expected < total; ) {
  const seen = own.counter
  const slot = consumer.take()
  const free = slot < 0 ? -1 : producer.claim()
  if (free < 0) {
    sleeps++
    own.wait(seen, 50)
    continue
  }
  const first = words[slot >> 2]!
  for (let index = 1; index < wordCount; index++) if (words[(slot >> 2) + index] !== first) torn++
  if (first !== expected) outOfOrder++
  expected++
  words.fill(first, free >> 2, (free >> 2) + wordCount)
  producer.publish()
  consumer.release()
  other.ring()
}
parentPort!.postMessage({ torn, outOfOrder, sleeps })
