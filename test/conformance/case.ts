/**
 * The documented format of conformance cases, as far as windows need it, and which features of it the product has.
 *
 * Before: the JSON files of a folder. After: runner, which runs what is supported and counts the rest by feature.
 *
 * Invariant: a case is skipped for a named feature, never for its id.
 */

export type TimeValue = number | string | null

export interface Element {
  readonly t: TimeValue
  readonly key?: string | number
  readonly value?: unknown
}

export interface Result {
  readonly key?: string | number
  readonly value: unknown
  readonly start?: number
  readonly end?: number
  readonly endInclusive?: number
  readonly t?: TimeValue
  readonly windowIndex?: number
  readonly op?: string
  readonly pane?: { readonly timing: string; readonly index: number; readonly isLast?: boolean }
}

interface CaseAggregate {
  readonly fn: string
  readonly column?: string
  readonly order?: 'arrival'
}

export interface Expectation {
  readonly out?: readonly Result[]
  readonly order?: 'exact' | 'any'
  readonly late?: readonly Element[]
  readonly dropped?: number
}

export type Step =
  | Element
  | { readonly watermark: TimeValue }
  | { readonly advanceProcessingTime: number }
  | { readonly checkpointRestore: true }
  | { readonly expect: Expectation }
  | { readonly expectDropped: number }
  | { readonly expectCounters: Readonly<Record<string, number>> }

export interface WindowDefinition {
  readonly type?: string
  readonly size?: number
  readonly slide?: number
  readonly step?: number
  readonly offset?: number
  readonly gap?: number
  readonly zeroLengthWhenValue?: number
  readonly gaps?: readonly { readonly when?: Readonly<Record<string, string | number>>; readonly gap: number }[]
  readonly timeDifference?: number
  readonly unit?: string
  readonly count?: number
  readonly startDay?: string
  readonly startMonth?: string
  readonly dayOfMonth?: number
  readonly timeZone?: string
}

export interface Trigger {
  readonly type: string
  readonly of?: Trigger | readonly Trigger[]
  readonly until?: Trigger
  readonly purge?: boolean
  readonly early?: Trigger
  readonly late?: Trigger
  readonly count?: number
  readonly interval?: number
  readonly delay?: number
}

export interface Evictor {
  readonly type: string
  readonly count?: number
  readonly size?: number
  readonly threshold?: number
  readonly after?: boolean
}

/** Windows added one after the other to a set of merging ones. */
export type SessionAdd =
  | {
      readonly add: readonly [number, number]
      readonly result: readonly [number, number]
      readonly merged: boolean
      readonly sources?: readonly (readonly [number, number])[]
    }
  | { readonly retire: readonly [number, number] }

export interface Case {
  readonly id: string
  readonly kind: string
  readonly dialect?: string
  readonly requires: readonly string[]
  readonly config: {
    readonly window?: WindowDefinition
    readonly time?: string
    readonly trigger?: Trigger
    readonly triggerFinishes?: boolean
    readonly accumulation?: string
    readonly suppressUnchanged?: boolean
    readonly closing?: string
    readonly onTime?: string
    readonly evictor?: Evictor
    readonly allowedLateness?: number
    readonly lateOutput?: boolean
    readonly aggregate?: string
    readonly concatSeed?: string
    readonly query?: string
    readonly watermark?: { readonly strategy: string; readonly bound?: number; readonly emit?: string }
  }
  readonly script?: readonly Step[]
  readonly ignoreOutput?: boolean
  readonly assign?: readonly { readonly t: number; readonly windows: readonly (readonly [number, number])[] }[]
  readonly invalid?: readonly WindowDefinition[]
  readonly inputFile?: { readonly path: string; readonly timeColumn: string; readonly keyColumn?: string; readonly valueColumn?: string }
  readonly expectAtEnd?: Expectation
  readonly timestamps?: readonly number[]
  readonly sessions?: readonly { readonly start: number; readonly end: number; readonly members: readonly number[] }[]
  readonly adds?: readonly SessionAdd[]
}

type Results = Readonly<Record<string, unknown>>

/** Aggregates of the format, and how a result of the product makes their value. */
export const AGGREGATES: Readonly<
  Record<
    string,
    { readonly parts: Readonly<Record<string, CaseAggregate>>; readonly value: (row: Results, config: Case['config']) => unknown }
  >
> = {
  sum: { parts: { sum: { fn: 'sum', column: 'value' } }, value: ({ sum }) => sum },
  count: { parts: { count: { fn: 'count' } }, value: ({ count }) => count },
  max: { parts: { max: { fn: 'max', column: 'value' } }, value: ({ max }) => max },
  'sum-count': { parts: { sum: { fn: 'sum', column: 'value' }, count: { fn: 'count' } }, value: ({ sum, count }) => ({ sum, count }) },
  'count-min-max': {
    parts: { count: { fn: 'count' }, min: { fn: 'min', column: 'value' }, max: { fn: 'max', column: 'value' } },
    value: ({ count, min, max }) => ({ count, min, max }),
  },
  // In no order: sorted, as are lists that are expected.
  list: {
    parts: { list: { fn: 'collect', column: 'value', order: 'arrival' } },
    value: ({ list }) => sorted(list as readonly unknown[]),
  },
  concat: {
    parts: { list: { fn: 'collect', column: 'value', order: 'arrival' } },
    value: ({ list }, { concatSeed }) => [concatSeed ?? '', ...(list as readonly unknown[])].join('+'),
  },
}

export function sorted(list: readonly unknown[]): readonly unknown[] {
  return [...list].sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
}

/** Kinds of cases whose operators the product does not have yet. */
const LATER_KINDS = ['interval-join', 'window-join', 'cep', 'barrier-alignment']

/** Rules of one engine that contradict those of the product, and features it does not have yet. */
const UNSUPPORTED = new Set([
  'session-touching-separate',
  'kafka-session-closing',
  'join-window',
  'join-interval',
  'join-outer',
  'join-semi',
  'checkpoint-alignment',
])

/** A feature that the case needs and the product lacks, or null. What the configuration says counts as much as `requires`. */
export function missingFeature({ kind, requires, config }: Case): string | null {
  const label = requires.find((feature) => UNSUPPORTED.has(feature) || feature.startsWith('cep'))
  if (label !== undefined) return label
  if (LATER_KINDS.includes(kind)) return `kind ${kind}`
  if (config.query !== undefined) return 'query'
  return config.aggregate === undefined || AGGREGATES[config.aggregate] !== undefined ? null : `aggregate-${config.aggregate}`
}
