/**
 * Streams made by dice: readings of a few wheels, out of order as much as asked for.
 *
 * Before: the sliders. After: the stream. The same seed gives the same stream.
 */

import type { Entry, Row } from './entry.ts'
import { BASE_DAY_MS, cellOf } from './time-text.ts'
import type { ColumnShape, SourceShape } from './trace.ts'

export interface GeneratorSettings {
  readonly count: number
  readonly keys: number
  /** Mean distance of two records, s. */
  readonly spacing: number
  /** How far records come late at most, s. */
  readonly disorder: number
  /** Share of records that come much later than that, 0 to 1. */
  readonly lateShare: number
  readonly seed: number
}

export const GENERATOR_DEFAULTS: GeneratorSettings = { count: 24, keys: 2, spacing: 2, disorder: 3, lateShare: 0.1, seed: 1 }

/** How much later late ones come than the disorder says. */
const LATE_S = 15

export function generated(settings: GeneratorSettings, source: SourceShape): Entry[] {
  const random = mulberry32(settings.seed)
  let second = 0
  const records = Array.from({ length: settings.count }, () => {
    second += Math.max(0, Math.round(-Math.log(1 - random()) * settings.spacing))
    const isLate = random() < settings.lateShare
    const delay = random() * settings.disorder + (isLate ? settings.disorder + LATE_S * (0.5 + random()) : 0)
    return { second, comes: second + delay, row: rowOf(source, second, settings, random) }
  })
  return records.toSorted((a, b) => a.comes - b.comes).map(({ row }): Entry => ({ kind: 'record', row, split: 0 }))
}

function rowOf({ columns, timeColumn }: SourceShape, second: number, { keys }: GeneratorSettings, random: () => number): Row {
  return Object.fromEntries(columns.map((column) => [column.name, cell(column, column.name === timeColumn ? second : null, keys, random)]))
}

function cell({ type }: ColumnShape, second: number | null, keys: number, random: () => number): unknown {
  switch (type) {
    case 'timestamp':
      return cellOf(BASE_DAY_MS + 12 * 3_600_000 + (second ?? 0) * 1000, '')
    case 'utf8':
      return String.fromCharCode(97 + Math.floor(random() * keys))
    case 'bool':
      return random() < 0.2
    default:
      return 1 + Math.floor(random() * 9)
  }
}

/** A small generator of good enough numbers (Tommy Ettinger's mulberry32). */
function mulberry32(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
