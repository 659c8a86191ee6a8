/**
 * A Durable Object that is a job: what the platform calls, and the job behind it.
 *
 * Before: requests, messages of sockets, alarms. After: object-job. Only one alarm is set, for the earliest of everything that has to be done; every
 * call sets it anew, so one that got lost is found again, and one that comes twice or late finds what is due by then.
 *
 * Invariant: whatever is acknowledged survives the object, and is processed exactly once.
 */

import type { Job, JobStatus, SinkNames, SinkRow, SourceNames, SourceRow } from '../../runtime/index.ts'
import { failure, json } from './answers.ts'
import { type IngestLines, linesOfJson, linesOfNdjson, linesOfRows, readBody } from './ingest-body.ts'
import { Ingestion, type IngestAnswer } from './ingestion.ts'
import type { ObjectContext, ObjectSocket } from './object-context.ts'
import { ObjectJob } from './object-job.ts'
import type { ResultPage, ResultPane } from './result-log.ts'
import { News, resultStream } from './result-stream.ts'
import { routeOf } from './routes.ts'
import { type DurableJobOptions, type Settings, settingsOf } from './settings.ts'
import { Sockets } from './sockets.ts'
import { Webhook } from './webhook.ts'

/** After an alarm that failed. */
const RETRY_MS = 5_000

/** A page of results, with the types of the job. */
export interface JobResults<Row> {
  /** Oldest first; `seq` is the cursor behind the row. */
  readonly rows: readonly { readonly seq: number; readonly row: Row; readonly pane: ResultPane }[]
  /** Where to go on. */
  readonly cursor: number
  /** Whether rows behind the cursor that was given are no longer kept: then `rows` are the current ones. */
  readonly isReset: boolean
}

/** An object that is a job. */
export interface DurableJob<J extends Job = Job> {
  fetch(request: Request): Promise<Response>
  alarm(): Promise<void>
  webSocketMessage(socket: never, message: string | ArrayBuffer): Promise<void>
  webSocketClose(socket: never, code: number, reason: string): void
  webSocketError(): void
  /** Takes rows, with a key only once. Resolves when they were processed. */
  ingest<N extends SourceNames<J>>(source: N, rows: readonly SourceRow<J, N>[], key?: string): Promise<IngestAnswer>
  /** The current rows of a sink, or with a cursor what changed since. */
  results<N extends SinkNames<J>>(sink: N, after?: number | null, limit?: number): Promise<JobResults<SinkRow<J, N>>>
  /** Status of the job and of the object. */
  status(): Promise<{ readonly job: JobStatus | null; readonly object: Readonly<Record<string, unknown>> }>
}

export interface DurableJobClass<J extends Job, Environment> {
  // The platform's own types of `context` fit; naming them here would make every user install them.
  // oxlint-disable-next-line typescript/no-explicit-any -- as above
  new (context: any, environment: Environment): DurableJob<J>
}

/**
 * A class for a Durable Object that runs a job: `export class Fleet extends durableJob({ job }) {}`.
 *
 * Rows come in by POST or WebSocket and are acknowledged when they are durable; results go out by GET, server-sent events, WebSocket or POST
 * (routes.ts has the paths). Windows run in the object; time passes by alarms, so an object without work can be put to sleep. After an eviction or a
 * crash the job goes on from its newest checkpoint and the log behind it: nothing is lost, and nothing counted twice.
 *
 * The class must be declared with SQLite (`new_sqlite_classes`). Requests are not authenticated: do that in the worker before the object.
 *
 * @param options - Or a function of the environment that makes them.
 * @throws ConfigError, at once or, for a function, when an object is made: `BINDING_UNKNOWN`, `BINDING_MISSING`, `OPTION_INVALID`, `STORAGE_UNSUITABLE`.
 *
 * @example
 * ```ts
 * import { durableJob } from 'millrace/edge'
 *
 * export class Fleet extends durableJob({ job, source: 'readings', results: 'minutes' }) {}
 *
 * export default {
 *   fetch: (request, env) => env.FLEET.get(env.FLEET.idFromName('fleet')).fetch(request),
 * }
 * ```
 */
export function durableJob<J extends Job, Environment = unknown>(
  options: DurableJobOptions<J> | ((environment: Environment) => DurableJobOptions<J>),
): DurableJobClass<J, Environment> {
  // What needs no environment is checked when the worker is loaded: a mistake shows before the first request, which has less to do then.
  const fixed = typeof options === 'function' ? null : settingsOf(options as DurableJobOptions)
  const make = options as (environment: Environment) => DurableJobOptions
  return class extends JobObject {
    constructor(context: ObjectContext, environment: Environment) {
      super(context, fixed ?? settingsOf(make(environment)))
    }
  } as unknown as DurableJobClass<J, Environment>
}

class JobObject {
  readonly #context: ObjectContext
  readonly #settings: Settings
  readonly #job: ObjectJob
  readonly #ingestion: Ingestion
  readonly #sockets: Sockets
  readonly #webhook: Webhook | null
  readonly #news = new News()
  /** For when the alarm is set, as far as this instance knows; undefined: not looked yet. */
  #alarmMs: number | null | undefined

  constructor(context: ObjectContext, settings: Settings) {
    this.#context = context
    this.#settings = settings
    this.#job = new ObjectJob(context, settings)
    const { sql } = context.storage
    const { results } = this.#job
    this.#ingestion = new Ingestion(this.#job, sql, settings.keysKeptMs)
    this.#sockets = new Sockets({ context, ingestion: this.#ingestion, results, bytesMax: settings.bodyBytesMax })
    const jobName = settings.job.plan.name
    this.#webhook =
      settings.webhook === null
        ? null
        : new Webhook({ sql, results, settings: settings.webhook, jobName, objectId: context.id.toString(), wall: settings.clock })
    // What fails here fails again for whoever asks, and is answered there.
    void context.blockConcurrencyWhile(() => this.#job.open().catch(() => {}))
  }

  async fetch(request: Request): Promise<Response> {
    try {
      return await this.#answer(request)
    } catch (error) {
      return failure(error)
    }
  }

  async #answer(request: Request): Promise<Response> {
    const { sources, results: sinks, bodyBytesMax } = this.#settings
    const route = routeOf(request, sources, sinks)
    if (route.kind === 'status') return json(await this.status())
    if (route.kind === 'results') {
      const { results } = this.#job
      if (route.as === 'events') return resultStream(results, this.#news, route.sink, route.after)
      if (route.as === 'socket') return this.#sockets.acceptReader(route.sink, route.after)
      return json(results.page(route.sink, route.after, route.limit))
    }
    await this.#job.open()
    if (route.isSocket) return this.#sockets.acceptRows(route.source, route.producer)
    const body = await readBody(request.body as ReadableStream<Uint8Array> | null, bodyBytesMax)
    const key = request.headers.get('idempotency-key')
    const named = key === null ? null : { name: key, digest: await digestOf(body) }
    return json(await this.#take(route.source, linesOf(request, body), named))
  }

  async alarm(): Promise<void> {
    // Alarms that throw are tried again a few times and then no more: what failed is noted, and a later alarm set.
    this.#alarmMs = null
    try {
      await this.#job.look()
      this.#tell()
      await this.#webhook?.deliver()
      await this.#wakeAt(this.#nextMs())
    } catch (error) {
      this.#settings.warn(
        `The alarm of job ${this.#settings.job.plan.name} failed: ${error instanceof Error ? error.message : String(error)}`,
      )
      await this.#wakeAt(this.#settings.clock.now() + RETRY_MS)
    }
  }

  async webSocketMessage(socket: ObjectSocket, message: string | ArrayBuffer): Promise<void> {
    await this.#job.open()
    if (!this.#sockets.message(socket, message)) return
    await this.#process()
  }

  webSocketClose(socket: ObjectSocket, code: number, reason: string): void {
    try {
      // 1005 and its like say that there was none, and may not be sent.
      socket.close(code >= 3000 || code === 1000 ? code : 1000, reason)
    } catch {
      // It is closed already.
    }
  }

  webSocketError(): void {}

  async ingest(source: string, rows: readonly object[], key?: string): Promise<IngestAnswer> {
    await this.#job.open()
    const lines = linesOfRows(rows)
    const named = key === undefined ? null : { name: key, digest: await digestOf(new TextEncoder().encode(JSON.stringify(rows))) }
    return this.#take(source, lines, named)
  }

  async results(sink: string, after: number | null = null, limit = 1_000): Promise<ResultPage> {
    return this.#job.results.page(sink, after, limit)
  }

  async status(): Promise<{ readonly job: JobStatus | null; readonly object: Readonly<Record<string, unknown>> }> {
    const { job, object } = await this.#job.status()
    return { job, object: { ...object, webhook: this.#webhook?.state ?? null } }
  }

  async #take(source: string, lines: IngestLines, key: { readonly name: string; readonly digest: string } | null): Promise<IngestAnswer> {
    const answer = this.#ingestion.take(source, lines, key)
    if (!answer.isRepeated) await this.#process()
    return answer
  }

  /** Lets the job process what came, shows what follows, and sees to it that the object is woken when it has to be. */
  async #process(): Promise<void> {
    try {
      await this.#job.drive()
    } catch (error) {
      // The rows are durable, and a job that starts anew processes them: who sent them need not send them again.
      this.#settings.warn(`Job ${this.#settings.job.plan.name} failed: ${error instanceof Error ? error.message : String(error)}`)
      return this.#wakeAt(this.#settings.clock.now() + RETRY_MS)
    }
    this.#tell()
    await this.#wakeAt(this.#nextMs())
  }

  #tell(): void {
    this.#news.tell()
    this.#sockets.giveResults()
  }

  #nextMs(): number | null {
    const dueMs = [this.#job.dueMs, this.#webhook?.dueMs ?? null].filter((ms) => ms !== null)
    return dueMs.length === 0 ? null : Math.min(...dueMs)
  }

  /** Sets the object's one alarm; one that is earlier stays, as it costs less than to set it anew. */
  async #wakeAt(atMs: number | null): Promise<void> {
    const { storage } = this.#context
    if (atMs === null) return
    if (this.#alarmMs === undefined) this.#alarmMs = await storage.getAlarm()
    if (this.#alarmMs !== null && this.#alarmMs <= atMs) return
    const wakeMs = Math.ceil(Math.max(atMs, this.#settings.clock.now()))
    this.#alarmMs = wakeMs
    await storage.setAlarm(wakeMs)
  }
}

function linesOf(request: Request, body: Uint8Array): IngestLines {
  const type = request.headers.get('content-type') ?? ''
  if (/^application\/json\b/i.test(type)) return linesOfJson(new TextDecoder().decode(body))
  return linesOfNdjson(body)
}

async function digestOf(bytes: Uint8Array): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>))
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
