/** Jobs on each source of the browser, in a page or a worker, and the speed of their decoders. */

import {
  boundedOutOfOrderness,
  collectSink,
  count,
  f64,
  i32,
  pipeline,
  type Source,
  schema,
  start,
  systemClock,
  timestamp,
  tumbling,
  utf8,
} from 'millrace'
import {
  broadcastChannelSource,
  eventSource,
  eventTargetSource,
  fetchSource,
  memoryCheckpoints,
  messagePortSource,
  webSocketSource,
} from 'millrace/browser'
import { mqttSource } from 'millrace/mqtt'

export interface SourceRequest {
  readonly kind: keyof typeof SOURCES
  readonly url: string
  /** Records after which the job is stopped. */
  readonly count: number
  /** Of kinds that are posted to: what is posted. */
  readonly rows?: readonly object[]
  readonly hasJournal?: boolean
}

export interface SourceResult {
  readonly numbers: readonly number[]
  readonly first: unknown
  readonly deadLetters: readonly string[]
  readonly opened: number
}

const backoff = { least: '10ms', most: '200ms' } as const
let opened = 0
const onConnection = ({ state }: { readonly state: string }) => {
  if (state === 'open') opened++
}

/** Each with what posts its rows, where the page does that itself. */
const SOURCES = {
  webSocket: (url: string, journal: boolean) =>
    webSocketSource((token) => `${url}/?after=${token ?? -1}`, { token: 'n', backoff, onConnection, journal }),
  eventSource: (url: string, journal: boolean) => eventSource(url, { backoff, onConnection, journal }),
  fetch: (url: string) => fetchSource(url, { format: 'ndjson', backoff }),
  mqtt: (url: string, journal: boolean) =>
    mqttSource(url, { topics: 'devices/+/readings', clientId: `page-${journal}`, backoff, onConnection, journal }),
  messagePort: (_url: string, journal: boolean, rows: readonly object[]) => {
    const { port1, port2 } = new MessageChannel()
    port2.postMessage(rows)
    return messagePortSource(port1, { journal })
  },
  broadcastChannel: (url: string, journal: boolean, rows: readonly object[]) => {
    const channel = new BroadcastChannel(url)
    // Posted once the job listens.
    void systemClock.sleep(300).then(() => channel.postMessage(rows))
    return broadcastChannelSource(url, { journal })
  },
  eventTarget: (_url: string, journal: boolean, rows: readonly object[]) => {
    const target = new EventTarget()
    void systemClock.sleep(300).then(() => rows.map((detail) => target.dispatchEvent(new CustomEvent('reading', { detail }))))
    return eventTargetSource(target, 'reading', undefined, { journal })
  },
}

const columns = schema({ n: i32(), device: utf8(), at: timestamp(), value: f64() })

export async function runSource({ kind, url, count: countMax, rows = [], hasJournal = false }: SourceRequest): Promise<SourceResult> {
  const make: (url: string, journal: boolean, rows: readonly object[]) => Source = SOURCES[kind]
  const sink = collectSink()
  const deadLetters: string[] = []
  opened = 0
  const run = await start(pipeline('page').source('readings', columns).sink('out'), {
    sources: { readings: make(url, hasJournal, rows) },
    sinks: { out: sink },
    host: 'inline',
    onDeadLetter: ({ code }) => deadLetters.push(code),
    onWarning: () => {},
    ...(hasJournal ? { checkpoints: { store: memoryCheckpoints(), every: '50ms' as const } } : {}),
  })
  let failure: unknown = null
  run.finished.catch((error: unknown) => (failure = error))
  while (failure === null) {
    const { sources, state } = await run.status()
    if (sources[0]!.recordsIn >= countMax || state !== 'running') break
    await systemClock.sleep(10)
  }
  if (failure !== null) throw failure
  await run.stop()
  return { numbers: sink.rows.map((row) => row['n'] as number), first: sink.rows[0], deadLetters, opened }
}

/** Rows a second of a decoder: messages that are posted to the job as they are, and read as fast as it can. */
export async function measureDecoder(decode: 'json' | 'ndjson' | 'csv' | 'rows', rowsAMessage: number, messages: number): Promise<number> {
  const rows = Array.from({ length: rowsAMessage }, (_, n) => ({
    n,
    device: `device-${n % 50}`,
    at: 1_700_000_000_000 + n * 10,
    value: 20 + (n % 97) / 8,
  }))
  const encoded = {
    json: JSON.stringify(rows),
    ndjson: rows.map((row) => `${JSON.stringify(row)}\n`).join(''),
    csv: `n,device,at,value\n${rows.map(({ n, device, at, value }) => `${n},${device},${at},${value}\n`).join('')}`,
    rows,
  }[decode]
  const { port1, port2 } = new MessageChannel()
  const source = messagePortSource(port1, { bufferMax: 1 << 30, ...(decode === 'rows' ? {} : { decode }) })
  const job = pipeline('speed')
    .source('readings', columns)
    .eventTime('at', boundedOutOfOrderness('5s'))
    .keyBy('device')
    .window(tumbling('1m'))
    .aggregate({ count: count() })
    .sink('out')
  const run = await start(job, { sources: { readings: source }, sinks: { out: collectSink() }, host: 'inline' })
  const total = rowsAMessage * messages
  const sentAtOnce = Math.max(1, Math.floor(200_000 / rowsAMessage))
  let sent = 0
  const startMs = systemClock.monotonic()
  for (;;) {
    const { recordsIn } = (await run.status()).sources[0]!
    if (recordsIn >= total) break
    // Not further ahead than a few messages: what is measured is the decoding, not a queue that grows.
    for (; sent < messages && sent * rowsAMessage - recordsIn < sentAtOnce * rowsAMessage; sent++) port2.postMessage(encoded)
    await systemClock.yield()
  }
  const ms = systemClock.monotonic() - startMs
  await run.stop()
  port2.close()
  return Math.round((total / ms) * 1000)
}
