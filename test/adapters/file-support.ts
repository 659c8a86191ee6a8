/**
 * What the tests of the file adapters share: temporary files, a seeded generator, and reading a source to its end.
 *
 * Before: file-*.test.ts. After: the adapters under test.
 *
 * Invariant: chance comes from a seed that a failing test prints.
 */

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach } from 'vitest'
import { BatchBuilder, type DeadLetter } from '../../runtime/batch-builder.ts'
import { systemClock } from '../../runtime/clock.ts'
import { Dictionary } from '../../runtime/dictionary.ts'
import type { RecordBatch, RowObject } from '../../runtime/record-batch.ts'
import type { ColumnType, Schema } from '../../runtime/schema.ts'
import type { Sink, SinkState, SinkWriter } from '../../runtime/sink/sink.ts'
import type { Source, SplitPosition } from '../../runtime/source/source.ts'

const directories: string[] = []
afterEach(async () => {
  for (const directory of directories.splice(0)) await rm(directory, { recursive: true, force: true })
})

export async function temporaryDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-file-'))
  directories.push(directory)
  return directory
}

export async function temporaryFile(name: string, content: string | Uint8Array): Promise<string> {
  const path = join(await temporaryDirectory(), name)
  await writeFile(path, content)
  return path
}

export function schemaOf(columns: Readonly<Record<string, ColumnType>>): Schema {
  return { columns: Object.entries(columns).map(([name, type]) => ({ name, type })) }
}

/** The generator mulberry32 (Tommy Ettinger, public domain). */
export class Chance {
  #state: number
  constructor(seed: number) {
    this.#state = seed >>> 0
  }
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  below(limit: number): number {
    return Math.floor(this.next() * limit)
  }
  is(probability: number): boolean {
    return this.next() < probability
  }
  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!
  }
}

export interface Reading {
  readonly rows: RowObject[]
  readonly deadLetters: DeadLetter[]
  /** After each read: the position, and how many rows and dead letters there were. */
  readonly marks: { readonly position: SplitPosition; readonly rows: number; readonly deadLetters: number }[]
}

export interface ReadSettings {
  readonly from?: SplitPosition | null
  readonly rowsMax?: () => number
  readonly split?: number
}

/** Reads a split to its end, or until it throws: then what came before is in `into`. */
export async function readAll(
  source: Source,
  schema: Schema,
  { from = null, rowsMax = () => 1000, split = 0 }: ReadSettings = {},
  into: Reading = { rows: [], deadLetters: [], marks: [] },
): Promise<Reading> {
  const splits = await source.splits({ name: 'test', schema, clock: systemClock, hasCheckpoints: false, openJournal: null })
  const reader = await splits[split]!.open(from)
  const builder = new BatchBuilder(schema, 1024, new Dictionary())
  try {
    for (;;) {
      builder.clear()
      const most = rowsMax()
      const result = await reader.read(builder, most)
      if (builder.rowCount > most) throw new Error(`read added ${builder.rowCount} rows, the limit was ${most}`)
      const batch = builder.build()
      for (let row = 0; row < batch.rowCount; row++) into.rows.push(batch.row(row))
      into.deadLetters.push(...builder.deadLetters)
      into.marks.push({ position: reader.position(), rows: into.rows.length, deadLetters: into.deadLetters.length })
      if (result === 'end') return into
    }
  } finally {
    await reader.close()
  }
}

export function codesOf(reading: Reading): string[] {
  return reading.deadLetters.map(({ code }) => code)
}

export function batchOf(rows: readonly object[], columns: Schema): RecordBatch {
  const builder = new BatchBuilder(columns, Math.max(rows.length, 1), new Dictionary())
  for (const row of rows) if (!builder.appendRow(row, '')) throw new Error(builder.deadLetters[0]!.reason)
  return builder.build()
}

/** A writer of a job with checkpoints. */
export function openSink(sink: Sink, restored: SinkState | null, columns: Schema): Promise<SinkWriter> {
  return sink.open({
    name: 'out',
    jobName: 'test',
    epoch: 1,
    schema: columns,
    traits: { kind: 'events', key: null, timeColumn: null },
    restored,
    hasCheckpoints: true,
    clock: systemClock,
    ending: new AbortController().signal,
    finished: Promise.resolve(),
  })
}
