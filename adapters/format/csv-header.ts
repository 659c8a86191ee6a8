/**
 * The header of a CSV file, and which field goes to which column of the schema.
 *
 * Before: who opens the content at its beginning. After: csv-decoder.
 *
 * Invariant: column names are compared as texts in a Map or array, never as properties of an object.
 */

import { ConfigError } from '../../runtime/errors.ts'
import type { Schema } from '../../runtime/schema.ts'
import type { ByteInput } from './byte-input.ts'
import { CsvRecord } from './csv-record.ts'
import { fill } from './line-reader.ts'
import type { LineBuffer } from './line-buffer.ts'
import { isUtf8 } from './text-scan.ts'

const NEWLINE = 0x0a
const RETURN = 0x0d

interface HeaderOptions {
  readonly delimiter: number
  readonly lineBytesMax: number
}

/** Reads the names in the first record that is not blank, and leaves `buffer` behind it; null if the content has none. */
export async function readHeader(
  input: ByteInput,
  buffer: LineBuffer,
  path: string,
  options: HeaderOptions,
): Promise<readonly string[] | null> {
  for (;;) {
    const names = takeHeader(buffer, path, options)
    if (names !== undefined) return names
    await fill(input, buffer)
  }
}

/** As {@link readHeader} of the bytes at hand; undefined when more of them are needed. */
export function takeHeader(
  buffer: LineBuffer,
  path: string,
  { delimiter, lineBytesMax }: HeaderOptions,
): readonly string[] | null | undefined {
  const record = new CsvRecord(delimiter)
  for (;;) {
    if (!buffer.hasLine && !buffer.isEnded) {
      if (buffer.end - buffer.start > lineBytesMax) throw headerError(path, `its first line is longer than ${lineBytesMax} bytes`)
      return undefined
    }
    if (!buffer.hasLine) return null
    const { bytes, start, end } = buffer
    const blank = bytes[start] === NEWLINE ? 1 : bytes[start] === RETURN && bytes[start + 1] === NEWLINE ? 2 : 0
    if (blank > 0) {
      buffer.start += blank
      buffer.line++
      continue
    }
    const status = record.scan(bytes, start, end)
    if (status === 'malformed') throw headerError(path, record.reason)
    if (status === 'incomplete') {
      if (buffer.isEnded || end - start > lineBytesMax) throw headerError(path, 'a quote is not closed')
      return undefined
    }
    if (!isUtf8(bytes, start, record.next)) throw headerError(path, 'it is not valid UTF-8')
    const names = Array.from({ length: record.count }, (_, field) => record.text(bytes, field))
    buffer.start = record.next
    buffer.line += record.lines
    return names
  }
}

function headerError(path: string, why: string): ConfigError {
  return new ConfigError(
    'CSV_HEADER_INVALID',
    `Cannot use the header of ${path}: ${why}; correct the file, or name its columns with the option header`,
  )
}

/**
 * Of each field the index of its column in the schema, or -1.
 *
 * @throws ConfigError `CSV_HEADER_DUPLICATE`, `COLUMN_UNKNOWN`
 */
export function matchHeader(names: readonly string[], schema: Schema, path: string): readonly number[] {
  const byName = new Map<string, number>()
  names.forEach((name, field) => {
    const earlier = byName.get(name)
    if (earlier !== undefined && name !== '') {
      const fields = `${earlier + 1} and ${field + 1}`
      const message = `Cannot use the header of ${path}: column ${JSON.stringify(name)} stands in fields ${fields}; rename one`
      throw new ConfigError('CSV_HEADER_DUPLICATE', message, { details: { path, column: name } })
    }
    byName.set(name, field)
  })
  const targets = names.map(() => -1)
  schema.columns.forEach(({ name }, column) => {
    const field = byName.get(name)
    if (field === undefined) throw unknownColumn(name, names, path)
    targets[field] = column
  })
  return targets
}

function unknownColumn(name: string, names: readonly string[], path: string): ConfigError {
  const nearest = nearestName(name, names)
  const hint = nearest === null ? '' : `; did you mean ${JSON.stringify(nearest)}?`
  const shown = names.slice(0, 40).map((known) => JSON.stringify(known))
  const list = names.length > 40 ? `${shown.join(', ')} and ${names.length - 40} more` : shown.join(', ')
  const message = `Cannot find column ${JSON.stringify(name)} in ${path}${hint} Its columns are ${list}`
  return new ConfigError('COLUMN_UNKNOWN', hint === '' ? message.replace(`${path} Its`, `${path}: its`) : message, {
    details: { path, column: name, columns: names },
  })
}

/** The name at the smallest edit distance, if it is near enough to be meant. */
function nearestName(name: string, names: readonly string[]): string | null {
  let best: string | null = null
  let bestDistance = Math.max(1, Math.floor(name.length / 3)) + 1
  for (const known of names) {
    const distance = known.toLowerCase() === name.toLowerCase() ? 0 : editDistance(name, known)
    if (distance < bestDistance) {
      best = known
      bestDistance = distance
    }
  }
  return best
}

/** Levenshtein's distance, row by row; names beyond 100 characters are cut. */
function editDistance(left: string, right: string): number {
  const a = left.slice(0, 100)
  const b = right.slice(0, 100)
  let above = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      row[j] = Math.min(above[j]! + 1, row[j - 1]! + 1, above[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1))
    }
    above = row
  }
  return above[b.length]!
}
