/**
 * The ladder of hosts with workers: shared rings where memory can be shared, transferred buffers where there are workers but no sharing.
 *
 * Before: engine.ts loads it where workers may be had. After: shared-host or transfer-host. The lowest rung, inline, is the engine's own.
 *
 * Invariant: a host is handed out only when all its workers have answered.
 */

import type { Clock } from '../clock.ts'
import { ConfigError, MillraceError } from '../errors.ts'
import { kernelModule } from '../platform/kernel-module.ts'
import type { Platform, WorkerHandle } from '../platform/platform.ts'
import type { Host } from './host.ts'
import { KernelWorkers, unavailable } from './kernel-workers.ts'

export interface TierOptions {
  readonly wish: 'auto' | 'workers' | 'shared' | 'transferred'
  readonly platform: Platform
  readonly parallelism: number
  readonly clock: Clock
  /** Makes a worker instead of the platform. */
  readonly worker: (() => unknown) | undefined
  readonly timeoutMs: number
  readonly warn: (message: string) => void
}

/**
 * The best host with workers that the wish allows; with `auto` null when there is none.
 *
 * @throws ConfigError `SHARED_MEMORY_UNAVAILABLE`, `WORKERS_UNAVAILABLE`; KernelError `PROTOCOL_MISMATCH`.
 */
export async function hostWithWorkers(options: TierOptions): Promise<Host | null> {
  const { wish, platform, clock, warn } = options
  const isShared = wish === 'shared' || (wish !== 'transferred' && platform.canShare)
  if (isShared && !platform.canShare) {
    throw new ConfigError('SHARED_MEMORY_UNAVAILABLE', `Cannot share memory with workers: ${platform.whyNot}; or use host: 'transferred'`)
  }
  // Loaded while the workers are.
  const hostModule = isShared ? import('./shared-host.ts') : import('./transfer-host.ts')
  hostModule.catch(() => {})
  let workers: KernelWorkers
  try {
    workers = await KernelWorkers.open(() => spawn(options), options.parallelism, options.timeoutMs)
  } catch (error) {
    if (wish !== 'auto' || !(error instanceof ConfigError)) throw error
    warn(`Running on one thread. ${error.message}`)
    return null
  }
  if (!isShared && wish !== 'transferred')
    warn(`Workers get their records by messages, which is slower than shared memory: ${platform.whyNot}`)
  const load = (kind: Parameters<typeof kernelModule>[1]) => kernelModule(isShared, kind)
  try {
    const module = await hostModule
    return 'SharedHost' in module ? new module.SharedHost(workers, load, clock) : new module.TransferHost(workers, load, clock)
  } catch (error) {
    await workers.close()
    throw error
  }
}

function spawn({ platform, worker }: TierOptions): WorkerHandle {
  try {
    return worker === undefined ? platform.spawn() : platform.adopt(worker())
  } catch (cause) {
    if (cause instanceof MillraceError) throw cause
    throw unavailable(cause instanceof Error ? cause.message : String(cause), cause)
  }
}
