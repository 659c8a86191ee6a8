/**
 * Functions of a custom aggregate that throw: whose they are, and the dead letter of a record that could not be added.
 *
 * Before: window-accumulators, and window-functions where records are folded. After: whoever reads dead letters.
 *
 * Invariant: a dead letter names the operator and the aggregate.
 */

import { type DeadLetter, preview } from '../batch-builder.ts'
import type { RowObject } from '../record-batch.ts'

/** What a function of an aggregate threw, with the name of the aggregate. */
export class AggregateThrew extends Error {
  readonly aggregate: string

  constructor(aggregate: string, cause: unknown) {
    super(messageOf(cause), { cause })
    this.name = 'AggregateThrew'
    this.aggregate = aggregate
  }
}

/** @throws AggregateThrew when the function throws. */
export function calling<T>(aggregate: string, call: () => T): T {
  try {
    return call()
  } catch (error) {
    throw new AggregateThrew(aggregate, error)
  }
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

export function aggregateThrew(uid: string, aggregate: string, error: unknown): Pick<DeadLetter, 'code' | 'reason' | 'source' | 'split'> {
  return {
    code: 'FUNCTION_THREW',
    reason: `The aggregate ${aggregate} of ${uid} threw: ${messageOf(error)}`,
    source: `${uid}.aggregate.${aggregate}`,
    split: '',
  }
}

export interface Refused {
  readonly uid: string
  readonly aggregate: string
  readonly row: RowObject
  readonly timestampMs: number
}

/** The dead letter of a record that an aggregate could not add. */
export function recordRefused({ uid, aggregate, row, timestampMs }: Refused, error: unknown): DeadLetter {
  return { ...aggregateThrew(uid, aggregate, error), position: `event time ${timestampMs}`, preview: preview(JSON.stringify(row)) }
}
