import mqtt from 'mqtt'
import { afterEach, describe, expect, test } from 'vitest'
import { memoryCheckpoints } from '../../adapters/memory-store.ts'
import { mqttSource, type MqttSourceOptions } from '../../adapters/mqtt.ts'
import type { ConnectionEvent } from '../../adapters/web/index.ts'
import { systemClock } from '../../runtime/clock.ts'
import { pipeline } from '../../runtime/pipeline.ts'
import { i32, schema, utf8 } from '../../runtime/schema.ts'
import { collectSink } from '../../runtime/sink/callback-sink.ts'
import { start } from '../../runtime/start.ts'
import { FaultyStore } from '../support/faulty-store.ts'
import { Prng } from '../support/prng.ts'
import { collect, type Collected, until } from './message-support.ts'
import { type Reading, readings } from './readings.ts'
import { aedesBroker, type Broker, mosquittoBroker, Publisher } from './mqtt-support.ts'

const backoff = { least: '10ms', most: '60ms' } as const
const base = { topics: 'devices/+/readings', backoff } as const

const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup().catch(() => {})
})
async function newBroker(kind: 'tcp' | 'ws' | 'mosquitto' = 'tcp'): Promise<Broker> {
  const broker = kind === 'mosquitto' ? await mosquittoBroker() : await aedesBroker(kind)
  cleanups.push(() => broker.close())
  return broker
}
async function newPublisher(broker: Broker): Promise<Publisher> {
  const publisher = await Publisher.connect(broker.url)
  cleanups.push(() => publisher.close())
  return publisher
}
async function newRun(...args: Parameters<typeof collect>): Promise<Collected> {
  const collected = await collect(...args)
  cleanups.push(() => collected.run.stop())
  return collected
}
const recordsIn = async ({ run }: Collected) => (await run.status()).sources[0]!.recordsIn
/** Starts a job, and waits until it is subscribed. */
async function subscribed(
  broker: Broker,
  options: Partial<MqttSourceOptions>,
  startOptions: Parameters<typeof collect>[1] = {},
): Promise<Collected> {
  let isOpen = false
  const collected = await newRun(
    mqttSource(broker.url, { ...base, ...options, onConnection: ({ state }) => (isOpen ||= state === 'open') }),
    startOptions,
  )
  await until(() => isOpen, collected.run)
  await systemClock.sleep(60)
  return collected
}
const numbers = (rows: readonly unknown[]) => (rows as readonly Reading[]).map(({ n }) => n)

const brokers = ['tcp', 'ws', 'mosquitto'] as const

describe.each(brokers)('broker %s', (kind) => {
  test.each([0, 1, 2] as const)('QoS %d: messages become rows, in order', async (qos) => {
    const broker = await newBroker(kind)
    const collected = await subscribed(broker, { qos })
    const publisher = await newPublisher(broker)
    await publisher.publish(300, qos)
    await until(async () => (await recordsIn(collected)) === 300, collected.run)
    await collected.run.stop()
    expect(collected.rows).toEqual(readings(0, 300))
    expect(collected.deadLetters).toEqual([])
  })

  test.each([1, 2] as const)(
    'QoS %d with a journal and a session: what dies and comes back has every row once',
    { timeout: 120_000 },
    async (qos) => {
      const broker = await newBroker(kind)
      const store = memoryCheckpoints()
      const sink = collectSink()
      const prng = new Prng(qos)
      const source = { qos, clientId: 'job', journal: true }
      const publisher = await newPublisher(broker)
      let expected = 0
      // The first one leaves a session at the broker.
      await (await subscribed(broker, source, { sink, checkpoints: { store, every: '15ms' } })).run.stop()
      for (let life = 0; life < 6; life++) {
        const mortal = new FaultyStore(store, () => null)
        const publishing = publisher.publish(120, qos, 1 + (life % 3) * 5)
        const { run } = await newRun(mqttSource(broker.url, { ...base, ...source }), {
          sink,
          checkpoints: { store: mortal, every: '15ms' },
        })
        await systemClock.sleep(prng.int(150))
        if (life % 3 === 2 && kind !== 'mosquitto') broker.cut()
        if (life % 2 === 0) await run.stop()
        else {
          mortal.crash()
          await run.finished.catch(() => {})
        }
        await publishing
        expected += 120
      }
      const last = await newRun(mqttSource(broker.url, { ...base, ...source }), { sink, checkpoints: { store, every: '15ms' } })
      await until(() => new Set(numbers(sink.rows)).size >= expected, last.run, 30_000)
      await systemClock.sleep(100)
      await last.run.stop()
      // Once, if the broker marks what it repeats, as the standard demands; aedes does not.
      if (kind === 'mosquitto') expect(numbers(sink.rows)).toEqual(numbers(readings(0, expected)))
      else expect([...new Set(numbers(sink.rows))].sort((a, b) => a - b)).toEqual(numbers(readings(0, expected)))
    },
  )
})

test('without a journal, messages are acknowledged once a checkpoint covers them: after a crash they come again', async () => {
  const broker = await newBroker()
  const store = memoryCheckpoints()
  const source = { clientId: 'job' }
  const mortal = new FaultyStore(store, () => null)
  const sink = collectSink()
  const first = await subscribed(broker, source, { sink, checkpoints: { store: mortal, every: '1h' } })
  expect(first.warnings).toEqual([])
  const publisher = await newPublisher(broker)
  await publisher.publish(10)
  await until(async () => (await recordsIn(first)) === 10, first.run)
  await first.run.checkpoint()
  await publisher.publish(10)
  await until(async () => (await recordsIn(first)) === 20, first.run)
  mortal.crash()
  await first.run.stop().catch(() => {})
  const second = await newRun(mqttSource(broker.url, { ...base, ...source }), { sink, checkpoints: { store, every: '10ms' } })
  await until(() => sink.rows.length >= 20, second.run)
  await systemClock.sleep(100)
  await second.run.stop()
  // What the checkpoint covered was acknowledged; the rest is repeated, by the broker, and not lost.
  expect(new Set(numbers(sink.rows))).toEqual(new Set(numbers(readings(0, 20))))
  expect(sink.rows.length).toBeLessThanOrEqual(30)
})

test('the broker goes and comes back: the source does too', async () => {
  const broker = await newBroker()
  const events: ConnectionEvent[] = []
  const collected = await newRun(mqttSource(broker.url, { ...base, clientId: 'job', onConnection: (event) => events.push(event) }))
  await until(() => events.length > 0, collected.run)
  await systemClock.sleep(50)
  const publisher = await newPublisher(broker)
  await publisher.publish(50)
  for (let round = 0; round < 3; round++) {
    await broker.stop()
    await systemClock.sleep(60)
    await broker.start()
    await publisher.publish(50)
  }
  await until(async () => (await recordsIn(collected)) >= 200, collected.run)
  await systemClock.sleep(100)
  await collected.run.stop()
  expect(new Set(numbers(collected.rows))).toEqual(new Set(numbers(readings(0, 200))))
  expect(events.filter(({ state }) => state === 'lost').length).toBeGreaterThanOrEqual(3)
})

test('topics fill a column, bad messages are dead letters, and other rows are not harmed', async () => {
  const broker = await newBroker()
  const columns = schema({ topic: utf8(), n: i32() })
  const sink = collectSink()
  const letters: string[] = []
  let isOpen = false
  const run = await start(pipeline('topics').source('readings', columns).sink('out'), {
    sources: {
      readings: mqttSource(broker.url, { ...base, topics: ['a/#', 'b'], topicColumn: 'topic', onConnection: () => (isOpen = true) }),
    },
    sinks: { out: sink },
    host: 'inline',
    onDeadLetter: ({ code }) => letters.push(code),
  })
  cleanups.push(() => run.stop())
  await until(() => isOpen, run)
  await systemClock.sleep(50)
  const client = await mqtt.connectAsync(broker.url)
  cleanups.push(() => client.endAsync(true))
  const messages: [string, string | Buffer][] = [
    ['a/x', '{"n":1}'],
    ['a/y/z', '[{"n":2},{"n":3,"topic":"forged"}]'],
    ['a/x', '{"n":'],
    ['b', Buffer.from([0xff, 0xfe])],
    ['b', '{"n":"four"}'],
    ['c', '{"n":9}'],
    ['b', ''],
    ['b', '{"n":5}'],
  ]
  for (const [topic, payload] of messages) await client.publishAsync(topic, payload, { qos: 1 })
  await until(async () => (await run.status()).sources[0]!.recordsIn === 8, run)
  await run.stop()
  expect(sink.rows).toEqual([
    { topic: 'a/x', n: 1 },
    { topic: 'a/y/z', n: 2 },
    { topic: 'a/y/z', n: 3 },
    { topic: 'b', n: 5 },
  ])
  expect(letters).toEqual(['MESSAGE_SYNTAX', 'UTF8_INVALID', 'FIELD_TYPE', 'MESSAGE_SYNTAX'])
})

test("a client of the user's own: its other subscriptions stay its own", async () => {
  const broker = await newBroker()
  const client = await mqtt.connectAsync(broker.url, { clientId: 'mine', clean: false })
  cleanups.push(() => client.endAsync(true))
  const own: string[] = []
  client.on('message', (topic, payload) => topic === 'own' && own.push(String(payload)))
  await client.subscribeAsync('own', { qos: 1 })
  const collected = await newRun(mqttSource(client, base))
  await systemClock.sleep(80)
  const publisher = await newPublisher(broker)
  await client.publishAsync('own', 'hello', { qos: 1 })
  await publisher.publish(100)
  await until(async () => (await recordsIn(collected)) === 100, collected.run)
  await collected.run.stop()
  await client.publishAsync('own', 'still here', { qos: 1 })
  await until(() => own.length === 2)
  expect(own).toEqual(['hello', 'still here'])
  expect(collected.rows).toEqual(readings(0, 100))
})

test('a broker that refuses is not asked again', async () => {
  const broker = await aedesBroker('tcp', (name) => name === 'me')
  cleanups.push(() => broker.close())
  const { run } = await newRun(mqttSource(broker.url, { ...base, connection: { username: 'somebody', password: 'x' } }))
  await expect(run.finished).rejects.toMatchObject({ name: 'ConnectorError', code: 'SOURCE_REFUSED' })
  const fine = await newRun(mqttSource(broker.url, { ...base, connection: { username: 'me', password: 'x' } }))
  await systemClock.sleep(100)
  expect((await fine.run.status()).state).toBe('running')
})

test('a slow consumer holds the broker back: nothing is lost', async () => {
  const broker = await newBroker()
  const collected = await subscribed(broker, { bufferMax: 4_000, clientId: 'slow' })
  const publisher = await newPublisher(broker)
  await publisher.publish(2_000, 1, 20)
  await until(async () => (await recordsIn(collected)) === 2_000, collected.run)
  await collected.run.stop()
  expect(numbers(collected.rows)).toEqual(numbers(readings(0, 2_000)))
})

test('bad options are refused by name', () => {
  for (const options of [{ topics: [] }, { topics: undefined }, { topics: 'a', qos: 3 }, { topics: 'a', bufferMax: -1 }]) {
    expect(() => mqttSource('mqtt://localhost', options as never)).toThrow(
      expect.objectContaining({ code: 'SOURCE_OPTION_INVALID' }) as Error,
    )
  }
})
