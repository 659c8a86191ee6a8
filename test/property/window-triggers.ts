/**
 * Random triggers, alone and in one another, of every legal combination.
 *
 * Before: window-plans, which knows what the window allows. After: the plan of a case; coverage counts the kinds in it.
 *
 * Invariant: a trigger is a function of the generator's state and the rules alone.
 */

import type { Tree, Trigger } from '../oracle/panes/plan.ts'
import { call, column } from '../support/plans.ts'
import type { Prng } from '../support/prng.ts'

export const LEAF_KINDS = ['onWatermark', 'onCount', 'onProcessingTime', 'afterProcessingTime', 'onEventTime', 'onRecord', 'onEnd'] as const
export const COMBINATORS = ['any', 'all', 'inOrder', 'repeatedly', 'orFinally', 'once'] as const
export type TriggerKind = (typeof LEAF_KINDS)[number] | (typeof COMBINATORS)[number]

export interface TriggerRules {
  readonly unitMs: number
  readonly hasClock: boolean
  readonly isProcessing: boolean
  readonly isGlobal: boolean
  readonly canPurge: boolean
  /** Whether the trigger may look at single records. */
  readonly canAskRecords: boolean
}

export function randomTrigger(prng: Prng, rules: TriggerRules): Trigger | undefined {
  const roll = prng.next()
  if (roll < 0.12) return undefined
  if (roll < 0.32) return randomWatermark(prng, rules)
  return roll < 0.55 ? randomLeaf(prng, rules) : randomTree(prng, rules, 2)
}

function randomWatermark(prng: Prng, rules: TriggerRules): Trigger {
  const side = (without: readonly string[]) => (prng.next() < 0.7 ? randomLeaf(prng, rules, without) : randomTree(prng, rules, 1, without))
  const canBeLate = !rules.isProcessing && !rules.isGlobal
  return {
    kind: 'onWatermark',
    ...(prng.next() < 0.6 ? { early: side(['onWatermark']) } : {}),
    ...(canBeLate && prng.next() < 0.5 ? { late: side(['onWatermark', 'onEventTime']) } : {}),
    ...(rules.canPurge && prng.next() < 0.2 ? { purge: true } : {}),
  }
}

function randomLeaf(prng: Prng, rules: TriggerRules, without: readonly string[] = []): Trigger {
  const { unitMs, hasClock, isProcessing, isGlobal, canPurge, canAskRecords } = rules
  const isThere = (kind: (typeof LEAF_KINDS)[number]) => {
    if (without.includes(kind)) return false
    if (kind === 'onProcessingTime' || kind === 'afterProcessingTime') return hasClock
    if (kind === 'onEnd') return isGlobal
    if (kind === 'onRecord') return canAskRecords
    return kind !== 'onEventTime' || !isProcessing
  }
  const purge = canPurge && prng.next() < 0.2 ? { purge: true as const } : {}
  const kind = prng.pick(LEAF_KINDS.filter(isThere))
  switch (kind) {
    case 'onCount':
      return { kind, n: 1 + prng.int(4), ...purge }
    case 'onProcessingTime':
      return { kind, everyMs: 1 + prng.int(8), ...purge }
    case 'afterProcessingTime':
      return { kind, delayMs: 1 + prng.int(8), ...purge }
    case 'onEventTime':
      return { kind, everyMs: (1 + prng.int(6)) * unitMs, ...purge }
    case 'onRecord':
      return { kind, when: randomCondition(prng), ...purge }
    case 'onWatermark':
    case 'onEnd':
      return { kind, ...purge }
    default: {
      const never: never = kind
      throw new RangeError(`Unknown trigger ${String(never)}`)
    }
  }
}

function randomTree(prng: Prng, rules: TriggerRules, depth: number, without: readonly string[] = []): Trigger {
  const child = (): Trigger =>
    depth <= 1 || prng.next() < 0.6 ? randomLeaf(prng, rules, without) : randomTree(prng, rules, depth - 1, without)
  const children = () => Array.from({ length: prng.pick([1, 2, 2, 3]) }, child)
  const passing = (): Trigger => {
    for (;;) {
      const found = child()
      if (!keepsItsTurn(found)) return found
    }
  }
  const kind = prng.pick(COMBINATORS)
  switch (kind) {
    case 'any':
    case 'all':
      return { kind, of: children() }
    case 'inOrder':
      return { kind, of: [...Array.from({ length: prng.pick([0, 1, 1, 2]) }, passing), child()] }
    case 'repeatedly':
    case 'once':
      return { kind, of: child() }
    case 'orFinally':
      return { kind, of: child(), until: child() }
    default: {
      const never: never = kind
      throw new RangeError(`Unknown trigger ${String(never)}`)
    }
  }
}

/** All kinds in a trigger. */
export function triggerKinds(trigger: Trigger = { kind: 'onWatermark' }): TriggerKind[] {
  const of = 'of' in trigger ? (Array.isArray(trigger.of) ? trigger.of : [trigger.of]) : []
  const sides = trigger.kind === 'onWatermark' ? [trigger.early, trigger.late] : trigger.kind === 'orFinally' ? [trigger.until] : []
  return [trigger.kind, ...[...of, ...sides].flatMap((inner) => (inner === undefined ? [] : triggerKinds(inner as Trigger)))]
}

export function randomCondition(prng: Prng): Tree {
  return prng.pick<Tree>([column('go'), call('gt', column('v'), prng.int(8) - 2), call('isNull', column('w'))])
}

/** Whether a trigger that has its turn keeps it for ever. */
function keepsItsTurn(trigger: Trigger): boolean {
  switch (trigger.kind) {
    case 'repeatedly':
    case 'onEventTime':
    case 'onProcessingTime':
      return true
    case 'onWatermark':
      return trigger.late !== undefined
    case 'inOrder':
      return keepsItsTurn(trigger.of.at(-1)!)
    default:
      return false
  }
}
