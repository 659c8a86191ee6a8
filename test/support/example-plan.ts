/**
 * The plan of the documentation's example, and what becomes of it when something in it is changed.
 *
 * Before: a test that says what it changes. After: `loadPlan`.
 *
 * Invariant: every call makes a plan of its own, so that no test sees the changes of another.
 */

import { ConfigError } from '../../runtime/errors.ts'
import { loadPlan } from '../../runtime/plan.ts'
import type { Json } from './window-operators.ts'

/** A plan that nothing has checked yet. */
export interface LoosePlan {
  millrace: unknown
  name: unknown
  operators: Json[]
  [field: string]: unknown
}

/** The plan of the documentation's example. */
export const EXAMPLE = `{
  "millrace": 1,
  "name": "device-minutes",
  "operators": [
    { "uid": "readings", "op": "source",
      "schema": { "device": "utf8", "at": "timestamp", "celsius": "f64" } },
    { "uid": "time", "op": "eventTime", "inputs": ["readings"], "column": "at",
      "watermark": { "kind": "boundedOutOfOrderness", "delayMs": 5000, "idleAfterMs": 30000, "everyRecords": 1024 } },
    { "uid": "plausible", "op": "filter", "inputs": ["time"],
      "where": { "fn": "gt", "args": [{ "column": "celsius" }, { "literal": -50 }] } },
    { "uid": "by-device", "op": "keyBy", "inputs": ["plausible"], "columns": ["device"] },
    { "uid": "minutes", "op": "window", "inputs": ["by-device"],
      "window": { "kind": "tumbling", "sizeMs": 60000, "offsetMs": 0 },
      "allowedLatenessMs": 120000,
      "aggregates": {
        "n": { "fn": "count" },
        "mean": { "fn": "mean", "column": "celsius" },
        "max": { "fn": "max", "column": "celsius" }
      } },
    { "uid": "out", "op": "sink", "inputs": ["minutes"], "name": "minutes" }
  ]
}`

export const example = (): LoosePlan => JSON.parse(EXAMPLE)

export function errorOf(input: unknown): ConfigError | null {
  try {
    loadPlan(input)
  } catch (error) {
    if (error instanceof ConfigError) return error
    throw error
  }
  return null
}

export const SOURCE = 0
export const TIME = 1
export const FILTER = 2
export const KEY = 3
export const WINDOW = 4
export const SINK = 5

/** The example with one operator changed. */
export function changed(index: number, change: Json): LoosePlan {
  const plan = example()
  Object.assign(plan.operators[index]!, change)
  return plan
}

export function without(index: number, fieldName: string): LoosePlan {
  const plan = example()
  delete plan.operators[index]![fieldName]
  return plan
}

/** The example with operators put between two others. */
export function inserted(after: string, ...operators: Json[]): LoosePlan {
  const plan = example()
  let input = after
  const reader = plan.operators.find((operator) => (operator['inputs'] as string[] | undefined)?.[0] === after)!
  for (const operator of operators) {
    plan.operators.push({ inputs: [input], ...operator })
    input = operator['uid'] as string
  }
  reader['inputs'] = [input]
  return plan
}

export const tumbling = (window: Json): LoosePlan => changed(WINDOW, { window: { kind: 'tumbling', sizeMs: 60_000, ...window } })
export const sliding = (window: Json): LoosePlan =>
  changed(WINDOW, { window: { kind: 'sliding', sizeMs: 60_000, slideMs: 10_000, ...window } })
export const watermark = (spec: Json): LoosePlan => changed(TIME, { watermark: { kind: 'boundedOutOfOrderness', delayMs: 5_000, ...spec } })
export const aggregates = (specs: Json): LoosePlan => changed(WINDOW, { aggregates: specs })
