/** The durable job in the page or in a worker of it, and what its results look like to the page. */

import { openDB } from 'idb'
import { type DurableAnswer, type DurableOptions, goldenRows, removeDurable, runDurable } from './durable.ts'

function runIn(where: 'page' | 'worker', options: DurableOptions): Promise<DurableAnswer> {
  if (where === 'page') return runDurable(options)
  const worker = new Worker('/durable-worker.js', { type: 'module' })
  return new Promise((resolve, reject) => {
    worker.addEventListener('message', ({ data }: MessageEvent<DurableAnswer>) => resolve(data))
    worker.addEventListener('error', ({ message }) => reject(new Error(message)))
    worker.postMessage(options)
  })
}

/** The results, as a page of the user reads them. */
async function results(name: string) {
  const database = await openDB(name)
  const [minutes, late] = await Promise.all(['minutes', 'late'].map((store) => database.getAll(store)))
  database.close()
  return { minutes, late }
}

Object.assign(globalThis, { runIn, results, goldenRows, removeDurable })
