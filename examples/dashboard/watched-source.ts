/**
 * Looks over the shoulder of a source: which number it has reached, and which of the readings are traced.
 *
 * Before: any source of readings. After: the job, which gets exactly what the source gives; and the page, which draws the dots.
 * The number is that of the sender, so it tells what the job's own counts cannot: whether anything is missing or was there twice.
 *
 * Invariant: rows pass unchanged.
 */

import type { BatchBuilder, ReadResult, Source, SplitReader } from 'millrace'
import { deviceOf } from './generator/fleet.ts'

/** A traced reading as it entered the job. */
export interface TracedReading {
  readonly number: number
  readonly device: number
  readonly at: number
  readonly celsius: number
  /** When the job read it, ms since the epoch, with fractions. */
  readonly arrivedMs: number
}

export interface SourceWatcher {
  /** Readings before this number have entered the job, or were dead letters. */
  reached(number: number): void
  traced(reading: TracedReading): void
}

export function watchedSource(source: Source, watcher: SourceWatcher): Source {
  return {
    kind: source.kind,
    isReplayable: source.isReplayable,
    isBounded: source.isBounded,
    async splits(context) {
      const splits = await source.splits(context)
      return splits.map((split) => ({
        splitId: split.splitId,
        open: async (position) => watchedReader(await split.open(position), watcher),
      }))
    },
  }
}

function watchedReader(reader: SplitReader, watcher: SourceWatcher): SplitReader {
  const look = (builder: BatchBuilder, firstRow: number, firstLetter: number) => {
    const numbers = column(builder, 'number').values
    let last = builder.rowCount > firstRow ? Number(numbers[builder.rowCount - 1]) : -1
    // A damaged line is no row, but shows its number.
    for (const { preview } of builder.deadLetters.slice(firstLetter))
      last = Math.max(last, Number(/"number":(\d+),/.exec(preview)?.[1] ?? -1))
    if (last >= 0) watcher.reached(last + 1)
    trace(builder, firstRow, watcher)
  }
  return {
    read(builder, rowsMax): ReadResult | Promise<ReadResult> {
      const firstRow = builder.rowCount
      const firstLetter = builder.deadLetters.length
      const result = reader.read(builder, rowsMax)
      if (!(result instanceof Promise)) {
        look(builder, firstRow, firstLetter)
        return result
      }
      return result.then((value) => {
        look(builder, firstRow, firstLetter)
        return value
      })
    },
    position: () => reader.position(),
    progress: () => reader.progress(),
    ...(reader.watermark === undefined ? {} : { watermark: () => reader.watermark!() }),
    ...(reader.checkpointed === undefined ? {} : { checkpointed: (position) => reader.checkpointed!(position) }),
    ...(reader.ready === undefined ? {} : { ready: () => reader.ready!() }),
    close: () => reader.close(),
  }
}

function column(builder: BatchBuilder, name: string) {
  return builder.columns.find((candidate) => candidate.name === name)!
}

function trace(builder: BatchBuilder, firstRow: number, watcher: SourceWatcher): void {
  const traced = column(builder, 'traced').values
  const arrivedMs = performance.timeOrigin + performance.now()
  for (let row = firstRow; row < builder.rowCount; row++) {
    if (traced[row] === 0) continue
    watcher.traced({
      number: Number(column(builder, 'number').values[row]),
      device: deviceOf(builder.dictionary.stringAt(Number(column(builder, 'device').values[row]))),
      at: Number(column(builder, 'at').values[row]),
      celsius: Number(column(builder, 'celsius').values[row]),
      arrivedMs,
    })
  }
}
