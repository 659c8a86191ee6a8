import { describe, expect, test } from 'vitest'
import { Blocks } from '../../adapters/opfs/blocks.ts'
import { makeSlot, Slots, type SlotRecord } from '../../adapters/opfs/slots.ts'
import { openSyncFile, type SyncFile, writeAll } from '../../adapters/opfs/sync-file.ts'
import { indexedDbCheckpoints, opfsCheckpoints } from '../../adapters/browser.ts'
import { systemClock } from '../../runtime/clock.ts'
import { Prng } from '../support/prng.ts'

describe('where there is no IndexedDB', () => {
  test('opening is STORE_UNAVAILABLE, with a cause', async () => {
    await expect(indexedDbCheckpoints('a').open('job')).rejects.toMatchObject({ name: 'CheckpointError', code: 'STORE_UNAVAILABLE' })
    await expect(opfsCheckpoints('a').open('job')).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      details: { cause: 'NO_ACCESS_HANDLES' },
    })
  })

  test('options out of range are refused at once', () => {
    for (const generations of [2, 0, -1, 3.5, Number.NaN]) expect(() => indexedDbCheckpoints('a', { generations })).toThrow(RangeError)
    expect(() => indexedDbCheckpoints('a', { leadership: 'push' as 'wait' })).toThrow(/leadership must be one of refuse, wait, steal/)
    expect(() => indexedDbCheckpoints('a', { durability: 'none' as 'strict' })).toThrow(RangeError)
    expect(() => indexedDbCheckpoints('a', { onStateLost: 'shrug' as 'fail' })).toThrow(RangeError)
    expect(() => indexedDbCheckpoints('a', { stealAfter: '0s' })).toThrow(expect.objectContaining({ code: 'DURATION_INVALID' }))
    expect(() => opfsCheckpoints('a', { reserveBytes: -1 })).toThrow(RangeError)
  })
})

/** A file in memory, which takes at most `bytesMax` and answers as `answer` says. */
function memoryFile(bytesMax = Infinity, answer: (written: number, wanted: number) => number = (written) => written) {
  let bytes = new Uint8Array(0)
  let flushCount = 0
  let isClosed = false
  const file: SyncFile = {
    read(buffer, { at }) {
      const part = bytes.subarray(at, at + buffer.length)
      buffer.set(part)
      return part.length
    },
    write(buffer, { at }) {
      const end = Math.min(at + buffer.length, bytesMax)
      if (end > bytes.length) {
        const longer = new Uint8Array(end)
        longer.set(bytes)
        bytes = longer
      }
      const written = Math.max(0, end - at)
      bytes.set(buffer.subarray(0, written), at)
      return answer(written, buffer.length)
    },
    truncate() {},
    getSize: () => bytes.length,
    flush() {
      flushCount++
    },
    close() {
      isClosed = true
    },
  }
  return { file, state: () => ({ bytes, flushCount, isClosed }) }
}

function directoryOf(files: Map<string, SyncFile | DOMException>) {
  const removed: string[] = []
  const directory = {
    getFileHandle: async (name: string) => {
      const file = files.get(name)
      if (file === undefined) throw new DOMException('no file', 'NotFoundError')
      return {
        createSyncAccessHandle: async () => {
          if (file instanceof DOMException) throw file
          return file
        },
      }
    },
    removeEntry: async (name: string) => void removed.push(name),
  } as unknown as FileSystemDirectoryHandle
  return { directory, removed }
}

const filling = { slotBytes: 65_536, clock: systemClock, isStopped: () => false }

describe('files of OPFS', () => {
  test('a write that did not take everything is an error, whatever it returned', () => {
    const bytes = new Uint8Array(100)
    expect(() => writeAll(memoryFile().file, bytes, 0)).not.toThrow()
    // Chromium returned −8 as an unsigned number, and less than was given.
    for (const answer of [() => 4294967288, () => 99, () => 101, () => 0, () => -1, () => Number.NaN]) {
      expect(() => writeAll(memoryFile(Infinity, answer).file, bytes, 0)).toThrow(expect.objectContaining({ name: 'QuotaExceededError' }))
    }
  })

  test('a slot that does not fit leaves no file', async () => {
    const slot: SlotRecord = { id: 3, stamp: 'ab', run: '', madeAtMs: 0, isSettled: false }
    const { file, state } = memoryFile(10_000, (written, wanted) => (written < wanted ? 4294967288 : written))
    const { directory, removed } = directoryOf(new Map([['slot-000003', file]]))
    await expect(makeSlot(directory, slot, filling)).rejects.toMatchObject({ name: 'QuotaExceededError' })
    expect(removed).toEqual(['slot-000003'])
    expect(state().isClosed).toBe(true)
  })

  test('a slot that is stopped on the way leaves no file', async () => {
    const slot: SlotRecord = { id: 3, stamp: 'ab', run: '', madeAtMs: 0, isSettled: false }
    const { file, state } = memoryFile()
    const { directory, removed } = directoryOf(new Map([['slot-000003', file]]))
    await expect(makeSlot(directory, slot, { ...filling, isStopped: () => true })).rejects.toMatchObject({ name: 'AbortError' })
    expect(removed).toEqual(['slot-000003'])
    expect(state().isClosed).toBe(true)
  })

  test('a slot is written full and flushed', async () => {
    const slot: SlotRecord = { id: 3, stamp: 'ab', run: '', madeAtMs: 0, isSettled: false }
    const { file, state } = memoryFile()
    await makeSlot(directoryOf(new Map([['slot-000003', file]])).directory, slot, filling)
    expect(state()).toMatchObject({ flushCount: 1, isClosed: true })
    expect(state().bytes).toHaveLength(65_536)
    expect(new TextDecoder().decode(state().bytes.subarray(0, 17))).toBe('millrace slot ab\n')
  })

  test('a file that another one holds is waited for until the deadline, then the job is locked', async () => {
    const held = new DOMException('held', 'NoModificationAllowedError')
    const files = new Map<string, SyncFile | DOMException>([['a', held]])
    const { directory } = directoryOf(files)
    const start = performance.now()
    const options = { mayCreate: false, clock: systemClock, deadlineMs: 200 }
    await expect(openSyncFile(directory, 'a', options)).rejects.toMatchObject({
      name: 'JobStateError',
      code: 'JOB_LOCKED',
      retryable: true,
    })
    expect(performance.now() - start).toBeGreaterThan(150)
    setTimeout(() => files.set('a', memoryFile().file), 60)
    expect(await openSyncFile(directory, 'a', options)).not.toBeNull()
    expect(await openSyncFile(directory, 'b', options)).toBeNull()
  })
})

describe('blocks of slots', () => {
  test('one run is taken where there is one that is long enough, several otherwise, none when there are too few', () => {
    const blocks = new Blocks(10)
    blocks.addSlot(1, 6, 1)
    blocks.addSlot(2, 9, 1)
    expect(blocks.take(60)).toEqual([{ slot: 2, block: 1, count: 6 }])
    expect(blocks.take(70)).toEqual([
      { slot: 1, block: 1, count: 5 },
      { slot: 2, block: 7, count: 2 },
    ])
    expect(blocks.take(1)).toBeNull()
    blocks.mark([{ slot: 1, block: 3, count: 1 }], 0)
    expect(blocks.take(11)).toBeNull()
    expect(blocks.take(10)).toEqual([{ slot: 1, block: 3, count: 1 }])
    expect(blocks.take(0)).toBeNull()
  })

  test('what is placed at random comes back, and nothing that is in use is written over', async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const prng = new Prng(seed)
      const files = new Map([1, 2].map((id) => [id, memoryFile().file]))
      const slots = new Slots(files, 40_960, { read: () => Promise.resolve(null) }, null)
      for (const file of files.values()) file.write(new Uint8Array(40_960), { at: 0 })
      const placed: { bytes: Uint8Array; location: NonNullable<ReturnType<Slots['place']>> }[] = []
      let refused = 0
      for (let step = 0; step < 200; step++) {
        if (placed.length > 0 && prng.int(2) === 0) slots.release(placed.splice(prng.int(placed.length), 1)[0]!.location)
        const bytes = Uint8Array.from({ length: 1 + prng.int(12_000) }, () => prng.int(256))
        const location = slots.place(bytes)
        if (location === null) refused++
        else placed.push({ bytes, location })
        if (step % 40 === 0) slots.occupy(placed.map(({ location: of }) => of))
        for (const { bytes: wanted, location: at } of placed)
          expect(Buffer.compare((await slots.read(at))!, wanted), `seed ${seed}`).toBe(0)
      }
      expect(refused).toBeGreaterThan(0)
    }
  })
})
