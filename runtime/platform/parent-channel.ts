/**
 * The channel to whoever made this worker: a page, or a thread of Node.
 *
 * Before: job-worker/serve in the worker. After: the page's or the thread's end of a `Worker`.
 */

export interface ParentChannel {
  post(message: unknown): void
  listen(listener: (data: unknown) => void): void
}

/** The part of Node's worker_threads that is used here. */
interface WorkerThreads {
  readonly parentPort: { postMessage(message: unknown): void; on(event: 'message', listener: (data: unknown) => void): void } | null
}

/** Null where nobody made this thread. */
export function parentChannel(): ParentChannel | null {
  const scope = globalThis as unknown as Partial<Pick<Worker, 'postMessage' | 'addEventListener'>> & {
    readonly WorkerGlobalScope?: unknown
  }
  if (scope.WorkerGlobalScope !== undefined && scope.postMessage !== undefined) {
    return {
      post: (message) => scope.postMessage!(message),
      listen: (listener) => scope.addEventListener!('message', (event) => listener((event as MessageEvent).data)),
    }
  }
  // Asked for without naming it in an import, which bundlers for pages would look for.
  const threads = globalThis.process?.getBuiltinModule?.('node:worker_threads') as WorkerThreads | undefined
  const port = threads?.parentPort ?? null
  return port === null ? null : { post: (message) => port.postMessage(message), listen: (listener) => port.on('message', listener) }
}
