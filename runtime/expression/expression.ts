/**
 * Expressions as data, and the fluent builders that write them: `col('celsius').gt(-50)`.
 *
 * Before: the user's declaration. After: the plan, where an expression is a tree of `{column}`, `{literal}` and `{fn, args}`.
 *
 * Invariant: a tree is plain JSON; builders check nothing but their own arguments, `check.ts` checks trees against a schema.
 */

import type { ColumnType, ColumnTypes } from '../schema.ts'

export type Literal = number | string | boolean | null

/** Functions of expressions; arguments and results in `functions.ts`. */
export type ExpressionFunction =
  | 'eq'
  | 'ne'
  | 'lt'
  | 'le'
  | 'gt'
  | 'ge'
  | 'and'
  | 'or'
  | 'not'
  | 'isNull'
  | 'add'
  | 'sub'
  | 'mul'
  | 'div'
  | 'mod'
  | 'neg'
  | 'abs'
  | 'floor'
  | 'ceil'
  | 'round'
  | 'least'
  | 'greatest'
  | 'coalesce'
  | 'if'

export interface ColumnExpression {
  readonly column: string
}

export interface LiteralExpression {
  readonly literal: Literal
}

export interface CallExpression {
  readonly fn: ExpressionFunction
  readonly args: readonly Expression[]
}

export type Expression = ColumnExpression | LiteralExpression | CallExpression

/**
 * A builder: holds a tree and makes larger ones. Immutable.
 *
 * `R` and `K` exist for the type checker: the columns used (with what is needed of each), and the type of the result.
 */
export class Expr<R extends Refs = Refs, K extends ExprKind = ExprKind> {
  declare readonly '~refs': R
  declare readonly '~kind': K
  /** The expression as plain data. */
  readonly tree: Expression

  constructor(tree: Expression) {
    this.tree = tree
  }

  toJSON(): Expression {
    return this.tree
  }

  /** Equal. Null if either is null; NaN equals nothing. */
  eq<O extends Operand>(other: O): Compared<R, K, O> {
    return call('eq', this, other)
  }
  /** Not equal. */
  ne<O extends Operand>(other: O): Compared<R, K, O> {
    return call('ne', this, other)
  }
  /** Less than. Strings compare by code points, as their UTF-8 does. */
  lt<O extends Operand>(other: O): Compared<R, K, O> {
    return call('lt', this, other)
  }
  /** Less than or equal. */
  le<O extends Operand>(other: O): Compared<R, K, O> {
    return call('le', this, other)
  }
  /** Greater than. */
  gt<O extends Operand>(other: O): Compared<R, K, O> {
    return call('gt', this, other)
  }
  /** Greater than or equal. */
  ge<O extends Operand>(other: O): Compared<R, K, O> {
    return call('ge', this, other)
  }

  /** False if either is false, else null if either is null. */
  and<O extends Operand>(other: O): Both<R, K, O, 'bool', 'bool'> {
    return call('and', this, other)
  }
  /** True if either is true, else null if either is null. */
  or<O extends Operand>(other: O): Both<R, K, O, 'bool', 'bool'> {
    return call('or', this, other)
  }
  not(): Expr<R | Needs<K, 'bool'>, 'bool'> {
    return call('not', this)
  }
  /** Whether the value is null; never null itself. */
  isNull(): Expr<R, 'bool'> {
    return call('isNull', this)
  }

  add<O extends Operand>(other: O): Both<R, K, O, 'numeric', 'f64'> {
    return call('add', this, other)
  }
  sub<O extends Operand>(other: O): Both<R, K, O, 'numeric', 'f64'> {
    return call('sub', this, other)
  }
  mul<O extends Operand>(other: O): Both<R, K, O, 'numeric', 'f64'> {
    return call('mul', this, other)
  }
  /** Division; by zero it follows IEEE 754 (an infinity or NaN). */
  div<O extends Operand>(other: O): Both<R, K, O, 'numeric', 'f64'> {
    return call('div', this, other)
  }
  /** Remainder with the sign of the dividend. */
  mod<O extends Operand>(other: O): Both<R, K, O, 'numeric', 'f64'> {
    return call('mod', this, other)
  }
  neg(): Numeric<R, K> {
    return call('neg', this)
  }
  abs(): Numeric<R, K> {
    return call('abs', this)
  }
  floor(): Numeric<R, K> {
    return call('floor', this)
  }
  ceil(): Numeric<R, K> {
    return call('ceil', this)
  }
  /** To the nearest integer, halves away from zero. */
  round(): Numeric<R, K> {
    return call('round', this)
  }

  /** The smaller; null if either is null. */
  least<O extends Operand>(other: O): Blended<R, K, O> {
    return call('least', this, other)
  }
  /** The greater; null if either is null. */
  greatest<O extends Operand>(other: O): Blended<R, K, O> {
    return call('greatest', this, other)
  }
  /** This value, or the other where this one is null. */
  coalesce<O extends Operand>(other: O): Blended<R, K, O> {
    return call('coalesce', this, other)
  }
}

type Compared<R extends Refs, K extends ExprKind, O extends Operand> = Expr<
  R | OperandRefs<O> | Needs<K, OperandKind<O>> | Needs<OperandKind<O>, K>,
  'bool'
>
type Both<R extends Refs, K extends ExprKind, O extends Operand, Need extends string, Result extends ExprKind> = Expr<
  R | OperandRefs<O> | Needs<K, Need> | Needs<OperandKind<O>, Need>,
  Result
>
type Numeric<R extends Refs, K extends ExprKind> = Expr<R | Needs<K, 'numeric'>, 'f64'>
type Blended<R extends Refs, K extends ExprKind, O extends Operand> = Expr<R | OperandRefs<O>, BlendKind<K, OperandKind<O>>>

/** The value of a column. */
export function col<const N extends string>(name: N): Expr<readonly [N, '*'], ColumnKind<N>> {
  return new Expr({ column: name })
}

/** A constant: a finite number, string, boolean or null. */
export function lit<const V extends Literal>(value: V): Expr<never, OperandKind<V>> {
  return new Expr({ literal: value })
}

/** `then` where the condition is true, `otherwise` where it is false or null. */
export function when<C extends Operand, T extends Operand, O extends Operand>(
  condition: C,
  then: T,
  otherwise: O,
): Expr<OperandRefs<C> | Needs<OperandKind<C>, 'bool'> | OperandRefs<T> | OperandRefs<O>, BlendKind<OperandKind<T>, OperandKind<O>>> {
  return call('if', condition, then, otherwise)
}

/** The plain tree of a builder, of a tree or of a literal. */
export function treeOf(operand: Operand | Expression): Expression {
  if (operand instanceof Expr) return operand.tree
  return typeof operand === 'object' && operand !== null ? operand : { literal: operand }
}

function call<R extends Refs, K extends ExprKind>(fn: ExpressionFunction, ...args: readonly Operand[]): Expr<R, K> {
  return new Expr({ fn, args: args.map(treeOf) })
}

// What the type checker knows of an expression: the builders collect it, `filter` and `map` of the pipeline compare it with the schema.

/** A column and what is needed of it: `*` (that it exists), `numeric`, `utf8` or `bool`. */
export type Refs = readonly [string, string]

/** The type of a column that is only known once the schema is. */
export interface ColumnKind<N extends string> {
  readonly columnOf: N
}

/** The common type of two results, to be resolved once the schema is known. */
export interface BlendKind<A, B> {
  readonly blend: readonly [A, B]
}

export type ExprKind = ColumnType | 'null' | ColumnKind<string> | BlendKind<unknown, unknown>

export type Operand = Expr | Literal

export type OperandRefs<O> = O extends Expr<infer R> ? R : never

export type OperandKind<O> =
  O extends Expr<Refs, infer K> ? K : O extends number ? 'f64' : O extends string ? 'utf8' : O extends boolean ? 'bool' : 'null'

type FamilyOf<K> = K extends 'f64' | 'i32' | 'timestamp' | 'numeric'
  ? 'numeric'
  : K extends 'utf8'
    ? 'utf8'
    : K extends 'bool'
      ? 'bool'
      : never

/** The reference that says that `K`, if it is a column, must be of the family of `Need`; never if either is not known. */
export type Needs<K, Need> =
  K extends ColumnKind<infer N> ? (FamilyOf<Need> extends infer F extends string ? readonly [N, F] : never) : never

/** All references a schema satisfies. */
export type AllowedRefs<C extends ColumnTypes> = {
  [N in keyof C & string]: readonly [N, '*'] | readonly [N, FamilyOf<C[N]>]
}[keyof C & string]

/** The column type of a result. Without a schema-wide answer (two families) it is never, and the run-time check says why. */
export type ResolveKind<C extends ColumnTypes, K> = K extends ColumnType
  ? K
  : K extends ColumnKind<infer N>
    ? N extends keyof C
      ? C[N]
      : never
    : K extends BlendKind<infer A, infer B>
      ? Blend<ResolveKind<C, A>, ResolveKind<C, B>, A, B>
      : never

type Blend<A, B, RawA, RawB> = RawA extends 'null'
  ? B
  : RawB extends 'null'
    ? A
    : [A, B] extends ['timestamp', 'timestamp']
      ? 'timestamp'
      : [FamilyOf<A>, FamilyOf<B>] extends ['numeric', 'numeric']
        ? 'f64'
        : [A] extends [B]
          ? A
          : never

/** What `filter` accepts: an expression over existing columns whose result can be a boolean. */
export type Condition<C extends ColumnTypes> = Expr<
  AllowedRefs<C>,
  'bool' | 'null' | ColumnKind<BoolNames<C>> | BlendKind<unknown, unknown>
>

export type BoolNames<C extends ColumnTypes> = { [N in keyof C & string]: C[N] extends 'bool' ? N : never }[keyof C & string]
