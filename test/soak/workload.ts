/**
 * What never ends and must not grow: keys that come and go, sessions that never close, time that leaps, records that are late.
 *
 * Before: nothing; row n is a function of n. After: soak.ts runs it through windows of every memory there is.
 *
 * Invariant: the number of keys, windows and records that can be open at once is bounded by the constants here.
 */

import type { Source } from '../../runtime/source/source.ts'
import { call, column, planOf } from '../support/plans.ts'

/** Event time from one row to the next. */
const STEP_MS = 10
/** A new key every so many rows, out of the newest ones. A million of them make the dictionary begin anew. */
const ROWS_PER_KEY = 2
const LIVE_KEYS = 200
/** Keys that always come again before their session can end. */
const EVERLASTING_KEYS = 20
/** Where time leaps, and how far. */
const LEAP_ROWS = 50_000
const LEAP_MS = 30 * 86_400_000

const SCHEMA = { t: 'timestamp', device: 'utf8', path: 'utf8', value: 'f64' } as const

interface SoakRow {
  readonly t: number
  readonly device: string
  readonly path: string
  readonly value: number
}

export function rowAt(n: number): SoakRow {
  // Multiplicative hashing: spread, and the same everywhere.
  const mixed = Math.imul(n, 0x9e3779b1) >>> 0
  const isEverlasting = n % 4 === 0
  const device = isEverlasting ? `always ${(n / 4) % EVERLASTING_KEYS}` : `device ${Math.floor(n / ROWS_PER_KEY) + (mixed % LIVE_KEYS)}`
  const leapMs = Math.floor(n / LEAP_ROWS) * LEAP_MS
  const lateMs = mixed % 97 === 0 ? 90_000 : mixed % 1_500
  return { t: 1_700_000_000_000 + leapMs + n * STEP_MS - lateMs, device, path: `/page/${n % 50}/${mixed % 7}`, value: mixed % 100 }
}

/** Every kind of state: slices, windows with accumulators, kept records, sessions, lists of values, sketches. */
export function soakPlan(): object {
  const device = ['device']
  const count = { n: { fn: 'count' } } as const
  return planOf({
    name: 'soak',
    schema: SCHEMA,
    time: 't',
    delayMs: 2_000,
    everyRecords: 64,
    windows: [
      {
        name: 'minutes',
        keys: device,
        sizeMs: 60_000,
        allowedLatenessMs: 60_000,
        aggregates: { ...count, sum: { fn: 'sum', column: 'value' } },
      },
      {
        name: 'rolling',
        keys: device,
        sizeMs: 10_000,
        slideMs: 5_000,
        allowedLatenessMs: 5_000,
        aggregates: { ...count, paths: { fn: 'topK', column: 'path', k: 3 }, last: { fn: 'argMax', column: 'path', by: 'value' } },
        more: { trigger: { kind: 'onWatermark', early: { kind: 'onCount', n: 10 } }, accumulation: 'retracting' },
      },
      {
        name: 'sessions',
        keys: device,
        aggregates: { ...count, paths: { fn: 'collect', column: 'path', limit: 20 } },
        more: { window: { kind: 'session', gapMs: 5_000, maxLengthMs: 60_000 } },
      },
      {
        name: 'visits',
        keys: device,
        allowedLatenessMs: 10_000,
        aggregates: { ...count, median: { fn: 'median', column: 'value' } },
        more: {
          window: { kind: 'session', gapMs: 20_000 },
          accumulation: 'discarding',
          trigger: { kind: 'onWatermark', early: { kind: 'onCount', n: 50 } },
        },
        where: call('ne', call('mod', column('value'), 3), 0),
      },
      {
        name: 'around',
        keys: device,
        aggregates: { ...count, mean: { fn: 'mean', column: 'value' } },
        more: { window: { kind: 'around', beforeMs: 1_000, afterMs: 1_000 } },
        where: call('gt', column('value'), 90),
      },
      {
        name: 'newest',
        keys: device,
        sizeMs: 30_000,
        aggregates: { ...count, paths: { fn: 'countDistinct', column: 'path' } },
        more: { evictor: { kind: 'count', n: 5 }, trigger: { kind: 'onCount', n: 5 }, closing: 'ifNonEmpty' },
      },
      {
        name: 'all',
        sizeMs: 60_000,
        aggregates: {
          devices: { fn: 'countDistinct', column: 'device', approximate: true },
          p90: { fn: 'quantile', column: 'value', q: 0.9 },
          last: { fn: 'last', column: 'value' },
        },
      },
    ],
  })
}

export const SOAK_WINDOWS = ['minutes', 'rolling', 'sessions', 'visits', 'around', 'newest', 'all'] as const

/** A live source without end, whose rows are made as they are read. */
export function endlessSource(): Source {
  return {
    kind: 'endless',
    isReplayable: true,
    isBounded: false,
    splits: () =>
      Promise.resolve([
        {
          splitId: 'rows',
          open: (position) => {
            let at = position === null ? 0 : Number(position['row'])
            return Promise.resolve({
              read(builder, rowsMax) {
                for (let count = 0; count < rowsMax; count++) builder.appendRow(rowAt(at++), 'row')
                return 'more' as const
              },
              position: () => ({ row: at }),
              progress: () => null,
              close: () => Promise.resolve(),
            })
          },
        },
      ]),
  }
}
