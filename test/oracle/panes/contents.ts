/**
 * What a window holds: its records in order of arrival, and what an evictor takes from them.
 *
 * Before: open-windows.ts. After: aggregates.ts computes results from what is left.
 *
 * Invariant: contents never change in place; each function answers a new list.
 */

import type { Evictor, Held } from './plan.ts'

export function inOrderOfArrival(records: readonly Held[]): Held[] {
  return [...records].sort((a, b) => a.arrival - b.arrival)
}

/** By time, then arrival: as records that came before a window are shown to its trigger. */
export function inOrderOfTime(records: readonly Held[]): Held[] {
  return [...records].sort((a, b) => a.timeMs - b.timeMs || a.arrival - b.arrival)
}

/** The records an evictor leaves, by Flink's rules. */
export function evicted(evictor: Evictor, records: readonly Held[]): readonly Held[] {
  if (records.length === 0) return records
  switch (evictor.kind) {
    case 'count':
      return records.slice(-evictor.n)
    case 'time': {
      const newest = Math.max(...records.map(({ timeMs }) => timeMs))
      return records.filter(({ timeMs }) => timeMs > newest - evictor.durationMs)
    }
    case 'delta': {
      const of = ({ row }: Held) => row[evictor.column] as number | null | undefined
      const last = of(records.at(-1)!) ?? null
      if (last === null) return records
      return records.filter((record) => {
        const value = of(record) ?? null
        return value === null || !(last - value >= evictor.threshold)
      })
    }
    default: {
      const never: never = evictor
      throw new RangeError(`Unknown evictor ${JSON.stringify(never)}`)
    }
  }
}
