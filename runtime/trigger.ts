/**
 * Triggers as people write them: `onWatermark({ early: onProcessingTime('10s') })`, `orFinally(repeatedly(onCount(100)), onWatermark())`.
 *
 * Before: the user's declaration. After: the plan's window operators, which have them as they are.
 *
 * What a trigger says is repeated for ever, unless it is `once`, `orFinally` or `inOrder`: those end, and close their window; records
 * that come for it later are dropped and counted as `closed`. A trigger inside another is not repeated by itself.
 * Invariant: a trigger is plain data; what it brings beside (rules, a function) is not part of it.
 */

import { type Duration, durationMs } from './duration.ts'
import { type Expr, type ExprKind, type Expression, Expr as ExpressionBuilder, type Needs, type Refs } from './expression/expression.ts'
import { bringing, type Brought, broughtBy } from './plan-rules.ts'
import type { TriggerKind, TriggerSpec } from './plan-spec.ts'
import { windowRules } from './plan-window-rules.ts'

/** A trigger: plain data. `Needed` and `Row` are for the type checker: the columns its conditions use, and the rows its function takes. */
export interface Trigger<Needed extends Refs = never, Row = unknown> {
  readonly kind: TriggerKind
  readonly '~needs'?: () => Needed
  readonly '~row'?: (row: Row) => void
}

type Any = Trigger<Refs, never>
type NeedsOf<T> = T extends { readonly '~needs'?: () => infer N extends Refs } ? N : never
type RowsOf<T> = T extends { readonly '~row'?: (row: infer R) => void } ? R : unknown
/** A trigger made of others needs what each of them needs. */
export type TriggerOf<T extends readonly Any[]> = Trigger<NeedsOf<T[number]>, AllRowsOf<T>>
type AllRowsOf<T extends readonly Any[]> = T extends readonly [infer First, ...infer Rest extends readonly Any[]]
  ? RowsOf<First> & AllRowsOf<Rest>
  : unknown

function trigger<T extends Any>(
  spec: Any & { readonly [field: string]: unknown },
  parts: readonly Any[] = [],
  functions: Brought['functions'] = {},
): T {
  return bringing(spec, windowRules(), { ...broughtBy(...parts).functions, ...functions }) as unknown as T
}

/**
 * Fires when the watermark passes the window's end (in processing time: when the clock reaches it), and with `early` before,
 * with `late` after it. Without `late`, every late record that is still allowed fires at once. This is the default.
 *
 * @example
 * window(tumbling('1h')).trigger(onWatermark({ early: onProcessingTime('10s'), late: onCount(100) }))
 */
export function onWatermark<const E extends Any = Trigger, const L extends Any = Trigger>(
  parts: { readonly early?: E; readonly late?: L } = {},
): TriggerOf<[E, L]> {
  const given = [parts.early, parts.late].filter((part) => part !== undefined)
  return trigger({ kind: 'onWatermark', ...parts }, given)
}

/** How often panes come before or after a window's end: at intervals of the clock, or after so many records. */
export type Refinement = { readonly every: Duration } | { readonly count: number }

function refined(refinement: Refinement | Any): Any {
  if ('every' in refinement) return onProcessingTime(refinement.every)
  return 'count' in refinement ? onCount(refinement.count) : refinement
}

/**
 * Also fires before the window's end: at intervals, after so many records, or as a trigger says.
 *
 * @example
 * early({ every: '10s' })
 * early({ count: 1_000 })
 */
export function early(refinement: Refinement): Trigger
export function early<const T extends Any>(refinement: T): TriggerOf<[T]>
export function early(refinement: Refinement | Any): Any {
  return onWatermark({ early: refined(refinement) })
}

/** Late records that are still allowed do not fire one by one, but as this says. */
export function late(refinement: Refinement): Trigger
export function late<const T extends Any>(refinement: T): TriggerOf<[T]>
export function late(refinement: Refinement | Any): Any {
  return onWatermark({ late: refined(refinement) })
}

/** Fires after n records of a window since it fired last. */
export function onCount(n: number): Trigger {
  return trigger({ kind: 'onCount', n })
}

/**
 * Fires at intervals of the host's clock, from a window's first record on.
 *
 * @throws ConfigError `DURATION_INVALID`.
 */
export function onProcessingTime(every: Duration): Trigger {
  return trigger({ kind: 'onProcessingTime', everyMs: durationMs(every, { of: 'the interval of onProcessingTime', positive: true }) })
}

/**
 * Fires a while after the first record since it fired last, by the host's clock.
 *
 * @throws ConfigError `DURATION_INVALID`.
 */
export function afterProcessingTime(delay: Duration): Trigger {
  return trigger({ kind: 'afterProcessingTime', delayMs: durationMs(delay, { of: 'the delay of afterProcessingTime', positive: true }) })
}

/**
 * Fires when the watermark passes multiples of an interval, and the window's end.
 *
 * @throws ConfigError `DURATION_INVALID`.
 */
export function onEventTime(every: Duration): Trigger {
  return trigger({ kind: 'onEventTime', everyMs: durationMs(every, { of: 'the interval of onEventTime', positive: true }) })
}

/** Fires at records for which a condition is true. */
export function onRecord<R extends Refs, K extends ExprKind>(when: Expr<R, K>): Trigger<R | Needs<K, 'bool'>>
export function onRecord(when: Expression): Trigger
export function onRecord(when: Expr | Expression): Any {
  return trigger({ kind: 'onRecord', when: when instanceof ExpressionBuilder ? when.tree : when })
}

/** Fires at the end of the stream. For global windows: others expire before. */
export function onEnd(): Trigger {
  return trigger({ kind: 'onEnd' })
}

/** Fires at records for which a function says so. It must depend on nothing but its arguments. At most one in a trigger. */
export function customTrigger<Row = unknown>(when: (row: Row, timestampMs: number) => boolean): Trigger<never, Row> {
  return trigger({ kind: 'custom', function: true }, [], { trigger: when })
}

/** Fires when one of several does; then all start anew. */
export function anyOf<const T extends readonly [Any, ...Any[]]>(...of: T): TriggerOf<T> {
  return trigger({ kind: 'any', of }, of)
}

/** Fires when each of several has fired. */
export function allOf<const T extends readonly [Any, ...Any[]]>(...of: T): TriggerOf<T> {
  return trigger({ kind: 'all', of }, of)
}

/** Goes by the first until it finishes, then by the second, and so on; ends after the last. */
export function inOrder<const T extends readonly [Any, ...Any[]]>(...of: T): TriggerOf<T> {
  return trigger({ kind: 'inOrder', of }, of)
}

/** Begins again each time a trigger has finished. */
export function repeatedly<const T extends Any>(of: T): TriggerOf<[T]> {
  return trigger({ kind: 'repeatedly', of }, [of])
}

/** Goes by a trigger until another fires, or until it has ended itself: `onCount` ends after firing, `repeatedly(onCount(n))` does not. */
export function orFinally<const T extends Any, const U extends Any>(of: T, until: U): TriggerOf<[T, U]> {
  return trigger({ kind: 'orFinally', of, until }, [of, until])
}

/** Fires once; that is the only pane of the window. */
export function once<const T extends Any>(of: T): TriggerOf<[T]> {
  return trigger({ kind: 'once', of }, [of])
}

/** Fire and purge: windows are emptied whenever a part of the trigger fires. */
export function purging<const T extends Any>(of: T): TriggerOf<[T]> {
  return trigger({ ...purged(of as TriggerSpec) }, [of])
}

function purged(spec: TriggerSpec): TriggerSpec {
  switch (spec.kind) {
    case 'any':
    case 'all':
    case 'inOrder':
      return { ...spec, of: spec.of.map(purged) }
    case 'repeatedly':
    case 'once':
      return { ...spec, of: purged(spec.of) }
    case 'orFinally':
      return { ...spec, of: purged(spec.of), until: purged(spec.until) }
    case 'onWatermark':
      return {
        ...spec,
        ...(spec.early === undefined ? {} : { early: purged(spec.early) }),
        ...(spec.late === undefined ? {} : { late: purged(spec.late) }),
        purge: true,
      }
    default:
      return { ...spec, purge: true }
  }
}
