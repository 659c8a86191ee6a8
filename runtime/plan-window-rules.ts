/**
 * All rules of windows: every kind, every trigger, every aggregate.
 *
 * Before: `plan.ts` for plans of JSON, and the functions that declare such parts. After: `plan-window.ts` and `plan-window-derive.ts`.
 *
 * Invariant: expressions of a derived operator are checked copies.
 */

import { checkColumnExpression, checkCondition } from './expression/check.ts'
import type { Expression } from './expression/expression.ts'
import { checkAggregates, parseRichAggregate, RICH_FUNCTIONS, typeOfRichAggregate } from './plan-aggregate.ts'
import { bare } from './plan-fields.ts'
import { isMarked } from './plan-functions.ts'
import { allCombinations } from './plan-legality.ts'
import { planError } from './plan-problem.ts'
import type { WindowRules } from './plan-rules.ts'
import {
  parseAround,
  parseCountSliding,
  parseCountTumbling,
  parseCumulate,
  parseCustom,
  parseGlobal,
  parseSession,
  parseSlidingByRecord,
  parseStateWindow,
} from './plan-shape.ts'
import type { EvictorSpec, FunctionRef, TriggerSpec, WindowShape, WindowSpec } from './plan-spec.ts'
import { parseEvictor, parseTrigger } from './plan-trigger.ts'
import { nodesOf } from './plan-trigger-tree.ts'
import { parseCalendar, parseIntervals, parseTradingDay } from './window-assigner/calendar-spec.ts'
import { isNumericType, requireColumn, type Schema } from './schema.ts'

let rules: WindowRules | null = null

/** The rules, made once; a function, so that bundlers leave all of it out where nothing brings it. */
export function windowRules(): WindowRules {
  rules ??= {
    shapes: {
      cumulate: parseCumulate,
      session: parseSession,
      countTumbling: parseCountTumbling,
      countSliding: parseCountSliding,
      global: parseGlobal,
      calendar: parseCalendar,
      tradingDay: parseTradingDay,
      intervals: parseIntervals,
      around: parseAround,
      slidingByRecord: parseSlidingByRecord,
      stateWindow: parseStateWindow,
      custom: parseCustom,
    },
    functions: RICH_FUNCTIONS(),
    combinations: allCombinations(),
    parseTrigger,
    parseEvictor,
    parseAggregate: parseRichAggregate,
    checkAggregates,
    typeOfAggregate: typeOfRichAggregate,
    deriveParts,
    functionPartsOf,
    computedColumnCount,
  }
  return rules
}

/** Checks columns and expressions of window, trigger and evictor. */
function deriveParts(spec: WindowSpec, schema: Schema, path: string): WindowSpec {
  if (spec.evictor !== undefined) checkEvictor(spec.evictor, schema, `${path}.evictor`)
  return {
    ...spec,
    window: bare(deriveShape(spec.window, schema, `${path}.window`)),
    trigger: deriveTrigger(spec.trigger, schema, `${path}.trigger`),
  }
}

function deriveShape(window: WindowShape, schema: Schema, path: string): WindowShape {
  if (window.kind === 'session' && window.gap !== undefined) return { ...window, gap: computed(window.gap, schema, `${path}.gap`, numeric) }
  if (window.kind !== 'stateWindow') return window
  const open = computed(window.open, schema, `${path}.open`, condition)
  return { ...window, open, close: computed(window.close, schema, `${path}.close`, condition) }
}

type Check = (input: Expression, schema: Schema, path: string) => Expression

function computed(part: Expression | FunctionRef, schema: Schema, path: string, check: Check): Expression | FunctionRef {
  return typeof part === 'object' && part !== null && isMarked(part) ? part : check(part as Expression, schema, path)
}

const condition: Check = (input, schema, path) => checkCondition(input, schema, path).tree

function numeric(input: Expression, schema: Schema, path: string): Expression {
  const { type, tree } = checkColumnExpression(input, schema, path)
  if (isNumericType(type)) return tree
  const problem = { found: `an expression of type ${type}`, wanted: 'a number of milliseconds', remedy: 'compute it by when(…) or a map' }
  throw planError('EXPRESSION_TYPE', path, problem, true)
}

function deriveTrigger(trigger: TriggerSpec, schema: Schema, path: string): TriggerSpec {
  const child = (part: TriggerSpec, name: string) => deriveTrigger(part, schema, `${path}.${name}`)
  switch (trigger.kind) {
    case 'onRecord':
      return bare({ ...trigger, when: condition(trigger.when, schema, `${path}.when`) })
    case 'onWatermark':
      return bare({
        ...trigger,
        ...(trigger.early === undefined ? {} : { early: child(trigger.early, 'early') }),
        ...(trigger.late === undefined ? {} : { late: child(trigger.late, 'late') }),
      })
    case 'any':
    case 'all':
    case 'inOrder':
      return bare({ ...trigger, of: Object.freeze(trigger.of.map((part, index) => child(part, `of[${index}]`))) })
    case 'repeatedly':
    case 'once':
      return bare({ ...trigger, of: child(trigger.of, 'of') })
    case 'orFinally':
      return bare({ ...trigger, of: child(trigger.of, 'of'), until: child(trigger.until, 'until') })
    default:
      return trigger
  }
}

function checkEvictor(evictor: EvictorSpec, schema: Schema, path: string): void {
  if (evictor.kind !== 'delta') return
  const { type } = requireColumn(schema, evictor.column, `${path}.column`)
  if (isNumericType(type)) return
  const found = `${JSON.stringify(evictor.column)} of type ${type}`
  throw planError('COLUMN_TYPE', `${path}.column`, { found, wanted: 'a numeric column (f64, i32, timestamp)' }, true)
}

function functionPartsOf({ window, trigger, aggregates }: WindowSpec): readonly string[] {
  const parts: string[] = []
  if (window.kind === 'session' && isMarked(window.gap)) parts.push('gap')
  if (window.kind === 'stateWindow' && isMarked(window.open)) parts.push('open')
  if (window.kind === 'stateWindow' && isMarked(window.close)) parts.push('close')
  if (window.kind === 'custom') parts.push('window')
  if (nodesOf(trigger).some(({ kind }) => kind === 'custom')) parts.push('trigger')
  for (const [name, { fn }] of Object.entries(aggregates)) if (fn === 'custom') parts.push(`aggregate.${name}`)
  return parts
}

function computedColumnCount({ window, trigger }: WindowSpec): number {
  const conditions = nodesOf(trigger).filter(({ kind }) => kind === 'onRecord' || kind === 'custom').length
  switch (window.kind) {
    case 'calendar':
    case 'tradingDay':
    case 'intervals':
    case 'custom':
      return conditions + 3
    case 'session':
      return conditions + (window.gap === undefined ? 0 : 1)
    case 'stateWindow':
      return conditions + 2
    default:
      return conditions
  }
}
