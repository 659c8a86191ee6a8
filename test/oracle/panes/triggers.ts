/**
 * Triggers as state machines over plain objects: the rules of Apache Beam's trigger state machines, with periodic leaves after Flink.
 *
 * Before: open-windows.ts, which tells of records, merges and time. After: whether a pane is due, and which leaves made it so.
 *
 * A node is asked `shouldFire`, told `onFire` when the root has fired, and `finished` when it will not fire again. `repeatedly` starts its
 * child anew when that has finished; an `any` or `all` that fires forgets what the others had gathered.
 *
 * Invariant: a node that has finished takes no records and never fires until it is started anew.
 */

import { holds } from './expressions.ts'
import type { Row, Trigger } from './plan.ts'

/** The state of one node. */
export interface TriggerState {
  finished: boolean
  /** onCount: records since it last fired. */
  count: number
  /** Periodic and delayed leaves: when they want to fire next. */
  due: number | null
  /** onRecord: the condition was true since it last fired. onWatermark with early or late firings: it has fired at the end. */
  seen: boolean
  children: TriggerState[]
}

/** What the clocks say for one window. */
export interface Moment {
  readonly watermarkMs: number
  readonly nowMs: number
  readonly isEndReached: boolean
  /** Whether windows of this kind can merge. */
  readonly canMerge: boolean
}

const NEVER: Trigger = { kind: 'any', of: [] }

/** The root as it runs: fires again and again, unless it says itself when it is over. */
export function rootOf(trigger: Trigger = { kind: 'onWatermark' }): Trigger {
  return ['once', 'orFinally', 'inOrder', 'repeatedly'].includes(trigger.kind) ? trigger : { kind: 'repeatedly', of: trigger }
}

function childrenOf(trigger: Trigger): readonly Trigger[] {
  switch (trigger.kind) {
    case 'onWatermark':
      if (trigger.early === undefined && trigger.late === undefined) return []
      return [trigger.early ?? NEVER, trigger.late ?? NEVER]
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

export function isPeriodic(trigger: Trigger): boolean {
  return trigger.kind === 'onEventTime' || trigger.kind === 'onProcessingTime'
}

export function fresh(trigger: Trigger): TriggerState {
  return { finished: false, count: 0, due: null, seen: false, children: childrenOf(trigger).map(fresh) }
}

/** Forgets what was gathered; what has finished stays so. */
function clear(state: TriggerState): void {
  state.count = 0
  state.due = null
  state.seen = false
  state.children.forEach(clear)
}

function reset(state: TriggerState): void {
  state.finished = false
  state.count = 0
  state.due = null
  state.seen = false
  state.children.forEach(reset)
}

const firstUnfinished = (state: TriggerState) => state.children.findIndex(({ finished }) => !finished)

export function onRecord(trigger: Trigger, state: TriggerState, row: Row, timeMs: number, moment: Moment): void {
  if (state.finished) return
  const children = childrenOf(trigger)
  const tell = (index: number) => onRecord(children[index]!, state.children[index]!, row, timeMs, moment)
  switch (trigger.kind) {
    case 'onCount':
      state.count++
      return
    case 'onRecord':
      if (holds(trigger.when, row)) state.seen = true
      return
    case 'onProcessingTime':
      state.due ??= moment.nowMs + trigger.everyMs
      return
    case 'afterProcessingTime':
      state.due ??= moment.nowMs + trigger.delayMs
      return
    case 'onEventTime':
      state.due ??= nextMultiple(timeMs, trigger.everyMs)
      return
    // Of steps that follow one another only the present one counts records; after a merge any of them may be the present one.
    case 'onWatermark':
      if (children.length === 0) return
      if (!state.seen || moment.canMerge) tell(0)
      if (state.seen || moment.canMerge) tell(1)
      return
    case 'inOrder': {
      if (moment.canMerge) children.forEach((_, index) => tell(index))
      else if (firstUnfinished(state) >= 0) tell(firstUnfinished(state))
      return
    }
    default:
      children.forEach((_, index) => tell(index))
  }
}

function nextMultiple(timeMs: number, everyMs: number): number {
  return Math.floor(timeMs / everyMs) * everyMs + everyMs
}

export function shouldFire(trigger: Trigger, state: TriggerState, moment: Moment): boolean {
  if (state.finished) return false
  const children = childrenOf(trigger)
  const asks = (index: number) => shouldFire(children[index]!, state.children[index]!, moment)
  switch (trigger.kind) {
    case 'onCount':
      return state.count >= trigger.n
    case 'onRecord':
      return state.seen
    case 'onEnd':
      return moment.watermarkMs === Number.POSITIVE_INFINITY
    case 'onProcessingTime':
    case 'afterProcessingTime':
      return state.due !== null && moment.nowMs >= state.due
    case 'onEventTime':
      return state.due !== null && (moment.watermarkMs >= state.due || moment.isEndReached)
    case 'onWatermark':
      if (children.length === 0) return moment.isEndReached
      return state.seen ? asks(1) : moment.isEndReached || asks(0)
    case 'any':
      return children.some((_, index) => asks(index))
    case 'all':
      return children.every((_, index) => state.children[index]!.finished || asks(index))
    case 'inOrder': {
      const at = firstUnfinished(state)
      return at >= 0 && asks(at)
    }
    case 'repeatedly':
    case 'once':
      return asks(0)
    case 'orFinally':
      return asks(0) || asks(1)
    default: {
      const never: never = trigger
      throw new RangeError(`Unknown trigger ${JSON.stringify(never)}`)
    }
  }
}

/** The root has fired: every node moves on. The leaves that were part of it are added to `fired`. */
export function onFire(trigger: Trigger, state: TriggerState, moment: Moment, fired: Trigger[]): void {
  const children = childrenOf(trigger)
  const fire = (index: number) => onFire(children[index]!, state.children[index]!, moment, fired)
  const asks = (index: number) => shouldFire(children[index]!, state.children[index]!, moment)
  switch (trigger.kind) {
    case 'onCount':
    case 'onRecord':
    case 'onEnd':
    case 'afterProcessingTime':
      fired.push(trigger)
      clear(state)
      state.finished = true
      return
    case 'onProcessingTime':
      fired.push(trigger)
      state.due = state.due! + (Math.floor((moment.nowMs - state.due!) / trigger.everyMs) + 1) * trigger.everyMs
      if (!Number.isFinite(state.due)) state.due = null
      return
    case 'onEventTime': {
      // At the end of the window it is not its interval that is over.
      fired.push(state.due !== null && moment.watermarkMs >= state.due ? trigger : endOf(trigger))
      state.due = moment.isEndReached ? null : nextMultiple(moment.watermarkMs, trigger.everyMs)
      return
    }
    case 'onWatermark':
      fireWatermark(trigger, state, moment, fired)
      return
    case 'any':
    case 'all':
    case 'once': {
      const ready = children.map((_, index) => asks(index))
      ready.forEach((isReady, index) => {
        if (isReady) fire(index)
      })
      // It is over; should a merge revive it, what is below begins anew.
      state.children.forEach(clear)
      state.finished = true
      return
    }
    case 'inOrder':
      fire(firstUnfinished(state))
      if (moment.canMerge) state.children.forEach(clear)
      state.finished = firstUnfinished(state) < 0
      return
    case 'repeatedly':
      fire(0)
      if (state.children[0]!.finished) reset(state.children[0]!)
      return
    case 'orFinally': {
      const ready = [0, 1].filter(asks)
      ready.forEach(fire)
      state.finished = state.children.some(({ finished }) => finished)
      return
    }
    default: {
      const never: never = trigger
      throw new RangeError(`Unknown trigger ${JSON.stringify(never)}`)
    }
  }
}

/** The end of a window as a leaf that has fired. */
function endOf({ purge }: Trigger): Trigger {
  return { kind: 'onWatermark', ...(purge ? { purge } : {}) }
}

/** Alone: a leaf that is done at the end of the window. With early and late firings: those before the end, and behind it, are repeated. */
function fireWatermark(trigger: Trigger & { readonly kind: 'onWatermark' }, state: TriggerState, moment: Moment, fired: Trigger[]): void {
  const [early, late] = childrenOf(trigger)
  if (early === undefined || late === undefined) {
    fired.push(trigger)
    state.finished = true
    return
  }
  const [earlyState, lateState] = state.children as [TriggerState, TriggerState]
  if (state.seen) {
    onFire(late, lateState, moment, fired)
    if (lateState.finished) reset(lateState)
    return
  }
  if (!moment.isEndReached) {
    onFire(early, earlyState, moment, fired)
    if (earlyState.finished) reset(earlyState)
    return
  }
  fired.push(endOf(trigger))
  reset(earlyState)
  reset(lateState)
  state.seen = true
  if (trigger.late === undefined) state.finished = true
}

/**
 * The state of the window that several have become: counts add up, the earliest moment stands, and what any of them still waits for is
 * waited for. A window that has grown beyond the clock waits for its end again.
 */
export function merged(trigger: Trigger, states: readonly TriggerState[], moment: Moment): TriggerState {
  const state = joined(trigger, states)
  if (!moment.isEndReached) revive(trigger, state)
  return state
}

function joined(trigger: Trigger, states: readonly TriggerState[]): TriggerState {
  const dues = states.map(({ due }) => due).filter((due) => due !== null)
  const children = childrenOf(trigger).map((child, index) =>
    joined(
      child,
      states.map((each) => each.children[index]!),
    ),
  )
  if (trigger.kind === 'inOrder') {
    // Behind a step that is open again the later ones have not begun.
    const present = children.findIndex(({ finished }) => !finished)
    children.forEach((child, index) => {
      if (present >= 0 && index > present) reset(child)
    })
  }
  return {
    finished: states.every(({ finished }) => finished),
    count: states.reduce((sum, { count }) => sum + count, 0),
    due: dues.length === 0 ? null : Math.min(...dues),
    // What any of them still has to say at its end has not been said.
    seen: trigger.kind === 'onWatermark' ? states.every(({ seen }) => seen) : states.some(({ seen }) => seen),
    children,
  }
}

/** Takes back what had finished because of the end of the window, and nothing else. Answers whether this node had. */
function revive(trigger: Trigger, state: TriggerState): boolean {
  const isEnd = trigger.kind === 'onWatermark'
  if (isEnd) state.seen = false
  const revived = childrenOf(trigger).map((child, index) => revive(child, state.children[index]!))
  const hasOtherEnd = state.children.some(({ finished }, index) => finished && !revived[index])
  const isOverByOne = ['any', 'once', 'orFinally'].includes(trigger.kind)
  if (!state.finished || !(isEnd || revived.includes(true)) || (isOverByOne && hasOtherEnd)) return false
  state.finished = false
  return true
}

/** When the leaves of one clock want to be asked. */
export function duesOf(trigger: Trigger, state: TriggerState, clock: 'event' | 'processing'): number[] {
  const own = trigger.kind === 'onEventTime' ? 'event' : 'processing'
  const dues = state.due !== null && own === clock ? [state.due] : []
  if (trigger.kind === 'onEnd' && clock === 'event') dues.push(Number.POSITIVE_INFINITY)
  return [...dues, ...childrenOf(trigger).flatMap((child, index) => duesOf(child, state.children[index]!, clock))]
}
