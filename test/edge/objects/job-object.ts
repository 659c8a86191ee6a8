/**
 * Jobs in Durable Objects, as a user writes them, and doors for tests: `POST …/crash` ends the object's memory on the spot, `POST …/alarm` calls
 * the alarm as if it came again, `GET …/instance` tells one life of an object from the next.
 */

import { boundedOutOfOrderness, count, f64, type Job, pipeline, schema, sum, timestamp, tumbling, utf8 } from 'millrace'
import { type DurableJob, type DurableJobOptions, durableJob } from 'millrace/edge'
import { fleetJob } from '../../support/fleet-pipeline.ts'

interface Environment {
  /** More options for all jobs. */
  readonly OPTIONS?: Partial<DurableJobOptions>
}

interface TestContext {
  abort(reason: string): void
}

function objectOf(job: () => Job) {
  const Base = durableJob((environment: Environment) => ({ job: job(), ...environment.OPTIONS })) as new (
    context: TestContext,
    environment: Environment,
  ) => DurableJob
  return class extends Base {
    readonly context: TestContext
    readonly instance = crypto.randomUUID()

    constructor(context: TestContext, environment: Environment) {
      super(context, environment)
      this.context = context
    }

    override async fetch(request: Request): Promise<Response> {
      const { pathname } = new URL(request.url)
      if (pathname.endsWith('/crash')) this.context.abort('crash on purpose')
      if (pathname.endsWith('/instance')) return new Response(this.instance)
      if (!pathname.endsWith('/alarm')) return super.fetch(request)
      await this.alarm()
      return new Response('done')
    }
  }
}

/** Totals of each device and ten seconds: records can be counted. */
export class Counting extends objectOf(() =>
  pipeline('counting')
    .source('readings', schema({ device: utf8(), at: timestamp(), value: f64() }))
    .eventTime('at', boundedOutOfOrderness('1s', { everyRecords: 64, flushAfter: '300ms' }))
    .keyBy('device')
    .window(tumbling('10s'))
    .allowedLateness('1h')
    .aggregate({ n: count(), total: sum('value') })
    .sink('totals'),
) {}

/** Counts by the clock of the object. */
export class Clocked extends objectOf(() =>
  pipeline('by-the-clock')
    .source('clicks', schema({ page: utf8() }))
    .keyBy('page')
    .window(tumbling('1s'))
    .processingTime()
    .aggregate({ n: count() })
    .sink('seconds'),
) {}

export class Fleet extends objectOf(fleetJob) {}

type Namespaces = Readonly<
  Record<string, { idFromName(name: string): unknown; get(id: unknown): { fetch(request: Request): Promise<Response> } }>
>

export default {
  /** `/CLASS/NAME/…` */
  fetch(request: Request, environment: Namespaces): Promise<Response> {
    const [, className, name] = new URL(request.url).pathname.split('/')
    const namespace = environment[className!]!
    return namespace.get(namespace.idFromName(name!)).fetch(request)
  },
}
