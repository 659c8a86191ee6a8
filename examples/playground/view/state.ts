/**
 * What is on the page, in one place: program, stream, trace, and where the picture stands.
 *
 * Before: what people do. After: the parts of the page, which draw themselves anew when something has changed.
 *
 * Invariant: states are never changed, only replaced; listeners are called once for all that changed in a task.
 */

import { captionOf, momentsOf, type Narrator } from '../model/caption.ts'
import type { Entry } from '../model/entry.ts'
import { MomentText } from '../model/time-text.ts'
import type { Problem, Trace } from '../model/trace.ts'

/** An entry, and a number that it keeps wherever it goes. */
export interface Placed {
  readonly id: number
  readonly entry: Entry
}

export interface State {
  /** The example of the gallery that is shown, as long as it is the gallery's. */
  readonly example: string | null
  /** What the job is made of: the other text follows. */
  readonly leader: 'typescript' | 'plan'
  readonly program: string
  readonly plan: string
  /** Whether the program has been shown to whoever runs it: programs of links wait for a click. */
  readonly isTrusted: boolean
  readonly entries: readonly Placed[]
  /** The newest trace; it stays while something is wrong. */
  readonly trace: Trace | null
  /** Entries as the trace has them. */
  readonly traced: readonly Placed[]
  readonly problem: { readonly of: 'program' | 'stream'; readonly problem: Problem } | null
  readonly isRunning: boolean
  /** Steps that have been played. */
  readonly step: number
  readonly view: number
  readonly isPlaying: boolean
  /** Steps a second. */
  readonly speed: number
  /** Of the window that is pointed at. */
  readonly window: number | null
  /** While a record is dragged: the event time that is drawn stays this. */
  readonly frozen: readonly [number, number] | null
}

export type Listener = (now: State, before: State | null) => void

export class Store {
  #state: State
  #shown: State | null = null
  #isDue = false
  readonly #listeners: Listener[] = []

  constructor(state: State) {
    this.#state = state
  }

  get state(): State {
    return this.#state
  }

  set(change: Partial<State>): void {
    this.#state = { ...this.#state, ...change }
    if (this.#isDue) return
    this.#isDue = true
    queueMicrotask(() => this.#show())
  }

  /** Calls the listener now, and whenever something has changed. */
  listen(listener: Listener): void {
    this.#listeners.push(listener)
    listener(this.#state, null)
  }

  #show(): void {
    this.#isDue = false
    const before = this.#shown
    this.#shown = this.#state
    for (const listener of this.#listeners) listener(this.#state, before)
  }
}

let nextId = 1

export function placed(entry: Entry): Placed {
  return { id: nextId++, entry }
}

const narrators = new WeakMap<Trace, Narrator>()

/** Who says what the picture shows; null before there is one. */
export function narratorOf({ trace, traced, view }: State): Narrator | null {
  if (trace === null) return null
  const known = narrators.get(trace)
  if (known?.view === view) return known
  const narrator: Narrator = { trace, entries: traced.map(({ entry }) => entry), view, moments: known?.moments ?? momentsOf(trace) }
  narrators.set(trace, narrator)
  return narrator
}

export function captionAt(state: State, step = state.step): string {
  const narrator = narratorOf(state)
  return narrator === null ? '' : captionOf(narrator, step)
}

export function momentText(state: State): MomentText {
  return narratorOf(state)?.moments ?? new MomentText([0])
}
