/**
 * Rings between real threads. Permitted: any interleaving, sleeping, waking late. Forbidden: a slot that is torn, lost, doubled or out of
 * order; a consumer or producer that sleeps for ever; more slots in flight than the ring has.
 */

import { Worker } from 'node:worker_threads'
import { expect, test } from 'vitest'
import { ringBytes } from '../../kernel/layout.ts'
import { fromPlan } from '../../runtime/pipeline.ts'
import { Doorbell } from '../../runtime/ring/doorbell.ts'
import { formatRing, RingConsumer, RingProducer } from '../../runtime/ring/spsc-ring.ts'
import { runAll } from '../../runtime/run.ts'
import { planOf } from '../support/plans.ts'
import { Prng } from '../support/prng.ts'

interface Verdict {
  readonly torn: number
  readonly outOfOrder: number
  readonly sleeps: number
}

for (const [slotCount, slotBytes, total] of [
  [2, 64, 60_000],
  [4, 4096, 20_000],
  [64, 64, 200_000],
] as const) {
  test(`${total} slots of ${slotBytes} bytes cross two rings of ${slotCount} whole and in order`, async () => {
    const memory = new WebAssembly.Memory({ initial: 32, maximum: 32, shared: true })
    const input = { offset: 1024, slotCount, slotBytes }
    const output = { offset: (1024 + ringBytes(slotCount, slotBytes) + 63) & ~63, slotCount, slotBytes }
    formatRing(memory.buffer, input)
    formatRing(memory.buffer, output)
    const bells = new SharedArrayBuffer(16)
    const worker = new Worker(new URL('./ring-worker.ts', import.meta.url), { workerData: { memory, input, output, total, bells } })
    const verdict = new Promise<Verdict>((resolve, reject) => {
      worker.on('message', resolve)
      worker.on('error', reject)
    })
    const theirs = new Doorbell(bells, 0)
    const own = new Doorbell(bells, 8)
    const producer = new RingProducer(memory, input)
    const consumer = new RingConsumer(memory, output)
    const words = new Int32Array(memory.buffer)
    let sent = 0
    let received = 0
    let bad = 0
    while (received < total) {
      const seen = own.counter
      let moved = false
      const free = sent < total ? producer.claim() : -1
      if (free >= 0) {
        words.fill(sent++, free >> 2, (free + slotBytes) >> 2)
        producer.publish()
        moved = true
      }
      const slot = consumer.take()
      if (slot >= 0) {
        for (let at = slot >> 2; at < (slot + slotBytes) >> 2; at++) if (words[at] !== received) bad++
        received++
        consumer.release()
        moved = true
      }
      if (producer.fill > slotCount) bad++
      if (moved) theirs.ring()
      else await own.waitAsync(seen, 50)
    }
    expect(await verdict).toMatchObject({ torn: 0, outOfOrder: 0 })
    expect(bad).toBe(0)
    await worker.terminate()
  })
}

for (const host of ['shared', 'transferred'] as const) {
  test(`kernels on their own threads give, through rings of two slots, what one thread gives: ${host}`, async () => {
    const plan = planOf({
      schema: { t: 'timestamp', k: 'utf8', v: 'f64' },
      time: 't',
      delayMs: 20,
      everyRecords: 7,
      windows: [
        {
          name: 'w',
          keys: ['k'],
          sizeMs: 50,
          slideMs: 10,
          allowedLatenessMs: 100,
          lateSink: 'late',
          aggregates: { n: { fn: 'count' }, total: { fn: 'sum', column: 'v' } },
        },
      ],
    })
    for (const seed of [1, 2, 3]) {
      const prng = new Prng(seed)
      const rows = Array.from({ length: 4_000 }, (_, index) => ({
        t: index * 2 - prng.int(40) - (prng.int(50) === 0 ? 500 : 0),
        k: `k${prng.int(30)}`,
        v: prng.next(),
      }))
      const wanted = await runAll(fromPlan(plan), rows, { host: 'inline', parallelism: 3 })
      for (const batchRows of [1, 64]) {
        const found = await runAll(fromPlan(plan), rows, { host, parallelism: 3, ringSlots: 2, batchRows })
        expect(found, `seed ${seed}`).toEqual(wanted)
      }
    }
  })
}
