/**
 * The page's end of one job worker: greets it, calls it, and notices when it is gone.
 *
 * Before: remote-job.ts makes a worker with the user's factory. After: serve.ts in the worker.
 * A worker that was terminated says nothing, so it is asked from time to time whether it lives. Questions are counted, not seconds: a page
 * that was frozen asked nothing meanwhile, and its worker was frozen with it.
 *
 * Invariant: every call settles: with the worker's answer, or because the worker is lost or the link closed.
 */

import { type Remote, wrap } from 'comlink'
import type { Clock } from '../clock.ts'
import { ConfigError, errorFromData, JobStateError, type MillraceError } from '../errors.ts'
import { race } from '../race.ts'
import { type Answer, greetingOf, JOB_PROTOCOL_VERSION, type JobService } from './protocol.ts'

/** A Worker of the web, as far as it is used here. */
export interface WebJobWorker {
  postMessage(message: unknown, transfer: Transferable[]): void
  addEventListener(kind: 'message' | 'error' | 'messageerror', listener: (event: unknown) => void): void
  terminate(): void
}

/** A Worker of `node:worker_threads`, as far as it is used here. */
export interface NodeJobWorker {
  postMessage(message: unknown, transfer: never[]): void
  on(kind: 'message', listener: (value: unknown) => void): unknown
  on(kind: 'error', listener: (error: Error) => void): unknown
  on(kind: 'exit', listener: (code: number) => void): unknown
  terminate(): Promise<unknown>
}

export type JobWorker = WebJobWorker | NodeJobWorker

export interface LinkOptions {
  readonly clock: Clock
  /** How long the worker may take to serve, ms. */
  readonly answerMs: number
  /** How long a worker may be silent, ms; null: for ever. */
  readonly aliveMs: number | null
}

/** Questions without an answer after which a worker counts as lost. */
const UNANSWERED_MAX = 4

export class WorkerLink {
  readonly feed: MessagePort
  readonly #worker: JobWorker
  readonly #control: MessagePort
  readonly #service: Remote<JobService>
  readonly #over = Promise.withResolvers<never>()
  readonly #closing = new AbortController()
  #isLost = false

  /**
   * Makes a worker and waits until it serves.
   *
   * @throws ConfigError `WORKER_UNREACHABLE` when it cannot be made or loaded or does not serve in time; `PROTOCOL_MISMATCH`.
   */
  static async open(factory: () => JobWorker, options: LinkOptions): Promise<WorkerLink> {
    let worker: JobWorker
    try {
      worker = factory()
    } catch (cause) {
      throw unreachable(`it could not be made (${textOf(cause)})`, cause)
    }
    try {
      await served(worker, options)
    } catch (error) {
      void worker.terminate()
      throw error
    }
    return new WorkerLink(worker, options)
  }

  private constructor(worker: JobWorker, { clock, aliveMs }: LinkOptions) {
    const control = new MessageChannel()
    const feed = new MessageChannel()
    this.#worker = worker
    this.#control = control.port1
    this.feed = feed.port1
    const ports = [control.port2, feed.port2]
    // The two kinds of worker differ in the types of what can be transferred.
    const post = worker.postMessage.bind(worker) as (message: unknown, transfer: unknown[]) => void
    post({ millrace: 'connect', control: control.port2, feed: feed.port2 }, ports)
    this.#service = wrap<JobService>(control.port1)
    // Whoever is calling hears of it; nobody calling is no crash of the page.
    this.#over.promise.catch(() => {})
    if ('on' in worker) worker.on('exit', (code) => this.#lose(`its thread ended with code ${code}`))
    if (aliveMs !== null) void this.#watch(clock, aliveMs)
  }

  /** Whether the worker is gone without the link having been closed. */
  get isLost(): boolean {
    return this.#isLost
  }

  /** Calls the worker. @throws the error it answers with; JobStateError `WORKER_LOST` when it is gone, `JOB_CLOSED` when the link was closed. */
  async call<T>(run: (service: Remote<JobService>) => Promise<Answer<T>>): Promise<T> {
    const answer = await race([run(this.#service), this.#over.promise])
    if (answer.kind === 'failed') throw errorFromData(answer.error)
    return answer.value
  }

  /** Ends the worker at once. */
  close(): void {
    this.#end(new JobStateError('JOB_CLOSED', 'The job worker was closed'))
  }

  #lose(reason: string): void {
    this.#isLost ||= !this.#closing.signal.aborted
    this.#end(
      new JobStateError('WORKER_LOST', `The job worker is gone: ${reason}; let connect() make another one by its option restart`, {
        retryable: true,
        details: { reason },
      }),
    )
  }

  #end(error: MillraceError): void {
    if (this.#closing.signal.aborted) return
    this.#closing.abort()
    this.#over.reject(error)
    this.#control.close()
    this.feed.close()
    // One that merely did not answer must not go on working beside its successor.
    void this.#worker.terminate()
  }

  async #watch(clock: Clock, aliveMs: number): Promise<void> {
    let unanswered = 0
    while (!this.#closing.signal.aborted) {
      if (unanswered === UNANSWERED_MAX) return this.#lose(`it has not answered for ${aliveMs} ms`)
      if (unanswered++ === 0) void this.#service.ping().then(() => (unanswered = 0))
      await clock.sleep(aliveMs / UNANSWERED_MAX, this.#closing.signal)
    }
  }
}

/** Resolves when the worker serves. */
async function served(worker: JobWorker, { clock, answerMs }: LinkOptions): Promise<void> {
  const serving = Promise.withResolvers<void>()
  const done = new AbortController()
  const heard = (data: unknown) => {
    const greeting = greetingOf(data)
    if (greeting?.millrace !== 'serving') return
    if (greeting.protocol === JOB_PROTOCOL_VERSION) serving.resolve()
    else serving.reject(mismatch(greeting.protocol))
  }
  const failed = (reason: string, cause?: unknown) => serving.reject(unreachable(reason, cause))
  if ('on' in worker) {
    worker.on('message', heard)
    worker.on('error', (error) => failed(error.message, error))
    worker.on('exit', (code) => failed(`its thread ended with code ${code}`))
    worker.postMessage({ millrace: 'hello' }, [])
  } else {
    worker.addEventListener('message', (event) => heard((event as MessageEvent).data))
    worker.addEventListener('error', (event) => failed((event as ErrorEvent).message || 'its script could not be loaded'))
    worker.postMessage({ millrace: 'hello' }, [])
  }
  const silent = clock.sleep(answerMs, done.signal).then(() => failed(`it did not call serve() within ${answerMs} ms`))
  try {
    await Promise.race([serving.promise, silent.then(() => serving.promise)])
  } finally {
    done.abort()
  }
}

function unreachable(reason: string, cause?: unknown): ConfigError {
  return new ConfigError(
    'WORKER_UNREACHABLE',
    `Cannot reach the job worker: ${reason}; its script must be there (no 404), be served as JavaScript and with Cross-Origin-Embedder-Policy where the page is isolated, be allowed by the page's Content-Security-Policy (worker-src), and call serve() of millrace/worker`,
    { ...(cause === undefined ? {} : { cause }), details: { reason } },
  )
}

function mismatch(found: number): ConfigError {
  return new ConfigError(
    'PROTOCOL_MISMATCH',
    `The job worker speaks protocol ${found}, the page ${JOB_PROTOCOL_VERSION}: bundle both from the same version of millrace`,
  )
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
