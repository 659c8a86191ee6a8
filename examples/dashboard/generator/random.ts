/**
 * Chance that can be repeated: numbers that follow from a seed, in any order they are asked for.
 *
 * Before: nothing. After: fleet.ts and readings.ts.
 *
 * Invariant: the same arguments give the same number on every machine; nothing here remembers anything beyond the generator it returns.
 */

/** A whole number from two, well mixed: 0 to 2^32 - 1. (The finaliser of MurmurHash3 over a sum that no two small pairs share.) */
export function mix(a: number, b: number): number {
  let hash = (Math.imul(a, 0x9e3779b1) ^ Math.imul(b + 0x7f4a7c15, 0x85ebca6b)) >>> 0
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

/** A number from 0 to below 1 that belongs to two whole numbers. */
export function chance(a: number, b: number): number {
  return mix(a, b) / 4_294_967_296
}

/** A sequence of numbers from 0 to below 1 (mulberry32). */
export function sequence(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

const NORMALS = 1 << 12
let normals: Float64Array | null = null

/** Normally distributed numbers in random order, a table: a look-up is all that a reading can afford. */
export function normalTable(): Float64Array {
  if (normals !== null) return normals
  normals = new Float64Array(NORMALS)
  const random = sequence(NORMALS)
  for (let index = 0; index < NORMALS; index += 2) {
    const radius = Math.sqrt(-2 * Math.log(1 - random()))
    const angle = 2 * Math.PI * random()
    normals[index] = radius * Math.cos(angle)
    normals[index + 1] = radius * Math.sin(angle)
  }
  return normals
}
