/**
 * A job with checkpoints on a file sink, stopped at every file operation, with and without loss of power.
 *
 * Before: nothing. After: adapters/file/part-files, through a file system that dies.
 *
 * Invariant: whatever was stopped where, the final file has the bytes of an undisturbed run.
 */

import { readdir, readFile, rename, stat, truncate, unlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type FileSystem, nodeFileSystem, type OpenFile } from '../../adapters/file/file-system.ts'
import { csvFile } from '../../adapters/file/index.ts'
import type { SinkState } from '../../runtime/sink/sink.ts'
import { batchOf, Chance, openSink, schemaOf, temporaryDirectory } from './file-support.ts'

class Crash extends Error {}

/**
 * Real files that die at the `deadline`-th operation. With `losesPower`, what was not synced is then lost: unsynced files keep a
 * part of their bytes, renames and new names of a directory that was not synced are undone, the newest first.
 */
function mortalSystem(
  deadline: number,
  losesPower: boolean,
  chance: Chance,
): { system: FileSystem; die: () => Promise<void>; isDead: () => boolean } {
  let count = 0
  let isDead = false
  const unsynced = new Set<string>()
  const handles = new Set<OpenFile>()
  let undo: { readonly directory: string; readonly run: () => Promise<void> }[] = []
  function tick(): void {
    if (isDead || ++count >= deadline) {
      isDead = true
      throw new Crash('killed')
    }
  }
  const fs = nodeFileSystem
  const system: FileSystem = {
    async open(path, mode) {
      tick()
      const isNew = (await fs.size(path)) === null
      const file = await fs.open(path, mode)
      handles.add(file)
      if (mode === 'write') {
        unsynced.add(path)
        if (isNew) undo.push({ directory: dirname(path), run: () => unlink(path) })
      }
      return {
        async write(bytes) {
          const half = bytes.subarray(0, Math.max(1, chance.below(bytes.length + 1)))
          if (count + 1 >= deadline && !isDead) await file.write(half)
          tick()
          return file.write(chance.is(0.3) ? half : bytes)
        },
        async read(bytes) {
          tick()
          return file.read(bytes)
        },
        async sync() {
          tick()
          await file.sync()
          unsynced.delete(path)
        },
        async close() {
          handles.delete(file)
          await file.close()
          tick()
        },
      }
    },
    async rename(from, to) {
      tick()
      const old = (await fs.size(to)) === null ? null : await readFile(to)
      await fs.rename(from, to)
      if (unsynced.delete(from)) unsynced.add(to)
      undo.push({
        directory: dirname(to),
        async run() {
          await rename(to, from)
          if (old !== null) await writeFile(to, old)
        },
      })
    },
    async unlink(path) {
      tick()
      await fs.unlink(path)
    },
    async mkdir(path) {
      tick()
      await fs.mkdir(path)
    },
    async rmdir(path) {
      tick()
      await fs.rmdir(path)
    },
    async list(path) {
      tick()
      return fs.list(path)
    },
    async size(path) {
      tick()
      return fs.size(path)
    },
    async syncDirectory(path) {
      tick()
      await fs.syncDirectory(path)
      undo = undo.filter((step) => step.directory !== path)
    },
  }
  async function die(): Promise<void> {
    isDead = true
    for (const file of handles) await file.close()
    if (!losesPower) return
    for (const path of unsynced) {
      const size = await fs.size(path)
      if (size !== null) await truncate(path, chance.below(size + 1))
    }
    for (const step of undo.toReversed()) await step.run().catch(() => {})
  }
  return { system, die, isDead: () => isDead }
}

/** A job of eight batches with checkpoints, run by a coordinator that knows the last completed checkpoint. */
async function runJob(
  path: string,
  fileSystem: FileSystem,
  checkpoint: { id: number; next: number; state: SinkState | null },
): Promise<void> {
  const columns = schemaOf({ i: 'i32', s: 'utf8' })
  const sink = csvFile(path, { fileSystem, flushBytes: 64 })
  const writer = await openSink(sink, checkpoint.state, columns)
  if (checkpoint.state !== null) await writer.commit(checkpoint.id)
  for (let next = checkpoint.next; next <= 8; next++) {
    const count = next === 4 ? 0 : 3 + next
    if (next < 8)
      await writer.write(
        batchOf(
          Array.from({ length: count }, (_, i) => ({ i: next * 100 + i, s: 'abc'.repeat(i) })),
          columns,
        ),
      )
    if (next % 2 === 0 || next === 5) {
      const state = await writer.prepare(next)
      Object.assign(checkpoint, { id: next, next: next + 1, state: JSON.parse(JSON.stringify(state)) as SinkState })
      await writer.commit(next)
    }
  }
  await writer.finish()
  await writer.close()
}

describe('a crash at every file operation', () => {
  it.each([false, true])('leaves the result of an undisturbed run (power loss: %s)', { timeout: 120_000 }, async (losesPower) => {
    const golden = join(await temporaryDirectory(), 'out.csv')
    await runJob(golden, nodeFileSystem, { id: 0, next: 1, state: null })
    const expected = await readFile(golden, 'utf8')
    expect(expected.split('\n').length).toBeGreaterThan(30)
    let crashes = 0
    for (let deadline = 1; ; deadline++) {
      const chance = new Chance(deadline)
      const path = join(await temporaryDirectory(), 'out.csv')
      const checkpoint = { id: 0, next: 1, state: null as SinkState | null }
      let wasKilled = false
      for (let attempt = 0; ; attempt++) {
        // The first crash is at the deadline; half of the runs crash a second time, somewhere in the recovery.
        const at = attempt === 0 ? deadline : attempt === 1 && deadline % 2 === 0 ? 1 + chance.below(30) : Number.POSITIVE_INFINITY
        const { system, die, isDead } = mortalSystem(at, losesPower, chance)
        try {
          await runJob(path, system, checkpoint)
          break
        } catch (error) {
          if (!isDead()) throw new Error(`deadline ${deadline}, attempt ${attempt}, power loss ${losesPower}`, { cause: error })
          wasKilled = true
          crashes++
          await die()
        }
      }
      expect(await readFile(path, 'utf8'), `deadline ${deadline}`).toBe(expected)
      expect(await readdir(dirname(path))).toEqual(['out.csv'])
      // Once more from the last checkpoint, as after a crash just behind the end.
      await runJob(path, nodeFileSystem, checkpoint)
      expect((await stat(path)).size).toBe(expected.length)
      expect(await readFile(path, 'utf8')).toBe(expected)
      if (!wasKilled) break
    }
    expect(crashes).toBeGreaterThan(80)
  })
})
