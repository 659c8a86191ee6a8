/**
 * Windows by definition: what the kernel must answer, in code that is too simple to be wrong and far too slow to ship.
 *
 * Before: the same plan and sequence as the kernel gets. After: its panes, late records and watermarks, in order.
 *
 * Invariant: no slices, no merging, no incremental state: every pane is computed from the records accepted so far.
 */

import { type Aggregate, exact, type KernelPlan, type KernelRecord, type Op, type Output, type Value } from './kernel-plan.ts'

export interface Expected {
  readonly outputs: Output[]
  readonly late: number
  readonly outside: number
}

interface Window {
  readonly start: number
  readonly end: number
}

export function expected(plan: KernelPlan, ops: readonly Op[]): Expected {
  const { sizeMs, slideMs, offsetMs = 0, latenessMs = 0 } = plan
  const outputs: Output[] = []
  const accepted = new Map<string, KernelRecord[]>()
  const firings = new Map<string, number>()
  let keys: string[] = plan.keys.length === 0 ? ['[]'] : [] // in order of first appearance
  let capacity = 1024
  let watermark = -Infinity
  let late = 0
  let outside = 0

  const windowsOf = (ms: number): Window[] => {
    const found: Window[] = []
    for (let w = Math.floor((ms - offsetMs - sizeMs) / slideMs); w <= Math.floor((ms - offsetMs) / slideMs) + 1; w++) {
      const start = w * slideMs + offsetMs
      if (start <= ms && ms < start + sizeMs) found.push({ start, end: start + sizeMs })
    }
    return found
  }
  const isFired = (window: Window) => watermark >= window.end - 1
  const isExpired = (window: Window) => watermark >= window.end - 1 + latenessMs
  const isLive = (record: KernelRecord) => !windowsOf(record.ms).every(isExpired)
  const fire = (window: Window, key: string, timing: number) => {
    const records = (accepted.get(key) ?? []).filter((record) => window.start <= record.ms && record.ms < window.end)
    if (records.length === 0) return
    const id = `${window.start} ${key}`
    const index = firings.get(id) ?? 0
    firings.set(id, index + 1)
    const aggregates = plan.aggregates.map(({ fn, column }) => aggregate(fn, records, column ?? 0))
    outputs.push({ kind: 'pane', ...window, index, timing, keys: plan.keys.map((c) => canonical(records[0]!.values[c]!)), aggregates })
  }
  // Keys without live records are forgotten when the table is full, and come last when they appear again.
  const note = (key: string) => {
    if (keys.includes(key)) return
    if (keys.length === capacity) {
      keys = keys.filter((known) => (accepted.get(known) ?? []).some(isLive))
      if (keys.length > capacity / (slideMs % sizeMs === 0 ? 8 : 2)) capacity *= 2
    }
    keys.push(key)
  }

  for (const op of ops) {
    if ('watermark' in op) {
      if (!(op.watermark > watermark)) {
        outputs.push({ kind: 'watermark', ms: watermark })
        continue
      }
      const due = new Map<number, Window>()
      for (const records of accepted.values()) {
        for (const record of records) for (const window of windowsOf(record.ms)) if (!isFired(window)) due.set(window.start, window)
      }
      watermark = op.watermark
      for (const window of [...due.values()].sort((a, b) => a.end - b.end)) {
        if (isFired(window)) for (const key of keys) fire(window, key, 1)
      }
      for (const [key, records] of accepted) accepted.set(key, records.filter(isLive))
      outputs.push({ kind: 'watermark', ms: watermark })
      continue
    }
    const key = exact(plan.keys.map((c) => canonical(op.values[c]!)))
    note(key)
    const windows = windowsOf(op.ms)
    if (windows.length === 0) outside++
    else if (windows.every(isExpired)) {
      late++
      if (plan.latePolicy === 'output') outputs.push({ kind: 'late', ms: op.ms, values: op.values })
    } else {
      accepted.set(key, [...(accepted.get(key) ?? []), op])
      for (const window of windows) if (isFired(window) && !isExpired(window)) fire(window, key, 2)
    }
  }
  return { outputs, late, outside }
}

function canonical(value: Value): Value {
  return typeof value === 'number' && value === 0 ? 0 : value
}

function aggregate(fn: Aggregate, records: readonly KernelRecord[], column: number): number | null {
  if (fn === 'countRows') return records.length
  const there = records.filter((record) => record.values[column] !== null)
  if (fn === 'count') return there.length
  const values = there.map((record) => record.values[column] as number)
  if (values.length === 0) return null
  const sum = values.reduce((a, b) => a + b)
  const mean = sum / values.length
  const squares = values.reduce((total, value) => total + (value - mean) ** 2, 0)
  const numbers = values.filter((value) => !Number.isNaN(value))
  const byTime = there.map((record, i) => ({ ms: record.ms, value: values[i]! })).sort((a, b) => a.ms - b.ms)
  switch (fn) {
    case 'sum':
    case 'sumCompensated':
      return sum
    case 'mean':
      return mean
    case 'min':
      return numbers.length === 0 ? Number.NaN : Math.min(...numbers)
    case 'max':
      return numbers.length === 0 ? Number.NaN : Math.max(...numbers)
    case 'varianceSample':
      return values.length < 2 ? null : squares / (values.length - 1)
    case 'variancePopulation':
      return squares / values.length
    case 'stddevSample':
      return values.length < 2 ? null : Math.sqrt(squares / (values.length - 1))
    case 'stddevPopulation':
      return Math.sqrt(squares / values.length)
    case 'first':
      return byTime[0]!.value
    case 'last':
      return byTime.at(-1)!.value
  }
}

const ROUNDED: ReadonlySet<Aggregate> = new Set([
  'sum',
  'sumCompensated',
  'mean',
  'varianceSample',
  'variancePopulation',
  'stddevSample',
  'stddevPopulation',
])

/** The first difference between what came and what should have, or undefined. `scale` is the largest magnitude of a value. */
export function difference(plan: KernelPlan, came: readonly Output[], wanted: readonly Output[], scale: number): string | undefined {
  for (let i = 0; i < Math.max(came.length, wanted.length); i++) {
    const a = came[i]
    const b = wanted[i]
    if (a?.kind === 'pane' && b?.kind === 'pane') {
      const head = (pane: typeof a) => exact([pane.start, pane.end, pane.index, pane.timing, pane.keys])
      if (head(a) === head(b) && plan.aggregates.every(({ fn }, n) => isClose(fn, a.aggregates[n]!, b.aggregates[n]!, scale))) continue
    } else if (a !== undefined && b !== undefined && exact(a) === exact(b)) continue
    return `output ${i}: came ${show(a)}, wanted ${show(b)}`
  }
  return undefined
}

function show(output: Output | undefined): string {
  return JSON.stringify(output, (_, value: unknown) => (typeof value === 'number' && !Number.isFinite(value) ? String(value) : value))
}

function isClose(fn: Aggregate, came: number | null, wanted: number | null, scale: number): boolean {
  if (came === null || wanted === null) return came === wanted
  if (Number.isNaN(came) || Number.isNaN(wanted)) return Number.isNaN(came) && Number.isNaN(wanted)
  if (came === wanted) return true
  if (!ROUNDED.has(fn)) return false
  // A deviation is the root of a variance, so an error of the square's size becomes its root.
  const magnitude = fn.startsWith('variance') ? scale * scale : scale
  const relative = fn.startsWith('stddev') ? 1e-6 : 1e-9
  return Math.abs(came - wanted) <= relative * Math.max(magnitude, Math.abs(wanted))
}
