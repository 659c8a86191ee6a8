/**
 * A plan while it is being declared: the operators so far, what is known of their rows, and the functions beside them.
 *
 * Before: the fluent API, step by step. After: `plan.ts`, which loads the completed plan like any other.
 *
 * Invariant: every operator in it has passed the checks of `plan-validation.ts` and `plan-derive.ts`.
 */

import { deriveOperator } from './plan-derive.ts'
import type { DerivedRows } from './plan-rows.ts'
import { functionKey, type JobFunctions } from './plan-functions.ts'
import { loadWith } from './plan-loading.ts'
import type { Brought, WindowRules } from './plan-rules.ts'
import { NAME_CHARS_MAX, nameOf } from './plan-fields.ts'
import { describeValue } from './plan-problem.ts'
import type { OperatorSpec, Plan } from './plan-spec.ts'
import { PLAN_VERSION, parseOperator, uidDuplicate } from './plan-validation.ts'

/** Fields of an operator but for its uid, not yet checked. */
export interface OperatorFields {
  readonly op: string
  readonly inputs?: readonly string[]
  readonly [field: string]: unknown
}

/** How an operator gets its uid. */
export interface UidRule {
  /** As the user wants it. */
  readonly uid?: string | undefined
  /** The uid is the operator's name: say so if it is taken. */
  readonly isFixed?: true
  /** Else: this word, or with a number from 2 if it is taken. */
  readonly derived?: string
  /** Or: this word with a number from 1. */
  readonly counted?: string
}

export class Declaration {
  readonly #name: string
  readonly #operators = new Map<string, { readonly spec: OperatorSpec; readonly rows: DerivedRows }>()
  readonly #functions = new Map<string, Readonly<Record<string, unknown>>>()
  #rules: WindowRules | null = null

  constructor(name: string) {
    this.#name = nameOf(name, 'the name of the pipeline', `a well-formed string of 1 to ${NAME_CHARS_MAX} characters`)
  }

  /**
   * Adds an operator.
   *
   * @param brought - Its functions by what they are for, and the rules of what is not plain about it.
   * @returns its uid.
   * @throws ConfigError as `loadPlan` would, with a path that begins with the kind of the operator and its uid.
   */
  add(fields: OperatorFields, rule: UidRule, brought: Partial<Brought> = {}): string {
    const uid = this.#uidOf(rule, fields.op)
    const path = `${fields.op} ${describeValue(uid)}`
    this.#rules ??= brought.rules ?? null
    const spec = parseOperator({ ...fields, uid }, path, this.#rules)
    const input = fields.inputs === undefined ? null : this.#operators.get(fields.inputs[0]!)!.rows
    const derived = deriveOperator(spec, input, path, this.#rules)
    this.#operators.set(spec.uid, { spec: derived.spec, rows: derived })
    if (brought.functions !== undefined) this.#functions.set(spec.uid, brought.functions)
    return spec.uid
  }

  /** Takes back an operator that nothing reads. */
  remove(uid: string): void {
    this.#operators.delete(uid)
    this.#functions.delete(uid)
  }

  /** The plan of all operators that lead to a sink so far, and their functions by their keys. */
  complete(): { readonly plan: Plan; readonly functions: JobFunctions } {
    const used = new Set<string>()
    const specs = [...this.#operators.values()].map(({ spec }) => spec)
    // Inputs precede their readers, so going backwards meets every reader before what it reads.
    for (const spec of specs.toReversed()) {
      if (spec.op === 'sink') used.add(spec.uid)
      if (spec.op !== 'source' && used.has(spec.uid)) used.add(spec.inputs[0])
    }
    const functions = new Map<string, unknown>()
    for (const [uid, parts] of this.#functions) {
      if (used.has(uid)) for (const [part, fn] of Object.entries(parts)) functions.set(functionKey(uid, part), fn)
    }
    const plan = { millrace: PLAN_VERSION, name: this.#name, operators: specs.filter(({ uid }) => used.has(uid)) } as const
    return { plan: loadWith(plan, functions, this.#rules), functions }
  }

  #uidOf({ uid, isFixed, derived, counted }: UidRule, op: string): unknown {
    if (uid !== undefined || isFixed === true) {
      // What is not a string is refused by the check of the operator's shape.
      if (uid !== undefined && this.#operators.has(uid))
        throw uidDuplicate(uid, isFixed === true ? `${op} ${JSON.stringify(uid)}` : 'the option uid', 'an operator declared before')
      return uid
    }
    const base = (counted ?? derived ?? op).slice(0, NAME_CHARS_MAX - 5).toWellFormed()
    if (counted === undefined && !this.#operators.has(base)) return base
    let number = counted === undefined ? 2 : 1
    while (this.#operators.has(`${base}-${number}`)) number++
    return `${base}-${number}`
  }
}
