/** What a page under faults is told in its address, and what it tells the harness. */

import type { JobStatus, StartOptions } from 'millrace'

/** Where rows come from: of the page's own making, or from the server through a WebSocket. */
export type FaultSource = 'paced' | 'webSocket'

/** Defects that are planted to prove that the oracle finds them. */
export const PLANTS = ['rows are skipped', 'rows come twice', 'every life begins anew'] as const
export type Plant = (typeof PLANTS)[number]

export interface FaultOptions {
  readonly runId: string
  /** Whether the job runs in the page or in a worker of its own. */
  readonly place: 'page' | 'worker'
  readonly source: FaultSource
  readonly host: NonNullable<StartOptions['host']>
  readonly store: 'indexeddb' | 'opfs'
  /** Name of the store; pages of one run share it. */
  readonly storeName: string
  readonly leadership: 'refuse' | 'wait' | 'steal'
  readonly resume: 'auto' | 'always'
  /** Rows in all, and how many come in a second. */
  readonly rowCount: number
  readonly rowsPerSecond: number
  readonly everyMs: number
  readonly plant: Plant | null
}

export type ReportBody =
  /** The page's script runs. */
  | { readonly kind: 'loaded' }
  /** The store was opened and the job runs. */
  | {
      readonly kind: 'started'
      readonly epoch: number
      readonly tier: JobStatus['tier']
      readonly recoveredFrom: JobStatus['recoveredFrom']
    }
  /** `workersReplaced`: workers of the whole job that were made in place of lost ones. */
  | { readonly kind: 'finished'; readonly status: JobStatus; readonly workersReplaced: number }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string }
  /** The page was shown again; `persisted` when it had only been suspended. */
  | { readonly kind: 'shown'; readonly persisted: boolean }
  /** The page goes on after it had been frozen. */
  | { readonly kind: 'thawed' }

/** `page` is another one for each life of a document. */
export type Report = ReportBody & { readonly page: string }

export function addressOf(options: FaultOptions): string {
  return `/job?${new URLSearchParams({ options: JSON.stringify(options) })}`
}
