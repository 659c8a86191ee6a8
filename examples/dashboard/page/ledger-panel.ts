/**
 * The proof that nothing is lost and nothing counted twice, before one's eyes.
 *
 * Before: counts of the job, numbers of the feed, and the auditor, which makes the log once more. After: an equation, and a verdict.
 * Two things are checked. The job's counts over all its lives must equal the number of the reading it has reached. And every final window must
 * hold, device by device, exactly what the generator sent, together with what came too late.
 *
 * Invariant: a difference that stays is shown until the fleet begins anew; nothing else makes it go away.
 */

import { LATENESS_MS, WINDOW_MS } from '../cells.ts'
import type { LogDescription, LogSegment } from '../generator/feed-log.ts'
import type { Comparison } from '../generator/ledger.ts'
import type { FromAuditor, ToAuditor } from './auditor-worker.ts'
import { byId, formatCount, formatWindow, setText } from './format.ts'
import type { Drawn } from './frames.ts'
import type { Model } from './model.ts'

/** What a window has to wait for once it is final: results that are on their way. */
const SETTLE_MS = 1_500
const RETRY_MS = 1_500
const ATTEMPTS = 6
/** Counts and numbers arrive apart, so they are equal now and then only: at least once in so many statuses. */
const STATUSES_MAX = 100
/** With so many readings in flight the job catches up, and reads without a pause in which they could be equal. */
const CATCHING_UP = 150_000

interface Pending {
  readonly startMs: number
  /** When to compare, and by the readings before which number. */
  dueMs: number
  number: number
  attempts: number
  isSent: boolean
}

export class LedgerPanel implements Drawn {
  readonly #model: Model
  #auditor: Worker | null = null
  #fromMs = Number.POSITIVE_INFINITY
  readonly #pending = new Map<number, Pending>()
  readonly #done = new Set<number>()
  #windows = 0
  #cells = 0
  #readings = 0
  #differences: Comparison[] = []
  /** Comparisons that differed at first, as something was still on its way. */
  #repeats = 0
  /** Why the auditor has stopped; null: it has not. */
  #failure: string | null = null
  /** Statuses since count and number were last equal, and how far the auditor may have gone. */
  #unequal = 0
  #goal = 0
  /** Called when the verdict changes. */
  readonly #onVerdict: (state: LedgerState, words: string) => void
  #state: LedgerState = 'waiting'

  constructor(model: Model, onVerdict: (state: LedgerState, words: string) => void) {
    this.#model = model
    this.#onVerdict = onVerdict
  }

  /** Begins to follow a log. Windows that begin before `fromMs` are not looked at. */
  begin(log: LogDescription, fromMs: number): void {
    this.#auditor?.terminate()
    this.#auditor = new Worker(new URL('./auditor-worker.js', import.meta.url), { type: 'module', name: 'auditor' })
    this.#auditor.addEventListener('message', ({ data }: MessageEvent<FromAuditor>) => this.#compared(data))
    this.#auditor.addEventListener('error', ({ message }) => (this.#failure = message))
    this.#fromMs = Math.ceil(fromMs / WINDOW_MS) * WINDOW_MS
    this.#pending.clear()
    this.#done.clear()
    this.#goal = 0
    this.#tell({ kind: 'begin', log, fromMs: this.#fromMs })
  }

  settings(segment: LogSegment): void {
    this.#tell({ kind: 'settings', segment })
  }

  /** The job goes through some time once more: what is being compared is compared later. */
  interrupted(): void {
    this.#pending.clear()
    this.#unequal = 0
  }

  /** A status has come. */
  status(): void {
    const { isEqual, flight } = this.#sums()
    this.#unequal = isEqual || flight > CATCHING_UP ? 0 : this.#unequal + 1
  }

  get state(): LedgerState {
    return this.#state
  }

  /** Figures for tests and measurements. */
  get figures() {
    return {
      state: this.#state,
      windows: this.#windows,
      cells: this.#cells,
      readings: this.#readings,
      /** Up to which event time windows were compared. */
      comparedMs: Math.max(0, ...Array.from(this.#done, (startMs) => startMs + WINDOW_MS)),
      differences: this.#differences,
      repeats: this.#repeats,
      failure: this.#failure,
      ...this.#sums(),
    }
  }

  frame(nowMs: number): void {
    this.#follow(nowMs)
    const { sent, counted, late, filtered, dead, flight } = this.#sums()
    setText(byId('sum-sent'), formatCount(sent))
    setText(byId('sum-counted'), formatCount(counted))
    setText(byId('sum-late'), formatCount(late))
    setText(byId('sum-filtered'), formatCount(filtered))
    setText(byId('sum-dead'), formatCount(dead))
    setText(byId('sum-flight'), formatCount(flight))
    this.#judge(counted > 0)
  }

  #sums() {
    const { status, sentNumber, reachedNumber } = this.#model
    const devices = status?.windows.find(({ uid }) => uid === 'device-windows')
    const source = status?.sources[0]
    const late = devices?.late ?? 0
    const counted = devices?.processed ?? 0
    const filtered = source?.filtered ?? 0
    const dead = source?.deadLetters ?? 0
    const sent = Math.max(sentNumber, reachedNumber, source?.recordsIn ?? 0)
    const settled = counted + late + filtered + dead
    // The job's own count of what it has read, over all its lives, must be the number that the generator gave to the next reading.
    const isEqual = source !== undefined && source.recordsIn === reachedNumber
    return { sent, counted, late, filtered, dead, flight: sent - settled, isEqual }
  }

  /** Lets windows that have become final wait a moment, then has them compared. */
  #follow(nowMs: number): void {
    const { cells, watermarkMs, reachedNumber } = this.#model
    for (const startMs of cells.keys()) {
      const isFinal = watermarkMs >= startMs + WINDOW_MS - 1 + LATENESS_MS
      if (!isFinal || startMs < this.#fromMs || this.#done.has(startMs) || this.#pending.has(startMs)) continue
      this.#pending.set(startMs, {
        startMs,
        dueMs: nowMs + SETTLE_MS,
        number: Math.max(reachedNumber, this.#goal),
        attempts: 0,
        isSent: false,
      })
    }
    // The auditor goes no further than to where something is still to be compared.
    const goal = Math.min(reachedNumber, ...Array.from(this.#pending.values(), ({ number }) => number))
    if (goal > this.#goal) this.#tell({ kind: 'advance', number: (this.#goal = goal) })
    for (const pending of this.#pending.values()) {
      if (pending.isSent || nowMs < pending.dueMs || !this.#isProcessed(pending.number)) continue
      const result = this.#model.cells.get(pending.startMs)
      if (result === undefined) {
        this.#pending.delete(pending.startMs)
        continue
      }
      pending.isSent = true
      const late = this.#model.lateCells(pending.startMs, pending.number)
      this.#tell({ kind: 'compare', result, late, number: pending.number })
    }
  }

  /** Whether all readings before a number have gone through the windows of devices, by the job's counts. */
  #isProcessed(number: number): boolean {
    const { counted, late, filtered, dead } = this.#sums()
    return counted + late + filtered + dead >= number
  }

  #compared(comparison: Comparison): void {
    const pending = this.#pending.get(comparison.startMs)
    if (pending === undefined) return
    if (comparison.differences > 0 && ++pending.attempts < ATTEMPTS) {
      // Something may still be on its way: once more, by what has been read by now.
      this.#repeats++
      Object.assign(pending, {
        isSent: false,
        number: Math.max(this.#model.reachedNumber, this.#goal),
        dueMs: performance.timeOrigin + performance.now() + RETRY_MS,
      })
      return
    }
    this.#pending.delete(comparison.startMs)
    this.#done.add(comparison.startMs)
    this.#windows++
    this.#cells += comparison.cells
    this.#readings += comparison.readings
    if (comparison.differences > 0) this.#differences.push(comparison)
  }

  #judge(hasBegun: boolean): void {
    const isLasting = this.#unequal > STATUSES_MAX
    const state: LedgerState = !hasBegun
      ? 'waiting'
      : isLasting || this.#failure !== null || this.#differences.length > 0
        ? 'broken'
        : 'balanced'
    const words = this.#words(state, isLasting)
    setText(byId('ledger-word'), words)
    setText(byId('ledger-proof'), this.#proof())
    if (state === this.#state) return
    this.#state = state
    byId('ledger').dataset['state'] = state
    this.#onVerdict(state, words)
  }

  #words(state: LedgerState, isLasting: boolean): string {
    if (state === 'waiting') return 'waiting for the first results'
    if (state === 'balanced') return 'balanced, to the reading'
    if (this.#failure !== null) return 'the auditor has stopped'
    if (isLasting) return 'does not balance'
    const { length } = this.#differences
    return length === 1 ? '1 window differs' : `${formatCount(length)} windows differ`
  }

  #proof(): string {
    if (this.#failure !== null) return `What makes the log once more has failed: ${this.#failure}.`
    const first = this.#differences[0]
    if (first !== undefined) {
      return `Window ${formatWindow(first.startMs, first.startMs + WINDOW_MS)} differs in ${first.differences === 1 ? '1 cell' : `${formatCount(first.differences)} cells`}: ${first.example}.`
    }
    if (this.#windows === 0)
      return 'Final windows are compared, device by device, with what the generator sent. The first is final 27 seconds after it began.'
    return `Compared with what the generator sent: ${formatCount(this.#windows)} final windows, ${formatCount(this.#cells)} results of devices, ${formatCount(this.#readings)} readings. Differences: 0.`
  }

  #tell(message: ToAuditor): void {
    this.#auditor?.postMessage(message)
  }
}

export type LedgerState = 'waiting' | 'balanced' | 'broken'
