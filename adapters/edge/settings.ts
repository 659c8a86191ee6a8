/**
 * What the user says of a job in a Durable Object, with defaults filled in and limits checked.
 *
 * Before: `durableJob(…)`. After: object-job and what is around it.
 *
 * Invariant: settings name sources and sinks that the job has.
 */

import {
  type AnalyzedPlan,
  analyzePlan,
  type Clock,
  ConfigError,
  type Duration,
  type Job,
  type Sink,
  type SinkNames,
  type SourceNames,
  systemClock,
} from '../../runtime/index.ts'
import { durationMs } from '../../runtime/duration.ts'

export interface DurableJobOptions<J extends Job = Job> {
  readonly job: J
  /** Sources that requests may give rows to; default: all. `POST …/in` is for the first, `POST …/in/NAME` for each. */
  readonly source?: SourceNames<J> | readonly SourceNames<J>[]
  /** Sinks whose rows are kept for readers; default: all that `sinks` does not bind. `GET …/out` is for the first, `GET …/out/NAME` for each. */
  readonly results?: SinkNames<J> | readonly SinkNames<J>[]
  /** Sinks of your own, by name. */
  readonly sinks?: { readonly [Name in SinkNames<J>]?: Sink }
  /** Rows of each result sink that are kept; default 50,000. */
  readonly resultRowsMax?: number
  /** Most bytes of a request's body or of a message; default 8 MiB. */
  readonly bodyBytesMax?: number
  /** How long keys of requests and numbers of producers are remembered; default `'1d'`. */
  readonly keysKeptFor?: Duration
  /** When a checkpoint is taken: after so much was read since the last one, or so long after it, whichever comes first. */
  readonly checkpoint?: {
    /** Default 20,000. */
    readonly records?: number
    /** Bytes of input; default 4 MiB. */
    readonly bytes?: number
    /** Default 1,000. */
    readonly entries?: number
    /** Default `'30s'`. */
    readonly after?: Duration
  }
  /** Most memory of a window's state, rings included; default 32 MiB, as an object has 128 MB for everything. */
  readonly memoryBytesMax?: number
  /** Sends results on, at least once; each request has an `Idempotency-Key` that stays the same when it is tried again. */
  readonly webhook?: WebhookOptions<J>
  readonly onWarning?: (message: string) => void
  /** The wall clock, for tests; default that of the machine. */
  readonly clock?: Clock
}

export interface WebhookOptions<J extends Job = Job> {
  readonly url: string
  /** Which results; default: the first of `results`. */
  readonly sink?: SinkNames<J>
  readonly headers?: Readonly<Record<string, string>>
  /** Most rows of a request; default 500. */
  readonly rowsMax?: number
  /** How long an answer may take; default `'10s'`. */
  readonly timeout?: Duration
  /** How long after a failure it is tried again: at first, doubling up to the most. Defaults `'1s'` and `'5m'`. It never gives up. */
  readonly retry?: { readonly first?: Duration; readonly most?: Duration }
}

export interface WebhookSettings {
  readonly url: string
  readonly sink: string
  readonly headers: Readonly<Record<string, string>>
  readonly rowsMax: number
  readonly timeoutMs: number
  readonly firstMs: number
  readonly mostMs: number
}

export interface Settings {
  readonly job: Job
  readonly plan: AnalyzedPlan
  readonly sources: readonly string[]
  readonly results: readonly string[]
  readonly sinks: Readonly<Record<string, Sink>>
  readonly resultRowsMax: number
  readonly bodyBytesMax: number
  readonly keysKeptMs: number
  readonly checkpoint: { readonly records: number; readonly bytes: number; readonly entries: number; readonly afterMs: number }
  readonly memoryBytesMax: number
  readonly webhook: WebhookSettings | null
  readonly warn: (message: string) => void
  readonly clock: Clock
}

const listOf = (names: string | readonly string[] | undefined): readonly string[] | undefined =>
  typeof names === 'string' ? [names] : names

/** @throws ConfigError `BINDING_UNKNOWN`, `BINDING_MISSING`, `OPTION_INVALID`, `DURATION_INVALID`. */
export function settingsOf(options: DurableJobOptions): Settings {
  const { job, checkpoint = {} } = options
  const plan = analyzePlan(job.plan)
  const sourceNames = plan.sources.map(({ uid }) => uid)
  const sinkNames = plan.sinks.map(({ name }) => name)
  const sinks = { ...options.sinks } as Readonly<Record<string, Sink>>
  const sources = known('source', listOf(options.source) ?? sourceNames, sourceNames)
  const bound = known('sink', Object.keys(sinks), sinkNames)
  const results = known('sink', listOf(options.results) ?? sinkNames.filter((name) => !bound.includes(name)), sinkNames)
  const webhook = options.webhook === undefined ? null : webhookOf(options.webhook, results)
  return {
    job,
    plan,
    sources,
    results,
    sinks,
    resultRowsMax: whole('resultRowsMax', options.resultRowsMax ?? 50_000, 1),
    bodyBytesMax: whole('bodyBytesMax', options.bodyBytesMax ?? 8 << 20, 1),
    keysKeptMs: durationMs(options.keysKeptFor ?? '1d', { of: 'keysKeptFor', positive: true }),
    checkpoint: {
      records: whole('checkpoint.records', checkpoint.records ?? 20_000, 1),
      bytes: whole('checkpoint.bytes', checkpoint.bytes ?? 4 << 20, 1),
      entries: whole('checkpoint.entries', checkpoint.entries ?? 1_000, 1),
      afterMs: durationMs(checkpoint.after ?? '30s', { of: 'checkpoint.after', positive: true }),
    },
    memoryBytesMax: options.memoryBytesMax ?? 32 << 20,
    webhook,
    warn: options.onWarning ?? ((message) => console.warn(`millrace: ${message}`)),
    clock: options.clock ?? systemClock,
  }
}

function webhookOf({ url, sink, headers = {}, rowsMax, timeout, retry = {} }: WebhookOptions, results: readonly string[]): WebhookSettings {
  if (!URL.canParse(url)) throw new ConfigError('OPTION_INVALID', `webhook.url is ${url}; it must be a whole URL`)
  const [name] = known('sink', [sink ?? results[0] ?? ''], results)
  return {
    url,
    sink: name!,
    headers,
    rowsMax: whole('webhook.rowsMax', rowsMax ?? 500, 1),
    timeoutMs: durationMs(timeout ?? '10s', { of: 'webhook.timeout', positive: true }),
    firstMs: durationMs(retry.first ?? '1s', { of: 'webhook.retry.first', positive: true }),
    mostMs: durationMs(retry.most ?? '5m', { of: 'webhook.retry.most', positive: true }),
  }
}

function known(kind: string, names: readonly string[], all: readonly string[]): readonly string[] {
  for (const name of names) {
    if (!all.includes(name)) throw new ConfigError('BINDING_UNKNOWN', `The job has no ${kind} ${name}; it has ${all.join(', ') || 'none'}`)
  }
  return names
}

function whole(name: string, value: number, least: number): number {
  if (Number.isSafeInteger(value) && value >= least) return value
  throw new ConfigError('OPTION_INVALID', `${name} is ${String(value)}; it must be a whole number from ${least}`)
}
