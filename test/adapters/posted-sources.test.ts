import { Worker } from 'node:worker_threads'
import { afterEach, describe, expect, test } from 'vitest'
import { memoryCheckpoints } from '../../adapters/memory-store.ts'
import { broadcastChannelSource, eventTargetSource, messagePortSource } from '../../adapters/web/index.ts'
import { systemClock } from '../../runtime/clock.ts'
import { collectSink } from '../../runtime/sink/callback-sink.ts'
import { FaultyStore } from '../support/faulty-store.ts'
import { collect, type Collected, until } from './message-support.ts'
import { readingOf, readings } from './readings.ts'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})
async function newRun(...args: Parameters<typeof collect>): Promise<Collected> {
  const collected = await collect(...args)
  cleanups.push(() => collected.run.stop().catch(() => {}))
  return collected
}
const recordsIn = async ({ run }: Collected) => (await run.status()).sources[0]!.recordsIn

/** What is no row, whoever posts it. */
const NO_ROWS = [7, true, 'not json', [[1], 'x', null, 3], 1n, Number.NaN, new Uint8Array([0xff])]

describe('a message port', () => {
  test('rows, arrays of rows, texts and bytes, posted by a worker; it ends when the other side closes', async () => {
    const { port1, port2 } = new MessageChannel()
    const collected = await newRun(messagePortSource(port1))
    const code = `
      const { workerData } = require('node:worker_threads')
      const { port, rows } = workerData
      port.postMessage(rows[0])
      port.postMessage(rows.slice(1, 50))
      port.postMessage(JSON.stringify(rows.slice(50, 80)))
      port.postMessage(new TextEncoder().encode(JSON.stringify(rows.slice(80))))
      port.postMessage(new TextEncoder().encode(JSON.stringify([])).buffer)
      setTimeout(() => port.close(), 50)`
    const worker = new Worker(code, { eval: true, workerData: { port: port2, rows: readings(0, 100) }, transferList: [port2 as never] })
    cleanups.push(() => worker.terminate())
    await collected.run.finished
    expect(collected.rows).toEqual(readings(0, 100))
    expect(collected.deadLetters).toEqual([])
  })

  test('what is no row is a dead letter, and nothing of it is called', async () => {
    const { port1, port2 } = new MessageChannel()
    cleanups.push(() => port2.close())
    const collected = await newRun(messagePortSource(port1))
    port2.postMessage(readingOf(0))
    for (const value of NO_ROWS) port2.postMessage(value)
    port2.postMessage({ n: 'one' })
    port2.postMessage(JSON.parse('{"__proto__": {"n": 5}, "constructor": 1}'))
    port2.postMessage(readingOf(1))
    await until(async () => (await recordsIn(collected)) === 14, collected.run)
    await collected.run.stop()
    expect(collected.rows.filter(({ n }) => n !== null)).toEqual(readings(0, 2))
    expect(collected.deadLetters.map(({ code }) => code)).toEqual([
      'MESSAGE_SHAPE',
      'MESSAGE_SHAPE',
      'MESSAGE_SYNTAX',
      ...Array.from({ length: 4 }, () => 'MESSAGE_SHAPE'),
      'MESSAGE_SHAPE',
      'MESSAGE_SHAPE',
      'UTF8_INVALID',
      'FIELD_TYPE',
    ])
  })

  test('with a journal, what was posted before a crash is there after it: dates, and numbers that JSON has not, too', async () => {
    const store = memoryCheckpoints()
    const mortal = new FaultyStore(store, () => null)
    const sink = collectSink()
    const first = new MessageChannel()
    const run = await newRun(messagePortSource(first.port1, { journal: true }), { sink, checkpoints: { store: mortal, every: '1h' } })
    first.port2.postMessage({ ...readingOf(0), at: new Date(5_000), value: Number.POSITIVE_INFINITY })
    for (let n = 1; n < 50; n++) first.port2.postMessage(readingOf(n))
    first.port2.postMessage({ ...readingOf(50), value: 1n })
    await until(async () => (await recordsIn(run)) === 51, run.run)
    mortal.crash()
    await run.run.stop().catch(() => {})
    expect(sink.rows).toEqual([])
    const second = new MessageChannel()
    cleanups.push(() => second.port2.close())
    const again = await newRun(messagePortSource(second.port1, { journal: true }), { sink, checkpoints: { store, every: '10ms' } })
    await until(() => sink.rows.length === 50, again.run)
    expect(sink.rows).toEqual([{ ...readingOf(0), at: 5_000, value: Number.POSITIVE_INFINITY }, ...readings(1, 50)])
    expect(run.deadLetters.map(({ code }) => code)).toEqual(again.deadLetters.map(({ code }) => code))
  })
})

test('a broadcast channel: rows of whoever posts; closing the job leaves the channel', async () => {
  const collected = await newRun(broadcastChannelSource('test-readings'))
  const channel = new BroadcastChannel('test-readings')
  cleanups.push(() => channel.close())
  channel.postMessage(readings(0, 10))
  channel.postMessage('garbage')
  channel.postMessage(readingOf(10))
  await until(async () => (await recordsIn(collected)) === 12, collected.run)
  await collected.run.stop()
  channel.postMessage(readingOf(11))
  await systemClock.sleep(20)
  expect(collected.rows).toEqual(readings(0, 11))
  expect(collected.deadLetters.map(({ code }) => code)).toEqual(['MESSAGE_SYNTAX'])
})

describe('an event target', () => {
  test('rows by a function; null is no row, and what it throws is a dead letter', async () => {
    const target = new EventTarget()
    const map = (event: CustomEvent<number>) => {
      if (event.detail === 3) return null
      if (event.detail === 4) throw new Error('no row for 4')
      return event.detail === 5 ? readings(5, 8) : readingOf(event.detail)
    }
    const collected = await newRun(eventTargetSource(target, 'reading', map))
    for (const detail of [0, 1, 2, 3, 4, 5]) target.dispatchEvent(new CustomEvent('reading', { detail }))
    target.dispatchEvent(new CustomEvent('other', { detail: 9 }))
    await until(async () => (await recordsIn(collected)) === 7, collected.run)
    await collected.run.stop()
    target.dispatchEvent(new CustomEvent('reading', { detail: 9 }))
    expect(collected.rows).toEqual([...readings(0, 3), ...readings(5, 8)])
    expect(collected.deadLetters.map(({ code, preview }) => [code, preview])).toEqual([
      ['MESSAGE_SHAPE', '"The function map threw: Error: no row for 4"'],
    ])
  })

  test('without a function: the data of messages, the detail of custom events', async () => {
    const target = new EventTarget()
    const collected = await newRun(eventTargetSource(target, 'reading'))
    target.dispatchEvent(new MessageEvent('reading', { data: readingOf(0) }))
    target.dispatchEvent(new CustomEvent('reading', { detail: JSON.stringify(readingOf(1)) }))
    target.dispatchEvent(new Event('reading'))
    await until(async () => (await recordsIn(collected)) === 2, collected.run)
    await collected.run.stop()
    expect(collected.rows).toEqual(readings(0, 2))
  })

  test('cannot be held back: whenFull block is refused', () => {
    expect(() => eventTargetSource(new EventTarget(), 'x', undefined, { whenFull: 'block' })).toThrow(
      expect.objectContaining({ code: 'SOURCE_OPTION_INVALID' }) as Error,
    )
  })
})
