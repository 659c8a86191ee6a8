/**
 * `millrace run`: binds files to a plan, runs it, shows how far it is, and ends cleanly when it is told to.
 *
 * Before: main. After: `start` of the public API.
 *
 * Invariant: standard output carries rows, or JSON, or text for people: one of them.
 */

import process from 'node:process'
import {
  ConfigError,
  type Duration,
  type Job,
  type JobStatus,
  JobStateError,
  MillraceError,
  type Run,
  type StartOptions,
  start,
  systemClock,
} from '../../runtime/index.ts'
import { fileCheckpoints } from '../node.ts'
import { Arguments } from './arguments.ts'
import { type Bindings, bind } from './bindings.ts'
import { DeadLetterFile } from './dead-letter-file.ts'
import { readPlan } from './plan-file.ts'
import { follow, type ProgressMode } from './progress.ts'
import { StartError } from './start-error.ts'
import { type SummaryOptions, summaryEvent, summaryText } from './summary.ts'
import { printable, shellWord } from './text.ts'

const EXIT_INTERRUPTED = 130

export async function runRun(args: readonly string[]): Promise<number> {
  const given = Arguments.parse(args, 'run', ['PLAN.json'], {
    source: 'many',
    sink: 'many',
    format: 'one',
    checkpoints: 'one',
    every: 'one',
    parallelism: 'one',
    host: 'one',
    resume: 'flag',
    'dead-letters': 'one',
    pane: 'flag',
    json: 'flag',
    quiet: 'flag',
  })
  const job = await readPlan(given.positionals[0]!)
  const bindings = bind(job, {
    sources: given.many('source'),
    sinks: given.many('sink'),
    format: given.word('format', ['csv', 'ndjson']),
    pane: given.has('pane'),
  })
  const options = startOptions(given, bindings)
  const letterPath = given.one('dead-letters')
  const letters = letterPath === null ? null : new DeadLetterFile(letterPath, given.has('resume'))
  try {
    return await runJob({
      job,
      args,
      given,
      bindings,
      options: letters === null ? options : { ...options, onDeadLetter: (letter) => letters.write(letter) },
      letters,
    })
  } finally {
    letters?.close()
  }
}

function startOptions(given: Arguments, { sources, sinks }: Bindings): StartOptions {
  const directory = given.one('checkpoints')
  for (const name of ['every', 'resume']) {
    if (directory === null && given.has(name))
      throw new ConfigError('OPTION_INVALID', `--${name} means nothing without --checkpoints DIR; add it`)
  }
  const parallelism = given.count('parallelism')
  const host = given.word('host', ['auto', 'workers', 'shared', 'transferred', 'inline'])
  const every = everyOf(given)
  return {
    sources,
    sinks,
    ...(parallelism === null ? {} : { parallelism }),
    ...(host === null ? {} : { host }),
    ...(directory === null
      ? {}
      : {
          checkpoints: {
            store: fileCheckpoints(directory),
            ...(every === null ? {} : { every }),
            resume: given.has('resume') ? 'always' : 'never',
          },
        }),
    onWarning: (message) => process.stderr.write(`warning: ${message}\n`),
  }
}

function everyOf(given: Arguments): Duration | null {
  const text = given.one('every')
  if (text === null || isDuration(text)) return text
  throw new ConfigError('OPTION_INVALID', `--every is ${JSON.stringify(text)}; it must be digits and a unit, such as 250ms, 10s, 1m or 1h`)
}

function isDuration(text: string): text is Extract<Duration, string> {
  return /^0*[1-9]\d{0,11}(ms|s|m|h|d)$/.test(text)
}

interface Work {
  readonly job: Job
  readonly args: readonly string[]
  readonly given: Arguments
  readonly bindings: Bindings
  readonly options: StartOptions
  readonly letters: DeadLetterFile | null
}

async function runJob({ job, args, given, bindings, options, letters }: Work): Promise<number> {
  const interrupt = new Interrupt()
  try {
    const run = await start(job, options).catch((error: unknown) => {
      throw new StartError(withRemedy(error, given))
    })
    const recordsBefore = (await run.status()).recordsIn
    void interrupt.asked.then(() => run.stop().catch(() => {}))
    const status = await shown(run, given, bindings)
    letters?.flush()
    const summary: SummaryOptions = {
      sinkFiles: bindings.sinkFiles,
      deadLetterFile: given.one('dead-letters'),
      hasCheckpoints: options.checkpoints !== undefined,
      recordsBefore: status.recoveredFrom === null ? 0 : recordsBefore,
    }
    conclude(status, summary, { args, given, bindings })
    return 0
  } finally {
    interrupt.dispose()
  }
}

/** Waits for the end of a job, with its progress on a stream that is free for it. */
async function shown(run: Run, given: Arguments, { usesStandardOutput }: Bindings): Promise<JobStatus> {
  if (given.has('quiet') && !given.has('json')) return run.finished
  const stream = given.has('json') && !usesStandardOutput ? process.stdout : process.stderr
  const mode: ProgressMode = given.has('json') ? 'json' : stream.isTTY ? 'redraw' : 'plain'
  const ended = new AbortController()
  const following = given.has('quiet') ? Promise.resolve() : follow(run, { stream, mode, clock: systemClock, ended: ended.signal })
  try {
    return await run.finished
  } finally {
    ended.abort()
    await following
  }
}

function conclude(status: JobStatus, summary: SummaryOptions, { args, given, bindings }: Pick<Work, 'args' | 'given' | 'bindings'>): void {
  const stream = bindings.usesStandardOutput ? process.stderr : process.stdout
  if (given.has('json')) {
    stream.write(`${JSON.stringify(summaryEvent(status, summary))}\n`)
    return
  }
  if (!given.has('quiet')) stream.write(`${summaryText(status, summary)}\n`)
  if (status.state !== 'stopped') return
  if (!summary.hasCheckpoints) {
    process.stderr.write('Stopped without a checkpoint: the sinks have what was complete. Use --checkpoints DIR to be able to go on.\n')
    return
  }
  const command = ['millrace', 'run', ...args.filter((word) => word !== '--resume'), '--resume'].map(shellWord).join(' ')
  process.stderr.write(`Stopped at checkpoint ${status.checkpoints.last?.checkpointId ?? ''}. To go on:\n  ${printable(command)}\n`)
}

/** The command line's own remedy for what the runtime cannot know the option of. */
function withRemedy(error: unknown, given: Arguments): unknown {
  if (!(error instanceof MillraceError)) return error
  const directory = given.one('checkpoints')
  const remedies: Readonly<Record<string, string>> = {
    CHECKPOINT_EXISTS: `${directory} has checkpoints of this job; add --resume to go on from the newest, or name another directory to begin anew`,
    CHECKPOINT_MISSING: `${directory} has no checkpoint of this job to resume from; leave out --resume to begin anew, or name the right directory`,
  }
  const message = Object.hasOwn(remedies, error.code) ? remedies[error.code]! : null
  return message === null ? error : new JobStateError(error.code, message, { details: { ...error.details, directory }, cause: error })
}

/** Ctrl-C and SIGTERM: once asks the job to stop, twice ends the process. */
class Interrupt {
  readonly asked: Promise<void>
  readonly #listener: () => void

  constructor() {
    const { promise, resolve } = Promise.withResolvers<void>()
    let count = 0
    this.asked = promise
    this.#listener = () => {
      if (++count > 1) process.exit(EXIT_INTERRUPTED)
      process.stderr.write(`${process.stderr.isTTY ? '\n' : ''}stopping; once more to end at once\n`)
      resolve()
    }
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, this.#listener)
  }

  dispose(): void {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, this.#listener)
  }
}
