/**
 * What a kernel under test is told and what it answers, in plain words: plans, records and watermarks; panes, late records and watermarks.
 *
 * Before: a test, or a case made at random. After: kernel-harness for the kernel, kernel-oracle for the definition.
 *
 * Invariant: results that `exact` writes alike are alike to the last bit.
 */

import type { Found } from './naive-aggregates.ts'
import type { PanePlan } from './pane-config.ts'

export type Value = number | string | null

/** In the order of their numbers in the config. */
export const AGGREGATE_NAMES = [
  'countRows',
  'count',
  'sum',
  'min',
  'max',
  'mean',
  'varianceSample',
  'variancePopulation',
  'stddevSample',
  'stddevPopulation',
  'first',
  'last',
  'sumCompensated',
] as const
export type Aggregate = (typeof AGGREGATE_NAMES)[number]

export interface KernelPlan {
  readonly sizeMs: number
  readonly slideMs: number
  readonly offsetMs?: number
  readonly latenessMs?: number
  readonly columns: readonly ('f64' | 'utf8')[]
  readonly keys: readonly number[]
  readonly aggregates: readonly { readonly fn: Aggregate; readonly column?: number }[]
  readonly latePolicy?: 'drop' | 'output' | 'fail'
  readonly batchRowsMax?: number
  readonly resultRowsMax?: number
  readonly inputSlots?: number
  readonly outputSlots?: number
  readonly pagesMax?: number
  readonly tableBytesMax?: number
  readonly keyGroupColumn?: boolean
  readonly epoch?: number
  /** Runs on the pane kernel, with the aggregates given there. */
  readonly panes?: PanePlan
}

export interface KernelRecord {
  readonly ms: number
  readonly values: readonly Value[]
}
export type Op = KernelRecord | { readonly watermark: number }

export interface Pane {
  readonly kind: 'pane'
  readonly start: number
  readonly end: number
  readonly index: number
  readonly timing: number
  readonly keys: readonly Value[]
  readonly aggregates: readonly (number | null)[]
  /** Of the pane kernel: the aggregates as values, and CHANGE_*. */
  readonly results?: readonly Found[]
  readonly change?: number
}
export type Output =
  | Pane
  | { readonly kind: 'late'; readonly ms: number; readonly values: readonly Value[] }
  | { readonly kind: 'watermark'; readonly ms: number }
  | { readonly kind: 'barrier'; readonly id: number }
  | { readonly kind: 'end' }

const KEY_GROUPS = 16

/** Any pure function of the key will do: tests have no router. */
export function keyGroupOf(keys: readonly Value[]): number {
  let hash = 7
  for (const character of JSON.stringify(keys.map((key) => (typeof key === 'number' ? String(key === 0 ? 0 : key) : key)))) {
    hash = (Math.imul(hash, 31) + character.charCodeAt(0)) | 0
  }
  return (hash >>> 0) % KEY_GROUPS
}

const bitsOf = new DataView(new ArrayBuffer(8))
/** A number as its bits, anything else as JSON: equal strings, equal output. */
export function exact(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => {
    if (typeof part !== 'number' || Number.isSafeInteger(part)) return Object.is(part, -0) ? '-0' : part
    bitsOf.setFloat64(0, part)
    return bitsOf.getBigUint64(0).toString(16)
  })
}
