/**
 * Triggers and evictors, as a plan writes them.
 *
 * Before: `plan-window.ts`, by the rules of `plan-window-rules.ts`. After: `plan-legality.ts`, which refuses what makes no sense together.
 *
 * Invariant: a trigger that passes fits in the kernel's table, with all nodes that are implied.
 */

import { DURATION_MS_MAX } from './duration.ts'
import type { Expression } from './expression/expression.ts'
import { bare, Fields } from './plan-fields.ts'
import { planError } from './plan-problem.ts'
import type { EvictorSpec, TriggerKind, TriggerSpec } from './plan-spec.ts'

/** Most nodes of a trigger, with those that are implied. */
export const TRIGGER_NODES_MAX = 32
/** Most records a count trigger or evictor counts. */
export const TRIGGER_COUNT_MAX = 2 ** 31 - 1

const TRIGGERS: readonly TriggerKind[] = [
  'onWatermark',
  'onCount',
  'onProcessingTime',
  'afterProcessingTime',
  'onEventTime',
  'onRecord',
  'onEnd',
  'any',
  'all',
  'inOrder',
  'repeatedly',
  'orFinally',
  'once',
  'custom',
]
const DURATION = { code: 'DURATION_INVALID', wanted: 'a positive integer of milliseconds', least: 1, most: DURATION_MS_MAX }
const COUNT = { code: 'TRIGGER_COUNT_INVALID', wanted: 'an integer of 1 or more records', least: 1, most: TRIGGER_COUNT_MAX }

export function parseTrigger(outer: Fields): TriggerSpec {
  const trigger = parseNode(outer.optional('trigger'), outer.at('trigger'), { count: 0 })
  const nodes = triggerNodeCount(trigger)
  if (nodes > TRIGGER_NODES_MAX) throw tooLarge(outer.at('trigger'), `a trigger of ${nodes} parts, with those that are implied`)
  return trigger
}

function tooLarge(path: string, found: string): Error {
  const place = path.length > 200 ? `${path.slice(0, 199)}…` : path
  const remedy = 'write conditions as an expression of one onRecord'
  return planError('TRIGGER_SIZE', place, { found, wanted: `at most ${TRIGGER_NODES_MAX}`, remedy }, true)
}

/**
 * Nodes of a trigger in the kernel's table: the root is repeated unless it ends by itself; where an `onWatermark` has no `early` or
 * no `late`, a node says so.
 */
export function triggerNodeCount(trigger: TriggerSpec): number {
  const endsItself = trigger.kind === 'once' || trigger.kind === 'orFinally' || trigger.kind === 'inOrder' || trigger.kind === 'repeatedly'
  return nodeCount(trigger) + (endsItself ? 0 : 1)
}

function nodeCount(trigger: TriggerSpec): number {
  switch (trigger.kind) {
    case 'onWatermark':
      return 1 + [trigger.early, trigger.late].reduce((sum, part) => sum + (part === undefined ? 1 : nodeCount(part)), 0)
    case 'any':
    case 'all':
    case 'inOrder':
      return trigger.of.reduce((sum, part) => sum + nodeCount(part), 1)
    case 'repeatedly':
    case 'once':
      return 1 + nodeCount(trigger.of)
    case 'orFinally':
      return 1 + nodeCount(trigger.of) + nodeCount(trigger.until)
    default:
      return 1
  }
}

function parseNode(input: unknown, path: string, nodes: { count: number }): TriggerSpec {
  // Counted on the way down, so that no depth of nesting is too deep to be refused.
  if (++nodes.count > TRIGGER_NODES_MAX) throw tooLarge(path, `more than ${TRIGGER_NODES_MAX} parts`)
  const fields = new Fields(input, path, null, 'a trigger: {"kind", …}')
  return bare(parseKind(fields, fields.word('kind', 'TRIGGER_UNKNOWN', TRIGGERS), nodes))
}

function parseKind(fields: Fields, kind: TriggerKind, nodes: { count: number }): TriggerSpec {
  const child = (name: string) => parseNode(fields.required(name, 'a trigger: {"kind", …}'), fields.at(name), nodes)
  const leaf = (...names: readonly string[]): { readonly purge?: true } => {
    fields.allow(['kind', ...names, 'purge'])
    return fields.flag('purge') ? { purge: true } : {}
  }
  switch (kind) {
    case 'onWatermark': {
      const purge = leaf('early', 'late')
      const early = fields.has('early') ? { early: child('early') } : {}
      return { kind, ...early, ...(fields.has('late') ? { late: child('late') } : {}), ...purge }
    }
    case 'onCount':
      return { kind, ...ordered(leaf('n'), { n: fields.integer('n', COUNT) }) }
    case 'onProcessingTime':
    case 'onEventTime':
      return { kind, ...ordered(leaf('everyMs'), { everyMs: fields.integer('everyMs', DURATION) }) }
    case 'afterProcessingTime':
      return { kind, ...ordered(leaf('delayMs'), { delayMs: fields.integer('delayMs', DURATION) }) }
    case 'onRecord':
      return { kind, ...ordered(leaf('when'), { when: fields.required('when', 'an expression') as Expression }) }
    case 'onEnd':
      return { kind, ...leaf() }
    case 'any':
    case 'all':
    case 'inOrder':
      fields.allow(['kind', 'of'])
      return { kind, of: parseList(fields, nodes) }
    case 'repeatedly':
    case 'once':
      fields.allow(['kind', 'of'])
      return { kind, of: child('of') }
    case 'orFinally':
      fields.allow(['kind', 'of', 'until'])
      return { kind, of: child('of'), until: child('until') }
    case 'custom':
      return { kind, ...ordered(leaf('function'), { function: fields.functionRef('function') }) }
    default: {
      const never: never = kind
      throw new RangeError(String(never))
    }
  }
}

/** Fields before the flag; they are evaluated after it, so that an unknown field is named before a value that is wrong. */
function ordered<F, V>(flag: F, values: V): V & F {
  return { ...values, ...flag }
}

function parseList(fields: Fields, nodes: { count: number }): readonly TriggerSpec[] {
  const wanted = 'an array of one trigger or more'
  const list = fields.array('of', wanted)
  if (list.length === 0) throw planError('TRIGGER_EMPTY', fields.at('of'), { found: list, wanted })
  return Object.freeze(Array.from(list, (item, index) => parseNode(item, `${fields.at('of')}[${index}]`, nodes)))
}

export function parseEvictor(outer: Fields): EvictorSpec {
  const fields = new Fields(outer.optional('evictor'), outer.at('evictor'), null, 'an evictor: {"kind", …}')
  const kind = fields.word('kind', 'EVICTOR_UNKNOWN', ['count', 'time', 'delta'])
  const after = fields.flag('after') ? { after: true as const } : {}
  if (kind === 'count') {
    fields.allow(['kind', 'n', 'after'])
    return { kind, n: fields.integer('n', { ...COUNT, code: 'EVICTOR_LIMIT_INVALID' }), ...after }
  }
  if (kind === 'time') {
    fields.allow(['kind', 'durationMs', 'after'])
    return {
      kind,
      durationMs: fields.integer('durationMs', {
        ...DURATION,
        code: 'EVICTOR_LIMIT_INVALID',
        wanted: 'a non-negative integer of milliseconds',
        least: 0,
      }),
      ...after,
    }
  }
  fields.allow(['kind', 'column', 'threshold', 'after'])
  const column = fields.name('column', 'the column whose values are compared')
  const rule = { code: 'EVICTOR_LIMIT_INVALID', wanted: 'a finite number of 0 or more', least: 0, most: Number.MAX_VALUE }
  return { kind, column, threshold: fields.number('threshold', rule), ...after }
}
