/**
 * The shape of a plan: every field of every operator, checked one by one; limits; defaults.
 *
 * Before: `plan.ts` with JSON that is not trusted, and the fluent API operator by operator. After: `plan-analysis.ts`, which checks
 * what takes more than one operator to see (columns, types, the graph).
 *
 * Invariant: results are copies, frozen, with all defaults filled in; no default is written anywhere else.
 */

import { bare, Fields, nameOf, namedRecord } from './plan-fields.ts'
import { field, planError, suggestion } from './plan-problem.ts'
import type { WindowRules } from './plan-rules.ts'
import type { EventTimeSpec, FilterSpec, KeyBySpec, MapSpec, OperatorSpec, Plan, SinkSpec, SourceSpec } from './plan-spec.ts'
import { parseDeduplicate, parseSort, parseTrackSequence } from './plan-stages.ts'
import { parseWatermark } from './plan-watermark.ts'
import { parseWindow } from './plan-window.ts'
import { type ColumnType, checkedType, schemaOf } from './schema.ts'

export const PLAN_VERSION = 1
export const OPERATORS_MAX = 1_000
export const MAP_COLUMNS_MAX = 1_000
export const KEYS_MAX = 16

const OPERATORS = [
  'source',
  'eventTime',
  'filter',
  'map',
  'sortByEventTime',
  'deduplicate',
  'trackSequence',
  'keyBy',
  'window',
  'sink',
] as const
const LATER_OPERATORS = [
  'union',
  'connect',
  'flatMap',
  'process',
  'join',
  'windowJoin',
  'intervalJoin',
  'temporalJoin',
  'asOfJoin',
  'broadcast',
  'cep',
  'match',
  'sideOutput',
  'reduce',
  'topN',
  'sql',
]

/** Checks the shape of a whole plan. `rules`: those of windows that are not plain, if there may be such. */
export function parsePlan(input: unknown, rules: WindowRules | null = null): Plan {
  if (typeof input === 'string') {
    throw planError('PLAN_TYPE', 'the plan', {
      found: input,
      wanted: 'an object',
      remedy: 'parse the text first: loadPlan(JSON.parse(text))',
    })
  }
  const fields = new Fields(input, '', null, 'a plan: {"millrace": 1, "name", "operators"}')
  const version = fields.required('millrace', `the version of the format, ${PLAN_VERSION}`)
  if (version !== PLAN_VERSION) {
    const isNewer = typeof version === 'number' && version > PLAN_VERSION
    const remedy = isNewer ? 'the plan was written for a newer Millrace: upgrade this one' : null
    throw planError('PLAN_VERSION', 'millrace', { found: version, wanted: `the version of the format, ${PLAN_VERSION}`, remedy })
  }
  fields.allow(['millrace', 'name', 'operators'])
  const name = fields.name('name', 'the name of the job')
  const wanted = `an array of 1 to ${OPERATORS_MAX} operators`
  const list = fields.array('operators', wanted)
  if (list.length === 0 || list.length > OPERATORS_MAX) throw planError('PLAN_TYPE', 'operators', { found: list, wanted })
  const operators = Array.from(list, (operator, index) => parseOperator(operator, `operators[${index}]`, rules))
  const uids = new Map<string, number>()
  operators.forEach(({ uid }, index) => {
    const first = uids.get(uid)
    if (first !== undefined) throw uidDuplicate(uid, `operators[${index}].uid`, `operators[${first}]`)
    uids.set(uid, index)
  })
  return Object.freeze({ millrace: PLAN_VERSION, name, operators: Object.freeze(operators) })
}

export function uidDuplicate(uid: string, path: string, owner: string): Error {
  return planError('UID_DUPLICATE', path, {
    found: uid,
    wanted: 'a uid of its own for every operator',
    remedy: `${owner} has it; state is kept by uid, so choose one and keep it`,
  })
}

/** Checks the shape of one operator. */
export function parseOperator(input: unknown, path: string, rules: WindowRules | null = null): OperatorSpec {
  const fields = new Fields(input, path, null, 'an operator: {"uid", "op", …}')
  const op = fields.word('op', 'OPERATOR_UNKNOWN', OPERATORS, LATER_OPERATORS)
  return bare(parseKnown(op, fields, rules))
}

function parseKnown(op: (typeof OPERATORS)[number], fields: Fields, rules: WindowRules | null): OperatorSpec {
  switch (op) {
    case 'source':
      return parseSource(fields)
    case 'eventTime':
      return parseEventTime(fields)
    case 'filter':
      return parseFilter(fields)
    case 'map':
      return parseMap(fields)
    case 'sortByEventTime':
      return { uid: parseUid(fields), op, inputs: parseInputs(fields), ...parseSort(fields) }
    case 'deduplicate':
      return { uid: parseUid(fields), op, inputs: parseInputs(fields), ...parseDeduplicate(fields) }
    case 'trackSequence':
      return { uid: parseUid(fields), op, inputs: parseInputs(fields), ...parseTrackSequence(fields) }
    case 'keyBy':
      return parseKeyBy(fields)
    case 'window':
      return parseWindow(fields, { uid: parseUid(fields), inputs: parseInputs(fields), schemaOf: parseSchema, rules })
    case 'sink':
      return parseSink(fields)
    default: {
      const never: never = op
      throw new RangeError(String(never))
    }
  }
}

function parseUid(fields: Fields): string {
  return fields.name('uid', 'the uid of the operator')
}

function parseInputs(fields: Fields): readonly [string] {
  const inputs = fields.array('inputs', 'an array with the uid of the operator that is read')
  const path = fields.at('inputs')
  if (inputs.length > 1) {
    throw planError('PLAN_UNSUPPORTED', path, {
      found: inputs,
      wanted: 'one input',
      remedy: 'operators with several inputs (unions, joins) are not supported yet',
    })
  }
  return Object.freeze([nameOf(inputs[0], `${path}[0]`, 'the uid of the operator that is read')] as const)
}

function parseSource(fields: Fields): SourceSpec {
  fields.allow(['uid', 'op', 'schema'])
  return { uid: parseUid(fields), op: 'source', schema: parseSchema(fields) }
}

function parseSchema(fields: Fields): Readonly<Record<string, ColumnType>> {
  const path = fields.at('schema')
  const types = new Fields(fields.required('schema', 'the columns: {"name": "type"}'), path, null, 'the columns: {"name": "type"}')
  const columns = types.names.map((name) => ({ name, type: checkedType(types.optional(name), field(path, name)) }))
  return namedRecord(schemaOf(columns, path).columns.map(({ name, type }) => [name, type] as const))
}

function parseEventTime(fields: Fields): EventTimeSpec {
  fields.allow(['uid', 'op', 'inputs', 'column', 'watermark'])
  const column = fields.name('column', 'the column with the event time')
  return { uid: parseUid(fields), op: 'eventTime', inputs: parseInputs(fields), column, watermark: parseWatermark(fields) }
}

function parseFilter(fields: Fields): FilterSpec {
  fields.allow(['uid', 'op', 'inputs', 'where'])
  const where = fields.required('where', 'an expression, or {"function": true}')
  const uid = parseUid(fields)
  const inputs = parseInputs(fields)
  if (typeof where === 'object' && where !== null && Object.hasOwn(where, 'function')) {
    const ref = new Fields(where, fields.at('where'), ['function'])
    ref.functionRef('function')
    return { uid, op: 'filter', inputs, where: bare({ function: true }) }
  }
  // The expression is checked, and replaced by the checked copy, once the schema of its rows is known.
  return { uid, op: 'filter', inputs, where: where as FilterSpec['where'] }
}

function parseMap(fields: Fields): MapSpec {
  fields.allow(['uid', 'op', 'inputs', 'columns', 'function', 'schema'])
  const uid = parseUid(fields)
  const inputs = parseInputs(fields)
  if (fields.has('function')) {
    fields.functionRef('function')
    if (fields.has('columns')) throw mapInvalid(fields, 'columns and a function')
    return { uid, op: 'map', inputs, function: true, schema: parseSchema(fields) }
  }
  if (fields.has('schema')) throw mapInvalid(fields, 'a schema without a function')
  const path = fields.at('columns')
  const columns = new Fields(fields.required('columns', 'columns with an expression each, or a function with a schema'), path, null)
  if (columns.names.length === 0 || columns.names.length > MAP_COLUMNS_MAX) {
    throw planError('MAP_INVALID', path, { found: `${columns.names.length} columns`, wanted: `1 to ${MAP_COLUMNS_MAX} columns` }, true)
  }
  return { uid, op: 'map', inputs, columns: namedRecord(columns.names.map((name) => [name, columns.optional(name) as never] as const)) }
}

function mapInvalid(fields: Fields, found: string): Error {
  return planError(
    'MAP_INVALID',
    fields.path,
    { found, wanted: 'either columns with an expression each, or a function with a schema' },
    true,
  )
}

function parseKeyBy(fields: Fields): KeyBySpec {
  fields.allow(['uid', 'op', 'inputs', 'columns'])
  const path = fields.at('columns')
  const wanted = `an array of 1 to ${KEYS_MAX} columns`
  const list = fields.array('columns', wanted)
  if (list.length === 0 || list.length > KEYS_MAX) throw planError('KEYS_INVALID', path, { found: list, wanted })
  const columns = Array.from(list, (name, index) => nameOf(name, `${path}[${index}]`, 'the name of a column'))
  columns.forEach((name, index) => {
    if (columns.indexOf(name) < index)
      throw planError('KEYS_INVALID', `${path}[${index}]`, { found: name, wanted: 'every key column once' })
  })
  return { uid: parseUid(fields), op: 'keyBy', inputs: parseInputs(fields), columns: Object.freeze(columns) }
}

function parseSink(fields: Fields): SinkSpec {
  fields.allow(['uid', 'op', 'inputs', 'name'])
  return {
    uid: parseUid(fields),
    op: 'sink',
    inputs: parseInputs(fields),
    name: fields.name('name', 'the name under which the sink is bound at start'),
  }
}

/** The error for an input that does not exist. */
export function inputUnknown(uid: string, path: string, uids: Iterable<string>): Error {
  return planError('INPUT_UNKNOWN', path, { found: uid, wanted: 'the uid of an operator of this plan', suggestion: suggestion(uid, uids) })
}
