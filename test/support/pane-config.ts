/**
 * What a test tells the pane kernel beyond windows and columns, and how it reads cells of texts and lists.
 *
 * Before: kernel-memory, which has written what both kernels share. After: the kernel; and panes with results as values.
 *
 * Invariant: everything here follows from the drawings in kernel/layout.ts.
 */

import * as L from '../../kernel/layout.ts'
import type { Found } from './naive-aggregates.ts'

/** One aggregate by the name naive-aggregates has for it. */
export interface PaneAggregate {
  readonly fn: string
  readonly column?: number
  readonly by?: number
  readonly a?: number
  readonly b?: number
  readonly bounds?: readonly number[]
}

export interface PanePlan {
  /** WINDOW_* */
  readonly window: number
  readonly aggregates: readonly PaneAggregate[]
  /** MODE_* */
  readonly accumulation?: number
  /** FLAG_*, added up. */
  readonly flags?: number
  /** EVICT_* and its limit. */
  readonly evictor?: readonly [kind: number, limit: number]
}

const FUNCTIONS: Readonly<Record<string, readonly [fn: number, part: number]>> = {
  countRows: [L.FN_COUNT_ROWS, 0],
  count: [L.FN_COUNT, L.PART_BASIC],
  sum: [L.FN_SUM, L.PART_BASIC],
  min: [L.FN_MIN, L.PART_BASIC],
  max: [L.FN_MAX, L.PART_BASIC],
  mean: [L.FN_MEAN, L.PART_BASIC],
  first: [L.FN_FIRST, L.PART_ENDS],
  last: [L.FN_LAST, L.PART_ENDS],
  any: [L.FN_ANY, L.PART_BASIC],
  every: [L.FN_EVERY, L.PART_BASIC],
  countDistinct: [L.FN_COUNT_DISTINCT, L.PART_COUNTS],
  countDistinctApproximate: [L.FN_COUNT_DISTINCT_APPROXIMATE, L.PART_REGISTERS],
  quantile: [L.FN_QUANTILE, L.PART_SKETCH],
  histogram: [L.FN_HISTOGRAM, L.PART_HISTOGRAM],
  topFrequent: [L.FN_TOP_FREQUENT, L.PART_COUNTS],
  topLargest: [L.FN_TOP_LARGEST, L.PART_LARGEST],
  mode: [L.FN_MODE, L.PART_COUNTS],
  argMin: [L.FN_ARG_MIN, L.PART_EXTREMES],
  argMax: [L.FN_ARG_MAX, L.PART_EXTREMES],
  collect: [L.FN_COLLECT, L.PART_SAMPLES],
  concat: [L.FN_CONCAT, L.PART_SAMPLES],
  sumOfProducts: [L.FN_SUM_OF_PRODUCTS, L.PART_SECOND],
  covarianceSample: [L.FN_COVARIANCE_SAMPLE, L.PART_SECOND],
  covariancePopulation: [L.FN_COVARIANCE_POPULATION, L.PART_SECOND],
  correlation: [L.FN_CORRELATION, L.PART_SECOND],
  linearSlope: [L.FN_LINEAR_SLOPE, L.PART_TIMES],
  timeWeightedMean: [L.FN_TIME_WEIGHTED_MEAN, L.PART_SAMPLES],
  delta: [L.FN_DELTA, L.PART_ENDS],
  rate: [L.FN_RATE, L.PART_SAMPLES],
  ewma: [L.FN_EWMA, L.PART_SAMPLES],
  records: [L.FN_RECORDS, 0],
}

/** Writes aggregates, window and the plain trigger to the config block of a memory. */
export function writePaneConfig(view: DataView, plan: PanePlan): void {
  const i32 = (offset: number, value: number) => view.setInt32(L.CONFIG_OFFSET + offset, value, true)
  const f64 = (offset: number, value: number) => view.setFloat64(L.CONFIG_OFFSET + offset, value, true)
  const values: { column: number; by: number; parts: number }[] = []
  let numbers = 0
  plan.aggregates.forEach(({ fn, column = -1, by = -1, a = 0, b = 0, bounds }, index) => {
    const [code, part] = FUNCTIONS[fn]!
    let value = -1
    if (part !== 0) {
      value = values.findIndex((known) => known.column === column && known.by === by)
      if (value < 0) value = values.push({ column, by, parts: L.PART_BASIC }) - 1
      values[value]!.parts |= part
    }
    i32(L.CONFIG_AGGREGATES + index * L.CONFIG_AGGREGATE_BYTES, code)
    i32(L.CONFIG_AGGREGATES + index * L.CONFIG_AGGREGATE_BYTES + 4, value)
    const at = L.CONFIG_PARAMETERS + index * L.CONFIG_PARAMETER_BYTES
    f64(at, bounds === undefined ? a : numbers)
    f64(at + 8, bounds === undefined ? b : bounds.length)
    for (const bound of bounds ?? []) f64(L.CONFIG_NUMBERS + numbers++ * 8, bound)
  })
  values.forEach(({ column, by, parts }, index) => {
    i32(L.CONFIG_VALUES + index * L.CONFIG_VALUE_BYTES, column)
    i32(L.CONFIG_VALUES + index * L.CONFIG_VALUE_BYTES + 4, parts)
    i32(L.CONFIG_SECONDS + index * 4, by)
  })
  i32(L.CONFIG_VALUE_COUNT, values.length)
  i32(L.CONFIG_AGGREGATE_COUNT, plan.aggregates.length)
  i32(L.CONFIG_WINDOW_KIND, plan.window)
  i32(L.CONFIG_TIME_DOMAIN, L.TIME_EVENT)
  i32(L.CONFIG_ACCUMULATION, plan.accumulation ?? L.MODE_ACCUMULATING)
  i32(L.CONFIG_PANE_FLAGS, plan.flags ?? 0)
  i32(L.CONFIG_CLOSING, L.CLOSING_NONE)
  const [evictor, limit] = plan.evictor ?? [L.EVICT_NONE, 0]
  i32(L.CONFIG_EVICTOR, evictor)
  f64(L.CONFIG_EVICTOR_LIMIT, limit)
  i32(L.CONFIG_GAP_COLUMN, -1)
  f64(L.CONFIG_LENGTH_MAX_MS, Number.POSITIVE_INFINITY)
  // At the end of the window, nothing early, and every late record.
  const nodes = [
    [L.TRIGGER_WATERMARK, 1, -1],
    [L.TRIGGER_NONE, -1, 2],
    [L.TRIGGER_NONE, -1, -1],
  ]
  i32(L.CONFIG_TRIGGER_COUNT, nodes.length)
  nodes.forEach((fields, node) => {
    fields.forEach((field, i) => i32(L.CONFIG_TRIGGERS + node * L.CONFIG_TRIGGER_BYTES + i * 4, field))
  })
}

/** RESULT_* of an aggregate over columns of these kinds. */
export function formOf({ fn, column = -1 }: PaneAggregate, columns: readonly string[]): number {
  const isText = columns[column] === 'utf8'
  if (fn === 'records') return L.RESULT_RECORDS
  if (fn === 'histogram') return L.RESULT_NUMBERS
  if (fn === 'collect' || fn === 'concat') return isText ? L.RESULT_TEXTS : L.RESULT_NUMBERS
  if (fn === 'topFrequent' || fn === 'topLargest') return isText ? L.RESULT_TEXT_PAIRS : L.RESULT_NUMBER_PAIRS
  const isValue = fn === 'mode' || fn === 'argMin' || fn === 'argMax'
  return isValue && isText ? L.RESULT_TEXT : L.RESULT_NUMBER
}

/** What lies where a cell points. @param columns - How many a record has. */
export function decodeBlob(bytes: Uint8Array, form: number, columns: number): Found {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let at = 0
  const number = () => {
    at += 8
    return view.getFloat64(at - 8, true)
  }
  const text = (length: number) => {
    const found = new TextDecoder().decode(bytes.slice(at, at + length))
    at += (length + 7) & ~7
    return found
  }
  const sized = () => {
    at += 8
    return text(view.getInt32(at - 8, true))
  }
  const cell = (): Found => {
    const [kind, length] = [view.getInt32(at, true), view.getInt32(at + 4, true)]
    at += 8
    if (kind === L.CELL_NULL) return null
    return kind === L.CELL_TEXT ? text(length) : number()
  }
  if (form === L.RESULT_TEXT) return text(bytes.length)
  const list: Found[] = []
  while (at < bytes.length) {
    if (form === L.RESULT_NUMBERS) list.push(number())
    else if (form === L.RESULT_TEXTS) list.push(sized())
    else if (form === L.RESULT_NUMBER_PAIRS) list.push([number(), number()])
    else if (form === L.RESULT_TEXT_PAIRS) list.push([number(), sized()].toReversed())
    else list.push([number(), Array.from({ length: columns }, cell)])
  }
  return list
}
