/**
 * All kinds of sources, sinks and checkpoint stores that a page can describe as data: one entry each.
 *
 * Before: kind.ts. After: the adapters. Options that are functions cannot be described; they need a worker of one's own and `serve`.
 */

import { callbackSink, type CheckpointStore, rowsSource, type Sink, type Source, type ViewOptions, viewSink } from '../../runtime/index.ts'
import {
  broadcastChannelSource,
  fetchSource,
  type FetchSourceOptions,
  indexedDbCheckpoints,
  type IndexedDbCheckpointsOptions,
  indexedDbSink,
  type IndexedDbSinkOptions,
  memoryCheckpoints,
  type MessageOptions,
  messagePortSource,
  opfsCheckpoints,
  type OpfsCheckpointsOptions,
  webSocketSource,
  type WebSocketSourceOptions,
} from '../browser.ts'
import { kind, type Kinds, list, port, text } from './kind.ts'

const MESSAGES = ['decode', 'header', 'delimiter', 'journal', 'bufferMax', 'whenFull'] as const
const SOCKETS = [...MESSAGES, 'protocols', 'token', 'backoff', 'idleTimeout', 'heartbeat', 'endCodes', 'refusalCodes'] as const
const FETCHES = ['format', 'header', 'delimiter', 'maxLineBytes', 'backoff', 'request', 'live'] as const
const DATABASES = ['generations', 'leadership', 'stealAfter', 'durability', 'onStateLost'] as const

/** Of the options of an adapter those that are listed, as far as they are data. */
type Data<O, N extends keyof O> = { readonly [F in N]?: Exclude<O[F], (...args: never[]) => unknown> }
type Messages = Data<MessageOptions, (typeof MESSAGES)[number]>
type Socket = { url: string } & Data<WebSocketSourceOptions, (typeof SOCKETS)[number]>
type Fetch = { url: string } & Data<FetchSourceOptions, (typeof FETCHES)[number]>
type Database = { name: string } & Data<IndexedDbCheckpointsOptions, (typeof DATABASES)[number]>
type Files = Database & Data<OpfsCheckpointsOptions, 'reserveBytes'>

export const SOURCES = {
  rows: kind<{ rows: readonly object[] }, Source>({ rows: list }, [], ({ rows }) => rowsSource(rows)),
  fetch: kind<Fetch, Source>({ url: text }, FETCHES, ({ url, ...options }) => fetchSource(url, options)),
  webSocket: kind<Socket, Source>({ url: text }, SOCKETS, ({ url, ...options }) => webSocketSource(url, options)),
  messagePort: kind<{ port: MessagePort } & Messages, Source>({ port }, MESSAGES, ({ port: from, ...options }) =>
    messagePortSource(from, options),
  ),
  broadcastChannel: kind<{ name: string } & Messages, Source>({ name: text }, MESSAGES, ({ name, ...options }) =>
    broadcastChannelSource(name, options),
  ),
} satisfies Kinds<Source>

export const SINKS = {
  view: kind<ViewOptions, Sink>({}, ['rowsMax', 'keepMs', 'key', 'durable'], viewSink),
  messagePort: kind<{ port: MessagePort }, Sink>({ port }, [], ({ port: out }) => callbackSink((rows) => out.postMessage(rows))),
  indexedDb: kind<IndexedDbSinkOptions, Sink>({ database: text, store: text }, ['key'], indexedDbSink),
  discard: kind<object, Sink>({}, [], () => callbackSink(() => {})),
} satisfies Kinds<Sink>

export const STORES = {
  indexedDb: kind<Database, CheckpointStore>({ name: text }, DATABASES, ({ name, ...options }) => indexedDbCheckpoints(name, options)),
  opfs: kind<Files, CheckpointStore>({ name: text }, [...DATABASES, 'reserveBytes'], ({ name, ...options }) =>
    opfsCheckpoints(name, options),
  ),
  memory: kind<{ name?: string }, CheckpointStore>({}, ['name'], ({ name = '' }) => memoryStore(name)),
} satisfies Kinds<CheckpointStore>

const stores = new Map<string, CheckpointStore>()

/** A store in memory lives as long as the worker, so that a restart finds what the start before has left. */
function memoryStore(name: string): CheckpointStore {
  let store = stores.get(name)
  if (store === undefined) {
    store = memoryCheckpoints()
    stores.set(name, store)
  }
  return store
}
