/**
 * Writes what the pane kernel's config block has beyond the slice kernel's: second columns, parameters, window, trigger.
 *
 * Before: pane-plan. After: subtask-layout puts the bytes in place; the kernel's `configure` reads them.
 *
 * Invariant: the bytes are those from CONFIG_SECONDS to CONFIG_BYTES; what is not used is 0, and columns that are not there are -1.
 */

import * as L from '../../kernel/layout.ts'
import type { WindowSpec } from '../plan.ts'
import { alignedNumbers, type WindowNumbers } from '../subtask/subtask-layout.ts'
import { hasFunctions, type PaneValue, tellsOperations } from './pane-aggregates.ts'
import type { ColumnRoles } from './computed-column.ts'
import type { TriggerNode } from './trigger-nodes.ts'

export interface PaneConfig {
  readonly spec: WindowSpec
  readonly roles: ColumnRoles
  readonly nodes: readonly TriggerNode[]
  readonly values: readonly PaneValue[]
  /** By aggregate. */
  readonly parameters: readonly { readonly a: number; readonly b: number }[]
  readonly numbers: readonly number[]
}

export function paneConfig({ spec, roles, nodes, values, parameters, numbers }: PaneConfig): Uint8Array {
  const bytes = new Uint8Array(L.CONFIG_BYTES - L.CONFIG_SECONDS)
  const view = new DataView(bytes.buffer)
  const i32 = (offset: number, value: number) => view.setInt32(offset - L.CONFIG_SECONDS, value, true)
  const f64 = (offset: number, value: number) => view.setFloat64(offset - L.CONFIG_SECONDS, value, true)
  for (let index = 0; index < L.COLUMNS_MAX; index++) i32(L.CONFIG_SECONDS + index * 4, values[index]?.second ?? -1)
  parameters.forEach(({ a, b }, index) => {
    f64(L.CONFIG_PARAMETERS + index * L.CONFIG_PARAMETER_BYTES, a)
    f64(L.CONFIG_PARAMETERS + index * L.CONFIG_PARAMETER_BYTES + 8, b)
  })
  numbers.forEach((value, index) => f64(L.CONFIG_NUMBERS + index * 8, value))
  i32(L.CONFIG_WINDOW_KIND, windowKinds[spec.window.kind])
  i32(L.CONFIG_TIME_DOMAIN, spec.time === 'processing' ? L.TIME_PROCESSING : L.TIME_EVENT)
  i32(L.CONFIG_ACCUMULATION, modes[spec.accumulation])
  i32(L.CONFIG_PANE_FLAGS, flagsOf(spec))
  i32(L.CONFIG_CLOSING, closings[spec.closing])
  writeEvictor(spec, i32, f64)
  i32(L.CONFIG_EVICTOR_COLUMN, roles.evictor)
  i32(L.CONFIG_START_COLUMN, roles.start)
  i32(L.CONFIG_END_COLUMN, roles.end)
  i32(L.CONFIG_MORE_COLUMN, roles.more)
  i32(L.CONFIG_GAP_COLUMN, roles.gap)
  i32(L.CONFIG_OPEN_COLUMN, roles.open)
  i32(L.CONFIG_CLOSE_COLUMN, roles.close)
  f64(L.CONFIG_LENGTH_MAX_MS, ('maxLengthMs' in spec.window ? spec.window.maxLengthMs : undefined) ?? Number.POSITIVE_INFINITY)
  writeTrigger(nodes, i32, f64)
  return bytes
}

type Write = (offset: number, value: number) => void

function writeTrigger(nodes: readonly TriggerNode[], i32: Write, f64: Write): void {
  i32(L.CONFIG_TRIGGER_COUNT, nodes.length)
  nodes.forEach(({ kind, firstChild, nextSibling, flags, parameter, column }, index) => {
    const at = L.CONFIG_TRIGGERS + index * L.CONFIG_TRIGGER_BYTES
    i32(at, kind)
    i32(at + 4, firstChild)
    i32(at + 8, nextSibling)
    i32(at + 12, flags)
    f64(at + 16, parameter)
    i32(at + 24, column)
  })
}

function writeEvictor({ evictor }: WindowSpec, i32: Write, f64: Write): void {
  if (evictor === undefined) return
  const after = evictor.after === true ? L.EVICT_AFTER : 0
  switch (evictor.kind) {
    case 'count':
      i32(L.CONFIG_EVICTOR, L.EVICT_COUNT + after)
      f64(L.CONFIG_EVICTOR_LIMIT, evictor.n)
      return
    case 'time':
      i32(L.CONFIG_EVICTOR, L.EVICT_TIME + after)
      f64(L.CONFIG_EVICTOR_LIMIT, evictor.durationMs)
      return
    case 'delta':
      i32(L.CONFIG_EVICTOR, L.EVICT_DELTA + after)
      f64(L.CONFIG_EVICTOR_LIMIT, evictor.threshold)
      return
    default: {
      const never: never = evictor
      throw new RangeError(`Unknown evictor ${String(never)}`)
    }
  }
}

function flagsOf(spec: WindowSpec): number {
  const { window } = spec
  const tells = tellsOperations(spec)
  const usesRecords = hasFunctions(spec) && !tells
  return (
    (spec.emitUnchanged === true ? L.FLAG_EMIT_UNCHANGED : 0) +
    (spec.emptyPanes === true ? L.FLAG_EMPTY_PANES : 0) +
    (spec.keepRecords === true || spec.evictor !== undefined || usesRecords ? L.FLAG_KEEP_RECORDS : 0) +
    (tells ? L.FLAG_OPERATIONS : 0) +
    ('partial' in window && window.partial === true ? L.FLAG_PARTIAL : 0)
  )
}

export function windowNumbers(spec: WindowSpec): WindowNumbers {
  const { window } = spec
  const none = { sizeMs: 0, slideMs: 0, offsetMs: 0 }
  switch (window.kind) {
    case 'tumbling':
    case 'sliding':
      return alignedNumbers(spec)
    case 'cumulate':
      return { sizeMs: window.sizeMs, slideMs: window.stepMs, offsetMs: window.offsetMs }
    case 'session':
      return { ...none, sizeMs: window.gapMs ?? 0 }
    case 'countTumbling':
      return { ...none, sizeMs: window.n, slideMs: window.n }
    case 'countSliding':
      return { ...none, sizeMs: window.n, slideMs: window.every }
    case 'around':
      return { ...none, sizeMs: window.beforeMs, slideMs: window.afterMs }
    case 'slidingByRecord':
      return { ...none, sizeMs: window.differenceMs }
    default:
      return none
  }
}

const modes = { accumulating: L.MODE_ACCUMULATING, discarding: L.MODE_DISCARDING, retracting: L.MODE_RETRACTING }
const closings = { none: L.CLOSING_NONE, ifNonEmpty: L.CLOSING_IF_NON_EMPTY, always: L.CLOSING_ALWAYS }
const windowKinds: Readonly<Record<WindowSpec['window']['kind'], number>> = {
  tumbling: L.WINDOW_ALIGNED,
  sliding: L.WINDOW_ALIGNED,
  cumulate: L.WINDOW_CUMULATE,
  session: L.WINDOW_SESSION,
  countTumbling: L.WINDOW_COUNT,
  countSliding: L.WINDOW_COUNT,
  global: L.WINDOW_GLOBAL,
  calendar: L.WINDOW_ASSIGNED,
  tradingDay: L.WINDOW_ASSIGNED,
  intervals: L.WINDOW_ASSIGNED,
  custom: L.WINDOW_ASSIGNED,
  around: L.WINDOW_AROUND,
  slidingByRecord: L.WINDOW_BY_RECORD,
  stateWindow: L.WINDOW_STATE,
}
