/**
 * The outer world that the results of a job under faults go to: a system with transactions, which outlives every page, profile and browser.
 *
 * Before: ledger-sink.ts in the page calls it over HTTP. After: the campaign compares its lines with those of a run without faults.
 * Opening fences every writer of a lower epoch, as Kafka does with a transactional id. As the system keeps what browsers may lose, it is what
 * tells a silent fresh start from a recovery.
 *
 * Invariant: a committed part is never taken back and never committed twice; what would do that is refused and remembered as a violation.
 */

interface Part {
  readonly lines: readonly string[]
  isCommitted: boolean
}

/** A call of a sink, as JSON. `part` counts the parts that a checkpoint covers. */
export type LedgerCall =
  | { readonly kind: 'open'; readonly epoch: number; readonly part: number }
  | { readonly kind: 'prepare'; readonly epoch: number; readonly checkpointId: number; readonly lines: readonly string[] }
  | { readonly kind: 'commit'; readonly epoch: number; readonly part: number }

export type LedgerAnswer = { readonly kind: 'done'; readonly part: number } | { readonly kind: 'refused'; readonly why: 'fenced' | 'ahead' }

/** One sink of one job. */
export class LedgerAccount {
  readonly violations: string[] = []
  /** Calls that a writer of an older epoch made and that were refused. */
  fencedCalls = 0
  #parts: Part[] = []
  #epoch = 0
  /** The part of each checkpoint of this epoch: a call that is repeated has no second effect. */
  #prepared = new Map<number, number>()

  get committed(): readonly string[] {
    return this.#parts.filter(({ isCommitted }) => isCommitted).flatMap(({ lines }) => lines)
  }

  get committedParts(): number {
    return this.#parts.filter(({ isCommitted }) => isCommitted).length
  }

  call(call: LedgerCall): LedgerAnswer {
    if (call.epoch < this.#epoch) {
      this.fencedCalls++
      return { kind: 'refused', why: 'fenced' }
    }
    switch (call.kind) {
      case 'open':
        return this.#open(call.epoch, call.part)
      case 'prepare':
        return { kind: 'done', part: this.#prepare(call.checkpointId, call.lines) }
      case 'commit':
        for (const part of this.#parts.slice(0, call.part)) part.isCommitted = true
        return { kind: 'done', part: call.part }
    }
  }

  /** Finishes the commit that the recovered checkpoint covers, and drops what is newer. */
  #open(epoch: number, part: number): LedgerAnswer {
    // A checkpoint that covers less than was committed is no newest checkpoint: somebody lost state.
    if (this.committedParts > part) return { kind: 'refused', why: 'ahead' }
    if (this.#parts.length < part)
      this.violations.push(`a checkpoint of epoch ${epoch} covers ${part} parts, there are ${this.#parts.length}`)
    this.#epoch = epoch
    this.#parts.length = Math.min(this.#parts.length, part)
    for (const kept of this.#parts) kept.isCommitted = true
    this.#prepared.clear()
    return { kind: 'done', part }
  }

  #prepare(checkpointId: number, lines: readonly string[]): number {
    const known = this.#prepared.get(checkpointId)
    if (known !== undefined) return known
    if (lines.length > 0) this.#parts.push({ lines, isCommitted: false })
    this.#prepared.set(checkpointId, this.#parts.length)
    return this.#parts.length
  }
}

/** The accounts of one run, by sink. */
export class Ledger {
  readonly #accounts = new Map<string, LedgerAccount>()

  account(sink: string): LedgerAccount {
    let account = this.#accounts.get(sink)
    if (account === undefined) {
      account = new LedgerAccount()
      this.#accounts.set(sink, account)
    }
    return account
  }

  get violations(): readonly string[] {
    return [...this.#accounts].flatMap(([sink, { violations }]) => violations.map((violation) => `${sink}: ${violation}`))
  }

  get fencedCalls(): number {
    return [...this.#accounts.values()].reduce((sum, { fencedCalls }) => sum + fencedCalls, 0)
  }

  get committedParts(): number {
    return [...this.#accounts.values()].reduce((sum, account) => sum + account.committedParts, 0)
  }

  /** Every line that was committed, in an order of its own. */
  get lines(): readonly string[] {
    return [...this.#accounts.values()].flatMap(({ committed }) => committed).sort()
  }
}
