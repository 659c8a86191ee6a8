/** Workers of pages: module workers, which share memory where the page is cross-origin isolated. */

import type { Platform, WorkerHandle } from './platform.ts'

const isIsolated = globalThis.crossOriginIsolated === true && typeof SharedArrayBuffer === 'function'

export const platform: Platform = {
  name: 'browser',
  canShare: isIsolated && typeof Worker === 'function',
  whyNot: isIsolated
    ? ''
    : 'SharedArrayBuffer is unavailable; serve the page and its workers with Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp',
  coreCount: globalThis.navigator?.hardwareConcurrency ?? 1,
  spawn(): WorkerHandle {
    const worker = new Worker(new URL('./kernel-worker.js', import.meta.url), { type: 'module', name: 'millrace' })
    return {
      endpoint: worker,
      onLost(callback) {
        worker.addEventListener('error', (event) => callback(event.message || 'the worker could not be loaded'))
      },
      terminate() {
        worker.terminate()
        return Promise.resolve()
      },
    }
  },
}
