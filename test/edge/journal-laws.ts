/**
 * The laws of journals as tests.
 *
 * Before: a place whose store has journals. After: vitest, or the portable suite where that does not run.
 */

import { describe, expect, test } from 'vitest'
import type { CheckpointStore } from '../../runtime/checkpoint/checkpoint-store.ts'
import type { Journal } from '../../runtime/checkpoint/journal.ts'

const bytesOf = (text: string) => new TextEncoder().encode(text)
const textsOf = (entries: readonly Uint8Array[]) => entries.map((entry) => new TextDecoder().decode(entry))
const open = async (store: CheckpointStore, name = 'in'): Promise<Journal> => (await store.open('contract')).openJournal!(name)

export function declareJournalLaws(name: string, makePlace: () => Promise<{ restarted(): CheckpointStore }>): void {
  describe(`journal: ${name}`, () => {
    test('entries are numbered from 0 without gaps and read back in order, across restarts', async () => {
      const place = await makePlace()
      const journal = await open(place.restarted())
      expect([journal.begin, journal.end, await journal.read(0, 10)]).toEqual([0, 0, []])
      expect(await journal.append([bytesOf('a'), bytesOf('b')])).toBe(0)
      expect(await journal.append([])).toBe(2)
      expect(await journal.append([bytesOf('')])).toBe(2)
      const again = await open(place.restarted())
      expect(await again.append([bytesOf('c')])).toBe(3)
      expect(textsOf(await again.read(0, 10))).toEqual(['a', 'b', '', 'c'])
      expect(textsOf(await again.read(1, 2))).toEqual(['b', ''])
      expect(again.byteLength).toBeGreaterThanOrEqual(3)
    })

    test('what was trimmed is gone, its numbers are never used again, and what follows stays', async () => {
      const place = await makePlace()
      const journal = await open(place.restarted())
      await journal.append(['a', 'b', 'c'].map(bytesOf))
      await journal.trim(2)
      await journal.trim(1)
      expect([journal.begin, journal.end]).toEqual([2, 3])
      expect(textsOf(await journal.read(2, 10))).toEqual(['c'])
      for (const from of [1, 4, -1, 1.5]) await expect(journal.read(from, 1)).rejects.toThrow(RangeError)
      await journal.trim(3)
      const again = await open(place.restarted())
      expect([again.begin, again.end, again.byteLength]).toEqual([3, 3, 0])
      expect(await again.append([bytesOf('d')])).toBe(3)
    })

    test('journals of two names know nothing of each other', async () => {
      const session = await (await makePlace()).restarted().open('contract')
      const [one, two] = [await session.openJournal!('one'), await session.openJournal!('two')]
      await one.append([bytesOf('1')])
      await two.append([bytesOf('2'), bytesOf('3')])
      await one.trim(1)
      expect(textsOf(await two.read(0, 10))).toEqual(['2', '3'])
    })

    test('a fenced session appends and trims nothing', async () => {
      const place = await makePlace()
      const paused = await open(place.restarted())
      await paused.append([bytesOf('a')])
      const owner = await open(place.restarted())
      await expect(paused.append([bytesOf('b')])).rejects.toMatchObject({ code: 'JOB_FENCED' })
      await expect(paused.trim(1)).rejects.toMatchObject({ code: 'JOB_FENCED' })
      expect(textsOf(await owner.read(0, 10))).toEqual(['a'])
    })

    test('a large entry is kept whole', async () => {
      const place = await makePlace()
      const journal = await open(place.restarted())
      const large = new Uint8Array(3_000_001).map((_, index) => index * 7)
      await journal.append([bytesOf('before'), large, bytesOf('after')])
      const entries = await (await open(place.restarted())).read(0, 3)
      expect(entries[1]!.length).toBe(large.length)
      expect(entries[1]!.every((byte, index) => byte === large[index])).toBe(true)
      expect(textsOf([entries[0]!, entries[2]!])).toEqual(['before', 'after'])
    })
  })
}
