/**
 * What the IndexedDB sink promises, told by driving its writer as a job does, and by looking as the user's page does: with plain idb.
 *
 * Before: the page that runs the suites. After: vitest's words, portable.
 */

import { openDB } from 'idb'
import { describe, expect, test } from 'vitest'
import { indexedDbSink } from '../../adapters/indexeddb-sink.ts'
import { CHANGE_DELETE, CHANGE_INSERT, CHANGE_UPDATE_AFTER, CHANGE_UPDATE_BEFORE } from '../../kernel/layout.ts'
import { systemClock } from '../../runtime/clock.ts'
import { Dictionary } from '../../runtime/dictionary.ts'
import { type PaneColumns, RecordBatch } from '../../runtime/record-batch.ts'
import { bool, f64, schema, utf8 } from '../../runtime/schema.ts'
import type { RowTraits, SinkContext, SinkState } from '../../runtime/sink/sink.ts'
import { newName, withDatabase } from './store-places.ts'

const SCHEMA = schema({ device: utf8(), value: f64(), isOk: bool() })
type Row = readonly [device: string | null, value: number | null, isOk: boolean | null]

function batchOf(rows: readonly Row[], changes?: readonly number[]): RecordBatch {
  const dictionary = new Dictionary()
  const validity = (column: number) => Uint8Array.from(rows, (row) => (row[column] === null ? 0 : 1))
  const columns = [
    {
      name: 'device',
      type: 'utf8',
      values: Uint32Array.from(rows, ([device]) => dictionary.codeOf(device ?? '')),
      validity: validity(0),
      dictionary,
    },
    { name: 'value', type: 'f64', values: Float64Array.from(rows, ([, value]) => value ?? 0), validity: validity(1), dictionary: null },
    { name: 'isOk', type: 'bool', values: Uint8Array.from(rows, ([, , isOk]) => Number(isOk)), validity: validity(2), dictionary: null },
  ] as const
  const panes: PaneColumns | null =
    changes === undefined
      ? null
      : {
          index: new Uint32Array(rows.length),
          timing: new Uint8Array(rows.length),
          change: Uint8Array.from(changes),
          isLast: new Uint8Array(rows.length),
        }
  return new RecordBatch(SCHEMA, columns, rows.length, panes)
}

const simple = (from: number, to: number) => batchOf(Array.from({ length: to - from }, (_, at) => [`d${from + at}`, from + at, true]))

export function sinkLaws(): void {
  describe('IndexedDB sink', () => {
    const ofJob = { ending: new AbortController().signal, finished: new Promise<never>(() => {}), clock: systemClock }
    const traits: RowTraits = { kind: 'events', key: null, timeColumn: null }
    const open = (
      database: string,
      epoch: number,
      restored: SinkState | null,
      key?: readonly string[] | null,
      changes: Partial<SinkContext> = {},
    ) =>
      indexedDbSink({ database, store: 'rows', ...(key === undefined ? {} : { key }) }).open({
        name: 'out',
        jobName: 'job',
        epoch,
        schema: SCHEMA,
        restored,
        hasCheckpoints: true,
        traits,
        ...ofJob,
        ...changes,
      })
    const seen = (database: string) =>
      withDatabase(database, async (of) => ({ keys: await of.getAllKeys('rows'), rows: await of.getAll('rows') }))
    const numbers = async (database: string) => (await seen(database)).rows.map((row) => (row as { value: number }).value)
    const range = (to: number) => Array.from({ length: to }, (_, index) => index)

    test('rows are visible when their checkpoint is committed, not before', async () => {
      const name = newName()
      const writer = await open(name, 1, null)
      await writer.write(simple(0, 3))
      expect((await seen(name)).rows).toEqual([])
      await writer.prepare(1)
      expect((await seen(name)).rows).toEqual([])
      await writer.write(simple(3, 5))
      await writer.commit(1)
      expect(await seen(name)).toEqual({
        keys: [0, 1, 2],
        rows: range(3).map((value) => ({ device: `d${value}`, value, isOk: true })),
      })
      await writer.prepare(2)
      await writer.commit(2)
      await writer.commit(2)
      await writer.finish()
      expect(await numbers(name)).toEqual(range(5))
    })

    test('many rows are staged on the way and come in order', async () => {
      const name = newName()
      const writer = await open(name, 1, null)
      for (let from = 0; from < 7_000; from += 700) await writer.write(simple(from, from + 700))
      await writer.prepare(1)
      await writer.commit(1)
      expect(await numbers(name)).toEqual(range(7_000))
      expect(await withDatabase(name, (database) => database.count('millrace'))).toBe(1)
    })

    for (const moment of ['before the prepare', 'after the prepare', 'after the commit'] as const) {
      test(`killed ${moment} of a checkpoint that was completed or not, rows are there once`, async () => {
        for (const isCompleted of moment === 'before the prepare' ? [false] : [true, false]) {
          const name = newName()
          const first = await open(name, 1, null)
          await first.write(simple(0, 4))
          const one = await first.prepare(1)
          await first.commit(1)
          await first.write(simple(4, 6))
          let restored = one
          if (moment !== 'before the prepare') {
            const two = await first.prepare(2)
            if (isCompleted) restored = two
          }
          if (moment === 'after the commit') await first.commit(2)
          const second = await open(name, 2, restored)
          const visible = isCompleted ? 6 : 4
          expect(await numbers(name), `${isCompleted}`).toEqual(range(visible))
          await second.write(simple(visible, 9))
          await second.prepare(3)
          await second.commit(3)
          expect(await numbers(name)).toEqual(range(9))
        }
      })
    }

    test('a writer of an earlier start is fenced', async () => {
      const name = newName()
      const first = await open(name, 1, null)
      await first.write(simple(0, 2))
      const state = await first.prepare(1)
      await first.commit(1)
      const second = await open(name, 2, state)
      await first.write(simple(2, 4))
      await expect(first.prepare(2)).rejects.toMatchObject({ name: 'JobStateError', code: 'JOB_FENCED' })
      await second.write(simple(2, 3))
      await second.prepare(2)
      await second.commit(2)
      expect(await numbers(name)).toEqual(range(3))
      await expect(open(name, 1, state)).rejects.toMatchObject({ code: 'JOB_FENCED' })
    })

    test('by key the newest result stands, and what is taken back is gone', async () => {
      const name = newName()
      const writer = await open(name, 1, null, ['device', 'value', 'isOk'])
      await writer.write(
        batchOf([
          ['a', 1, true],
          ['b', null, false],
          [null, Number.NaN, null],
        ]),
      )
      await writer.prepare(1)
      await writer.commit(1)
      expect((await seen(name)).keys).toEqual([
        ['a', 1, 1],
        ['b', [], 0],
        [[], 'NaN', []],
      ])
      const byDevice = newName()
      const other = await open(byDevice, 1, null, ['device'])
      await other.write(
        batchOf(
          [
            ['a', 1, true],
            ['b', 1, true],
            ['a', 1, true],
            ['a', 2, true],
            ['b', 1, true],
          ],
          [CHANGE_INSERT, CHANGE_INSERT, CHANGE_UPDATE_BEFORE, CHANGE_UPDATE_AFTER, CHANGE_DELETE],
        ),
      )
      await other.prepare(1)
      await other.commit(1)
      expect(await seen(byDevice)).toEqual({ keys: [['a']], rows: [{ device: 'a', value: 2, isOk: true }] })
    })

    test('without a key the job says what names a result, unless rows are to be numbered', async () => {
      for (const [key, keys] of [
        [undefined, [['d0', 0]]],
        [null, [0]],
      ] as const) {
        const name = newName()
        const changes = { traits: { kind: 'results', key: ['device', 'value'], timeColumn: null } } as const
        const writer = await open(name, 1, null, key, changes)
        await writer.write(simple(0, 1))
        await writer.prepare(1)
        await writer.commit(1)
        expect((await seen(name)).keys).toEqual(keys)
      }
    })

    test('without a key a result that is taken back is refused', async () => {
      const writer = await open(newName(), 1, null)
      await expect(async () => writer.write(batchOf([['a', 1, true]], [CHANGE_DELETE]))).rejects.toMatchObject({ code: 'SINK_KEY_MISSING' })
    })

    test('a fresh start replaces the results of an earlier one with its first commit', async () => {
      const name = newName()
      const first = await open(name, 1, null)
      await first.write(simple(0, 5))
      await first.prepare(1)
      await first.commit(1)
      const second = await open(name, 1, null)
      expect(await numbers(name)).toEqual(range(5))
      await second.write(simple(0, 2))
      await second.prepare(1)
      await second.commit(1)
      expect(await numbers(name)).toEqual(range(2))
      const third = await open(name, 2, null)
      await third.prepare(1)
      await third.commit(1)
      expect(await numbers(name)).toEqual([])
    })

    test('from an older checkpoint numbered rows go back to it', async () => {
      const name = newName()
      const first = await open(name, 1, null)
      await first.write(simple(0, 3))
      const one = await first.prepare(1)
      await first.commit(1)
      await first.write(simple(3, 8))
      await first.prepare(2)
      await first.commit(2)
      const second = await open(name, 2, one)
      expect(await numbers(name)).toEqual(range(3))
      await second.write(simple(3, 4))
      await second.prepare(2)
      await second.commit(2)
      expect(await numbers(name)).toEqual(range(4))
    })

    test('a database that was deleted is SINK_STATE_LOST, one of another job SINK_FOREIGN', async () => {
      const name = newName()
      const first = await open(name, 1, null)
      await first.write(simple(0, 3))
      const one = await first.prepare(1)
      await first.commit(1)
      await expect(open(name, 1, null, undefined, { jobName: 'another' })).rejects.toMatchObject({
        name: 'ConnectorError',
        code: 'SINK_FOREIGN',
      })
      await first.close()
      await new Promise((resolve) => {
        indexedDB.deleteDatabase(name).addEventListener('success', resolve)
      })
      await expect(open(name, 2, one)).rejects.toMatchObject({ code: 'SINK_STATE_LOST' })
    })

    test('a database of the user keeps its stores, and two sinks share one', async () => {
      const name = newName()
      const own = await openDB(name, 3, { upgrade: (database) => void database.createObjectStore('settings') })
      await own.put('settings', 'dark', 'theme')
      own.close()
      const context: SinkContext = {
        name: 'a',
        jobName: 'job',
        epoch: 1,
        schema: SCHEMA,
        restored: null,
        hasCheckpoints: false,
        traits,
        ...ofJob,
      }
      const writers = await Promise.all(
        ['a', 'b'].map((store) => indexedDbSink({ database: name, store }).open({ ...context, name: store })),
      )
      for (const [index, writer] of writers.entries()) {
        await writer.write(simple(0, index + 1))
        await writer.prepare(1)
        await writer.commit(1)
      }
      await withDatabase(name, async (database) => {
        expect(await database.get('settings', 'theme')).toBe('dark')
        expect(await database.count('a')).toBe(1)
        expect(await database.count('b')).toBe(2)
      })
    })

    test('a key that is no column, and a store that is ours, are refused', async () => {
      await expect(open(newName(), 1, null, ['devise'])).rejects.toMatchObject({ name: 'ConfigError', code: 'SINK_KEY_INVALID' })
      await expect(open(newName(), 1, null, [])).rejects.toMatchObject({ code: 'SINK_KEY_INVALID' })
      expect(() => indexedDbSink({ database: 'a', store: 'millrace' })).toThrow('keeps the commits')
    })
  })
}
