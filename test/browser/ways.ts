/** The tiers on which browsers run jobs: where the page comes from, and the host that is asked for. */

import type { JobStatus, StartOptions } from 'millrace'

export interface Way {
  /** `/not-isolated` for pages without the headers of cross-origin isolation, which share no memory. */
  readonly prefix: string
  readonly host: NonNullable<StartOptions['host']>
  readonly tier: JobStatus['tier']
}

export const WAYS: readonly Way[] = [
  { prefix: '', host: 'shared', tier: 'shared' },
  { prefix: '', host: 'transferred', tier: 'transferred' },
  { prefix: '', host: 'inline', tier: 'inline' },
  { prefix: '/not-isolated', host: 'auto', tier: 'transferred' },
  { prefix: '/not-isolated', host: 'inline', tier: 'inline' },
]
