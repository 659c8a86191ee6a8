/**
 * A trigger as the kernel reads it: a tree of nodes in an array, each with its first child and its next sibling.
 *
 * Before: pane-plan. After: pane-config writes the nodes.
 *
 * Invariant: node 0 is the root, and children come after their parent. A trigger that its plan does not end is repeated.
 */

import * as L from '../../kernel/layout.ts'
import { ConfigError } from '../errors.ts'
import type { Expression } from '../expression/expression.ts'
import type { FunctionRef, TriggerSpec, WindowSpec } from '../plan.ts'

/** Indices are of nodes, the column is of those that travel; -1: none. */
export interface TriggerNode {
  readonly kind: number
  readonly firstChild: number
  readonly nextSibling: number
  readonly flags: number
  readonly parameter: number
  readonly column: number
}

/** A tree before it is laid out; `source` is the column of the batches, or -1. */
interface Tree {
  readonly kind: number
  readonly flags: number
  readonly parameter: number
  readonly source: number
  readonly children: readonly Tree[]
}

type Compute = (condition: Expression | FunctionRef) => number

export class TriggerNodes {
  readonly #root: Tree

  private constructor(root: Tree) {
    this.#root = root
  }

  /** @param compute - Gives the column of a condition on single records. */
  static of(spec: WindowSpec, compute: Compute): TriggerNodes {
    const { trigger } = spec
    const isCounted = spec.window.kind === 'countTumbling' || spec.window.kind === 'countSliding'
    const tree = treeOf(trigger, compute, isCounted)
    const isEnded = trigger.kind === 'once' || trigger.kind === 'orFinally' || trigger.kind === 'inOrder'
    return new TriggerNodes(isEnded || tree.kind === L.TRIGGER_REPEATEDLY ? tree : node(L.TRIGGER_REPEATEDLY, [tree]))
  }

  /** The nodes in order. @param ship - Gives the column that travels of one of the batches. */
  shipped(ship: (source: number) => number): readonly TriggerNode[] {
    const nodes: TriggerNode[] = []
    const add = (tree: Tree): number => {
      const index = nodes.length
      const own = { kind: tree.kind, flags: tree.flags, parameter: tree.parameter, column: tree.source < 0 ? -1 : ship(tree.source) }
      nodes.push({ ...own, firstChild: -1, nextSibling: -1 })
      let first = -1
      let before = -1
      for (const child of tree.children) {
        const at = add(child)
        if (before < 0) first = at
        else nodes[before] = { ...nodes[before]!, nextSibling: at }
        before = at
      }
      nodes[index] = { ...nodes[index]!, firstChild: first }
      return index
    }
    add(this.#root)
    if (nodes.length > L.TRIGGERS_MAX) {
      throw new ConfigError('TRIGGER_TOO_LARGE', `A trigger has ${nodes.length} parts; at most ${L.TRIGGERS_MAX} are possible: simplify it`)
    }
    return nodes
  }
}

function node(kind: number, children: readonly Tree[], parameter = 0): Tree {
  return { kind, flags: 0, parameter, source: -1, children }
}

const NEVER = node(L.TRIGGER_NONE, [])

function treeOf(spec: TriggerSpec, compute: Compute, isCounted: boolean): Tree {
  const of = (child: TriggerSpec) => treeOf(child, compute, isCounted)
  const tree = kindOf(spec, of, compute, isCounted)
  return 'purge' in spec && spec.purge === true ? { ...tree, flags: L.TRIGGER_PURGE } : tree
}

function kindOf(spec: TriggerSpec, of: (child: TriggerSpec) => Tree, compute: Compute, isCounted: boolean): Tree {
  switch (spec.kind) {
    case 'onWatermark': {
      // The end of a window of n records is the n-th.
      if (isCounted) return node(L.TRIGGER_FULL, [])
      const { early, late } = spec
      return node(L.TRIGGER_WATERMARK, [early === undefined ? NEVER : of(early), late === undefined ? NEVER : of(late)])
    }
    case 'onCount':
      return node(L.TRIGGER_COUNT, [], spec.n)
    case 'onProcessingTime':
      return node(L.TRIGGER_PERIODIC, [], spec.everyMs)
    case 'afterProcessingTime':
      return node(L.TRIGGER_DELAY, [], spec.delayMs)
    case 'onEventTime':
      return node(L.TRIGGER_CONTINUOUS, [], spec.everyMs)
    case 'onRecord':
      return { ...node(L.TRIGGER_RECORD, []), source: compute(spec.when) }
    case 'custom':
      return { ...node(L.TRIGGER_RECORD, []), source: compute({ function: true }) }
    case 'onEnd':
      return node(L.TRIGGER_END, [])
    case 'any':
      return node(L.TRIGGER_ANY, spec.of.map(of))
    case 'all':
      return node(L.TRIGGER_ALL, spec.of.map(of))
    case 'inOrder':
      return node(L.TRIGGER_IN_ORDER, spec.of.map(of))
    case 'repeatedly':
      return node(L.TRIGGER_REPEATEDLY, [of(spec.of)])
    case 'orFinally':
      return node(L.TRIGGER_OR_FINALLY, [of(spec.of), of(spec.until)])
    case 'once':
      // Finished by its first firing, whatever that of its part means.
      return node(L.TRIGGER_ANY, [of(spec.of)])
    default: {
      const never: never = spec
      throw new RangeError(`Unknown trigger ${String(never)}`)
    }
  }
}

/** Whether an operator has to be told the host's clock. */
export function usesProcessingTime({ time, trigger }: WindowSpec): boolean {
  return time === 'processing' || hasTimer(trigger)
}

function hasTimer(spec: TriggerSpec): boolean {
  switch (spec.kind) {
    case 'onProcessingTime':
    case 'afterProcessingTime':
      return true
    case 'onWatermark':
      return (spec.early !== undefined && hasTimer(spec.early)) || (spec.late !== undefined && hasTimer(spec.late))
    case 'any':
    case 'all':
    case 'inOrder':
      return spec.of.some(hasTimer)
    case 'repeatedly':
    case 'once':
      return hasTimer(spec.of)
    case 'orFinally':
      return hasTimer(spec.of) || hasTimer(spec.until)
    default:
      return false
  }
}
