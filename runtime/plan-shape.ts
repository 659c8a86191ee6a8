/**
 * Windows beyond tumbling and sliding, as a plan writes them; those of calendars and tables are in `window-assigner/calendar-spec.ts`.
 *
 * Before: `plan-window.ts`, by the rules of `plan-window-rules.ts`. After: `plan-window-derive.ts`, which checks expressions.
 *
 * Invariant: a window that passes has at most {@link FANOUT_MAX} windows per record, as far as its definition tells.
 */

import { DURATION_MS_MAX } from './duration.ts'
import type { Expression } from './expression/expression.ts'
import { bare, Fields } from './plan-fields.ts'
import { planError } from './plan-problem.ts'
import type { FunctionRef, SessionShape, WindowShape } from './plan-spec.ts'
import { FANOUT_MAX, parseOffset } from './plan-window.ts'

/** Most records a count window has. */
export const COUNT_MAX = 1_000_000

const POSITIVE = { wanted: 'a positive integer of milliseconds', least: 1, most: DURATION_MS_MAX }
const NOT_NEGATIVE = { wanted: 'a non-negative integer of milliseconds', least: 0, most: DURATION_MS_MAX }

export function parseCumulate(fields: Fields): WindowShape {
  fields.allow(['kind', 'sizeMs', 'stepMs', 'offsetMs'])
  const sizeMs = fields.integer('sizeMs', { code: 'WINDOW_SIZE_INVALID', ...POSITIVE })
  const stepMs = fields.integer('stepMs', { code: 'WINDOW_STEP_INVALID', ...POSITIVE })
  if (sizeMs % stepMs !== 0) {
    const found = `sizeMs ${sizeMs} and stepMs ${stepMs}`
    const remedy = 'windows grow by whole steps: choose a step that divides the size'
    throw planError('WINDOW_STEP_INVALID', fields.at('stepMs'), { found, wanted: 'a step that divides the size', remedy }, true)
  }
  if (sizeMs / stepMs > FANOUT_MAX) throw fanout(fields.path, `${sizeMs / stepMs} windows that begin together`, 'choose a longer step')
  return { kind: 'cumulate', sizeMs, stepMs, offsetMs: parseOffset(fields, 'sizeMs', sizeMs) }
}

function fanout(path: string, found: string, remedy: string): Error {
  return planError('WINDOW_FANOUT', path, { found, wanted: `at most ${FANOUT_MAX}`, remedy }, true)
}

export function parseSession(fields: Fields): WindowShape {
  fields.allow(['kind', 'gapMs', 'gap', 'maxLengthMs'])
  if (fields.has('gapMs') === fields.has('gap')) {
    const found = fields.has('gap') ? 'gapMs and gap' : 'neither gapMs nor gap'
    throw planError('SESSION_GAP_INVALID', fields.path, { found, wanted: 'gapMs, or gap for a gap by record' }, true)
  }
  const gap: Pick<SessionShape, 'gap' | 'gapMs'> = fields.has('gap')
    ? { gap: parseComputed(fields, 'gap') }
    : { gapMs: fields.integer('gapMs', { code: 'SESSION_GAP_INVALID', ...POSITIVE }) }
  const maxLength = parseMaxLength(fields)
  if (gap.gapMs !== undefined && maxLength.maxLengthMs !== undefined && maxLength.maxLengthMs < gap.gapMs) {
    throw planError(
      'WINDOW_LENGTH_INVALID',
      fields.at('maxLengthMs'),
      {
        found: `${maxLength.maxLengthMs}, less than the gap of ${gap.gapMs}`,
        wanted: 'at least the gap',
        remedy: 'a session of one record is as long as the gap already',
      },
      true,
    )
  }
  return { kind: 'session', ...gap, ...maxLength }
}

function parseMaxLength(fields: Fields): { readonly maxLengthMs?: number } {
  return fields.has('maxLengthMs') ? { maxLengthMs: fields.integer('maxLengthMs', { code: 'WINDOW_LENGTH_INVALID', ...POSITIVE }) } : {}
}

/** An expression, which is checked once the columns are known, or the mark of a function. */
function parseComputed(fields: Fields, name: string): Expression | FunctionRef {
  const value = fields.required(name, 'an expression, or {"function": true}')
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, 'function')) return value as Expression
  return bare({ function: new Fields(value, fields.at(name), ['function']).functionRef('function') })
}

export function parseCountTumbling(fields: Fields): WindowShape {
  fields.allow(['kind', 'n', 'partial'])
  return { kind: 'countTumbling', n: parseCount(fields, 'n'), ...(fields.flag('partial') ? { partial: true } : {}) }
}

export function parseCountSliding(fields: Fields): WindowShape {
  fields.allow(['kind', 'n', 'every', 'partial'])
  const n = parseCount(fields, 'n')
  const every = parseCount(fields, 'every')
  if (Math.ceil(n / every) > FANOUT_MAX)
    throw fanout(fields.path, `a record in ${Math.ceil(n / every)} windows`, 'choose a longer distance')
  return { kind: 'countSliding', n, every, ...(fields.flag('partial') ? { partial: true } : {}) }
}

function parseCount(fields: Fields, name: string): number {
  return fields.integer(name, { code: 'WINDOW_COUNT_INVALID', wanted: `1 to ${COUNT_MAX} records`, least: 1, most: COUNT_MAX })
}

export function parseGlobal(fields: Fields): WindowShape {
  fields.allow(['kind'])
  return { kind: 'global' }
}

export function parseAround(fields: Fields): WindowShape {
  fields.allow(['kind', 'beforeMs', 'afterMs'])
  const code = 'WINDOW_SIZE_INVALID'
  return {
    kind: 'around',
    beforeMs: fields.integer('beforeMs', { code, ...NOT_NEGATIVE }),
    afterMs: fields.integer('afterMs', { code, ...NOT_NEGATIVE }),
  }
}

export function parseSlidingByRecord(fields: Fields): WindowShape {
  fields.allow(['kind', 'differenceMs'])
  return { kind: 'slidingByRecord', differenceMs: fields.integer('differenceMs', { code: 'WINDOW_SIZE_INVALID', ...NOT_NEGATIVE }) }
}

export function parseStateWindow(fields: Fields): WindowShape {
  fields.allow(['kind', 'open', 'close', 'maxLengthMs'])
  return { kind: 'stateWindow', open: parseComputed(fields, 'open'), close: parseComputed(fields, 'close'), ...parseMaxLength(fields) }
}

export function parseCustom(fields: Fields): WindowShape {
  fields.allow(['kind', 'function'])
  return { kind: 'custom', function: fields.functionRef('function') }
}
