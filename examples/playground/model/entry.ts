/**
 * The stream of the playground: what happens, in order of arrival. One entry is one step of the time line.
 *
 * Before: the gallery, the table, the text or the generator. After: the engine, which plays it, and the link, which carries it.
 *
 * As text a stream is NDJSON: a record is an object of its columns, with `$split` if the source has several splits; `{"$clock": "5s"}` lets the
 * clock go on, `{"$watermark": "12:00:10"}` says a watermark, for the strategy `manual()`.
 */

export type Row = Readonly<Record<string, unknown>>

export type Entry =
  | { readonly kind: 'record'; readonly row: Row; readonly split: number }
  | { readonly kind: 'clock'; readonly by: string }
  | { readonly kind: 'watermark'; readonly to: string | number }

/** More would be no picture any more. */
export const ENTRIES_MAX = 200

export class EntryError extends Error {
  /** From 1. */
  readonly line: number
  constructor(line: number, message: string) {
    super(message)
    this.line = line
  }
}

export function entriesOf(text: string): Entry[] {
  const entries = text.split('\n').flatMap((line, index) => (line.trim() === '' ? [] : [entryOf(line, index + 1)]))
  if (entries.length > ENTRIES_MAX) {
    throw new EntryError(ENTRIES_MAX + 1, `The time line has room for ${ENTRIES_MAX} entries, found ${entries.length}: leave some out`)
  }
  return entries
}

function entryOf(line: string, number: number): Entry {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch (error) {
    throw new EntryError(number, `Line ${number} is no JSON: ${error instanceof Error ? error.message : String(error)}`)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new EntryError(number, `Line ${number} is no record: write an object of columns, such as {"wheel": "a", "at": "12:00:03"}`)
  }
  const { $clock, $watermark, $split = 0, ...row } = value as Record<string, unknown>
  if (typeof $clock === 'string') return { kind: 'clock', by: $clock }
  if (typeof $watermark === 'string' || typeof $watermark === 'number') return { kind: 'watermark', to: $watermark }
  if (!Number.isInteger($split) || Number($split) < 0 || Number($split) > 7) {
    throw new EntryError(number, `Line ${number}: $split is the number of a split, 0 to 7, not ${JSON.stringify($split)}`)
  }
  return { kind: 'record', row, split: Number($split) }
}

export function textOf(entries: readonly Entry[]): string {
  return entries.map(lineOf).join('\n')
}

function lineOf(entry: Entry): string {
  switch (entry.kind) {
    case 'record': {
      const cells = Object.entries(entry.split === 0 ? entry.row : { ...entry.row, $split: entry.split })
      return `{ ${cells.map(([name, value]) => `${JSON.stringify(name)}: ${JSON.stringify(value)}`).join(', ')} }`
    }
    case 'clock':
      return `{ "$clock": ${JSON.stringify(entry.by)} }`
    case 'watermark':
      return `{ "$watermark": ${JSON.stringify(entry.to)} }`
    default: {
      const never: never = entry
      throw new RangeError(String(never))
    }
  }
}

/** Splits that a stream speaks of. */
export function splitCountOf(entries: readonly Entry[]): number {
  return 1 + entries.reduce((most, entry) => (entry.kind === 'record' && entry.split > most ? entry.split : most), 0)
}
