/**
 * What the tests of faults make a page or a worker do with a store. Each command answers with a value or an error, as plain data.
 *
 * Before: storage-page and storage-worker. After: stores of the package, by their source.
 */

import type { BrowserCheckpointStore, IndexedDbCheckpointsOptions } from '../../adapters/indexeddb-store.ts'
import { indexedDbCheckpoints } from '../../adapters/indexeddb-store.ts'
import { opfsStore } from '../../adapters/opfs-store.ts'
import { BLOCK_BYTES } from '../../adapters/opfs/slots.ts'
import { openSyncFile } from '../../adapters/opfs/sync-file.ts'
import type { CheckpointSession } from '../../runtime/checkpoint/checkpoint-store.ts'
import { recover, verify, writeCheckpoint } from '../../runtime/checkpoint/recovery.ts'
import { systemClock } from '../../runtime/clock.ts'
import { errorToData } from '../../runtime/errors.ts'
import { commitSample, JOB, recoveredValues, sampleCheckpoint } from '../contract/sample-checkpoint.ts'
import { slotsMade } from './store-places.ts'
import { openDB } from 'idb'

export type Answer<T = unknown> = { readonly value: T } | { readonly code: string; readonly message: string; readonly retryable: boolean }

export interface StoreArguments {
  readonly name: string
  readonly kind?: 'indexeddb' | 'opfs'
  readonly options?: IndexedDbCheckpointsOptions
  /** Age from which slots of an earlier run are used. */
  readonly settleMs?: number
}

const THIS_RUN = { run: crypto.randomUUID(), slotBytes: 8 << 20 }
const sessions = new Map<string, CheckpointSession>()
const copies = new Map<string, Map<string, (readonly [IDBValidKey, unknown])[]>>()
const blockers: { close(): void }[] = []

function storeOf({ name, kind = 'indexeddb', options = {}, settleMs = 0 }: StoreArguments): BrowserCheckpointStore {
  return kind === 'indexeddb' ? indexedDbCheckpoints(name, options) : opfsStore(name, options, { ...THIS_RUN, settleMs })
}

const session = (name: string): CheckpointSession => {
  const found = sessions.get(name)
  if (found === undefined) throw new Error(`No session of ${name} is open here`)
  return found
}

const slotDirectory = async (name: string) =>
  await (await (await navigator.storage.getDirectory()).getDirectoryHandle('millrace')).getDirectoryHandle(name)

/** Chance, so that nothing compresses it. */
function noise(byteLength: number): Uint8Array {
  const bytes = new Uint8Array(byteLength)
  for (let at = 0; at < byteLength; at += 65_536) crypto.getRandomValues(bytes.subarray(at, Math.min(at + 65_536, byteLength)))
  return bytes
}

export const commands = {
  async open(store: StoreArguments): Promise<number> {
    const opened = await storeOf(store).open('contract')
    sessions.set(store.name, opened)
    return opened.epoch
  },
  commit: async (name: string, checkpointId: number, values?: string[]): Promise<void> => {
    await commitSample(session(name), checkpointId, values)
  },
  /** One chunk of each size. */
  async commitBytes(name: string, checkpointId: number, sizes: readonly number[]): Promise<void> {
    const on = session(name)
    const { manifest } = await sampleCheckpoint({ epoch: on.epoch, checkpointId }, [])
    const chunks = new Map<string, Uint8Array>()
    const refs: { hash: string; byteLength: number }[] = []
    for (const size of sizes) {
      const payload = noise(size)
      const hash = Array.from(new Uint8Array(await crypto.subtle.digest('SHA-256', payload as BufferSource)), (byte) =>
        byte.toString(16).padStart(2, '0'),
      ).join('')
      chunks.set(hash, payload)
      refs.push({ hash, byteLength: size })
    }
    await writeCheckpoint(on, { ...manifest, operators: { minutes: { subtasks: [{ chunks: refs }] } } }, chunks)
  },
  async recover(name: string): Promise<{ checkpointId: number; values: string[]; skipped: string[] } | null> {
    const recovered = await recover(session(name), JOB)
    if (recovered === null) return null
    const skipped = recovered.skipped.map(({ generation, error }) => `${generation.checkpointId} ${error.code}`)
    const { checkpointId } = recovered.manifest
    return { checkpointId, values: recoveredValues(recovered).map((value) => value.slice(0, 100)), skipped }
  },
  /** Checkpoints, newest first, each with what is wrong with it. */
  verified: async (name: string): Promise<(readonly [number, string | null])[]> =>
    (await verify(session(name))).map(({ generation, problem }) => [generation.checkpointId, problem?.message ?? null] as const),
  /** Turns every byte of every slot around, behind the stamp. */
  async damageSlots(name: string): Promise<void> {
    const directory = await slotDirectory(name)
    for await (const file of (directory as unknown as { keys(): AsyncIterable<string> }).keys()) {
      const handle = (await openSyncFile(directory, file, { mayCreate: false, clock: systemClock }))!
      const bytes = new Uint8Array(handle.getSize() - BLOCK_BYTES)
      handle.read(bytes, { at: BLOCK_BYTES })
      handle.write(
        bytes.map((byte) => byte ^ 255),
        { at: BLOCK_BYTES },
      )
      handle.close()
    }
  },
  removeSlots: async (name: string): Promise<void> => {
    const directory = await slotDirectory(name)
    const names: string[] = []
    for await (const file of (directory as unknown as { keys(): AsyncIterable<string> }).keys()) names.push(file)
    for (const file of names) await directory.removeEntry(file)
  },
  slotsMade: (name: string, count: number): Promise<void> => slotsMade(`millrace-opfs/${name}`, count),
  /** Chunks that lie in slots. */
  async shelved(name: string): Promise<number> {
    const database = await openDB(`millrace-opfs/${name}`)
    const keys = await database.getAllKeys('checkpoints', IDBKeyRange.bound(['location'], ['location', []]))
    database.close()
    return keys.length
  },
  close: async (name: string): Promise<void> => {
    await session(name).close()
  },
  ids: async (name: string): Promise<number[]> => (await session(name).generations()).map(({ checkpointId }) => checkpointId),
  destroy: (store: StoreArguments) => storeOf(store).destroy(),
  deleteDatabase: (name: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const request = indexedDB.deleteDatabase(name)
      request.addEventListener('success', () => resolve())
      request.addEventListener('error', () => reject(request.error as Error))
    }),
  /** A tab that holds the database open and gives no way, as a page without a `versionchange` listener does. */
  hold: (name: string, version?: number): Promise<void> =>
    new Promise((resolve, reject) => {
      const request = indexedDB.open(name, version)
      request.addEventListener('success', () => {
        blockers.push(request.result)
        resolve()
      })
      request.addEventListener('error', () => reject(request.error as Error))
    }),
  async letGo(): Promise<void> {
    for (const blocker of blockers.splice(0)) blocker.close()
  },
  /** Raises the version of a database, as a later version of a program would. */
  async upgrade(name: string, version: number): Promise<void> {
    ;(await openDB(name, version)).close()
  },
  /** Everything in a database, to be put back later. */
  async copy(name: string): Promise<void> {
    const database = await openDB(name)
    const stores = new Map<string, (readonly [IDBValidKey, unknown])[]>()
    for (const store of Array.from(database.objectStoreNames)) {
      const [keys, values] = await Promise.all([database.getAllKeys(store), database.getAll(store)])
      stores.set(
        store,
        keys.map((key, index) => [key, values[index]] as const),
      )
    }
    database.close()
    copies.set(name, stores)
  },
  async putBack(name: string): Promise<void> {
    const database = await openDB(name)
    for (const [store, records] of copies.get(name)!) {
      const transaction = database.transaction(store, 'readwrite')
      await transaction.store.clear()
      for (const [key, value] of records) await transaction.store.put(value, key)
      await transaction.done
    }
    database.close()
  },
  async forgetCertificate(name: string): Promise<void> {
    if (!(await caches.delete(`millrace/${name}`))) throw new Error('There was no certificate')
  },
  async damageCertificate(name: string): Promise<void> {
    const cache = await caches.open(`millrace/${name}`)
    for (const request of await cache.keys()) {
      const text = await (await cache.match(request))!.text()
      await cache.put(request, new Response(text.replace('contract', 'cOntract')))
    }
  },
  generationsOnInspection: async (store: StoreArguments): Promise<number[]> =>
    (await (await storeOf(store).inspect()).generations()).map(({ checkpointId }) => checkpointId),
  /** Latencies of commits with one chunk of new bytes, in ms, sorted. */
  async latencies(store: StoreArguments, byteLength: number, count: number): Promise<number[]> {
    await commands.open(store)
    const times: number[] = []
    for (let id = 1; id <= count; id++) {
      const start = performance.now()
      await commands.commitBytes(store.name, id, [byteLength])
      times.push(performance.now() - start)
    }
    await commands.close(store.name)
    return times.sort((a, b) => a - b)
  },
}

export type CommandName = keyof typeof commands

export async function obey(name: CommandName, args: readonly unknown[]): Promise<Answer> {
  try {
    return { value: await (commands[name] as (...given: readonly unknown[]) => Promise<unknown>)(...args) }
  } catch (error) {
    const { code, message, retryable } = errorToData(error)
    return { code, message, retryable }
  }
}
