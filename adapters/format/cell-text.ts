/**
 * Careful conversion of texts and JSON values to cells: what the fast paths of the decoders do not take ends here.
 *
 * Before: csv-decoder, ndjson-decoder. After: the builder, or a dead letter with the reason.
 *
 * Invariant: either the cell is set and the answer is null, or the row must become a dead letter with the answer's code and reason.
 */

import { type BatchBuilder, type ColumnBuffer, preview } from '../../runtime/batch-builder.ts'
import { scanInstant } from './text-scan.ts'

/** Why a value cannot be a cell. */
export interface CellProblem {
  readonly code: 'FIELD_TYPE' | 'TIMESTAMP_INVALID' | 'NUMBER_RANGE'
  readonly reason: string
}

const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/
const LONG_YEAR = /^[+-]\d{6}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)$/
const NOT_FINITE = new Map([
  ['NaN', Number.NaN],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['+Infinity', Number.POSITIVE_INFINITY],
  ['-Infinity', Number.NEGATIVE_INFINITY],
])
const encoder = new TextEncoder()

/** Sets a cell from the text of a CSV field that is not null. */
export function setCellText(builder: BatchBuilder, column: ColumnBuffer, field: string): CellProblem | null {
  const row = builder.rowCount
  if (column.type === 'utf8') {
    column.values[row] = builder.dictionary.codeOf(field)
    return null
  }
  const text = field.trim()
  switch (column.type) {
    case 'bool': {
      const isTrue = text === 'true' || text === '1'
      if (!isTrue && text !== 'false' && text !== '0') return wrongType(column, quoted(field))
      column.values[row] = isTrue ? 1 : 0
      return null
    }
    case 'timestamp': {
      const instant = NUMBER.test(text) ? Number(text) : parseInstant(text)
      return setInstant(column, row, instant, quoted(field))
    }
    case 'i32':
      return NUMBER.test(text) ? setInteger(column, row, Number(text)) : wrongType(column, quoted(field))
    case 'f64': {
      const special = NOT_FINITE.get(text)
      if (special === undefined)
        return NUMBER.test(text) ? setNumber(column, row, Number(text), quoted(field)) : wrongType(column, quoted(field))
      column.values[row] = special
      return null
    }
    case 'json':
      throw new RangeError(`Column ${column.name} is of results only`)
    default:
      return column.type satisfies never
  }
}

/** Sets a cell from a value of JSON that is neither missing nor null. The strings NaN, Infinity and -Infinity are f64 values. */
export function setCellJson(builder: BatchBuilder, column: ColumnBuffer, value: unknown): CellProblem | null {
  const row = builder.rowCount
  switch (column.type) {
    case 'utf8':
      if (typeof value !== 'string') return wrongType(column, described(value))
      column.values[row] = builder.dictionary.codeOf(value)
      return null
    case 'bool':
      if (typeof value !== 'boolean') return wrongType(column, described(value))
      column.values[row] = value ? 1 : 0
      return null
    case 'timestamp': {
      const instant = typeof value === 'number' ? value : typeof value === 'string' ? parseInstant(value) : Number.NaN
      return setInstant(column, row, instant, described(value))
    }
    case 'i32':
      return typeof value === 'number' ? setInteger(column, row, value) : wrongType(column, described(value))
    case 'f64': {
      if (typeof value === 'number') return setNumber(column, row, value, described(value))
      const special = typeof value === 'string' ? NOT_FINITE.get(value) : undefined
      if (special === undefined) return wrongType(column, described(value))
      column.values[row] = special
      return null
    }
    case 'json':
      throw new RangeError(`Column ${column.name} is of results only`)
    default:
      return column.type satisfies never
  }
}

function parseInstant(text: string): number {
  if (LONG_YEAR.test(text)) return Date.parse(text)
  const bytes = encoder.encode(text)
  return scanInstant(bytes, 0, bytes.length)
}

function setInstant(column: ColumnBuffer, row: number, instant: number, found: string): CellProblem | null {
  if (!Number.isFinite(instant)) {
    const reason = `Field ${column.name} should be milliseconds since 1970 or an ISO 8601 instant with a zone, found ${found}`
    return { code: 'TIMESTAMP_INVALID', reason }
  }
  column.values[row] = instant
  return null
}

function setInteger(column: ColumnBuffer, row: number, value: number): CellProblem | null {
  if ((value | 0) !== value) return wrongType(column, `the number ${value}`)
  column.values[row] = value
  return null
}

function setNumber(column: ColumnBuffer, row: number, value: number, found: string): CellProblem | null {
  if (!Number.isFinite(value)) return { code: 'NUMBER_RANGE', reason: `Field ${column.name} is beyond the range of f64, found ${found}` }
  column.values[row] = value
  return null
}

function wrongType(column: ColumnBuffer, found: string): CellProblem {
  return { code: 'FIELD_TYPE', reason: `Field ${column.name} should be ${column.type}, found ${found}` }
}

function quoted(text: string): string {
  return JSON.stringify(preview(text))
}

function described(value: unknown): string {
  if (typeof value === 'string') return `the string ${quoted(value)}`
  if (typeof value === 'number' || typeof value === 'boolean') return `the ${typeof value} ${value}`
  return Array.isArray(value) ? 'an array' : 'an object'
}
