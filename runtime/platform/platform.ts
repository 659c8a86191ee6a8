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

/** A worker that a program made itself: a `Worker` of a page, or of `node:worker_threads`. */
export interface WorkerLike {
  postMessage(message: unknown, transfer: never[]): void
  terminate(): unknown
}

export interface Platform {
  readonly name: string
  /** Whether there are threads here. */
  readonly hasWorkers: boolean
  /** Whether they can share memory, here and now. */
  readonly canShare: boolean
  /** Why they cannot, and the remedy; empty when they can. */
  readonly whyNot: string
  /** Threads worth having. */
  readonly coreCount: number
  spawn(): WorkerHandle
  /** Takes a worker that serves kernels and that somebody else made. @throws ConfigError `WORKER_INVALID` when it is none. */
  adopt(worker: unknown): WorkerHandle
}
