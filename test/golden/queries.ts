/**
 * The golden queries that need tumbling or sliding windows only, as plans over the files they were computed from.
 *
 * Before: ../shared/data and its README. After: golden.test, which runs them.
 * Queries of one file are branches of one plan, so that a large file is read once for each host and parallelism.
 *
 * Invariant: a query says what its README says; how it is run is not its matter.
 */

import { call, column, type PlanParts, type Type, type WindowPart } from '../support/plans.ts'
import type { Aggregate } from '../oracle/panes/plan.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** What a golden file holds: columns of ours against columns of theirs. */
export interface GoldenBranch extends WindowPart {
  readonly golden: string
  /** The column that `key` of the golden file stands for; null: one key for all. */
  readonly key: string | null
  /** Aggregates by the columns of the golden file. */
  readonly columns: Readonly<Record<string, string>>
  /** The aggregate whose entries are rows of the golden file, by rank. */
  readonly ranked?: string
}

export interface GoldenFile extends Omit<PlanParts, 'windows'> {
  readonly file: string
  readonly branches: readonly GoldenBranch[]
}

/** A query whose golden file says when rows were late. */
export interface LateQuery extends Omit<GoldenFile, 'branches' | 'everyRecords'> {
  readonly golden: string
  readonly key: string
  readonly sizeMs: number
  readonly allowedLatenessMs: number
  readonly droppedCount: number
  /** Golden list of the dropped rows, in file order. */
  readonly dropped?: string
}

const ofValue = (name: string): Record<string, Aggregate> => ({
  count: { fn: 'count' },
  sum: { fn: 'sum', column: name },
  mean: { fn: 'mean', column: name },
  min: { fn: 'min', column: name },
  max: { fn: 'max', column: name },
})
const five = { count: 'count', sum: 'sum', mean: 'mean', min: 'min', max: 'max' }
/** Sessions: how many records, and when the last. */
const ofSession = { count: { fn: 'count' }, last: { fn: 'max', column: 't' } } as const satisfies Record<string, Aggregate>
const session = { count: 'count', last: 'last' }
const gap = (gapMs: number) => ({ window: { kind: 'session', gapMs } })
const present = (name: string) => call('not', call('isNull', column(name)))

export const GOLDEN_FILES: readonly GoldenFile[] = [
  {
    name: 'golden-nab',
    file: 'nab-telemetry.csv.gz',
    schema: { t: 'timestamp', series: 'utf8', value: 'f64' },
    time: 't',
    delayMs: 0,
    branches: [
      {
        name: 'hours',
        golden: 'nab-tumble-1h-by-series.csv.gz',
        where: present('value'),
        keys: ['series'],
        key: 'series',
        sizeMs: HOUR,
        aggregates: ofValue('value'),
        columns: five,
      },
      {
        name: 'machine',
        golden: 'nab-slide-1h-5min-machine-temperature.csv.gz',
        where: call('and', call('eq', column('series'), 'realKnownCause/machine_temperature_system_failure'), present('value')),
        keys: ['series'],
        key: 'series',
        sizeMs: HOUR,
        slideMs: 5 * MINUTE,
        aggregates: ofValue('value'),
        columns: five,
      },
      {
        name: 'sessions',
        golden: 'nab-sessions-2699500ms-by-series.csv.gz',
        keys: ['series'],
        key: 'series',
        more: gap(2_699_500),
        aggregates: ofSession,
        columns: session,
      },
    ],
  },
  {
    name: 'golden-web',
    file: 'web-access.csv.gz',
    schema: { t: 'timestamp', client: 'utf8', path: 'utf8', status: 'i32', bytes: 'f64' },
    time: 't',
    delayMs: MINUTE,
    branches: [
      {
        name: 'statuses',
        golden: 'web-tumble-5min-by-status.csv',
        map: { bytes: call('coalesce', column('bytes'), 0) },
        keys: ['status'],
        key: 'status',
        sizeMs: 5 * MINUTE,
        aggregates: { count: { fn: 'count' }, bytes: { fn: 'sum', column: 'bytes' } },
        columns: { count: 'count', bytes_sum: 'bytes' },
      },
      {
        name: 'requests',
        golden: 'web-slide-1h-5min.csv',
        key: null,
        sizeMs: HOUR,
        slideMs: 5 * MINUTE,
        aggregates: { count: { fn: 'count' } },
        columns: { count: 'count' },
      },
      {
        name: 'clients',
        golden: 'web-sessions-30min-by-client.csv',
        keys: ['client'],
        key: 'client',
        more: gap(30 * MINUTE),
        aggregates: ofSession,
        columns: session,
      },
      {
        name: 'paths',
        golden: 'web-top3-paths-1h.csv',
        key: null,
        sizeMs: HOUR,
        aggregates: { top: { fn: 'topK', column: 'path', k: 3 } },
        columns: { path: 'value', count: 'count' },
        ranked: 'top',
      },
    ],
  },
  {
    name: 'golden-earthquakes',
    file: 'earthquakes.csv.gz',
    schema: { t: 'timestamp', net: 'utf8', mag: 'f64' },
    time: 't',
    delayMs: 30 * DAY,
    branches: [
      {
        name: 'networks',
        golden: 'earthquakes-tumble-1h-by-net.csv',
        where: present('mag'),
        keys: ['net'],
        key: 'net',
        sizeMs: HOUR,
        aggregates: ofValue('mag'),
        columns: five,
      },
      {
        name: 'swarms',
        golden: 'earthquakes-sessions-1h-by-net.csv',
        keys: ['net'],
        key: 'net',
        more: gap(HOUR),
        aggregates: ofSession,
        columns: session,
      },
    ],
  },
  {
    name: 'golden-beijing',
    file: 'beijing-air.csv.gz',
    schema: { t: 'timestamp', station: 'utf8', pm25: 'f64' },
    time: 't',
    delayMs: 0,
    branches: [
      {
        name: 'days',
        golden: 'beijing-tumble-1d-pm25-by-station.csv.gz',
        where: present('pm25'),
        keys: ['station'],
        key: 'station',
        sizeMs: DAY,
        aggregates: ofValue('pm25'),
        columns: five,
      },
      {
        name: 'dongsi',
        golden: 'beijing-slide-24h-6h-pm25-dongsi.csv.gz',
        where: call('and', call('eq', column('station'), 'Dongsi'), present('pm25')),
        keys: ['station'],
        key: 'station',
        sizeMs: DAY,
        slideMs: 6 * HOUR,
        aggregates: ofValue('pm25'),
        columns: five,
      },
      {
        name: 'runs',
        golden: 'beijing-sessions-150min-pm25-by-station.csv',
        where: present('pm25'),
        keys: ['station'],
        key: 'station',
        more: gap(150 * MINUTE),
        aggregates: ofSession,
        columns: session,
      },
    ],
  },
  {
    name: 'golden-ais',
    file: 'ais-positions.csv.gz',
    schema: { t: 'timestamp', mmsi: 'i32', sog: 'f64', class: 'utf8' },
    time: 't',
    delayMs: DAY,
    branches: [
      {
        name: 'classes',
        golden: 'ais-tumble-5min-by-class.csv',
        where: present('sog'),
        keys: ['class'],
        key: 'class',
        sizeMs: 5 * MINUTE,
        aggregates: ofValue('sog'),
        columns: five,
      },
      {
        name: 'vessels',
        golden: 'ais-tumble-5min-by-vessel.csv.gz',
        where: present('sog'),
        keys: ['mmsi'],
        key: 'mmsi',
        sizeMs: 5 * MINUTE,
        aggregates: ofValue('sog'),
        columns: five,
      },
      {
        name: 'all',
        golden: 'ais-slide-1h-5min-count-and-distinct-vessels.csv',
        key: null,
        sizeMs: HOUR,
        slideMs: 5 * MINUTE,
        aggregates: { count: { fn: 'count' }, vessels: { fn: 'countDistinct', column: 'mmsi' } },
        columns: { count: 'count', distinct_vessels: 'vessels' },
      },
      {
        name: 'voyages',
        golden: 'ais-sessions-299500ms-by-vessel.csv.gz',
        keys: ['mmsi'],
        key: 'mmsi',
        more: gap(299_500),
        aggregates: ofSession,
        columns: session,
      },
    ],
  },
]

const web = {
  file: 'web-access.csv.gz',
  schema: { t: 'timestamp', status: 'utf8' },
  time: 't',
  key: 'status',
  sizeMs: 10_000,
} as const satisfies Partial<LateQuery>
const earthquakes = {
  file: 'earthquakes.csv.gz',
  schema: { t: 'timestamp', net: 'utf8' },
  time: 't',
  key: 'net',
  sizeMs: HOUR,
} as const satisfies Partial<LateQuery>
const ais = {
  file: 'ais-positions.csv.gz',
  schema: { t: 'timestamp', class: 'utf8' } as Record<string, Type>,
  time: 't',
  key: 'class',
  sizeMs: MINUTE,
  allowedLatenessMs: 0,
}
const firstHalfHour = { whereFirst: call('lt', column('t'), 1_641_168_000_000 + 30 * MINUTE) }

/** Watermarks are evaluated after every row. */
export const LATE_QUERIES: readonly LateQuery[] = [
  {
    ...web,
    golden: 'web-late-10s-by-status-bound-10s.csv',
    delayMs: 10_000,
    allowedLatenessMs: 0,
    droppedCount: 6_489,
    dropped: 'web-late-10s-by-status-bound-10s-dropped.csv',
  },
  { ...web, golden: 'web-late-10s-by-status-bound-10s-lateness-20s.csv', delayMs: 10_000, allowedLatenessMs: 20_000, droppedCount: 3_136 },
  { ...earthquakes, golden: 'earthquakes-late-1h-by-net-bound-1h.csv', delayMs: HOUR, allowedLatenessMs: 0, droppedCount: 1_010 },
  {
    ...earthquakes,
    golden: 'earthquakes-late-1h-by-net-bound-1h-lateness-12h.csv',
    delayMs: HOUR,
    allowedLatenessMs: 12 * HOUR,
    droppedCount: 505,
  },
  { ...earthquakes, golden: 'earthquakes-late-1h-by-net-bound-6h.csv', delayMs: 6 * HOUR, allowedLatenessMs: 0, droppedCount: 736 },
  { ...ais, ...firstHalfHour, golden: 'ais-late-1min-by-class-first-30min-bound-30s.csv', delayMs: 30_000, droppedCount: 80_140 },
  { ...ais, ...firstHalfHour, golden: 'ais-late-1min-by-class-first-30min-bound-120s.csv', delayMs: 120_000, droppedCount: 39_093 },
  { ...ais, golden: 'ais-late-1min-by-class-all-rows-bound-120s.csv', delayMs: 120_000, droppedCount: 99_571 },
]
