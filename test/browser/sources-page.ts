/** The page of the sources: runs a job here, or in a worker. */

import { measureDecoder, runSource, type SourceRequest, type SourceResult } from './sources.ts'

function runInWorker(request: SourceRequest): Promise<SourceResult> {
  const worker = new Worker('/sources-worker.js', { type: 'module' })
  worker.postMessage(request)
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }: MessageEvent<SourceResult | { readonly error: string }>) => {
      worker.terminate()
      if ('error' in data) reject(new Error(data.error))
      else resolve(data)
    }
    worker.onerror = (event) => reject(new Error(event.message))
  })
}

Object.assign(globalThis, { runSource, runInWorker, measureDecoder })
