/**
 * All kinds of sources, sinks and checkpoint stores that a page can describe as data: one entry each.
 *
 * Before: kind.ts. After: the adapters. Options that are functions cannot be described; they need a worker of one's own and `serve`.
 */

import { callbackSink, type CheckpointStore, rowsSource, type Sink, type Source, type ViewOptions, viewSink } from '../../runtime/index.ts'
import { memoryCheckpoints } from '../browser.ts'
import { kind, type Kinds, list, port } from './kind.ts'

export const SOURCES = {
  rows: kind<{ rows: readonly object[] }, Source>({ rows: list }, [], ({ rows }) => rowsSource(rows)),
} satisfies Kinds<Source>

export const SINKS = {
  view: kind<ViewOptions, Sink>({}, ['rowsMax', 'keepMs', 'key', 'durable'], viewSink),
  messagePort: kind<{ port: MessagePort }, Sink>({ port }, [], ({ port: out }) => callbackSink((rows) => out.postMessage(rows))),
  discard: kind<object, Sink>({}, [], () => callbackSink(() => {})),
} satisfies Kinds<Sink>

export const STORES = {
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
