/** Workers of Node, Deno and Bun: worker_threads. */

import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import nodeEndpoint from 'comlink/dist/esm/node-adapter.mjs'
import type { Platform, WorkerHandle } from './platform.ts'

// As source the entry is TypeScript, which Node runs as it is; as a package it is the bundle beside this one.
const entry = import.meta.url.endsWith('.ts')
  ? new URL('../host/node-kernel-worker-entry.ts', import.meta.url)
  : new URL('./node-kernel-worker.js', import.meta.url)

export const platform: Platform = {
  name: 'node',
  canShare: true,
  whyNot: '',
  coreCount: availableParallelism(),
  spawn(): WorkerHandle {
    const worker = new Worker(entry, { name: 'millrace' })
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
  },
}
