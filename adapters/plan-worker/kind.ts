/**
 * Descriptions of sources, sinks and stores as plain data: what kinds there are, and which fields each has.
 *
 * Before: parameters of a page, which are not trusted to be right. After: the adapter of the kind, which checks the values of its options.
 *
 * Invariant: what is made had a known kind, every required field, and no field that nobody reads.
 */

import { field, planError, suggestion } from '../../runtime/plan-problem.ts'

/** What a required field must be. */
export interface FieldRule {
  readonly wanted: string
  readonly isMet: (value: unknown) => boolean
}

export const text: FieldRule = { wanted: 'a text that is not empty', isMet: (value) => typeof value === 'string' && value !== '' }
export const list: FieldRule = { wanted: 'a list of rows', isMet: Array.isArray }
export const port: FieldRule = {
  wanted: 'a MessagePort, named in transfer',
  isMet: (value) => typeof MessagePort === 'function' && value instanceof MessagePort,
}

/** `D` is the description as a page writes it, without its `kind`; it exists for the type checker. */
export interface Kind<T, D = unknown> {
  readonly '~description'?: D
  readonly required: Readonly<Record<string, FieldRule>>
  readonly optional: readonly string[]
  readonly make: (fields: Readonly<Record<string, unknown>>) => T
}

/** Kinds by name. */
export type Kinds<T> = Readonly<Record<string, Kind<T>>>

/** A kind: its fields, and what makes one of them. */
export function kind<D extends object, T>(
  required: { readonly [F in keyof D]?: FieldRule },
  optional: readonly (keyof D & string)[],
  make: (description: D) => T,
): Kind<T, D> {
  return { required: required as Readonly<Record<string, FieldRule>>, optional, make: make as unknown as Kind<T>['make'] }
}

/**
 * What a description stands for.
 *
 * @throws ConfigError `DESCRIPTION_INVALID`, `KIND_UNKNOWN`, `FIELD_UNKNOWN`, `FIELD_MISSING`, each with the path; and those of the adapter.
 */
export function made<T>(kinds: Kinds<T>, description: unknown, path: string): T {
  const { kind: name, ...fields } = fieldsOf(description, path, "an object with a kind, such as { kind: 'rows', rows: [] }")
  const known = Object.keys(kinds)
  const found = typeof name === 'string' && Object.hasOwn(kinds, name) ? kinds[name] : undefined
  if (found === undefined) {
    throw planError('KIND_UNKNOWN', field(path, 'kind'), {
      found: name,
      wanted: `one of ${known.join(', ')}`,
      suggestion: typeof name === 'string' ? suggestion(name, known) : null,
    })
  }
  const { required, optional, make } = found
  checkNames(fields, [...Object.keys(required), ...optional], path)
  for (const [wantedName, rule] of Object.entries(required)) {
    if (!rule.isMet(fields[wantedName])) {
      throw planError('FIELD_MISSING', field(path, wantedName), { found: fields[wantedName], wanted: rule.wanted })
    }
  }
  return make(fields)
}

/** The fields of an object, those that are undefined left out. @throws ConfigError `DESCRIPTION_INVALID` */
export function fieldsOf(value: unknown, path: string, wanted: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw planError('DESCRIPTION_INVALID', path, { found: value, wanted })
  }
  return Object.fromEntries(Object.entries(value).filter(([, part]) => part !== undefined))
}

/** @throws ConfigError `FIELD_UNKNOWN` */
export function checkNames(fields: Readonly<Record<string, unknown>>, known: readonly string[], path: string): void {
  for (const name of Object.keys(fields)) {
    if (known.includes(name)) continue
    const wanted = `only ${known.join(', ')}`
    throw planError('FIELD_UNKNOWN', field(path, name), { found: name, wanted, suggestion: suggestion(name, known) })
  }
}
