/** Workers of Node, Deno and Bun: worker_threads. */

import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import nodeEndpoint from 'comlink/dist/esm/node-adapter.mjs'
import { ConfigError } from '../errors.ts'
import type { Platform, WorkerHandle } from './platform.ts'

// As source the entry is TypeScript, which Node runs as it is; as a package it is the bundle beside this one.
const entry = import.meta.url.endsWith('.ts')
  ? new URL('../host/node-kernel-worker-entry.ts', import.meta.url)
  : new URL('./node-kernel-worker.js', import.meta.url)

export const platform: Platform = {
  name: 'node',
  hasWorkers: true,
  canShare: true,
  whyNot: '',
  coreCount: availableParallelism(),
  spawn: () => handleOf(new Worker(entry, { name: 'millrace' })),
  adopt(worker) {
    if (worker instanceof Worker) return handleOf(worker)
    throw new ConfigError(
      'WORKER_INVALID',
      `The function worker returned ${String(worker)}; it must return a new Worker of node:worker_threads`,
    )
  },
}

function handleOf(worker: Worker): WorkerHandle {
  return {
    endpoint: nodeEndpoint(worker),
    onLost(callback) {
      let reason = ''
      worker.on('error', (error: Error) => {
        reason = error.message
      })
      worker.on('exit', (code) => callback(reason === '' ? `exit code ${code}` : reason))
    },
    async terminate() {
      await worker.terminate()
    },
  }
}
