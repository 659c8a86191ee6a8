/**
 * What only some jobs need beside the engine: loaded for those that do, and all at once, since one after the other would be a wait for the network
 * each.
 *
 * Before: a plan, and how it is started. After: the engine, which hands each part to those that use it.
 *
 * Invariant: a part that is null is of no use to that plan with these options.
 */

import { platform } from '#platform'
import type * as Checkpointing from './coordinator/checkpointing.ts'
import type * as TimeRules from './coordinator/ruled-time-track.ts'
import type * as Supervision from './coordinator/supervisor.ts'
import type * as Transforms from './coordinator/transform-stage.ts'
import type * as Tiers from './host/tiers.ts'
import type * as Operators from './operator/make-operator.ts'
import type * as Panes from './panes/pane-parts.ts'
import type { Job } from './pipeline.ts'
import { isAssigned, isExtended, usesSliceKernel } from './plan-kernel.ts'
import { analysisOf } from './plan-loading.ts'
import { isStage, needsOrder } from './plan-stages.ts'
import { kernelModule } from './platform/kernel-module.ts'
import * as parts from './platform/parts-on-demand.ts'
import type * as Strategies from './source/record-strategies.ts'
import { looksAtRecords, needsRules } from './source/watermark-strategy.ts'
import type { StartOptions } from './start.ts'
import type * as Assigners from './window-assigner/window-assigner.ts'

export interface EngineParts {
  readonly supervision: typeof Supervision | null
  readonly checkpointing: typeof Checkpointing | null
  /** Hosts with workers. */
  readonly tiers: typeof Tiers | null
  /** Filter and map. */
  readonly transforms: typeof Transforms | null
  /** Windows beyond the slice kernel, and computed columns. */
  readonly panes: typeof Panes | null
  /** Windows that an assigner finds. */
  readonly assigners: typeof Assigners | null
  /** Watermark strategies that look at every record. */
  readonly strategies: typeof Strategies | null
  /** Rules of live sources. */
  readonly timeRules: typeof TimeRules | null
  /** Operators with state. */
  readonly operators: typeof Operators | null
}

/** @param options - Checked only in so far as its words are the right ones: what is bound may be anything. */
export async function engineParts({ plan }: Job, options: StartOptions): Promise<EngineParts> {
  const { operators } = plan
  const windows = operators.filter((spec) => spec.op === 'window')
  const has = (isUsed: (spec: (typeof operators)[number]) => boolean) => operators.some(isUsed)
  const hasWorkers = usesWorkers(options, windows.length > 0)
  loadKernels(windows, hasWorkers && platform.canShare && options.host !== 'transferred')
  const [supervision, checkpointing, tiers, transforms, panes, assigners, strategies, timeRules, stateful] = await Promise.all([
    mayRestart(options) ? parts.supervision() : null,
    options.checkpoints === undefined ? null : parts.checkpointing(),
    // A page without workers does not download Comlink.
    hasWorkers ? parts.tiers() : null,
    has(({ op }) => op === 'filter' || op === 'map') ? import('./coordinator/transform-stage.ts') : null,
    windows.some(isExtended) ? import('./panes/pane-parts.ts') : null,
    windows.some(({ window }) => isAssigned(window)) ? import('./window-assigner/window-assigner.ts') : null,
    has((spec) => spec.op === 'eventTime' && looksAtRecords(spec)) ? import('./source/record-strategies.ts') : null,
    needsTimeRules(plan, options) ? import('./coordinator/ruled-time-track.ts') : null,
    has((spec) => isStage(spec) || (spec.op === 'window' && needsOrder(spec))) ? import('./operator/make-operator.ts') : null,
  ])
  return { supervision, checkpointing, tiers, transforms, panes, assigners, strategies, timeRules, operators: stateful }
}

function mayRestart({ restart, checkpoints }: StartOptions): boolean {
  return restart !== false && (checkpoints !== undefined || restart !== undefined)
}

/** Without windows there are no kernels that could run elsewhere. */
function usesWorkers({ host = 'auto' }: StartOptions, hasWindows: boolean): boolean {
  return platform.hasWorkers && (host === 'auto' ? hasWindows : host !== 'inline')
}

/** The host waits for them; begun now, they are there when it does. One that fails, fails there again. */
function loadKernels(windows: readonly Parameters<typeof usesSliceKernel>[0][], isShared: boolean): void {
  for (const kind of new Set(windows.map((spec) => (usesSliceKernel(spec) ? 'slices' : 'panes'))))
    kernelModule(isShared, kind).catch(() => {})
}

function needsTimeRules(plan: Job['plan'], { sources }: StartOptions): boolean {
  const { operators } = analysisOf(plan)
  return plan.operators.some((spec) => {
    const isLive = sources[operators.get(spec.uid)!.sourceUid]?.isBounded === false
    // Windows by the clock have a time of their own, which follows the same rules.
    if (spec.op === 'window') return isLive && spec.time === 'processing'
    return spec.op === 'eventTime' && needsRules(spec, isLive)
  })
}
