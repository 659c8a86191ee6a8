/**
 * The worker that runs programs: whatever they do, the page stays alive, and the page can end them.
 *
 * Before: the page, through Comlink. After: `program.ts` makes the job, `play.ts` plays it.
 */

import { expose } from 'comlink'
import { fromPlan, type Job } from 'millrace'
import type { Entry } from '../model/entry.ts'
import type { Problem, Trace } from '../model/trace.ts'
import { play } from './play.ts'
import { problemOf } from './problem.ts'
import { type Addresses, jobOf, ProgramError } from './program.ts'

export type Source = { readonly language: 'typescript'; readonly text: string } | { readonly language: 'plan'; readonly text: string }

export type Answer =
  | { readonly kind: 'trace'; readonly trace: Trace }
  /** `of`: what is to be corrected. */
  | { readonly kind: 'problem'; readonly of: 'program' | 'stream'; readonly problem: Problem }

// Calls of a program may be deep in those of the package.
;(Error as { stackTraceLimit?: number }).stackTraceLimit = 50

class Engine {
  readonly #addresses: Addresses
  /** The program that ran last: a plan that is edited keeps its functions. */
  #job: Job | null = null
  #source: string | null = null

  constructor(addresses: Addresses) {
    this.#addresses = addresses
  }

  async run(source: Source, entries: readonly Entry[]): Promise<Answer> {
    let job: Job
    try {
      job = source.language === 'plan' ? this.#ofPlan(source.text) : await this.#ofProgram(source.text)
    } catch (error) {
      return { kind: 'problem', of: 'program', problem: error instanceof ProgramError ? error.problem : problemOf(error) }
    }
    try {
      return { kind: 'trace', trace: await play(job, entries) }
    } catch (error) {
      return { kind: 'problem', of: 'stream', problem: problemOf(error) }
    }
  }

  #ofPlan(text: string): Job {
    return fromPlan(parsed(text), this.#job?.functions)
  }

  async #ofProgram(text: string): Promise<Job> {
    if (this.#job === null || this.#source !== text) {
      this.#job = await jobOf(text, this.#addresses)
      this.#source = text
    }
    return this.#job
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    const found = /line (\d+) column (\d+)/.exec(message)
    // Browsers that say no line say where the text ends too early.
    const lines = text.split('\n')
    const [line, column] = found === null ? [lines.length, lines.at(-1)!.length + 1] : [Number(found[1]), Number(found[2])]
    throw new ProgramError({ code: 'SyntaxError', message, suggestion: null, found: null, place: { kind: 'text', line, column } })
  }
}

export type EngineApi = Pick<Engine, 'run'>

expose(
  new Engine({
    millrace: new URL('./millrace.js', import.meta.url).href,
    'millrace/testing': new URL('./millrace-testing.js', import.meta.url).href,
  }),
)
