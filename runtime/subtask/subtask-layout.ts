/**
 * What a window operator's kernels are configured with: which columns travel, where they lie in a slot, which parts an accumulator has.
 *
 * Computed once by the coordinator from the plan and handed to every subtask, so both ends of a ring agree by construction.
 *
 * Invariant: column offsets are multiples of 16; slots are multiples of 64; rings end below `stateOffset`.
 */

import * as L from '../../kernel/layout.ts'
import { ConfigError } from '../errors.ts'
import type { AggregateSpec, WindowSpec } from '../plan.ts'
import type { RingGeometry } from '../ring/spsc-ring.ts'
import type { ColumnDefinition, Schema } from '../schema.ts'

/** `slices`: plain tumbling and sliding windows. `panes`: everything else. */
export type KernelKind = 'slices' | 'panes'

/** How a stream column travels: as numbers, as codes, or only whether it is null (`presence`, for `count` of a string). */
export interface ShippedColumn extends ColumnDefinition {
  /** Index in the batches that are offered: columns of the stream, then computed ones. */
  readonly source: number
  readonly form: 'number' | 'code' | 'presence'
  /** Whether the kernel is told what the codes stand for. */
  readonly hasEntries: boolean
  readonly valuesOffset: number
  readonly validityOffset: number
}

/** Adds a column to those that travel, unless it is there already. @returns its index. */
export type Ship = (source: number, form: ShippedColumn['form'], hasEntries: boolean) => number

/** What an element of a list was before it became a number or text of the kernel. */
export type ElementForm = 'number' | 'text' | 'bool'

/** How the result of an aggregate becomes a value: the cell itself, or what lies where the cell points. */
export type ResultForm =
  | { readonly kind: 'cell' }
  | { readonly kind: 'text' }
  | { readonly kind: 'list'; readonly of: ElementForm }
  /** A list given as one text. */
  | { readonly kind: 'joined'; readonly of: ElementForm; readonly separator: string }
  | { readonly kind: 'pairs'; readonly of: ElementForm; readonly second: 'count' | 'by' }
  | { readonly kind: 'records' }

export interface AggregateLayout extends ColumnDefinition {
  readonly fn: number
  /** Index into `values`; -1: rows. */
  readonly value: number
  readonly form: ResultForm
}

/** The numbers of a window; what they mean follows from its kind (WINDOW_* of the kernel's layout). */
export interface WindowNumbers {
  readonly sizeMs: number
  readonly slideMs: number
  readonly offsetMs: number
}

export interface ValueLayout {
  /** Index into `columns`. */
  readonly column: number
  readonly parts: number
}

export interface SubtaskLayout {
  readonly uid: string
  readonly kernel: KernelKind
  readonly window: WindowSpec
  readonly columns: readonly ShippedColumn[]
  /** Indices into `columns`. */
  readonly keys: readonly number[]
  readonly values: readonly ValueLayout[]
  /** As the kernel gives them: results of functions of the user are made of these. */
  readonly aggregates: readonly AggregateLayout[]
  readonly numbers: WindowNumbers
  /** Of the pane kernel: the config block from CONFIG_SECONDS on. */
  readonly paneConfig: Uint8Array | null
  /** Index into `columns` of the one that ties rows of one record together; -1: every row is a record. */
  readonly moreColumn: number
  /** Whether the kernel is told the host's clock. */
  readonly usesClock: boolean
  readonly timestampOffset: number
  readonly keyGroupOffset: number
  readonly batchRowsMax: number
  readonly resultRowsMax: number
  readonly input: RingGeometry
  readonly output: RingGeometry
  readonly stateOffset: number
  readonly pagesMax: number
}

export interface LayoutOptions {
  readonly window: WindowSpec
  /** Stream schema at the window's input. */
  readonly schema: Schema
  readonly keyColumns: readonly string[]
  readonly batchRowsMax: number
  readonly slotCount: number
  readonly memoryBytesMax: number
  /** Of windows of the pane kernel, and of others that need computed columns. */
  readonly extended?: ExtendedPlan | null
}

/** A window beyond plain columns and the slice kernel; made by panes/pane-plan. */
export interface ExtendedPlan {
  readonly kernel: KernelKind
  /** Columns that are computed before the ring, behind those of the stream. */
  readonly computed: readonly ColumnDefinition[]
  readonly usesClock: boolean
  readonly numbers: WindowNumbers
  /** Ships what the window needs, and says what the kernel is to be told. */
  layOut(ship: Ship): {
    readonly values: readonly ValueLayout[]
    readonly aggregates: readonly AggregateLayout[]
    readonly config: Uint8Array | null
    readonly moreColumn: number
  }
}

const MIN_PAYLOAD_BYTES = 64 * 1024 - L.SLOT_HEADER_BYTES
const RESULT_ROWS_MAX = 1024
/** Larger than this, the tables of the open slices would not stay in a second-level cache of 1 MiB: the kernel then logs and folds. */
export const SLICE_TABLE_BYTES_MAX = 128 * 1024

export function subtaskLayout(options: LayoutOptions): SubtaskLayout {
  const { window, schema, batchRowsMax, extended = null } = options
  const kernel = extended?.kernel ?? 'slices'
  const sources = [...schema.columns, ...(extended?.computed ?? [])]
  const shipped: (ColumnDefinition & Pick<ShippedColumn, 'source' | 'form'> & { hasEntries: boolean })[] = []
  const ship: Ship = (source, form, hasEntries) => {
    const at = shipped.findIndex((column) => column.source === source && column.form === form)
    if (at < 0) return shipped.push({ ...sources[source]!, source, form, hasEntries }) - 1
    shipped[at]!.hasEntries ||= hasEntries
    return at
  }
  const sourceOf = (name: string) => {
    const source = schema.columns.findIndex((column) => column.name === name)
    if (source < 0) throw new ConfigError('COLUMN_UNKNOWN', `Operator ${window.uid} needs column ${name}, which its input does not have`)
    return source
  }
  const formOf = (source: number) => (sources[source]!.type === 'utf8' ? 'code' : 'number')

  const keys = options.keyColumns.map((name) => ship(sourceOf(name), formOf(sourceOf(name)), true))
  const { values, aggregates, config, moreColumn } =
    extended?.layOut(ship) ??
    planValues(window.aggregates, (name) => ship(sourceOf(name), formOf(sourceOf(name)) === 'code' ? 'presence' : 'number', false))
  if (window.late.kind === 'sideOutput') schema.columns.forEach((_, source) => ship(source, formOf(source), false))
  if (shipped.length > L.COLUMNS_MAX) {
    throw new ConfigError(
      'COLUMNS_TOO_MANY',
      `Operator ${window.uid} needs ${shipped.length} columns of its input; at most ${L.COLUMNS_MAX} are possible`,
    )
  }

  let offset = L.SLOT_HEADER_BYTES
  const place = (bytesPerRow: number) => {
    const at = offset
    offset = (offset + batchRowsMax * bytesPerRow + 15) & ~15
    return at
  }
  const timestampOffset = place(8)
  const isHashed = keys.length > 1 || (keys.length === 1 && shipped[keys[0]!]!.form !== 'code')
  const keyGroupOffset = isHashed ? place(4) : -1
  const placed = shipped.map((column) => ({ ...column, valuesOffset: place(column.form === 'code' ? 4 : 8) }))
  const columns = placed.map((column) => ({ ...column, validityOffset: place(1) }))

  const inputSlotBytes = (Math.max(offset, MIN_PAYLOAD_BYTES) + 63) & ~63
  const resultColumns = firstKeyColumn(kernel) + keys.length + aggregates.length
  const outputSlotBytes = Math.max(L.resultSlotBytes(resultColumns, RESULT_ROWS_MAX), inputSlotBytes)
  const input = { offset: L.RINGS_OFFSET, slotCount: options.slotCount, slotBytes: inputSlotBytes }
  const outputOffset = (input.offset + L.ringBytes(input.slotCount, input.slotBytes) + 63) & ~63
  const output = { offset: outputOffset, slotCount: options.slotCount, slotBytes: outputSlotBytes }
  const stateOffset = (output.offset + L.ringBytes(output.slotCount, output.slotBytes) + 63) & ~63
  const pagesMax = Math.min(65536, Math.floor(options.memoryBytesMax / L.PAGE_BYTES))
  if (pagesMax * L.PAGE_BYTES < stateOffset + L.PAGE_BYTES) {
    throw new ConfigError(
      'MEMORY_TOO_SMALL',
      `Operator ${window.uid} needs ${stateOffset + L.PAGE_BYTES} bytes for its rings alone; memoryBytesMax is ${options.memoryBytesMax}: raise it, or lower batchRows or ringSlots`,
    )
  }
  return {
    uid: window.uid,
    kernel,
    window,
    columns,
    keys,
    values,
    aggregates,
    numbers: extended?.numbers ?? alignedNumbers(window),
    paneConfig: config,
    moreColumn,
    usesClock: extended?.usesClock ?? false,
    timestampOffset,
    keyGroupOffset,
    batchRowsMax,
    resultRowsMax: RESULT_ROWS_MAX,
    input,
    output,
    stateOffset,
    pagesMax,
  }
}

/** Of tumbling and sliding windows: all that the slice kernel has. */
export function alignedNumbers({ window }: WindowSpec): WindowNumbers {
  if (window.kind === 'sliding') return window
  const { sizeMs, offsetMs } = window as Extract<WindowSpec['window'], { kind: 'tumbling' }>
  return { sizeMs, slideMs: sizeMs, offsetMs }
}

/** Where the keys begin among the columns of a result slot. */
export function firstKeyColumn(kernel: KernelKind): number {
  return kernel === 'slices' ? L.RESULT_FIRST_KEY : L.PANE_RESULT_FIRST_KEY
}

function planValues(specs: Readonly<Record<string, AggregateSpec>>, ship: (name: string) => number) {
  const values: { column: number; parts: number }[] = []
  const aggregates = Object.entries(specs).map(([name, spec]): AggregateLayout => {
    const { fn, parts } = numericFunction(spec)
    const common = { name, type: 'f64', form: { kind: 'cell' }, fn } as const
    if (spec.column === undefined) return { ...common, value: -1 }
    const column = ship(spec.column)
    let value = values.findIndex((known) => known.column === column)
    if (value < 0) value = values.push({ column, parts }) - 1
    else values[value] = { column, parts: values[value]!.parts | parts }
    return { ...common, value }
  })
  return { values, aggregates, config: null, moreColumn: -1 }
}

/** The functions that both kernels have. */
export function numericFunction(spec: AggregateSpec): { fn: number; parts: number } {
  switch (spec.fn) {
    case 'count':
      return { fn: spec.column === undefined ? L.FN_COUNT_ROWS : L.FN_COUNT, parts: L.PART_BASIC }
    case 'sum':
      return spec.compensated === true
        ? { fn: L.FN_SUM_COMPENSATED, parts: L.PART_BASIC | L.PART_COMPENSATED }
        : { fn: L.FN_SUM, parts: L.PART_BASIC }
    case 'min':
      return { fn: L.FN_MIN, parts: L.PART_BASIC }
    case 'max':
      return { fn: L.FN_MAX, parts: L.PART_BASIC }
    case 'mean':
      return { fn: L.FN_MEAN, parts: L.PART_BASIC }
    case 'variance':
      return { fn: spec.population === true ? L.FN_VARIANCE_POPULATION : L.FN_VARIANCE_SAMPLE, parts: L.PART_BASIC | L.PART_MOMENTS }
    case 'stddev':
      return { fn: spec.population === true ? L.FN_STDDEV_POPULATION : L.FN_STDDEV_SAMPLE, parts: L.PART_BASIC | L.PART_MOMENTS }
    case 'first':
      return { fn: L.FN_FIRST, parts: L.PART_BASIC | L.PART_ENDS }
    case 'last':
      return { fn: L.FN_LAST, parts: L.PART_BASIC | L.PART_ENDS }
    default:
      throw new ConfigError('FUNCTION_UNKNOWN', `The slice kernel has no aggregate ${spec.fn}`)
  }
}

/** Writes the config block that the kernel's `configure` reads. */
export function writeConfig(buffer: ArrayBufferLike, layout: SubtaskLayout, epoch: number): void {
  const view = new DataView(buffer, L.CONFIG_OFFSET, L.CONFIG_BYTES)
  const i32 = (offset: number, value: number) => view.setInt32(offset, value, true)
  const f64 = (offset: number, value: number) => view.setFloat64(offset, value, true)
  i32(L.CONFIG_LAYOUT_VERSION, L.LAYOUT_VERSION)
  i32(L.CONFIG_INPUT_RING, layout.input.offset)
  i32(L.CONFIG_OUTPUT_RING, layout.output.offset)
  i32(L.CONFIG_STATE, layout.stateOffset)
  i32(L.CONFIG_PAGES_MAX, layout.pagesMax)
  i32(L.CONFIG_LATE_POLICY, latePolicies[layout.window.late.kind])
  i32(L.CONFIG_EPOCH, epoch)
  i32(L.CONFIG_TABLE_BYTES_MAX, SLICE_TABLE_BYTES_MAX)
  f64(L.CONFIG_SIZE_MS, layout.numbers.sizeMs)
  f64(L.CONFIG_SLIDE_MS, layout.numbers.slideMs)
  f64(L.CONFIG_OFFSET_MS, layout.numbers.offsetMs)
  f64(L.CONFIG_LATENESS_MS, layout.window.allowedLatenessMs)
  i32(L.CONFIG_BATCH_ROWS_MAX, layout.batchRowsMax)
  i32(L.CONFIG_RESULT_ROWS_MAX, layout.resultRowsMax)
  i32(L.CONFIG_TIMESTAMP_COLUMN, layout.timestampOffset)
  i32(L.CONFIG_KEY_GROUP_COLUMN, layout.keyGroupOffset)
  i32(L.CONFIG_COLUMN_COUNT, layout.columns.length)
  i32(L.CONFIG_KEY_COUNT, layout.keys.length)
  i32(L.CONFIG_VALUE_COUNT, layout.values.length)
  i32(L.CONFIG_AGGREGATE_COUNT, layout.aggregates.length)
  layout.columns.forEach((column, index) => {
    const at = L.CONFIG_COLUMNS + index * L.CONFIG_COLUMN_BYTES
    i32(at, column.form === 'code' ? L.COLUMN_CODE : L.COLUMN_F64)
    i32(at + 4, column.valuesOffset)
    i32(at + 8, column.validityOffset)
  })
  layout.keys.forEach((column, index) => i32(L.CONFIG_KEYS + index * 4, column))
  layout.values.forEach(({ column, parts }, index) => {
    i32(L.CONFIG_VALUES + index * L.CONFIG_VALUE_BYTES, column)
    i32(L.CONFIG_VALUES + index * L.CONFIG_VALUE_BYTES + 4, parts)
  })
  layout.aggregates.forEach(({ fn, value }, index) => {
    i32(L.CONFIG_AGGREGATES + index * L.CONFIG_AGGREGATE_BYTES, fn)
    i32(L.CONFIG_AGGREGATES + index * L.CONFIG_AGGREGATE_BYTES + 4, value)
  })
  if (layout.paneConfig !== null) new Uint8Array(buffer, L.CONFIG_OFFSET + L.CONFIG_SECONDS).set(layout.paneConfig)
}

const latePolicies = { drop: L.LATE_DROP, sideOutput: L.LATE_OUTPUT, fail: L.LATE_FAIL }
