/**
 * What a page tells the ready-made job worker: a plan, and everything that `start` takes, as plain data.
 *
 * Before: `connect(worker, { parameters })`. After: plan-job.ts makes a job and its options of it.
 */

import type { CheckpointOptions, StartOptions } from '../../runtime/index.ts'
import type { Kind } from './kind.ts'
import type { SINKS, SOURCES, STORES } from './kinds.ts'

/** Options of `start` that are data. */
export const DATA_OPTIONS = [
  'parallelism',
  'host',
  'restart',
  'workerTimeout',
  'keyGroupCount',
  'memoryBytesMax',
  'batchRows',
  'ringSlots',
  'stringsMax',
  'ordered',
] as const satisfies readonly (keyof StartOptions)[]

/** Settings of checkpoints beside their store. */
export const CHECKPOINT_SETTINGS = ['every', 'resume', 'tolerableFailures'] as const satisfies readonly (keyof CheckpointOptions)[]

/** A description of one of these kinds. */
type Described<K> = { [N in keyof K & string]: { readonly kind: N } & DescriptionOf<K[N]> }[keyof K & string]
type DescriptionOf<K> = K extends Kind<unknown, infer D> ? D : never

export type SourceDescription = Described<typeof SOURCES>
export type SinkDescription = Described<typeof SINKS>
export type CheckpointDescription = Described<typeof STORES> & Pick<CheckpointOptions, (typeof CHECKPOINT_SETTINGS)[number]>

export interface PlanParameters extends Pick<StartOptions, (typeof DATA_OPTIONS)[number]> {
  /** The JSON of a plan, as `job.plan` has it. Plans with functions need a worker of one's own. */
  readonly plan: unknown
  /** By name of the source. */
  readonly sources: Readonly<Record<string, SourceDescription>>
  /** By name of the sink. */
  readonly sinks: Readonly<Record<string, SinkDescription>>
  readonly checkpoints?: CheckpointDescription
}
