/**
 * Values of custom aggregates as JSON: what accumulators may be, their text in a checkpoint, and copies of results.
 *
 * Before: window-accumulators, with what functions of the user made. After: a section of the checkpoint, or a column of results.
 * All numbers are carried, also NaN, the infinities and -0, which JSON lacks. What would come back as something else is refused.
 *
 * Invariant: a value that is not refused comes back equal, but for fields that are undefined: those are absent.
 */

import { setField, type RowObject } from '../record-batch.ts'
import type { Json } from '../schema.ts'

/** Deeper values are refused, as are those that contain themselves. */
const DEPTH_MAX = 500

/** Stands in place of an accumulator that cannot be made: a function of the user threw. */
export class Failure {
  readonly reason: string

  constructor(reason: string) {
    this.reason = reason
  }
}

/** What in a value is not JSON, and where; null: nothing. */
export function notJson(value: unknown, path = '', depth = 0): string | null {
  if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return null
  const place = path === '' ? 'it is' : `${path.slice(0, 200)} is`
  if (depth > DEPTH_MAX) return `${place} nested more than ${DEPTH_MAX} deep, or contains itself`
  if (Array.isArray(value)) {
    // By index: holes of a list are undefined.
    for (let index = 0; index < value.length; index++) {
      const found = notJson(value[index], `${path}[${index}]`, depth + 1)
      if (found !== null) return found
    }
    return null
  }
  if (!isPlainObject(value)) return `${place} ${kindOf(value)}`
  for (const [name, part] of Object.entries(value)) {
    const found = part === undefined ? null : notJson(part, `${path}.${name}`, depth + 1)
    if (found !== null) return found
  }
  return null
}

/** An object that came from a literal or from JSON, whatever realm made it. */
function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return false
  const prototype = Object.getPrototypeOf(value) as object | null
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

function kindOf(value: unknown): string {
  if (typeof value !== 'object') return value === undefined ? 'undefined' : `a ${typeof value}`
  return `a ${(value as object).constructor?.name ?? 'object'}`
}

/** Lists and plain objects anew; the rest is the same. */
export function jsonCopy(value: Json): Json {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(jsonCopy)
  if (!isPlainObject(value)) return value
  const copy: RowObject = {}
  for (const [name, part] of Object.entries(value)) setField(copy, name, jsonCopy(part as Json))
  return copy
}

/** What JSON cannot say stands behind this character; texts that begin with it get another one in front. */
const MARK = '\u0000'
const FAILURE_MARK = `${MARK}!`

/** @param value - JSON but for numbers that JSON lacks, and failures. */
export function accumulatorText(value: unknown): string {
  return JSON.stringify(value, (_name, part: unknown) => {
    if (typeof part === 'number' && (!Number.isFinite(part) || Object.is(part, -0))) return MARK + (Object.is(part, -0) ? '-0' : part)
    if (part instanceof Failure) return FAILURE_MARK + part.reason
    return typeof part === 'string' && part.startsWith(MARK) ? MARK + part : part
  })
}

/** @throws SyntaxError when the text is not JSON. */
export function accumulatorOf(text: string): unknown {
  return JSON.parse(text, (_name, part: unknown) => {
    if (typeof part !== 'string' || !part.startsWith(MARK)) return part
    if (part.startsWith(MARK + MARK)) return part.slice(1)
    return part.startsWith(FAILURE_MARK) ? new Failure(part.slice(FAILURE_MARK.length)) : Number(part.slice(1))
  })
}
