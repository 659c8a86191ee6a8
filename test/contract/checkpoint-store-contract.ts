/**
 * The laws of a CheckpointStore as tests: every adapter passes them, also those of third parties.
 *
 * Before: an adapter's test file makes places to store in and says what they can do. After: vitest.
 *
 * Invariant: nothing here knows how a store keeps its bytes; damage is done by the place itself, where it can.
 */

import { afterEach, describe, expect, test } from 'vitest'
import type {
  CheckpointGeneration,
  CheckpointReader,
  CheckpointSession,
  CheckpointStore,
  ChunkHash,
} from '../../runtime/checkpoint/checkpoint-store.ts'
import { chunkHash } from '../../runtime/checkpoint/envelope.ts'
import { recover, verify, writeCheckpoint } from '../../runtime/checkpoint/recovery.ts'
import { commitSample, JOB, recoveredValues, sampleCheckpoint, valuesOf } from './sample-checkpoint.ts'

/** One place to store in, empty at first. */
export interface StorePlace {
  /** A store over the place, as a new process makes it after the one before was killed. */
  restarted(): CheckpointStore
  /** A store over the place, as a second process makes it while the first one lives. */
  rival?(): CheckpointStore
  /** Changes the stored bytes of a chunk or manifest in place; null removes them. */
  damage?(what: ChunkHash | CheckpointGeneration, change: (bytes: Uint8Array) => Uint8Array | null): Promise<void>
  dispose?(): Promise<void>
}

/** Parts of the contract that a platform may be unable to keep. */
export interface StoreCapabilities {
  /** Refuses a second live process with `JOB_LOCKED`; otherwise the second one fences the first. Needs `rival`. */
  readonly locksLiveOwners: boolean
  /** Keeps a birth certificate apart from the manifests and raises `STATE_LOST`. Needs `damage`. */
  readonly detectsLoss: boolean
  /** Its bytes can be damaged from outside. Needs `damage`. */
  readonly canBeDamaged: boolean
}

async function chunkOf(value: string): Promise<{ readonly hash: ChunkHash; readonly bytes: Uint8Array }> {
  const bytes = new TextEncoder().encode(value)
  return { hash: await chunkHash(bytes), bytes }
}

const ids = async (reader: CheckpointReader) => (await reader.generations()).map(({ checkpointId }) => checkpointId)

/** Declares the suite. @param makePlace - Makes an empty place; called once a test. */
export function checkpointStoreContract(name: string, makePlace: () => Promise<StorePlace>, capabilities: StoreCapabilities): void {
  describe(`checkpoint store contract: ${name}`, () => {
    const places: StorePlace[] = []
    const newPlace = async () => {
      const place = await makePlace()
      places.push(place)
      return place
    }
    afterEach(async () => {
      for (const place of places.splice(0)) await place.dispose?.()
    })

    test('an empty store has no generations, opened or inspected', async () => {
      const place = await newPlace()
      expect(await (await place.restarted().inspect()).generations()).toEqual([])
      const session = await place.restarted().open('contract')
      expect(await session.generations()).toEqual([])
      expect(await session.readManifest({ epoch: 1, checkpointId: 1 })).toBeNull()
      expect(await session.readChunk('a'.repeat(64))).toBeNull()
      expect(await recover(session, JOB)).toBeNull()
    })

    test('what was committed is read back byte for byte, by the session, by inspection and after a restart', async () => {
      const place = await newPlace()
      const session = await place.restarted().open('contract')
      const all = Uint8Array.from({ length: 70_000 }, (_, index) => index % 256)
      const empty = new Uint8Array(0)
      const hashes = [await chunkHash(all), await chunkHash(empty)]
      await session.writeChunk(hashes[0]!, all)
      await session.writeChunk(hashes[1]!, empty)
      const manifest = Uint8Array.of(0, 255, 10, 13, 0)
      await session.commit(7, manifest, hashes)
      for (const reader of [session, await place.restarted().inspect(), await place.restarted().open('contract')]) {
        expect(await reader.generations()).toEqual([{ epoch: session.epoch, checkpointId: 7 }])
        expect(await reader.readManifest({ epoch: session.epoch, checkpointId: 7 })).toEqual(manifest)
        expect(await reader.readChunk(hashes[0]!)).toEqual(all)
        expect(await reader.readChunk(hashes[1]!)).toEqual(empty)
      }
    })

    test('bytes given and bytes got belong to the caller', async () => {
      const place = await newPlace()
      const session = await place.restarted().open('contract')
      const { hash, bytes } = await chunkOf('mine')
      const manifest = Uint8Array.of(1, 2, 3)
      await session.writeChunk(hash, bytes)
      await session.commit(1, manifest, [hash])
      bytes.fill(0)
      manifest.fill(0)
      const got = await session.readChunk(hash)
      expect(new TextDecoder().decode(got!)).toBe('mine')
      got!.fill(0)
      expect(new TextDecoder().decode((await session.readChunk(hash))!)).toBe('mine')
      expect(await session.readManifest({ epoch: session.epoch, checkpointId: 1 })).toEqual(Uint8Array.of(1, 2, 3))
    })

    test('epochs rise with every open, after a close and after a kill', async () => {
      const place = await newPlace()
      const first = await place.restarted().open('contract')
      await first.close()
      const second = await place.restarted().open('contract')
      const third = await place.restarted().open('contract')
      expect(second.epoch).toBeGreaterThan(first.epoch)
      expect(third.epoch).toBeGreaterThan(second.epoch)
    })

    test('generations come newest first: by epoch, then by checkpointId', async () => {
      const place = await newPlace()
      const first = await place.restarted().open('contract')
      await commitSample(first, 9)
      await commitSample(first, 10)
      const second = await place.restarted().open('contract')
      await commitSample(second, 3)
      expect(await second.generations()).toEqual([
        { epoch: second.epoch, checkpointId: 3 },
        { epoch: first.epoch, checkpointId: 10 },
        { epoch: first.epoch, checkpointId: 9 },
      ])
    })

    test('a commit that names a chunk nobody wrote is refused, and changes nothing', async () => {
      const place = await newPlace()
      const session = await place.restarted().open('contract')
      await expect(session.commit(1, Uint8Array.of(1), ['b'.repeat(64)])).rejects.toMatchObject({ code: 'CHECKPOINT_INCOMPLETE' })
      expect(await session.generations()).toEqual([])
    })

    test('a checkpointId is taken once, and they rise within an epoch', async () => {
      const place = await newPlace()
      const session = await place.restarted().open('contract')
      await commitSample(session, 5)
      await expect(session.commit(5, Uint8Array.of(1), [])).rejects.toThrow(RangeError)
      await expect(session.commit(4, Uint8Array.of(1), [])).rejects.toThrow(RangeError)
      for (const id of [-1, 1.5, Number.NaN, 2 ** 53]) await expect(session.commit(id, Uint8Array.of(1), [])).rejects.toThrow(RangeError)
      expect(await ids(session)).toEqual([5])
    })

    test('chunks without a commit are no checkpoint', async () => {
      const place = await newPlace()
      const session = await place.restarted().open('contract')
      const { hash, bytes } = await chunkOf('alone')
      await session.writeChunk(hash, bytes)
      expect(await (await place.restarted().open('contract')).generations()).toEqual([])
    })

    test('at least three generations are kept whole, and not many more', async () => {
      const place = await newPlace()
      const session = await place.restarted().open('contract')
      for (let id = 1; id <= 12; id++) await commitSample(session, id)
      const kept = await ids(session)
      expect(kept.slice(0, 3)).toEqual([12, 11, 10])
      expect(kept.length).toBeLessThan(12)
      for (const report of await verify(await place.restarted().inspect())) expect(report.problem).toBeNull()
    })

    test('chunks that no kept generation names are collected, those of a checkpoint under way are not', async () => {
      const place = await newPlace()
      const session = await place.restarted().open('contract')
      const early = await chunkOf('pending before the first commit')
      await session.writeChunk(early.hash, early.bytes)
      await commitSample(session, 1, ['named by 1 alone'])
      const pending = await chunkOf('pending')
      await session.writeChunk(pending.hash, pending.bytes)
      // A generation that goes away names it, and a checkpoint under way needs it.
      const again = await chunkOf('named by 1 alone')
      await session.writeChunk(again.hash, again.bytes)
      for (let id = 2; id <= 12; id++) await commitSample(session, id)
      expect(await session.readChunk((await chunkOf('value of 2')).hash)).toBeNull()
      expect(await session.readChunk((await chunkOf('constant')).hash)).not.toBeNull()
      for (const { hash, bytes } of [early, pending, again]) expect(await session.readChunk(hash)).toEqual(bytes)
      await session.commit(13, Uint8Array.of(1), [early.hash, pending.hash, again.hash])
    })

    test('a chunk that was collected can be written again', async () => {
      const place = await newPlace()
      const session = await place.restarted().open('contract')
      await commitSample(session, 1, ['comes back'])
      for (let id = 2; id <= 8; id++) await commitSample(session, id)
      await commitSample(session, 9, ['comes back'])
      const recovered = await recover(await place.restarted().open('contract'), JOB)
      expect(recoveredValues(recovered!)).toEqual(['comes back'])
    })

    test('chunks left by a killed job are collected by the next one', async () => {
      const place = await newPlace()
      const first = await place.restarted().open('contract')
      await commitSample(first, 1)
      const orphan = await chunkOf('orphan')
      await first.writeChunk(orphan.hash, orphan.bytes)
      const second = await place.restarted().open('contract')
      await recover(second, JOB)
      await commitSample(second, 2)
      expect(await second.readChunk(orphan.hash)).toBeNull()
      expect(recoveredValues((await recover(second, JOB))!)).toEqual(valuesOf(2))
    })

    test('an owner whose epoch is over is fenced: it changes nothing', async () => {
      const place = await newPlace()
      const paused = await place.restarted().open('contract')
      await commitSample(paused, 1)
      const owner = await place.restarted().open('contract')
      expect(await ids(owner)).toEqual([1])
      await expect(commitSample(paused, 2)).rejects.toMatchObject({ name: 'JobStateError', code: 'JOB_FENCED' })
      await expect(paused.commit(3, Uint8Array.of(1), [])).rejects.toMatchObject({ code: 'JOB_FENCED' })
      expect(await ids(owner)).toEqual([1])
      await commitSample(owner, 2)
      await paused.close()
      expect(await ids(await place.restarted().open('contract'))).toEqual([2, 1])
    })

    test('a closed session refuses, and closing twice is nothing', async () => {
      const place = await newPlace()
      const session = await place.restarted().open('contract')
      await session.close()
      await session.close()
      await expect(session.commit(1, Uint8Array.of(1), [])).rejects.toMatchObject({ code: 'JOB_CLOSED' })
      await expect(session.writeChunk('a'.repeat(64), Uint8Array.of(1))).rejects.toMatchObject({ code: 'JOB_CLOSED' })
    })

    test('a store of another job is refused and stays as it was', async () => {
      const place = await newPlace()
      const session = await place.restarted().open('contract')
      await commitSample(session, 1)
      await expect(place.restarted().open('other')).rejects.toMatchObject({ name: 'CheckpointError', code: 'STATE_FOREIGN' })
      await commitSample(session, 2)
      await session.close()
      expect(await ids(await place.restarted().open('contract'))).toEqual([2, 1])
    })

    test('what changed is written, what did not is not', async () => {
      const place = await newPlace()
      const session = await place.restarted().open('contract')
      const write = async (on: CheckpointSession, checkpointId: number) => {
        const { manifest, chunks } = await sampleCheckpoint({ epoch: on.epoch, checkpointId }, valuesOf(checkpointId))
        return await writeCheckpoint(on, manifest, chunks)
      }
      expect(await write(session, 1)).toMatchObject({ chunksWritten: 2, chunksReused: 0 })
      expect(await write(session, 2)).toMatchObject({ chunksWritten: 1, chunksReused: 1, bytesTotal: 'constantvalue of 2'.length })
      const next = await place.restarted().open('contract')
      await recover(next, JOB)
      expect(await write(next, 3)).toMatchObject({ chunksWritten: 1, chunksReused: 1 })
    })

    test('many chunks and two commits at once keep their order', async () => {
      const place = await newPlace()
      const session = await place.restarted().open('contract')
      const values = Array.from({ length: 200 }, (_, index) => `chunk ${index}`)
      const first = await sampleCheckpoint({ epoch: session.epoch, checkpointId: 1 }, values)
      await writeCheckpoint(session, first.manifest, first.chunks)
      await Promise.all([session.commit(2, Uint8Array.of(2), [...first.chunks.keys()]), session.commit(3, Uint8Array.of(3), [])])
      expect(await ids(session)).toEqual([3, 2, 1])
    })

    if (capabilities.locksLiveOwners) {
      test('a second live process is refused and told who holds the store; after a close it is let in', async () => {
        const place = await newPlace()
        const session = await place.restarted().open('contract')
        await expect(place.rival!().open('contract')).rejects.toMatchObject({ name: 'JobStateError', code: 'JOB_LOCKED' })
        await commitSample(session, 1)
        await session.close()
        expect(await ids(await place.rival!().open('contract'))).toEqual([1])
      })
    }

    if (capabilities.detectsLoss) {
      test('when all manifests are gone, the store says so instead of starting afresh', async () => {
        const place = await newPlace()
        const session = await place.restarted().open('contract')
        await commitSample(session, 1)
        await commitSample(session, 2)
        await session.close()
        for (const generation of await session.generations()) await place.damage!(generation, () => null)
        await expect(place.restarted().open('contract')).rejects.toMatchObject({ name: 'CheckpointError', code: 'STATE_LOST' })
        await expect(place.restarted().open('contract')).rejects.toMatchObject({ code: 'STATE_LOST' })
      })

      test('when the newest manifest is gone, the one before is used and the loss reported', async () => {
        const place = await newPlace()
        const session = await place.restarted().open('contract')
        await commitSample(session, 1)
        await commitSample(session, 2)
        await commitSample(session, 3)
        await place.damage!({ epoch: session.epoch, checkpointId: 3 }, () => null)
        const recovered = await recover(await place.restarted().open('contract'), JOB)
        expect(recoveredValues(recovered!)).toEqual(valuesOf(2))
        expect(recovered!.skipped.map(({ generation, error }) => [generation.checkpointId, error.code])).toEqual([
          [3, 'CHECKPOINT_CORRUPT'],
        ])
      })
    }

    if (capabilities.canBeDamaged) {
      test('a damaged chunk or manifest leads to the generation before', async () => {
        const changes: readonly ((bytes: Uint8Array) => Uint8Array | null)[] = [
          () => null,
          () => new Uint8Array(0),
          (bytes) => bytes.slice(0, -1),
          (bytes) => bytes.map((byte, index) => (index === bytes.length >> 1 ? byte ^ 1 : byte)),
          (bytes) => new Uint8Array(bytes.length),
        ]
        for (const change of changes) {
          for (const part of ['chunk', 'manifest'] as const) {
            const place = await newPlace()
            const session = await place.restarted().open('contract')
            await commitSample(session, 1)
            await commitSample(session, 2)
            await place.damage!(part === 'chunk' ? (await chunkOf('value of 2')).hash : { epoch: session.epoch, checkpointId: 2 }, change)
            const recovered = await recover(await place.restarted().open('contract'), JOB)
            expect(recoveredValues(recovered!)).toEqual(valuesOf(1))
            expect(recovered!.skipped.map(({ generation }) => generation.checkpointId)).toEqual([2])
          }
        }
      })

      test('a damaged chunk that is written again is whole again', async () => {
        const place = await newPlace()
        const first = await place.restarted().open('contract')
        await commitSample(first, 1, ['old'])
        await commitSample(first, 2, ['shared'])
        await place.damage!((await chunkOf('shared')).hash, (bytes) => bytes.map((byte) => byte ^ 255))
        const second = await place.restarted().open('contract')
        expect(recoveredValues((await recover(second, JOB))!)).toEqual(['old'])
        await commitSample(second, 3, ['shared'])
        expect(recoveredValues((await recover(await place.restarted().open('contract'), JOB))!)).toEqual(['shared'])
      })
    }
  })
}
