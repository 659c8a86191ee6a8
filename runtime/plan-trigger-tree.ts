/**
 * Walks through a trigger and the triggers in it.
 *
 * Before: a checked trigger. After: `plan-legality.ts`, and whoever asks what is in a trigger.
 *
 * Invariant: a trigger is a tree, of at most as many nodes as fit in the kernel's table.
 */

import type { TriggerSpec } from './plan-spec.ts'

/** A trigger and all triggers in it. */
export function nodesOf(trigger: TriggerSpec): readonly TriggerSpec[] {
  return [trigger, ...childrenOf(trigger).flatMap(nodesOf)]
}

/** Triggers directly in a trigger, in the order of the fields. */
export function childrenOf(trigger: TriggerSpec): readonly TriggerSpec[] {
  switch (trigger.kind) {
    case 'onWatermark':
      return [trigger.early, trigger.late].filter((part) => part !== undefined)
    case 'any':
    case 'all':
    case 'inOrder':
      return trigger.of
    case 'repeatedly':
    case 'once':
      return [trigger.of]
    case 'orFinally':
      return [trigger.of, trigger.until]
    default:
      return []
  }
}

/** Whether a trigger, once in turn, stays so for ever: the next of an `inOrder` would never be. */
export function neverFinishes(trigger: TriggerSpec): boolean {
  switch (trigger.kind) {
    case 'repeatedly':
    case 'onEventTime':
    case 'onProcessingTime':
      return true
    case 'onWatermark':
      return trigger.late !== undefined
    case 'inOrder':
      return trigger.of.length > 0 && neverFinishes(trigger.of.at(-1)!)
    default:
      return false
  }
}
