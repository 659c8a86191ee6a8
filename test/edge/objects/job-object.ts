/**
 * Jobs in Durable Objects, as a user writes them, and doors for tests: `POST …/crash` ends the object's memory on the spot, `POST …/alarm` calls
 * the alarm as if it came again.
 */

import { type DurableJobOptions, durableJob } from 'millrace/edge'
import { count, onProcessingTime, early, boundedOutOfOrderness, f64, pipeline, schema, sum, timestamp, tumbling, utf8, type Job } from 'millrace'
import { fleetJob } from '../../support/fleet-pipeline.ts'
import { visitsJob } from '../../support/visits-pipeline.ts'

interface Environment {
  /** JSON: more options for all jobs. */
  readonly OPTIONS?: Partial<DurableJobOptions>
}

interface TestContext {
  abort(reason: string): void
}

function withDoors<C extends new (context: TestContext, environment: Environment) => { fetch(request: Request): Promise<Response>; alarm(): Promise<void> }>(
  Class: C,
) {
  return class extends (Class as new (context: TestContext, environment: Environment) => InstanceType<C>) {
    readonly #context: TestContext
    readonly #instance = crypto.randomUUID()

    constructor(context: TestContext, environment: Environment) {
      super(context, environment)
      this.#context = context
    }

    override async fetch(request: Request): Promise<Response> {
      const { pathname } = new URL(request.url)
      if (pathname.endsWith('/crash')) this.#context.abort('crash on purpose')
      if (pathname.endsWith('/instance')) return new Response(this.#instance)
      if (pathname.endsWith('/alarm')) {
        await this.alarm()
        return new Response('done')
      }
      return super.fetch(request)
    }
  }
}

/** Totals of each device and second of event time: records can be counted. */
export const countingJob = () =>
  pipeline('counting')
    .source('readings', schema({ device: utf8(), at: timestamp(), value: f64() }))
    .eventTime('at', boundedOutOfOrderness('1s', { everyRecords: 64, flushAfter: '300ms' }))
    .keyBy('device')
    .window(tumbling('10s'))
    .allowedLateness('1h')
    .aggregate({ n: count(), total: sum('value') })
    .sink('totals')

/** Counts by the clock of the object. */
const clockJob = () =>
  pipeline('by-the-clock')
    .source('clicks', schema({ page: utf8() }))
    .keyBy('page')
    .window(tumbling('2s', { time: 'processing' } as never))
    .aggregate({ n: count() })
    .sink('seconds')

const of = (job: () => Job) => (environment: Environment): DurableJobOptions => ({ job: job(), ...environment.OPTIONS })

export class Counting extends withDoors(durableJob(of(countingJob))) {}
export class Fleet extends withDoors(durableJob(of(fleetJob as () => Job))) {}
export class Visits extends withDoors(durableJob(of(visitsJob as () => Job))) {}

void [onProcessingTime, early, clockJob]

type Namespaces = Readonly<Record<string, { idFromName(name: string): unknown; get(id: unknown): { fetch(request: Request): Promise<Response> } }>>

export default {
  /** `/CLASS/NAME/…` */
  fetch(request: Request, environment: Namespaces): Promise<Response> {
    const [, className, name] = new URL(request.url).pathname.split('/')
    const namespace = environment[className!]!
    return namespace.get(namespace.idFromName(name!)).fetch(request)
  },
}
