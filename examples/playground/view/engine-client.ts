/**
 * The page's end of the engine: one request at a time, always the newest, and an end to programs that never end.
 *
 * Before: the store, whenever program or stream have changed. After: the worker (`engine/worker.ts`); its answer goes into the store.
 */

import { type Remote, wrap } from 'comlink'
import type { Answer, EngineApi, Source } from '../engine/worker.ts'
import type { Placed, State, Store } from './state.ts'

/** The longest that a program and its stream may take. */
const PATIENCE_MS = 10_000
/** Typing is not interrupted by every letter. */
const PAUSE_MS = 250

interface RunningWorker {
  readonly worker: Worker
  readonly engine: Remote<EngineApi>
  /** Resolves when the worker cannot go on. */
  readonly failed: Promise<Answer>
}

interface Request {
  readonly source: Source
  readonly entries: readonly Placed[]
}

export class EngineClient {
  readonly #store: Store
  #worker: RunningWorker | null = null
  #isBusy = false
  #wanted: Request | null = null
  #pause: ReturnType<typeof setTimeout> | undefined

  private constructor(store: Store) {
    this.#store = store
  }

  /** Plays whatever the store has, from now on. */
  static follow(store: Store): void {
    const client = new EngineClient(store)
    store.listen((now, before) => client.#look(now, before))
  }

  #look(now: State, before: State | null): void {
    if (!now.isTrusted) return
    const isTyped = before !== null && before.isTrusted && before.example === now.example && textOf(before) !== textOf(now)
    const isChanged =
      before === null ||
      !before.isTrusted ||
      textOf(before) !== textOf(now) ||
      before.leader !== now.leader ||
      before.entries !== now.entries
    if (!isChanged) return
    clearTimeout(this.#pause)
    this.#wanted = { source: { language: now.leader, text: textOf(now) }, entries: now.entries }
    if (isTyped) this.#pause = setTimeout(() => void this.#run(), PAUSE_MS)
    else void this.#run()
  }

  async #run(): Promise<void> {
    if (this.#isBusy) return
    this.#isBusy = true
    this.#store.set({ isRunning: true })
    while (this.#wanted !== null) {
      const request = this.#wanted
      this.#wanted = null
      const answer = await this.#ask(request)
      this.#take(request, answer)
    }
    this.#isBusy = false
    this.#store.set({ isRunning: false })
  }

  async #ask({ source, entries }: Request): Promise<Answer> {
    const { engine, failed } = (this.#worker ??= begin())
    let timer: ReturnType<typeof setTimeout> | undefined
    const late = new Promise<Answer>((resolve) => {
      const message = `The program took longer than ${PATIENCE_MS / 1000} s and was stopped`
      timer = setTimeout(() => resolve(lost('TOO_SLOW', message)), PATIENCE_MS)
    })
    const stream = entries.map(({ entry }) => entry)
    const answered = engine.run(source, stream).catch((error: unknown) => lost('WORKER_FAILED', String(error)))
    const answer = await Promise.race([answered, failed, late])
    clearTimeout(timer)
    if (answer.kind === 'problem' && (answer.problem.code === 'TOO_SLOW' || answer.problem.code === 'WORKER_FAILED')) this.#end()
    return answer
  }

  #end(): void {
    this.#worker?.worker.terminate()
    this.#worker = null
  }

  #take({ source, entries }: Request, answer: Answer): void {
    const { state } = this.#store
    // While somebody types, the picture follows; but one program is not shown in place of another.
    if (state.trace === null && textOf(state) !== source.text) return
    if (answer.kind === 'problem') {
      this.#store.set({ problem: { of: answer.of, problem: answer.problem } })
      return
    }
    const { trace } = answer
    const problem = trace.failure === null ? null : ({ of: 'stream', problem: trace.failure } as const)
    const wasAtEnd = state.trace !== null && state.step >= state.trace.steps.length
    this.#store.set({
      trace,
      traced: entries,
      problem,
      step: wasAtEnd ? trace.steps.length : Math.min(state.step, trace.steps.length),
      view: Math.min(state.view, trace.views.length - 1),
      window: null,
    })
  }
}

export function textOf({ leader, program, plan }: State): string {
  return leader === 'plan' ? plan : program
}

function begin(): RunningWorker {
  const worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module', name: 'playground' })
  const failed = new Promise<Answer>((resolve) => {
    const fail = ({ message }: ErrorEvent) => resolve(lost('WORKER_FAILED', message || 'The worker of the page could not be loaded'))
    worker.addEventListener('error', fail, { once: true })
  })
  return { worker, engine: wrap<EngineApi>(worker), failed }
}

function lost(code: string, message: string): Answer {
  return { kind: 'problem', of: 'program', problem: { code, message, suggestion: null, found: null, place: null } }
}
