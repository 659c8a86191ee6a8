/**
 * Reading fields of JSON that is not trusted: each is read once, checked for its type, and refused by its path.
 *
 * Before: parsed JSON. After: `plan-validation.ts`, which knows which fields there are.
 *
 * Invariant: only own, enumerable fields count, so nothing is ever taken from a prototype, polluted or not.
 */

import { describeValue, field, planError, suggestion } from './plan-problem.ts'

export const NAME_CHARS_MAX = 200

/** The fields of one object, taken out of it. */
export class Fields {
  readonly path: string
  readonly #values: ReadonlyMap<string, unknown>

  /** @param known - The fields there may be; null if they are names chosen by users. */
  constructor(input: unknown, path: string, known: readonly string[] | null, of = 'an object') {
    if (typeof input !== 'object' || input === null || Array.isArray(input)) {
      throw planError(input === undefined ? 'PLAN_FIELD_MISSING' : 'PLAN_TYPE', path, { found: input, wanted: of })
    }
    const values = new Map<string, unknown>()
    for (const [name, value] of Object.entries(input)) {
      // A fluent option that was not given is a field whose value is undefined.
      if (value !== undefined) values.set(name, value)
    }
    this.path = path
    this.#values = values
    if (known !== null) this.allow(known)
  }

  /** Refuses fields that are not among the known ones. */
  allow(known: readonly string[]): void {
    for (const name of this.#values.keys()) {
      if (known.includes(name)) continue
      throw planError(
        'PLAN_FIELD_UNKNOWN',
        this.at(name),
        {
          found: `the field ${describeValue(name)}`,
          wanted: `only ${known.join(', ')}`,
          suggestion: suggestion(
            name,
            known.filter((other) => !this.#values.has(other)),
          ),
        },
        true,
      )
    }
  }

  at(name: string): string {
    return field(this.path, name)
  }

  get names(): readonly string[] {
    return [...this.#values.keys()]
  }

  has(name: string): boolean {
    return this.#values.has(name)
  }

  optional(name: string): unknown {
    return this.#values.get(name)
  }

  required(name: string, wanted: string): unknown {
    if (this.#values.has(name)) return this.#values.get(name)
    throw planError('PLAN_FIELD_MISSING', this.at(name), { found: undefined, wanted })
  }

  /** A name: a well-formed string of 1 to 200 characters. */
  name(name: string, of: string): string {
    const wanted = `${of}: a well-formed string of 1 to ${NAME_CHARS_MAX} characters`
    return nameOf(this.required(name, wanted), this.at(name), wanted)
  }

  /** One of some words; `later` are those of versions to come. */
  word<const W extends string>(name: string, code: string, words: readonly W[], later: readonly string[] = []): W {
    const wanted = `one of ${words.join(', ')}`
    const value = this.required(name, wanted)
    const known = words.find((word) => word === value)
    if (known !== undefined) return known
    if (typeof value !== 'string') throw planError('PLAN_TYPE', this.at(name), { found: value, wanted })
    if (later.includes(value)) {
      throw planError('PLAN_UNSUPPORTED', this.at(name), {
        found: value,
        wanted,
        remedy: `${value} is not supported yet; this version has ${words.join(', ')}`,
      })
    }
    throw planError(code, this.at(name), { found: value, wanted, suggestion: suggestion(value, [...words, ...later]) })
  }

  /** A number, or `whenAbsent`. `test` says whether it is a legal one. */
  integer(
    name: string,
    rule: { readonly code: string; readonly wanted: string; readonly least: number; readonly most: number; readonly whenAbsent?: number },
  ): number {
    const value = this.optional(name) ?? (this.has(name) ? null : rule.whenAbsent)
    if (value === undefined) throw planError('PLAN_FIELD_MISSING', this.at(name), { found: undefined, wanted: rule.wanted })
    if (typeof value === 'number' && Number.isInteger(value) && value >= rule.least && value <= rule.most) return value + 0
    const remedy = typeof value === 'string' ? 'durations of a plan are integers of milliseconds, 60000 for a minute' : null
    throw planError(rule.code, this.at(name), { found: value, wanted: rule.wanted, remedy })
  }

  /** `true`, or false when absent; `false` may be written too. */
  flag(name: string): boolean {
    const value = this.optional(name)
    if (value === undefined || typeof value === 'boolean') return value === true
    throw planError('PLAN_TYPE', this.at(name), { found: value, wanted: 'true or false' })
  }

  /** A finite number. */
  number(
    name: string,
    rule: { readonly code: string; readonly wanted: string; readonly least: number; readonly most: number; readonly whenAbsent?: number },
  ): number {
    const value = this.optional(name) ?? (this.has(name) ? null : rule.whenAbsent)
    if (value === undefined) throw planError('PLAN_FIELD_MISSING', this.at(name), { found: undefined, wanted: rule.wanted })
    if (typeof value === 'number' && Number.isFinite(value) && value >= rule.least && value <= rule.most) return value + 0
    throw planError(rule.code, this.at(name), { found: value, wanted: rule.wanted })
  }

  /** The `true` that stands for a JavaScript function. */
  functionRef(name: string): true {
    const value = this.optional(name)
    if (value === true) return value
    const remedy = 'functions are not part of a plan; they are kept beside it by uid'
    throw planError('PLAN_TYPE', this.at(name), { found: value, wanted: 'true', remedy })
  }

  array(name: string, of: string): readonly unknown[] {
    const value = this.required(name, of)
    if (Array.isArray(value)) return value
    throw planError('PLAN_TYPE', this.at(name), { found: value, wanted: of })
  }
}

export function nameOf(value: unknown, path: string, wanted: string): string {
  if (typeof value === 'string' && value.length > 0 && value.length <= NAME_CHARS_MAX && value.isWellFormed()) return value
  throw planError('PLAN_TYPE', path, { found: value, wanted })
}

/** An object whose keys are names chosen by users: without prototype, so that every name is harmless. */
export function namedRecord<T>(entries: Iterable<readonly [string, T]>): Readonly<Record<string, T>> {
  const record = Object.create(null) as Record<string, T>
  for (const [name, value] of entries) record[name] = value
  return Object.freeze(record)
}

/** A frozen copy without prototype: a field that is absent stays absent, whatever somebody has put on `Object.prototype`. */
export function bare<T extends object>(fields: T): T {
  return Object.freeze(Object.assign(Object.create(null) as T, fields))
}
