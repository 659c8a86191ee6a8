/**
 * The documented format of conformance cases, as far as windows need it, and which features of it the product has.
 *
 * Before: the JSON files of a folder. After: runner, which runs what is supported and counts the rest by feature.
 *
 * Invariant: a case is skipped for a named feature, never for its id.
 */

import type { OracleAggregate } from '../oracle/windows.ts'

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
  readonly offset?: number
}

interface Trigger {
  readonly type: string
  readonly of?: Trigger | readonly Trigger[]
  readonly purge?: boolean
  readonly early?: Trigger
  readonly late?: Trigger
}

export interface Case {
  readonly id: string
  readonly kind: string
  readonly requires: readonly string[]
  readonly config: {
    readonly window?: WindowDefinition
    readonly time?: string
    readonly trigger?: Trigger
    readonly triggerFinishes?: boolean
    readonly accumulation?: string
    readonly closing?: string
    readonly onTime?: string
    readonly evictor?: object
    readonly allowedLateness?: number
    readonly lateOutput?: boolean
    readonly aggregate?: string
    readonly query?: string
    readonly watermark?: { readonly strategy: string; readonly bound?: number; readonly emit?: string }
  }
  readonly script?: readonly Step[]
  readonly ignoreOutput?: boolean
  readonly assign?: readonly { readonly t: number; readonly windows: readonly (readonly [number, number])[] }[]
  readonly invalid?: readonly WindowDefinition[]
  readonly inputFile?: { readonly path: string; readonly timeColumn: string; readonly keyColumn?: string; readonly valueColumn?: string }
  readonly expectAtEnd?: Expectation
}

/** Aggregates of the format, and how a result of the product makes their value. */
export const AGGREGATES: Readonly<
  Record<
    string,
    { readonly parts: Readonly<Record<string, OracleAggregate>>; readonly value: (row: Readonly<Record<string, unknown>>) => unknown }
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
}

const SUPPORTED = new Set([
  'window-tumbling',
  'window-sliding',
  'window-offset',
  'allowed-lateness',
  'side-output-late',
  'checkpoint-restore',
  'timestamp-limits',
  'watermark-bounded-out-of-orderness',
  'watermark-ascending',
  'watermark-per-event',
  'input-file',
  'config-validation',
])

/** A feature that the case needs and the product lacks, or null. What the configuration says counts as much as `requires`. */
export function missingFeature(test: Case): string | null {
  if (test.kind !== 'window' && test.kind !== 'assign') return test.requires.find((label) => !SUPPORTED.has(label)) ?? `kind ${test.kind}`
  const implied = test.kind === 'assign' ? assignFeatures(test) : windowFeatures(test)
  const labels = test.requires.filter((label) => !isMetByConfig(label, test))
  return [...labels, ...implied].find((label) => !SUPPORTED.has(label)) ?? null
}

function assignFeatures({ config, invalid }: Case): string[] {
  return [config.window, ...(invalid ?? [])].filter((window) => window !== undefined).map(({ type }) => `window-${type}`)
}

function windowFeatures({ config, script }: Case): string[] {
  const features = [`window-${config.window?.type}`]
  const { trigger } = config
  if ((config.time ?? 'event') !== 'event') features.push('processing-time')
  if (trigger !== undefined && !isDefaultTrigger(trigger, config.allowedLateness ?? 0)) features.push(`trigger-${trigger.type}`)
  if (trigger?.early !== undefined) features.push('trigger-early-firings')
  if (!firesOnce(config) && (trigger?.purge === true || config.accumulation === 'discarding')) features.push('purging')
  if (config.accumulation === 'retracting') features.push('retracting')
  if (config.triggerFinishes === true) features.push('trigger-finishing')
  if (config.closing === 'fire-always') features.push('closing-pane')
  if (config.evictor !== undefined) features.push('evictor')
  if (config.query !== undefined) features.push('query')
  if (AGGREGATES[config.aggregate ?? ''] === undefined) features.push(`aggregate-${config.aggregate}`)
  const { watermark } = config
  if (watermark !== undefined) {
    features.push(`watermark-${watermark.strategy}`)
    if ((watermark.emit ?? 'per-event') !== 'per-event') features.push(`watermark-${watermark.emit}`)
  }
  if (script?.some((step) => 'expectCounters' in step) === true) features.push('state-inspection')
  return features
}

/** `event-time`, once or repeatedly: when the watermark reaches the end, and at once for an element that is late and still accepted. */
function isDefaultTrigger(trigger: Trigger, allowedLateness: number): boolean {
  if (trigger.type === 'repeatedly')
    return trigger.of !== undefined && !Array.isArray(trigger.of) && isDefaultTrigger(trigger.of as Trigger, allowedLateness)
  if (trigger.type !== 'event-time') return false
  return trigger.late === undefined || trigger.late.type === 'every-element' || allowedLateness === 0
}

/** Without lateness a window fires once: emptying it when it fires, or not, cannot be told apart. */
function firesOnce({ allowedLateness, trigger }: Case['config']): boolean {
  return (allowedLateness ?? 0) === 0 && isDefaultTrigger(trigger ?? { type: 'event-time' }, 0) && trigger?.early === undefined
}

/** Labels whose meaning the rest of the configuration already settles. */
function isMetByConfig(label: string, { config }: Case): boolean {
  if (label === 'trigger-repeatedly') return config.trigger === undefined || isDefaultTrigger(config.trigger, config.allowedLateness ?? 0)
  return label === 'purging' && firesOnce(config)
}
