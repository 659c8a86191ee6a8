/**
 * Expressions over columns against the plainest evaluator of one row, on random expressions and random batches; and their checks.
 */

import { describe, expect, it } from 'vitest'
import { BatchBuilder } from '../../runtime/batch-builder.ts'
import { Dictionary } from '../../runtime/dictionary.ts'
import { ConfigError } from '../../runtime/errors.ts'
import { checkExpression } from '../../runtime/expression/check.ts'
import { compileExpression, compileFilter } from '../../runtime/expression/evaluate.ts'
import { col, type Expression, type ExpressionFunction, type Literal, lit, when } from '../../runtime/expression/expression.ts'
import { formatExpression } from '../../runtime/expression/format.ts'
import { compareText } from '../../runtime/expression/text.ts'
import { type Column, RecordBatch, type RowObject, type Value } from '../../runtime/record-batch.ts'
import { bool, f64, i32, schema, timestamp, utf8 } from '../../runtime/schema.ts'
import { Prng } from '../support/prng.ts'

const COLUMNS = schema({ x: f64(), y: f64(), i: i32(), at: timestamp(), isOk: bool(), isOn: bool(), s: utf8(), t: utf8() })
const NUMBERS = [
  0,
  -0,
  1,
  -1,
  0.5,
  -0.5,
  1.5,
  2.5,
  -2.5,
  0.49999999999999994,
  1e300,
  -1e300,
  Number.NaN,
  Infinity,
  -Infinity,
  2 ** 53,
  7,
  60_000,
]
const LITERAL_NUMBERS = NUMBERS.filter((value) => Number.isFinite(value) && !Object.is(value, -0))
const TEXTS = ['', 'a', 'b', 'ab', 'Ä', '日本', '\uffff', '😀', '__proto__', 'constructor']

type Family = 'numeric' | 'bool' | 'utf8'

/** One row at a time, in the words of the specification. */
function naive(expression: Expression, row: RowObject): Value {
  if ('column' in expression) return row[expression.column]!
  if ('literal' in expression) return expression.literal
  const { fn } = expression
  const args = expression.args.map((arg) => naive(arg, row))
  switch (fn) {
    case 'and':
      return args.includes(false) ? false : args.includes(null) ? null : true
    case 'or':
      return args.includes(true) ? true : args.includes(null) ? null : false
    case 'isNull':
      return args[0] === null
    case 'coalesce':
      return args.find((arg) => arg !== null) ?? null
    case 'if':
      return args[0] === true ? args[1]! : args[2]!
    default:
      return args.includes(null) ? null : strict(fn, args)
  }
}

function strict(fn: ExpressionFunction, args: readonly Value[]): Value {
  const [a, b] = args
  const [x, y] = args as readonly number[] as [number, number]
  const order = typeof a === 'string' && typeof b === 'string' ? compareText(a, b) : x < y ? -1 : x > y ? 1 : x === y ? 0 : Number.NaN
  switch (fn) {
    case 'eq':
      return a === b
    case 'ne':
      return a !== b
    case 'lt':
      return order < 0
    case 'le':
      return order <= 0
    case 'gt':
      return order > 0
    case 'ge':
      return order >= 0
    case 'not':
      return a === false
    case 'add':
      return x + y
    case 'sub':
      return x - y
    case 'mul':
      return x * y
    case 'div':
      return x / y
    case 'mod':
      return x % y
    case 'neg':
      return -x
    case 'abs':
      return Math.abs(x)
    case 'floor':
      return Math.floor(x)
    case 'ceil':
      return Math.ceil(x)
    case 'round':
      return Math.abs(x - Math.trunc(x)) >= 0.5 ? Math.trunc(x) + Math.sign(x) : Math.trunc(x)
    case 'least':
      return extreme(args, -1)
    case 'greatest':
      return extreme(args, 1)
    default:
      throw new Error(fn)
  }
}

function extreme(args: readonly Value[], sign: number): Value {
  if (typeof args[0] === 'number') return sign < 0 ? Math.min(...(args as number[])) : Math.max(...(args as number[]))
  return [...(args as string[])].sort((a, b) => compareText(a, b) * -sign)[0]!
}

function randomExpression(prng: Prng, family: Family, depth: number): Expression {
  if (depth === 0 || prng.next() < 0.15) return randomLeaf(prng, family)
  const of = (wanted: Family): Expression => randomExpression(prng, wanted, depth - 1)
  const call = (fn: ExpressionFunction, ...args: readonly Expression[]): Expression => ({ fn, args })
  const several = (): Expression[] => Array.from({ length: 1 + prng.int(3) }, () => of(family))
  if (prng.next() < 0.15) return call('if', of('bool'), of(family), of(family))
  if (prng.next() < 0.15) return call('coalesce', ...several())
  if (family === 'bool') {
    const compared = prng.pick(['numeric', 'utf8', 'bool'] as const)
    switch (prng.int(4)) {
      case 0:
        return call('not', of('bool'))
      case 1:
        return call(prng.pick(['and', 'or']), of('bool'), of('bool'), ...several().slice(1))
      case 2:
        return call('isNull', of(compared))
      default:
        return call(prng.pick(compared === 'bool' ? ['eq', 'ne'] : ['eq', 'ne', 'lt', 'le', 'gt', 'ge']), of(compared), of(compared))
    }
  }
  if (family === 'utf8' || prng.next() < 0.2) return call(prng.pick(['least', 'greatest']), ...several())
  if (prng.next() < 0.4) return call(prng.pick(['neg', 'abs', 'floor', 'ceil', 'round']), of('numeric'))
  return call(prng.pick(['add', 'sub', 'mul', 'div', 'mod']), of('numeric'), of('numeric'))
}

function randomLeaf(prng: Prng, family: Family): Expression {
  if (prng.next() < 0.08) return { literal: null }
  const isLiteral = prng.next() < 0.3
  switch (family) {
    case 'numeric':
      return isLiteral ? { literal: prng.pick(LITERAL_NUMBERS) } : { column: prng.pick(['x', 'y', 'i', 'at']) }
    case 'bool':
      return isLiteral ? { literal: prng.next() < 0.5 } : { column: prng.pick(['isOk', 'isOn']) }
    default:
      return isLiteral ? { literal: prng.pick(TEXTS) } : { column: prng.pick(['s', 't']) }
  }
}

function randomBatch(prng: Prng, dictionary: Dictionary, withNulls: boolean): RecordBatch {
  const rowCount = prng.int(40)
  const builder = new BatchBuilder(COLUMNS, 64, dictionary)
  const some = (value: Value): Value => (withNulls && prng.next() < 0.25 ? null : value)
  for (let row = 0; row < rowCount; row++) {
    const i = prng.int(7) - 3
    const at = prng.int(5) * 1_000
    const values = {
      x: prng.pick(NUMBERS),
      y: prng.pick(NUMBERS),
      i,
      at,
      isOk: prng.next() < 0.5,
      isOn: prng.next() < 0.5,
      s: prng.pick(TEXTS),
      t: prng.pick(TEXTS),
    }
    builder.appendRow(Object.fromEntries(Object.entries(values).map(([name, value]) => [name, some(value)])), '')
  }
  return builder.build()
}

/** The same rows, but with string columns in dictionaries that are not ours, one per column. */
function withForeignDictionaries(batch: RecordBatch): RecordBatch {
  const columns = batch.columns.map((column): Column => {
    const { dictionary } = column
    return dictionary === null ? column : { ...column, dictionary: { stringAt: (code) => dictionary.stringAt(code) } }
  })
  return new RecordBatch(batch.schema, columns, batch.rowCount)
}

describe('a compiled expression', () => {
  it('equals the naive evaluator on random expressions and batches', () => {
    const seed = 20_261_120
    const prng = new Prng(seed)
    let dictionary = new Dictionary()
    for (let round = 0; round < 4_000; round++) {
      if (prng.next() < 0.05) dictionary = new Dictionary()
      const family = prng.pick(['numeric', 'bool', 'utf8'] as const)
      const tree = randomExpression(prng, family, 1 + prng.int(4))
      if (checkExpression(tree, COLUMNS).type === 'null') continue
      const compiled = compileExpression(tree, COLUMNS)
      const filter = family === 'bool' ? compileFilter(tree, COLUMNS) : null
      for (let run = 0; run < 3; run++) {
        const plain = randomBatch(prng, dictionary, prng.next() < 0.7)
        const batch = prng.next() < 0.2 ? withForeignDictionaries(plain) : plain
        const { values, validity, dictionary: codes } = compiled.evaluate(batch)
        const column: Column = { name: '', type: compiled.type, values, validity, dictionary: codes }
        const passed: number[] = []
        for (let row = 0; row < batch.rowCount; row++) {
          const expected = naive(tree, batch.row(row))
          const found = batch.value(column, row)
          if (!Object.is(found, expected) && !(found === 0 && expected === 0)) {
            expect.fail(
              `seed ${seed} round ${round} row ${row}: ${JSON.stringify(tree)} of ${JSON.stringify(batch.row(row))} ` +
                `gave ${found}, wanted ${expected}`,
            )
          }
          if (expected === true) passed.push(row)
        }
        const selection = new Uint32Array(batch.rowCount)
        if (filter !== null) expect(Array.from(selection.subarray(0, filter(batch, selection)))).toEqual(passed)
      }
    }
  })

  it('has an array of its type', () => {
    const batch = randomBatch(new Prng(1), new Dictionary(), false)
    const arrayOf = (tree: Expression) => [
      compileExpression(tree, COLUMNS).type,
      compileExpression(tree, COLUMNS).evaluate(batch).values.constructor.name,
    ]
    expect(arrayOf({ column: 'i' })).toEqual(['i32', 'Int32Array'])
    expect(arrayOf({ column: 'at' })).toEqual(['timestamp', 'Float64Array'])
    expect(arrayOf(col('i').add(1).tree)).toEqual(['f64', 'Float64Array'])
    expect(arrayOf(col('i').coalesce(col('i')).tree)).toEqual(['f64', 'Float64Array'])
    expect(arrayOf(col('at').coalesce(col('at')).tree)).toEqual(['timestamp', 'Float64Array'])
    expect(arrayOf(col('at').coalesce(0).tree)).toEqual(['f64', 'Float64Array'])
    expect(arrayOf(col('s').coalesce('none').tree)).toEqual(['utf8', 'Uint32Array'])
    expect(arrayOf(col('x').gt(1).tree)).toEqual(['bool', 'Uint8Array'])
  })

  it('makes strings in the dictionary of the batch, so that a batch has one', () => {
    const dictionary = new Dictionary()
    const batch = randomBatch(new Prng(2), dictionary, true)
    expect(compileExpression(col('s').coalesce('none'), COLUMNS).evaluate(batch).dictionary).toBe(dictionary)
    expect(compileExpression(lit('none'), COLUMNS).evaluate(batch).dictionary).toBe(dictionary)
  })

  it('forgets what it knew of codes when the dictionary is another', () => {
    const filters = [compileFilter(col('s').eq('b'), COLUMNS), compileFilter(col('s').gt('a'), COLUMNS)]
    for (const texts of [
      ['a', 'b'],
      ['b', 'a'],
      ['b', 'b', 'c', 'a'],
    ]) {
      const builder = new BatchBuilder(COLUMNS, 8, new Dictionary())
      for (const s of texts) builder.appendRow({ s }, '')
      const batch = builder.build()
      const selection = new Uint32Array(8)
      const pass = (index: number) => Array.from(selection.subarray(0, filters[index]!(batch, selection)), (row) => texts[row])
      expect(pass(0)).toEqual(texts.filter((text) => text === 'b'))
      expect(pass(1)).toEqual(texts.filter((text) => text > 'a'))
    }
  })

  it('rounds halves away from zero, and only halves', () => {
    const builder = new BatchBuilder(COLUMNS, 16, new Dictionary())
    const cases = [
      [0.5, 1],
      [-0.5, -1],
      [1.5, 2],
      [2.5, 3],
      [-2.5, -3],
      [0.49999999999999994, 0],
      [4503599627370495.5, 4503599627370496],
      [1e300, 1e300],
      [-0.2, -0],
    ]
    for (const [x] of cases) builder.appendRow({ x }, '')
    const { values } = compileExpression(col('x').round(), COLUMNS).evaluate(builder.build())
    expect(Array.from(values.subarray(0, cases.length))).toEqual(cases.map(([, rounded]) => rounded))
  })

  it('builders write the plain tree, which JSON keeps', () => {
    const tree = when(col('x').gt(-50).and(col('s').isNull().not()), col('x'), null).tree
    expect(tree).toEqual({
      fn: 'if',
      args: [
        {
          fn: 'and',
          args: [
            { fn: 'gt', args: [{ column: 'x' }, { literal: -50 }] },
            { fn: 'not', args: [{ fn: 'isNull', args: [{ column: 's' }] }] },
          ],
        },
        { column: 'x' },
        { literal: null },
      ],
    })
    expect(JSON.parse(JSON.stringify({ where: col('x').gt(-50) }))).toEqual({
      where: { fn: 'gt', args: [{ column: 'x' }, { literal: -50 }] },
    })
  })

  it('strings are ordered by code points', () => {
    expect(['😀', '\uffff', 'b', 'a', ''].sort(compareText)).toEqual(['', 'a', 'b', '\uffff', '😀'])
  })
})

describe('checks of expressions', () => {
  const nested = (depth: number): unknown =>
    Array.from({ length: depth }).reduce((inner: unknown) => ({ fn: 'neg', args: [inner] }), { column: 'x' })
  const cyclic: { fn: string; args: unknown[] } = { fn: 'neg', args: [] }
  cyclic.args.push(cyclic)

  it.each<[string, unknown, string, string?]>([
    ['a misspelt column', { column: 'X1' }, 'COLUMN_UNKNOWN', 'expression.column'],
    ['__proto__ as a column', { column: '__proto__' }, 'COLUMN_UNKNOWN'],
    ['a column that is no name', { column: 1 }, 'PLAN_TYPE'],
    ['a misspelt function', { fn: 'coalesc', args: [{ column: 'x' }] }, 'FUNCTION_UNKNOWN', 'expression.fn'],
    ['a function of Object.prototype', { fn: 'constructor', args: [] }, 'FUNCTION_UNKNOWN'],
    ['a function of later', { fn: 'lower', args: [{ column: 's' }] }, 'PLAN_UNSUPPORTED'],
    ['no function', {}, 'PLAN_FIELD_MISSING'],
    ['no arguments', { fn: 'neg' }, 'PLAN_TYPE', 'expression.args'],
    ['too few arguments', { fn: 'add', args: [{ column: 'x' }] }, 'EXPRESSION_TYPE'],
    ['too many arguments', { fn: 'not', args: [{ column: 'isOk' }, { column: 'isOk' }] }, 'EXPRESSION_TYPE'],
    ['a hole among the arguments', { fn: 'neg', args: Array.of(undefined) }, 'PLAN_TYPE', 'expression.args[0]'],
    ['a string added', { fn: 'add', args: [{ column: 'x' }, { column: 's' }] }, 'EXPRESSION_TYPE', 'expression.args[1]'],
    ['a boolean ordered', { fn: 'lt', args: [{ column: 'isOk' }, { literal: true }] }, 'EXPRESSION_TYPE'],
    ['a string compared with a number', { fn: 'eq', args: [{ column: 's' }, { literal: 1 }] }, 'EXPRESSION_TYPE', 'expression'],
    ['branches of two kinds', { fn: 'if', args: [{ column: 'isOk' }, { literal: 1 }, { literal: 'a' }] }, 'EXPRESSION_TYPE'],
    [
      'a number as condition',
      { fn: 'if', args: [{ column: 'x' }, { literal: 1 }, { literal: 2 }] },
      'EXPRESSION_TYPE',
      'expression.args[0]',
    ],
    ['only null', { fn: 'coalesce', args: [{ literal: null }] }, 'EXPRESSION_TYPE'],
    ['NaN as literal', { literal: Number.NaN }, 'EXPRESSION_TYPE', 'expression.literal'],
    ['an object as literal', { literal: {} }, 'EXPRESSION_TYPE'],
    ['a bare constant', 5, 'PLAN_TYPE'],
    ['null', null, 'PLAN_TYPE'],
    ['an array', [], 'PLAN_TYPE'],
    ['a field too many', { column: 'x', literal: 1 }, 'PLAN_FIELD_UNKNOWN', 'expression.literal'],
    ['an own __proto__ field', JSON.parse('{"fn":"neg","args":[{"column":"x"}],"__proto__":{}}'), 'PLAN_FIELD_UNKNOWN'],
    ['depth 65', nested(64), 'EXPRESSION_SIZE'],
    ['a cycle', cyclic, 'EXPRESSION_SIZE'],
    ['10,001 parts', { fn: 'coalesce', args: Array.from({ length: 10_000 }, () => ({ column: 'x' })) }, 'EXPRESSION_SIZE'],
  ])('%s is refused', (_, input, code, path) => {
    let error: unknown
    try {
      compileExpression(input as Expression, COLUMNS)
    } catch (caught) {
      error = caught
    }
    expect(error).toBeInstanceOf(ConfigError)
    expect((error as ConfigError).code).toBe(code)
    if (path !== undefined) expect((error as ConfigError).details['path']).toBe(path)
  })

  it('depth 64 is still accepted', () => {
    expect(compileExpression(nested(63) as Expression, COLUMNS).type).toBe('f64')
  })

  it('a filter must be a condition', () => {
    for (const tree of [{ column: 'x' }, { literal: null }] as const) expect(() => compileFilter(tree, COLUMNS)).toThrow(ConfigError)
  })

  it('text of an expression is unambiguous', () => {
    const texts = [
      [col('x').add(col('y')).mul(2), '(x + y) * 2'],
      [col('x').sub(col('y').sub(1)), 'x - (y - 1)'],
      [col('isOk').or(col('isOn')).and(col('s').isNull().not()), '(isOk or isOn) and s is not null'],
      [col('isOk').and(col('isOn')).not(), 'not (isOk and isOn)'],
      [col('s').eq("it's\n"), "s = 'it''s\\n'"],
      [when(col('isOk'), col('x').neg(), 0), 'case when isOk then neg(x) else 0 end'],
      [col('odd name').isNull(), '"odd name" is null'],
      [lit(null as Literal), 'null'],
    ] as const
    for (const [expression, text] of texts) expect(formatExpression(expression.tree)).toBe(text)
  })
})
