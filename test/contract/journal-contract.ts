/**
 * The laws of journals as tests: every store that has journals passes them, also those of third parties.
 *
 * Before: an adapter's test file makes places to store in, the same as for the contract of checkpoint stores. After: vitest, or the portable suite.
 *
 * Invariant: nothing here knows how a store keeps its bytes. That an append is there whole or not at all after a kill in the middle of it is
 * tested by each store with real kills.
 */

import { afterEach, describe, expect, test } from 'vitest'
import type { CheckpointSession } from '../../runtime/checkpoint/checkpoint-store.ts'
import type { Journal } from '../../runtime/checkpoint/journal.ts'
import type { StorePlace } from './checkpoint-store-contract.ts'
import { commitSample, JOB, recoveredValues, valuesOf } from './sample-checkpoint.ts'
import { recover } from '../../runtime/checkpoint/recovery.ts'

const encoder = new TextEncoder()
const decoder = new TextDecoder()
const entry = (text: string) => encoder.encode(text)
const numbered = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => entry(`entry ${from + index}`))

async function texts(journal: Journal, from = journal.begin, countMax = 1_000): Promise<string[]> {
  return (await journal.read(from, countMax)).map((bytes) => decoder.decode(bytes))
}

/** Declares the suite. @param makePlace - Makes an empty place; called once a test. Only `restarted` and `dispose` of it are used. */
export function journalContract(name: string, makePlace: () => Promise<StorePlace>): void {
  describe(`journal contract: ${name}`, () => {
    const places: StorePlace[] = []
    const sessions: CheckpointSession[] = []
    const newPlace = async () => {
      const place = await makePlace()
      places.push(place)
      return place
    }
    const openSession = async (place: StorePlace) => {
      const session = await place.restarted().open('contract')
      sessions.push(session)
      return session
    }
    const open = async (place: StorePlace): Promise<{ session: CheckpointSession; journal: Journal }> => {
      const session = await openSession(place)
      return { session, journal: await session.openJournal!('readings/messages') }
    }
    afterEach(async () => {
      for (const session of sessions.splice(0)) await session.close().catch(() => {})
      for (const place of places.splice(0)) await place.dispose?.()
    })

    test('an empty journal begins and ends at 0 and gives nothing', async () => {
      const { journal } = await open(await newPlace())
      expect([journal.begin, journal.end, journal.byteLength]).toEqual([0, 0, 0])
      expect(await journal.read(0, 10)).toEqual([])
    })

    test('entries are numbered without gaps and come back in order, as many as were asked for', async () => {
      const { journal } = await open(await newPlace())
      expect(await journal.append(numbered(0, 3))).toBe(0)
      expect(await journal.append(numbered(3, 4))).toBe(3)
      expect(await journal.append(numbered(4, 9))).toBe(4)
      expect([journal.begin, journal.end]).toEqual([0, 9])
      expect(await texts(journal, 0)).toEqual(numbered(0, 9).map((bytes) => decoder.decode(bytes)))
      expect(await texts(journal, 2, 4)).toEqual(['entry 2', 'entry 3', 'entry 4', 'entry 5'])
      expect(await texts(journal, 8, 100)).toEqual(['entry 8'])
      expect(await texts(journal, 9, 100)).toEqual([])
    })

    test('an append of nothing changes nothing', async () => {
      const { journal } = await open(await newPlace())
      await journal.append(numbered(0, 2))
      expect(await journal.append([])).toBe(2)
      expect(journal.end).toBe(2)
    })

    test('an entry is any bytes: none, all values, views, a large one', async () => {
      const place = await newPlace()
      const { journal } = await open(place)
      const large = Uint8Array.from({ length: 1 << 20 }, (_, index) => (index * 31) & 255)
      const entries = [new Uint8Array(0), Uint8Array.from({ length: 256 }, (_, byte) => byte), large.subarray(100, 200), large]
      await journal.append(entries)
      expect(journal.byteLength).toBeGreaterThanOrEqual(1 << 20)
      for (const again of [journal, (await open(place)).journal]) {
        const read = await again.read(0, 10)
        expect(read.map((bytes) => bytes.length)).toEqual(entries.map((bytes) => bytes.length))
        for (const [index, bytes] of read.entries()) expect(bytes.every((byte, at) => byte === entries[index]![at])).toBe(true)
      }
    })

    test('what is appended and what is read belongs to the caller', async () => {
      const { journal } = await open(await newPlace())
      const bytes = entry('as it was')
      const appended = journal.append([bytes])
      await appended
      bytes.fill(0)
      const [read] = await journal.read(0, 1)
      read!.fill(1)
      expect(await texts(journal, 0)).toEqual(['as it was'])
    })

    test('reading before the beginning or behind the end is refused', async () => {
      const { journal } = await open(await newPlace())
      await journal.append(numbered(0, 4))
      await expect(journal.read(5, 1)).rejects.toThrow(RangeError)
      await expect(journal.read(-1, 1)).rejects.toThrow(RangeError)
      await journal.trim(4)
      if (journal.begin > 0) await expect(journal.read(journal.begin - 1, 1)).rejects.toThrow(RangeError)
    })

    test('appends that do not wait for each other keep their order', async () => {
      const place = await newPlace()
      const { journal } = await open(place)
      const firsts = await Promise.all(Array.from({ length: 20 }, (_, index) => journal.append([entry(`${index} a`), entry(`${index} b`)])))
      expect(firsts).toEqual(Array.from({ length: 20 }, (_, index) => index * 2))
      const expected = Array.from({ length: 20 }, (_, index) => [`${index} a`, `${index} b`]).flat()
      expect(await texts(journal)).toEqual(expected)
      expect(await texts((await open(place)).journal)).toEqual(expected)
    })

    test('entries and numbers survive the end of the process', async () => {
      const place = await newPlace()
      for (let life = 0; life < 4; life++) {
        const { journal } = await open(place)
        expect([journal.begin, journal.end]).toEqual([0, life * 3])
        expect(await texts(journal, 0)).toEqual(numbered(0, life * 3).map((bytes) => decoder.decode(bytes)))
        expect(await journal.append(numbered(life * 3, life * 3 + 3))).toBe(life * 3)
      }
    })

    test('trimming keeps what is at and behind the number, and numbers go on', async () => {
      const place = await newPlace()
      const { journal } = await open(place)
      await journal.append(numbered(0, 10))
      await journal.trim(6)
      expect(journal.begin).toBeLessThanOrEqual(6)
      expect(journal.end).toBe(10)
      expect(await texts(journal, 6)).toEqual(['entry 6', 'entry 7', 'entry 8', 'entry 9'])
      // Backwards is nothing, and so is the same again.
      await journal.trim(2)
      await journal.trim(6)
      await journal.trim(10)
      expect(journal.end).toBe(10)
      expect(await texts(journal, 10)).toEqual([])
      const again = (await open(place)).journal
      expect(again.end).toBe(10)
      expect(await again.append(numbered(10, 12))).toBe(10)
      expect(await texts(again, 10)).toEqual(['entry 10', 'entry 11'])
    })

    test('trimming behind the end is refused', async () => {
      const { journal } = await open(await newPlace())
      await journal.append(numbered(0, 2))
      await expect(journal.trim(3)).rejects.toThrow(RangeError)
      expect(await texts(journal, 0)).toEqual(['entry 0', 'entry 1'])
    })

    test('a journal that is trimmed as it grows stays bounded', async () => {
      const place = await newPlace()
      const { journal } = await open(place)
      const bytes = new Uint8Array(256 << 10)
      for (let round = 0; round < 120; round++) {
        bytes[0] = round
        await journal.append([bytes])
        if (round >= 4) await journal.trim(round - 4)
        expect(journal.byteLength).toBeLessThan(16 << 20)
      }
      const again = (await open(place)).journal
      expect(again.end).toBe(120)
      expect(again.byteLength).toBeLessThan(16 << 20)
      expect((await again.read(115, 10)).map((read) => read[0])).toEqual([115, 116, 117, 118, 119])
    })

    test('journals of other names are other journals', async () => {
      const place = await newPlace()
      const session = await openSession(place)
      const names = ['a/messages', 'b/messages', '../up', 'C:\\', 'a', '', 'ünïcode', 'x'.repeat(300)]
      const journals = await Promise.all(names.map((name) => session.openJournal!(name)))
      for (const [index, journal] of journals.entries()) await journal.append([entry(names[index]!)])
      const again = await openSession(place)
      for (const name of names) expect(await texts(await again.openJournal!(name), 0)).toEqual([name])
    })

    test('a name is open once at a time', async () => {
      const { session, journal } = await open(await newPlace())
      await journal.append(numbered(0, 1))
      await expect(session.openJournal!('readings/messages')).rejects.toThrow(RangeError)
      await journal.close()
      await journal.close()
      await expect(journal.append(numbered(1, 2))).rejects.toMatchObject({ code: 'JOB_CLOSED' })
      const again = await session.openJournal!('readings/messages')
      expect(await texts(again, 0)).toEqual(['entry 0'])
      expect(await again.append(numbered(1, 2))).toBe(1)
    })

    test('a session that is over appends and trims nothing', async () => {
      const place = await newPlace()
      const paused = await open(place)
      await paused.journal.append(numbered(0, 3))
      const owner = await open(place)
      await expect(paused.journal.append([entry('too late')])).rejects.toMatchObject({ name: 'JobStateError', code: 'JOB_FENCED' })
      await expect(paused.journal.trim(3)).rejects.toMatchObject({ code: 'JOB_FENCED' })
      expect(await texts(owner.journal, 0)).toEqual(['entry 0', 'entry 1', 'entry 2'])
      expect(await owner.journal.append(numbered(3, 4))).toBe(3)
      await expect(paused.journal.append([entry('too late')])).rejects.toMatchObject({ code: 'JOB_FENCED' })
      await paused.session.close()
      const next = (await open(place)).journal
      expect(await texts(next, 0)).toEqual(['entry 0', 'entry 1', 'entry 2', 'entry 3'])
    })

    test('a closed session refuses', async () => {
      const { session, journal } = await open(await newPlace())
      await journal.append(numbered(0, 1))
      await session.close()
      await expect(journal.append(numbered(1, 2))).rejects.toMatchObject({ code: 'JOB_CLOSED' })
      await expect(journal.trim(1)).rejects.toMatchObject({ code: 'JOB_CLOSED' })
      await expect(session.openJournal!('another')).rejects.toMatchObject({ code: 'JOB_CLOSED' })
    })

    test('checkpoints and journals of one store do not disturb each other', async () => {
      const place = await newPlace()
      const { session, journal } = await open(place)
      for (let id = 1; id <= 6; id++) {
        await journal.append(numbered(id - 1, id))
        await commitSample(session, id)
      }
      const next = await open(place)
      expect(recoveredValues((await recover(next.session, JOB))!)).toEqual(valuesOf(6))
      expect(await texts(next.journal, 0)).toHaveLength(6)
    })
  })
}
