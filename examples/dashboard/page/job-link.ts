/**
 * The page's line to the job worker: starts it, asks for status and views, passes on packets, and breaks what it is told to break.
 *
 * Before: session.ts says which storage and how many workers. After: the model gets everything that arrives.
 *
 * Invariant: one worker of the job at a time; a status that was asked for is taken before the next one is.
 */

import type { Job, JobStatus } from 'millrace'
import { connect, type RemoteRun } from 'millrace/browser'
import type { JobParameters } from '../job-worker.ts'
import type { FromJob, Packet, ToJob } from '../table/page-port.ts'

export interface JobEvents {
  packet(packet: Packet): void
  status(status: JobStatus): void
  views(remote: RemoteRun): void
  /** The job wants a port to the feed of the page. */
  readerWanted(answer: (port: MessagePort) => void): void
  state(state: JobLinkState, reason?: string): void
}

export type JobLinkState = 'starting' | 'running' | 'restarting' | 'failed'

const STATUS_MS = 100

export class JobLink {
  readonly #events: JobEvents
  #parameters: JobParameters
  #remote: RemoteRun | null = null
  #worker: Worker | null = null
  #isAsking = false

  constructor(parameters: JobParameters, events: JobEvents) {
    this.#parameters = parameters
    this.#events = events
    setInterval(() => void this.#ask(), STATUS_MS)
  }

  async start(): Promise<void> {
    this.#events.state('starting')
    try {
      this.#remote = await connect<Job, JobParameters>(() => this.#makeWorker(), {
        parameters: () => this.#parameters,
        restart: { attempts: 20, within: '1m' },
        aliveTimeout: '8s',
      })
      void this.#remote.finished.catch((error: unknown) => this.#events.state('failed', messageOf(error)))
      this.#events.views(this.#remote)
      this.#events.state('running')
    } catch (error) {
      this.#events.state('failed', messageOf(error))
    }
  }

  async restart(changed: Partial<JobParameters>): Promise<void> {
    this.#parameters = { ...this.#parameters, ...changed }
    this.#events.state('restarting')
    try {
      await this.#remote?.restart(this.#parameters)
      this.#events.state('running')
    } catch (error) {
      this.#events.state('failed', messageOf(error))
    }
  }

  /** Terminates a worker of the kernels; where the job has none, the worker of the job itself. */
  crash(tier: JobStatus['tier']): void {
    if (tier === 'inline') this.#worker?.terminate()
    else this.#tell({ kind: 'crash' })
  }

  checkpoint(): void {
    void this.#remote?.checkpoint().catch(() => {})
  }

  close(): void {
    this.#remote?.close()
  }

  #makeWorker(): Worker {
    const worker = new Worker(new URL('./job-worker.js', import.meta.url), { type: 'module', name: 'job' })
    this.#worker = worker
    worker.addEventListener('message', ({ data }: MessageEvent<FromJob>) => {
      // What a worker that was replaced still has to say is of the past.
      if (worker !== this.#worker) return
      if (data.kind === 'packet') this.#events.packet(data)
      if (data.kind === 'reader-wanted') this.#events.readerWanted((port) => this.#tell({ kind: 'reader', port }, [port]))
    })
    return worker
  }

  #tell(message: ToJob, transfer: Transferable[] = []): void {
    this.#worker?.postMessage(message, transfer)
  }

  async #ask(): Promise<void> {
    if (this.#remote === null || this.#isAsking) return
    this.#isAsking = true
    try {
      this.#events.status(await this.#remote.status())
    } catch {
      // The job is between two lives; `finished` tells if there is no next one.
    } finally {
      this.#isAsking = false
    }
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
