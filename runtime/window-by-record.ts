/**
 * Windows that follow records rather than a grid of time: counts, states, around every record, or as a function says.
 *
 * Before: the user's declaration. After: the plan's window operators.
 *
 * Invariant: what is left out stays left out; the plan fills in defaults.
 */

import { type Duration, durationMs } from './duration.ts'
import { Expr, type ExprKind, type Needs, type Refs } from './expression/expression.ts'
import { bringing } from './plan-rules.ts'
import { windowRules } from './plan-window-rules.ts'
import { type LengthOptions, lengthOf, type WindowDeclaration } from './window.ts'
import type { CustomWindow } from './window-assigner/custom-windows.ts'

export interface CountOptions {
  /** At the end of the stream, windows that are not full fire too. */
  readonly partial?: boolean
}

const partialOf = ({ partial }: CountOptions): { readonly partial?: true } => (partial === true ? { partial } : {})

/** Windows of n records of a key, one after the other in their order of arrival. */
export function countTumbling(n: number, options: CountOptions = {}): WindowDeclaration {
  return bringing({ kind: 'countTumbling', n, ...partialOf(options) }, windowRules())
}

/** Windows of n records of a key that begin every so many records. The first is full after n records. */
export function countSliding(n: number, every: number, options: CountOptions = {}): WindowDeclaration {
  return bringing({ kind: 'countSliding', n, every, ...partialOf(options) }, windowRules())
}

/**
 * A window for every record: from so long before it to so long after it, both included.
 *
 * @throws ConfigError `DURATION_INVALID`.
 */
export function around(before: Duration, after: Duration): WindowDeclaration {
  const beforeMs = durationMs(before, { of: 'how long before' })
  return bringing({ kind: 'around', beforeMs, afterMs: durationMs(after, { of: 'how long after' }) }, windowRules())
}

/**
 * Every set of records that are at most so far apart is in a window of its own: the sliding windows of Kafka Streams.
 *
 * @throws ConfigError `DURATION_INVALID`.
 */
export function slidingByRecord(difference: Duration): WindowDeclaration {
  return bringing(
    { kind: 'slidingByRecord', differenceMs: durationMs(difference, { of: 'the difference of a sliding window' }) },
    windowRules(),
  )
}

/** Whether a record opens or closes: a condition over columns. */
type ByExpression<R extends Refs, K extends ExprKind> = Expr<R, K>
/** The same as a function. */
type ByFunction<Row> = (row: Row, timestampMs: number) => boolean

/**
 * Windows from a record that opens to one that closes, both included, in the order of event time. Records between windows are in none.
 *
 * @throws ConfigError `DURATION_INVALID`.
 * @example
 * stateWindow(col('event').eq('start'), col('event').eq('stop'), { maxLength: '1d' })
 */
export function stateWindow<R extends Refs, K extends ExprKind, Q extends Refs, L extends ExprKind>(
  open: ByExpression<R, K>,
  close: ByExpression<Q, L>,
  options?: LengthOptions,
): WindowDeclaration<R | Q | Needs<K | L, 'bool'>>
export function stateWindow<Row = unknown>(
  open: ByFunction<Row>,
  close: ByFunction<Row>,
  options?: LengthOptions,
): WindowDeclaration<never, Row>
export function stateWindow(
  open: Expr | ByFunction<never>,
  close: Expr | ByFunction<never>,
  options: LengthOptions = {},
): WindowDeclaration {
  const part = (condition: Expr | ByFunction<never>) => (condition instanceof Expr ? condition.tree : { function: true })
  const functions = {
    ...(typeof open === 'function' ? { open } : {}),
    ...(typeof close === 'function' ? { close } : {}),
  }
  return bringing({ kind: 'stateWindow', open: part(open), close: part(close), ...lengthOf(options) }, windowRules(), functions)
}

/**
 * Windows that a function names for every record: `{ start, end }` in milliseconds, the end exclusive; several, or `[]` for none.
 *
 * It must depend on nothing but its arguments.
 */
export function customWindow<Row = unknown>(
  windows: (row: Row, timestampMs: number) => CustomWindow | readonly CustomWindow[],
): WindowDeclaration<never, Row> {
  return bringing({ kind: 'custom', function: true }, windowRules(), { window: windows })
}
