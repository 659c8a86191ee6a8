/**
 * A stateful operator in its place: hands watermarks down to what it feeds, behind the rows they make due.
 *
 * Before: the intake, or the node above. After: exchanges, and nodes below.
 *
 * Invariant: an exchange gets a watermark only when every row that it made due above is written before it.
 */

import type { Exchange } from '../coordinator/exchange.ts'
import type { Chunk } from '../coordinator/stage.ts'
import type { StatefulOperator, TimedNode } from './operator.ts'

/** What a watermark reaches without passing another operator with state. */
export interface Reach {
  readonly exchanges: readonly Exchange[]
  readonly nodes: readonly TimedNode[]
}

export class OperatorNode implements TimedNode {
  readonly operator: StatefulOperator
  readonly #reach: Reach
  /** Watermarks that are still to be passed on; the operator has been told the first. */
  readonly #pending: number[] = []

  constructor(operator: StatefulOperator, reach: Reach) {
    this.operator = operator
    this.#reach = reach
  }

  readonly stage = (chunk: Chunk): void => this.operator.processBatch(chunk)

  advance(watermarkMs: number): void {
    this.#pending.push(watermarkMs)
    if (this.#pending.length === 1) this.operator.advanceWatermark(watermarkMs)
  }

  mark(watermarkMs: number): void {
    // The watermark that is still to be passed on is a mark itself.
    if (this.#pending.length > 0) return
    for (const exchange of this.#reach.exchanges) exchange.mark(watermarkMs)
    for (const node of this.#reach.nodes) node.mark(watermarkMs)
  }

  pump(): boolean {
    // Those below first: what they were given is gone before they are given more.
    for (const node of this.#reach.nodes) if (node.pump()) return true
    const wasDue = this.operator.isDue
    if (wasDue) this.operator.emit()
    const [watermarkMs, nextMs] = this.#pending
    if (watermarkMs === undefined || this.operator.isDue) return wasDue
    this.#pending.shift()
    for (const exchange of this.#reach.exchanges) exchange.watermark(watermarkMs)
    for (const node of this.#reach.nodes) node.advance(watermarkMs)
    if (nextMs !== undefined) this.operator.advanceWatermark(nextMs)
    return true
  }
}
