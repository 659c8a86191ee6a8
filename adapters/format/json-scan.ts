/**
 * The small pieces of JSON as bytes: blanks, plain strings, literals, depth.
 *
 * Before: ndjson-decoder. After: nothing.
 *
 * Invariant: a newline follows the bytes, and every scan stops at it.
 */

import { isUtf8 } from './text-scan.ts'

const TAB = 0x09
const RETURN = 0x0d
const SPACE = 0x20
const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d

/** 1 for the bytes at which the scan of a string stops: quote, backslash, control characters, not ASCII. */
const STOPS = new Uint8Array(256)
STOPS.fill(1, 0, 0x20)
STOPS.fill(1, 0x80)
STOPS[QUOTE] = STOPS[BACKSLASH] = 1

/** The first byte from `at` on that is neither space nor tab. */
export function skipBlanks(bytes: Uint8Array, at: number): number {
  let p = at
  while (bytes[p] === SPACE || bytes[p] === TAB) p++
  return p
}

/** Whether `key` stands at `at`. */
export function startsWith(bytes: Uint8Array, at: number, key: Uint8Array): boolean {
  const length = key.length
  for (let i = 0; i < length; i++) if (bytes[at + i] !== key[i]) return false
  return true
}

/** The end, after its quote, of a string at `at` without escapes; -1 for any other value. */
export function plainStringEnd(bytes: Uint8Array, at: number): number {
  if (bytes[at] !== QUOTE) return -1
  let p = at + 1
  let high = 0
  for (;;) {
    let byte = bytes[p]!
    while (STOPS[byte] === 0) byte = bytes[++p]!
    if (byte < 0x80) break
    high = byte
    p++
  }
  if (bytes[p] !== QUOTE || (high !== 0 && !isUtf8(bytes, at + 1, p))) return -1
  return p + 1
}

/** The end of `true`, `false` or `null` at `at`, or -1. */
export function literalEnd(bytes: Uint8Array, at: number): number {
  switch (bytes[at]) {
    case 0x74:
      return bytes[at + 1] === 0x72 && bytes[at + 2] === 0x75 && bytes[at + 3] === 0x65 ? at + 4 : -1
    case 0x66:
      return bytes[at + 1] === 0x61 && bytes[at + 2] === 0x6c && bytes[at + 3] === 0x73 && bytes[at + 4] === 0x65 ? at + 5 : -1
    default:
      return bytes[at + 1] === 0x75 && bytes[at + 2] === 0x6c && bytes[at + 3] === 0x6c ? at + 4 : -1
  }
}

/** Whether a line has nothing but blanks. */
export function isBlank(bytes: Uint8Array, from: number, to: number): boolean {
  for (let p = from; p < to; p++) {
    const byte = bytes[p]!
    if (byte !== SPACE && byte !== TAB && byte !== RETURN) return false
  }
  return true
}

/** How deeply a line is nested, as far as brackets outside strings tell. */
export function depthOf(line: Uint8Array): number {
  let depth = 0
  let deepest = 0
  let isString = false
  for (let p = 0; p < line.length; p++) {
    const byte = line[p]!
    if (isString) {
      if (byte === BACKSLASH) p++
      else if (byte === QUOTE) isString = false
    } else if (byte === QUOTE) isString = true
    else if (byte === OPEN_BRACE || byte === 0x5b) deepest = Math.max(deepest, ++depth)
    else if (byte === CLOSE_BRACE || byte === 0x5d) depth--
  }
  return deepest
}
