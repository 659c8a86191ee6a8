/**
 * The worker in which the whole job runs: reads the feed, drives the kernels in workers of its own, keeps the tables, takes checkpoints.
 *
 * Before: the page connects. After: views and status by Millrace, cells and dots by page-port.ts on the worker's own channel.
 *
 * Invariant: the page's thread never sees a reading, unless it is one of those that are drawn as dots.
 */

import { viewSink } from 'millrace'
import { indexedDbCheckpoints } from 'millrace/browser'
import { type ServeContext, serve } from 'millrace/worker'
import { job } from './job.ts'
import { type AskForPort, type FeedAddress, readingsSource } from './readings-source.ts'
import { deviceSink, lateSink } from './table/cell-sink.ts'
import { type FromJob, PagePort, type TableName, type ToJob } from './table/page-port.ts'
import { type TracedReading, watchedSource } from './watched-source.ts'

export interface JobParameters {
  /** Names the job's storage; another one begins anew. */
  readonly storage: string
  readonly parallelism: number
  readonly host: 'auto' | 'workers' | 'shared' | 'transferred' | 'inline'
  readonly feed: FeedAddress
}

const post = (message: FromJob, transfer: Transferable[] = []) => globalThis.postMessage(message, { transfer })
const page = new PagePort(post)
const workers = new Set<Worker>()
let gotPort: ((port: MessagePort) => void) | null = null

addEventListener('message', ({ data }: MessageEvent<ToJob>) => {
  if (data.kind === 'reader') gotPort?.(data.port)
  if (data.kind === 'crash') crash()
})

serve(job, ({ parameters }: ServeContext<JobParameters>) => {
  const { storage, parallelism, host, feed } = parameters
  const listener = (name: TableName) => ({
    loaded: (table: Parameters<PagePort['loaded']>[1]) => page.loaded(name, table),
    written: (_table: unknown, batch: Parameters<PagePort['late']>[0]) => (name === 'late' ? page.late(batch) : page.written()),
  })
  const watcher = { reached: (number: number) => page.reached(number), traced: (reading: TracedReading) => page.traced(reading) }
  const database = `${storage}-cells`
  return {
    sources: { readings: watchedSource(readingsSource(feed, askForPort), watcher) },
    sinks: {
      devices: deviceSink({ database, listener: listener('devices') }),
      late: lateSink({ database, listener: listener('late') }),
      fleet: viewSink({ rowsMax: 64, durable: true }),
      trend: viewSink({ rowsMax: 330, durable: true }),
    },
    // The worker before may still be going: then this one waits until it is gone, or silent.
    checkpoints: { store: indexedDbCheckpoints(storage, { leadership: 'wait', stealAfter: '3s' }), every: '2s' },
    parallelism,
    host,
    worker: kernelWorker,
    // A worker that is terminated says nothing: silence is the only sign.
    workerTimeout: '2s',
    restart: { attempts: 20, within: '1m' },
  }
})

function kernelWorker(): Worker {
  const worker = new Worker(new URL('./kernel-worker.js', import.meta.url), { type: 'module', name: 'kernel' })
  workers.add(worker)
  const terminate = worker.terminate.bind(worker)
  worker.terminate = () => {
    workers.delete(worker)
    terminate()
  }
  return worker
}

/** Ends a worker of the kernels as a browser that runs out of memory would: without a word to anybody. */
function crash(): void {
  const [victim] = workers
  if (victim === undefined) return
  workers.delete(victim)
  Worker.prototype.terminate.call(victim)
}

/** A port to the feed's worker, by way of the page, which knows both. */
const askForPort: AskForPort = (answer) => {
  const take = (port: MessagePort) => {
    gotPort = null
    answer(port)
  }
  gotPort = take
  post({ kind: 'reader-wanted' })
  return () => {
    if (gotPort === take) gotPort = null
  }
}
