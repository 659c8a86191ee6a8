/**
 * What differs between places to run: how a worker is made. platform/node and platform/browser are the only files that name one.
 */

import type { Endpoint } from 'comlink'

export interface WorkerHandle {
  readonly endpoint: Endpoint
  /** Calls back once when the worker ends without having been asked to. */
  onLost(callback: (reason: string) => void): void
  terminate(): Promise<void>
}

export interface Platform {
  readonly name: string
  /** Whether threads with shared memory can be had here and now. */
  readonly canShare: boolean
  /** Why not, and the remedy; empty when they can. */
  readonly whyNot: string
  /** Threads worth having. */
  readonly coreCount: number
  spawn(): WorkerHandle
}
