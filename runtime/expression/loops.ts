/**
 * The inner loops of expressions: one function per operation, over whole columns.
 *
 * Before: `evaluate.ts`, which chooses the loop when it compiles. After: nothing; these are leaves.
 *
 * Each loop sees one kind of array only (numbers are widened to f64 before), so that the engine compiles it for that kind.
 * Invariant: loops neither allocate nor branch on configuration, and read and write rows 0 to `count` - 1 only.
 */

type F64 = Float64Array
type U8 = Uint8Array

export type BinaryLoop = (out: F64, a: F64, b: F64, count: number) => void
export type ScalarLoop = (out: F64, a: F64, b: number, count: number) => void
export type UnaryLoop = (out: F64, a: F64, count: number) => void
export type CompareLoop = (out: U8, a: F64, b: F64, count: number) => void
export type CompareScalarLoop = (out: U8, a: F64, b: number, count: number) => void

function add(out: F64, a: F64, b: F64, count: number): void {
  for (let i = 0; i < count; i++) out[i] = a[i]! + b[i]!
}
function sub(out: F64, a: F64, b: F64, count: number): void {
  for (let i = 0; i < count; i++) out[i] = a[i]! - b[i]!
}
function mul(out: F64, a: F64, b: F64, count: number): void {
  for (let i = 0; i < count; i++) out[i] = a[i]! * b[i]!
}
function div(out: F64, a: F64, b: F64, count: number): void {
  for (let i = 0; i < count; i++) out[i] = a[i]! / b[i]!
}
function mod(out: F64, a: F64, b: F64, count: number): void {
  for (let i = 0; i < count; i++) out[i] = a[i]! % b[i]!
}
function least(out: F64, a: F64, b: F64, count: number): void {
  for (let i = 0; i < count; i++) out[i] = Math.min(a[i]!, b[i]!)
}
function greatest(out: F64, a: F64, b: F64, count: number): void {
  for (let i = 0; i < count; i++) out[i] = Math.max(a[i]!, b[i]!)
}

export const BINARY = { add, sub, mul, div, mod, least, greatest } as const satisfies Record<string, BinaryLoop>

function addScalar(out: F64, a: F64, b: number, count: number): void {
  for (let i = 0; i < count; i++) out[i] = a[i]! + b
}
function subScalar(out: F64, a: F64, b: number, count: number): void {
  for (let i = 0; i < count; i++) out[i] = a[i]! - b
}
function mulScalar(out: F64, a: F64, b: number, count: number): void {
  for (let i = 0; i < count; i++) out[i] = a[i]! * b
}
function divScalar(out: F64, a: F64, b: number, count: number): void {
  for (let i = 0; i < count; i++) out[i] = a[i]! / b
}
function modScalar(out: F64, a: F64, b: number, count: number): void {
  for (let i = 0; i < count; i++) out[i] = a[i]! % b
}

/** With a constant on the right. */
export const SCALAR = { add: addScalar, sub: subScalar, mul: mulScalar, div: divScalar, mod: modScalar } as const satisfies Record<
  string,
  ScalarLoop
>

function neg(out: F64, a: F64, count: number): void {
  for (let i = 0; i < count; i++) out[i] = -a[i]!
}
function abs(out: F64, a: F64, count: number): void {
  for (let i = 0; i < count; i++) out[i] = Math.abs(a[i]!)
}
function floor(out: F64, a: F64, count: number): void {
  for (let i = 0; i < count; i++) out[i] = Math.floor(a[i]!)
}
function ceil(out: F64, a: F64, count: number): void {
  for (let i = 0; i < count; i++) out[i] = Math.ceil(a[i]!)
}
/** Halves away from zero, as ROUND of SQL. Adding 0.5 instead would round 0.49999999999999994 up. */
function round(out: F64, a: F64, count: number): void {
  for (let i = 0; i < count; i++) {
    const value = a[i]!
    const whole = Math.trunc(value)
    out[i] = Math.abs(value - whole) >= 0.5 ? whole + Math.sign(value) : whole
  }
}

export const UNARY = { neg, abs, floor, ceil, round } as const satisfies Record<string, UnaryLoop>

function eq(out: U8, a: F64, b: F64, count: number): void {
  for (let i = 0; i < count; i++) out[i] = a[i] === b[i] ? 1 : 0
}
function ne(out: U8, a: F64, b: F64, count: number): void {
  for (let i = 0; i < count; i++) out[i] = a[i] !== b[i] ? 1 : 0
}
function lt(out: U8, a: F64, b: F64, count: number): void {
  for (let i = 0; i < count; i++) out[i] = a[i]! < b[i]! ? 1 : 0
}
function le(out: U8, a: F64, b: F64, count: number): void {
  for (let i = 0; i < count; i++) out[i] = a[i]! <= b[i]! ? 1 : 0
}

/** `gt` and `ge` are `lt` and `le` with the arguments exchanged. */
export const COMPARE = { eq, ne, lt, le } as const satisfies Record<string, CompareLoop>

function eqScalar(out: U8, a: F64, b: number, count: number): void {
  for (let i = 0; i < count; i++) out[i] = a[i] === b ? 1 : 0
}
function neScalar(out: U8, a: F64, b: number, count: number): void {
  for (let i = 0; i < count; i++) out[i] = a[i] !== b ? 1 : 0
}
function ltScalar(out: U8, a: F64, b: number, count: number): void {
  for (let i = 0; i < count; i++) out[i] = a[i]! < b ? 1 : 0
}
function leScalar(out: U8, a: F64, b: number, count: number): void {
  for (let i = 0; i < count; i++) out[i] = a[i]! <= b ? 1 : 0
}
function gtScalar(out: U8, a: F64, b: number, count: number): void {
  for (let i = 0; i < count; i++) out[i] = a[i]! > b ? 1 : 0
}
function geScalar(out: U8, a: F64, b: number, count: number): void {
  for (let i = 0; i < count; i++) out[i] = a[i]! >= b ? 1 : 0
}

export const COMPARE_SCALAR = {
  eq: eqScalar,
  ne: neScalar,
  lt: ltScalar,
  le: leScalar,
  gt: gtScalar,
  ge: geScalar,
} as const satisfies Record<string, CompareScalarLoop>

export function both(out: U8, a: U8, b: U8, count: number): void {
  for (let i = 0; i < count; i++) out[i] = a[i]! & b[i]!
}
export function either(out: U8, a: U8, b: U8, count: number): void {
  for (let i = 0; i < count; i++) out[i] = a[i]! | b[i]!
}
export function inverse(out: U8, a: U8, count: number): void {
  for (let i = 0; i < count; i++) out[i] = a[i]! ^ 1
}
export function same(out: U8, a: U8, b: U8, flip: number, count: number): void {
  for (let i = 0; i < count; i++) out[i] = a[i]! ^ b[i]! ^ 1 ^ flip
}

/** Three-valued `and`: false where one is false, null where none is false and one is null. */
export function andNulls(out: U8, validity: U8, a: U8, aValid: U8, b: U8, bValid: U8, count: number): void {
  for (let i = 0; i < count; i++) {
    const aTrue = a[i]! & aValid[i]!
    const bTrue = b[i]! & bValid[i]!
    out[i] = aTrue & bTrue
    validity[i] = (aValid[i]! & (aTrue ^ 1)) | (bValid[i]! & (bTrue ^ 1)) | (aTrue & bTrue)
  }
}

/** Three-valued `or`: true where one is true, null where none is true and one is null. */
export function orNulls(out: U8, validity: U8, a: U8, aValid: U8, b: U8, bValid: U8, count: number): void {
  for (let i = 0; i < count; i++) {
    const aTrue = a[i]! & aValid[i]!
    const bTrue = b[i]! & bValid[i]!
    out[i] = aTrue | bTrue
    validity[i] = aTrue | bTrue | (aValid[i]! & bValid[i]!)
  }
}

/** Rows whose condition is true and valid; the write before the count makes the loop free of branches. */
export function selectTrue(selection: Uint32Array, values: U8, count: number): number {
  let selected = 0
  for (let i = 0; i < count; i++) {
    selection[selected] = i
    selected += values[i]!
  }
  return selected
}

export function selectTrueValid(selection: Uint32Array, values: U8, validity: U8, count: number): number {
  let selected = 0
  for (let i = 0; i < count; i++) {
    selection[selected] = i
    selected += values[i]! & validity[i]!
  }
  return selected
}
