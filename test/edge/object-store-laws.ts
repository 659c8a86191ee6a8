/**
 * What the store of a Durable Object promises beyond the contract: sizes of values, errors, several names in one storage.
 *
 * Before: an object hands its storage over. After: the portable suite, in workerd.
 *
 * Invariant: {@link objectPlace} empties the storage, so tests come one after the other.
 */

import { durableObjectCheckpoints } from 'millrace/edge'
import { describe, expect, test } from 'vitest'
import type { ObjectStorage } from '../../adapters/durable-object-store.ts'
import { chunkHash } from '../../runtime/checkpoint/envelope.ts'
import type { StorePlace } from '../contract/checkpoint-store-contract.ts'
import { commitSample } from '../contract/sample-checkpoint.ts'

export interface TestStorage extends ObjectStorage {
  deleteAll(): Promise<void>
}

const PIECE_BYTES = 1 << 20

/** An empty place in the object's own storage. */
export async function objectPlace(storage: TestStorage): Promise<StorePlace> {
  await storage.deleteAll()
  return {
    restarted: () => durableObjectCheckpoints(storage),
    async damage(what, change) {
      const name = typeof what === 'string' ? what : `manifest ${what.epoch} ${what.checkpointId}`
      const { sql } = storage
      const pieces = sql.exec<{ bytes: ArrayBuffer }>('SELECT bytes FROM millrace_pieces WHERE name = ? ORDER BY part', name).toArray()
      if (pieces.length !== 1) throw new Error(`There are ${pieces.length} pieces of ${name}`)
      const changed = change(new Uint8Array(pieces[0]!.bytes))
      if (changed === null) sql.exec('DELETE FROM millrace_pieces WHERE name = ?', name)
      else sql.exec('UPDATE millrace_pieces SET bytes = ? WHERE name = ?', changed, name)
    },
  }
}

export function declareObjectStoreLaws(storage: TestStorage): void {
  describe('store of a Durable Object', () => {
    test('values around the limits of 1 MiB and 2 MB are read back, and no stored piece passes 1 MiB', async () => {
      await objectPlace(storage)
      const session = await durableObjectCheckpoints(storage).open('contract')
      const sizes = [0, 1, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1]
      for (const limit of [2_000_000, 2 * PIECE_BYTES]) sizes.push(limit - 1, limit, limit + 1)
      sizes.push(5 * PIECE_BYTES + 17)
      const hashes: string[] = []
      for (const size of sizes) {
        // A view in the middle of a larger buffer: only its own bytes count.
        const bytes = new Uint8Array(size + 64).subarray(32, 32 + size)
        for (let index = 0; index < size; index += 1013) bytes[index] = (index * 31 + size) & 255
        const hash = await chunkHash(bytes)
        hashes.push(hash)
        await session.writeChunk(hash, bytes)
        const found = (await session.readChunk(hash))!
        expect(found.length).toBe(size)
        expect(await chunkHash(found)).toBe(hash)
      }
      await session.commit(1, new Uint8Array(2_000_001).fill(7), hashes)
      expect((await session.readManifest({ epoch: session.epoch, checkpointId: 1 }))!.length).toBe(2_000_001)
      const { most } = storage.sql.exec<{ most: number }>('SELECT max(length(bytes)) AS most FROM millrace_pieces').toArray()[0]!
      expect(most).toBe(PIECE_BYTES)
    })

    test('a chunk that lost one of its pieces is found damaged, not shorter', async () => {
      await objectPlace(storage)
      const session = await durableObjectCheckpoints(storage).open('contract')
      const bytes = new Uint8Array(3 * PIECE_BYTES).fill(5)
      const hash = await chunkHash(bytes)
      await session.writeChunk(hash, bytes)
      storage.sql.exec('DELETE FROM millrace_pieces WHERE name = ? AND part = 1', hash)
      expect(await chunkHash((await session.readChunk(hash))!)).not.toBe(hash)
    })

    test('as many generations are kept as were asked for, and fewer than three are refused', async () => {
      await objectPlace(storage)
      for (const generations of [0, 2, 2.5, Number.NaN])
        expect(() => durableObjectCheckpoints(storage, { generations })).toThrow(RangeError)
      const session = await durableObjectCheckpoints(storage, { generations: 5 }).open('contract')
      for (let id = 1; id <= 9; id++) await commitSample(session, id)
      expect((await session.generations()).map(({ checkpointId }) => checkpointId)).toEqual([9, 8, 7, 6, 5])
      const rows = storage.sql.exec<{ refs: number }>('SELECT count(*) AS refs FROM millrace_refs').toArray()[0]!
      expect(rows.refs).toBe(10)
    })

    test('storage without SQL is refused by name', () => {
      const old = {
        get sql(): never {
          throw new Error('SQL is not enabled for this Durable Object class')
        },
      } as unknown as ObjectStorage
      expect(() => durableObjectCheckpoints(old)).toThrow(/new_sqlite_classes/)
    })

    test('a full storage and a broken one are told apart, and the generation before stays', async () => {
      await objectPlace(storage)
      const refusing = (message: string): ObjectStorage => ({
        sql: storage.sql,
        sync: () => storage.sync(),
        transactionSync(write) {
          return storage.transactionSync(() => {
            write()
            throw new Error(message)
          })
        },
      })
      await commitSample(await durableObjectCheckpoints(storage).open('contract'), 1)
      const trouble = [
        ['database or disk is full: SQLITE_FULL', 'STORE_FULL', true],
        ['disk I/O error: SQLITE_IOERR', 'STORE_UNAVAILABLE', false],
      ] as const
      for (const [message, code, retryable] of trouble) {
        await expect(durableObjectCheckpoints(refusing(message)).open('contract')).rejects.toMatchObject({
          name: 'CheckpointError',
          code,
          retryable,
        })
        const reader = await durableObjectCheckpoints(storage).inspect()
        expect((await reader.generations()).map(({ checkpointId }) => checkpointId)).toEqual([1])
      }
      expect((await durableObjectCheckpoints(storage).open('contract')).epoch).toBe(2)
    })

    test('looking makes no tables', async () => {
      await objectPlace(storage)
      const reader = await durableObjectCheckpoints(storage).inspect()
      expect(await reader.generations()).toEqual([])
      expect(storage.sql.exec(`SELECT name FROM sqlite_master WHERE name LIKE 'millrace%'`).toArray()).toEqual([])
    })
  })
}
