/** Workers of pages: module workers, which share memory where the page is cross-origin isolated. */

import { ConfigError } from '../errors.ts'
import type { Platform, WorkerHandle } from './platform.ts'

const hasWorkers = typeof Worker === 'function'
const isIsolated = globalThis.crossOriginIsolated === true && typeof SharedArrayBuffer === 'function'

export const platform: Platform = {
  name: 'browser',
  hasWorkers,
  canShare: isIsolated && hasWorkers,
  whyNot: !hasWorkers
    ? 'there are no workers here'
    : isIsolated
      ? ''
      : 'SharedArrayBuffer is unavailable; serve the page and its workers with Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp',
  coreCount: globalThis.navigator?.hardwareConcurrency ?? 1,
  spawn: () => handleOf(new Worker(new URL('./kernel-worker.js', import.meta.url), { type: 'module', name: 'millrace' })),
  adopt(worker) {
    if (worker instanceof Worker) return handleOf(worker)
    throw new ConfigError('WORKER_INVALID', `The function worker returned ${String(worker)}; it must return a new Worker`)
  },
}

function handleOf(worker: Worker): WorkerHandle {
  return {
    endpoint: worker,
    onLost(callback) {
      worker.addEventListener('error', (event) => callback(event.message || 'its script could not be loaded'), { once: true })
      worker.addEventListener('messageerror', () => callback('a message could not be read'), { once: true })
    },
    terminate() {
      worker.terminate()
      return Promise.resolve()
    },
  }
}
