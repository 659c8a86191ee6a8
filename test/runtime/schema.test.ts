import { describe, expect, it } from 'vitest'
import { ConfigError } from '../../runtime/errors.ts'
import {
  bool,
  columnIndex,
  columnIndexes,
  type ColumnSpec,
  f64,
  findColumn,
  i32,
  requireColumn,
  schema,
  schemaOf,
  timestamp,
  utf8,
} from '../../runtime/schema.ts'
import { editDistance, suggestion } from '../../runtime/plan-problem.ts'

function configErrorOf(call: () => unknown): ConfigError | null {
  try {
    call()
  } catch (error) {
    if (error instanceof ConfigError) return error
    throw error
  }
  return null
}

function codeOf(call: () => unknown): string | null {
  return configErrorOf(call)?.code ?? null
}

describe('schema', () => {
  it('columns keep the order of the declaration', () => {
    const readings = schema({ device: utf8(), at: timestamp(), celsius: f64(), n: i32(), isOk: bool() })
    expect(readings.columns).toEqual([
      { name: 'device', type: 'utf8' },
      { name: 'at', type: 'timestamp' },
      { name: 'celsius', type: 'f64' },
      { name: 'n', type: 'i32' },
      { name: 'isOk', type: 'bool' },
    ])
    expect(columnIndex(readings, 'celsius')).toBe(2)
    expect(columnIndex(readings, 'fahrenheit')).toBe(-1)
    expect(columnIndexes(readings)).toBe(columnIndexes(readings))
  })

  it('any well-formed name is legal and harmless', () => {
    const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', ' ', '\u0000', '"', '日本', '😀', '0', 'x'.repeat(200)]
    const odd = schemaOf(names.map((name) => ({ name, type: 'f64' })))
    for (const [index, name] of names.entries()) {
      expect(columnIndex(odd, name)).toBe(index)
      expect(findColumn(odd, name)).toEqual({ name, type: 'f64' })
    }
    expect(findColumn(schema({ a: f64() }), 'constructor')).toBeUndefined()
    expect(findColumn(schema({ a: f64() }), '__proto__')).toBeUndefined()
    expect(schema({ ['__proto__']: f64() }).columns).toEqual([{ name: '__proto__', type: 'f64' }])
  })

  it.each([
    ['an empty name', { '': f64() }, 'COLUMN_NAME_INVALID'],
    ['a long name', { ['x'.repeat(201)]: f64() }, 'COLUMN_NAME_INVALID'],
    ['a lone surrogate', { '\ud800': f64() }, 'COLUMN_NAME_INVALID'],
    ['an unknown type', { a: { type: 'float' } }, 'COLUMN_TYPE_UNKNOWN'],
    ['no type', { a: undefined }, 'COLUMN_TYPE_UNKNOWN'],
    ['a type as a name of Object.prototype', { a: { type: 'constructor' } }, 'COLUMN_TYPE_UNKNOWN'],
    ['no column', {}, 'SCHEMA_EMPTY'],
    ['nothing', null, 'PLAN_TYPE'],
    ['too many columns', Object.fromEntries(Array.from({ length: 1_001 }, (_, i) => [`c${i}`, f64()])), 'COLUMNS_TOO_MANY'],
  ])('%s is refused', (_, declaration, code) => {
    expect(codeOf(() => schema(declaration as Record<string, ColumnSpec>))).toBe(code)
  })

  it('two columns of one name are refused', () => {
    expect(
      codeOf(() =>
        schemaOf([
          { name: 'a', type: 'f64' },
          { name: 'a', type: 'i32' },
        ]),
      ),
    ).toBe('COLUMN_DUPLICATE')
  })

  it('an unknown column is refused with the nearest name', () => {
    const error = configErrorOf(() => requireColumn(schema({ device: utf8(), celsius: f64() }), 'celcius', 'where.column'))
    expect(error?.code).toBe('COLUMN_UNKNOWN')
    expect(error?.message).toBe(
      'Cannot accept where.column: found "celcius", wanted one of the columns "device", "celsius"; did you mean "celsius"?',
    )
    expect(error?.details).toMatchObject({ path: 'where.column', suggestion: 'celsius' })
  })
})

describe('suggestions', () => {
  it('edit distance counts insertions, deletions, substitutions and exchanges', () => {
    for (const [a, b, distance] of [
      ['', '', 0],
      ['a', '', 1],
      ['kitten', 'sitting', 3],
      ['tumbling', 'tumblign', 1],
      ['ab', 'ba', 1],
      ['abc', 'abc', 0],
    ] as const) {
      expect(editDistance(a, b)).toBe(distance)
      expect(editDistance(b, a)).toBe(distance)
    }
  })

  it('nothing is suggested that is not near', () => {
    expect(suggestion('xyz', ['celsius', 'device'])).toBeNull()
    expect(suggestion('', ['a'])).toBeNull()
    expect(suggestion('Celsius', ['celsius'])).toBe('celsius')
    expect(suggestion('x'.repeat(1_000), ['x'])).toBeNull()
  })
})
