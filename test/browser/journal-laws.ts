/**
 * What journals in IndexedDB promise beyond the contract of journals: batches of any size, and loss that is told.
 *
 * Before: the page and the worker that run the suites. After: vitest's words, portable.
 */

import type { IDBPDatabase } from 'idb'
import { describe, expect, test } from 'vitest'
import { indexedDbCheckpoints } from '../../adapters/indexeddb-store.ts'
import { commitSample } from '../contract/sample-checkpoint.ts'
import { newName, withDatabase } from './store-places.ts'

const bytesOf = (text: string) => new TextEncoder().encode(text)
const textOf = (bytes: Uint8Array) => new TextDecoder().decode(bytes)
const everything = () => IDBKeyRange.bound(['batch'], ['batch', []])

export function journalLaws(): void {
  describe('journals in IndexedDB', () => {
    const open = async (name: string) => await indexedDbCheckpoints(name, { leadership: 'steal' }).open('contract')
    const change = (name: string, of: (database: IDBPDatabase) => Promise<unknown>) => withDatabase(`millrace/${name}`, of)

    test('entries larger than a piece come back byte for byte, also after a restart', async () => {
      const name = newName()
      const journal = await (await open(name)).openJournal!('a')
      const entries = [0, 1, 32 * 1024 - 16, 32 * 1024, 32 * 1024 + 1, 300_001].map((length, seed) =>
        Uint8Array.from({ length }, (_, at) => (at * 31 + seed) % 256),
      )
      await journal.append(entries)
      expect(await change(name, (database) => database.count('journals', everything()))).toBeGreaterThan(10)
      const again = await (await open(name)).openJournal!('a')
      const read = await again.read(0, 100)
      expect(read.map(({ length }) => length)).toEqual(entries.map(({ length }) => length))
      for (const [index, bytes] of read.entries()) expect(bytes.every((byte, at) => byte === entries[index]![at])).toBe(true)
      expect(again.byteLength).toBe(journal.byteLength)
    })

    test('appends that wait for one another go into the database together', async () => {
      const name = newName()
      const journal = await (await open(name)).openJournal!('a')
      const firsts = await Promise.all(Array.from({ length: 50 }, (_, index) => journal.append([bytesOf(`entry ${index}`)])))
      expect(firsts).toEqual(Array.from({ length: 50 }, (_, index) => index))
      expect(await change(name, (database) => database.count('journals', everything()))).toBeLessThan(5)
      expect((await journal.read(0, 100)).map(textOf)).toEqual(firsts.map((index) => `entry ${index}`))
    })

    test('a damaged entry is CHECKPOINT_CORRUPT, and those of other batches are read', async () => {
      const name = newName()
      const session = await open(name)
      const journal = await session.openJournal!('a')
      for (let index = 0; index < 3; index++) await journal.append([bytesOf(`entry ${index}`)])
      await change(name, async (database) => {
        const [, key] = await database.getAllKeys('journals', everything())
        const bytes = (await database.get('journals', key!)) as Uint8Array
        await database.put(
          'journals',
          bytes.map((byte, at) => (at === bytes.length - 1 ? byte ^ 1 : byte)),
          key,
        )
      })
      await expect(journal.read(0, 3)).rejects.toMatchObject({ name: 'CheckpointError', code: 'CHECKPOINT_CORRUPT' })
      expect((await journal.read(2, 1)).map(textOf)).toEqual(['entry 2'])
    })

    test('appends that the browser lost behind a checkpoint are told, and their numbers are not used again', async () => {
      const name = newName()
      const session = await open(name)
      const journal = await session.openJournal!('a')
      for (let index = 0; index < 4; index++) await journal.append([bytesOf(`entry ${index}`)])
      await commitSample(session, 1)
      // As after a power loss that took the relaxed transactions and left the strict one.
      await change(name, async (database) => {
        const keys = await database.getAllKeys('journals', everything())
        for (const key of keys.slice(2)) await database.delete('journals', key)
        await database.put('journals', { begin: 0, end: 2 }, ['state', 'a'])
      })
      const again = await (await open(name)).openJournal!('a')
      expect([again.begin, again.end]).toEqual([0, 4])
      expect(await again.append([bytesOf('entry 4')])).toBe(4)
      expect((await again.read(4, 10)).map(textOf)).toEqual(['entry 4'])
      expect((await again.read(0, 2)).map(textOf)).toEqual(['entry 0', 'entry 1'])
      await expect(again.read(0, 5)).rejects.toMatchObject({ code: 'CHECKPOINT_CORRUPT' })
      await expect(again.read(3, 1)).rejects.toMatchObject({ code: 'CHECKPOINT_CORRUPT' })
    })

    test('trimming removes whole batches from the database', async () => {
      const name = newName()
      const journal = await (await open(name)).openJournal!('a')
      for (let index = 0; index < 6; index += 2) await journal.append([bytesOf(`entry ${index}`), bytesOf(`entry ${index + 1}`)])
      await journal.trim(3)
      expect(await change(name, (database) => database.count('journals', everything()))).toBe(2)
      expect(journal.begin).toBe(3)
      expect((await journal.read(3, 10)).map(textOf)).toEqual(['entry 3', 'entry 4', 'entry 5'])
      await expect(journal.read(2, 1)).rejects.toThrow(RangeError)
    })
  })
}
