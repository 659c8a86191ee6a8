/**
 * Lets a worker run a whole job for the page that made it.
 *
 * Before: the worker's script, which imports the job. After: job-server.ts, one for each page that connects.
 *
 * Invariant: the worker's own channel carries greetings only; other messages on it are not looked at.
 */

import { expose } from 'comlink'
import { systemClock } from '../clock.ts'
import { ConfigError } from '../errors.ts'
import type { Job } from '../pipeline-job.ts'
import { parentChannel } from '../platform/parent-channel.ts'
import type { StartOptions } from '../start.ts'
import { JobServer, type ServedJob } from './job-server.ts'
import { greetingOf, JOB_PROTOCOL_VERSION } from './protocol.ts'

/** What the page gives for a start. */
export interface ServeContext<P = unknown> {
  /** As the page wrote them: a copy, but for what was transferred, such as a MessagePort. */
  readonly parameters: P
}

/**
 * Runs a job in this worker, for the page that connects to it.
 *
 * @param options - Options of `start`, or a function (also async) that makes them from the page's parameters; it is called anew for every
 *   start, also after `remote.restart()`.
 * @throws ConfigError `NOT_A_WORKER` where there is no page or parent thread to serve.
 *
 * @example
 * ```ts
 * // job-worker.ts
 * import { serve } from 'millrace/worker'
 * import { generatedSource, viewSink } from 'millrace'
 * import { indexedDbCheckpoints } from 'millrace/browser'
 * import { job } from './job.ts'
 *
 * serve(job, ({ parameters }: ServeContext<{ parallelism: number }>) => ({
 *   sources: { readings },
 *   sinks: { minutes: viewSink() },
 *   checkpoints: { store: indexedDbCheckpoints('device-minutes') },
 *   parallelism: parameters.parallelism,
 * }))
 * ```
 */
export function serve<J extends Job, P = unknown>(
  job: J,
  options: StartOptions<J> | ((context: ServeContext<P>) => StartOptions<J> | Promise<StartOptions<J>>),
): void {
  serveJobs(async (context: ServeContext<P>) => {
    const given = typeof options === 'function' ? await options(context) : options
    return { job, options: given as StartOptions }
  })
}

/** {@link serve} for a worker that is told its job, too, by the page. */
export function serveJobs<P>(make: (context: ServeContext<P>) => Promise<ServedJob>): void {
  const channel = parentChannel()
  if (channel === null) {
    throw new ConfigError('NOT_A_WORKER', 'serve() runs in a worker; call it in the script that connect() makes a Worker of')
  }
  const greet = () => channel.post({ millrace: 'serving', protocol: JOB_PROTOCOL_VERSION })
  channel.listen((data) => {
    const greeting = greetingOf(data)
    if (greeting?.millrace === 'hello') greet()
    if (greeting?.millrace !== 'connect') return
    const server = new JobServer((parameters) => make({ parameters: parameters as P }), greeting.feed, systemClock)
    expose(server, greeting.control)
  })
  greet()
}
