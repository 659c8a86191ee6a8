/**
 * Strings in expressions: comparison by dictionary code where codes suffice, by text where they do not, and strings that are made.
 *
 * Before: `evaluate.ts`. After: dictionaries, whose codes are only compared within one {@link Dictionary}.
 *
 * Invariant: what is remembered about a code is remembered for one Dictionary object, whose codes never change their meaning;
 * nothing is remembered about other dictionary views.
 */

import { Dictionary } from '../dictionary.ts'
import type { DictionaryView } from '../record-batch.ts'
import { codeBuffer, type Frame, growing, type Node, u8Buffer, validBoth, type Vector } from './vector.ts'

export type TextNode = Node<Uint32Array>
export type TextComparison = 'eq' | 'ne' | 'lt' | 'le' | 'gt' | 'ge'

/** Which signs of a comparison make it true: bit 0 less, bit 1 equal, bit 2 greater. */
const SIGNS: Readonly<Record<TextComparison, number>> = { eq: 2, ne: 5, lt: 1, le: 3, gt: 4, ge: 6 }

/** -1, 0 or 1 by code points: the order of the UTF-8, not that of UTF-16 units, so that Flink sorts alike. */
export function compareText(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const left = a.charCodeAt(i)
    const right = b.charCodeAt(i)
    if (left === right) continue
    // Surrogates stand for code points above all other units, though units from U+E000 are larger than them.
    const leftRank = left >= 0xd800 && left < 0xe000 ? left + 0x10000 : left
    const rightRank = right >= 0xd800 && right < 0xe000 ? right + 0x10000 : right
    return leftRank < rightRank ? -1 : 1
  }
  return Math.sign(a.length - b.length)
}

/** Compares two string nodes; a constant on the right takes the short way. */
export function compareTextNode(fn: TextComparison, a: TextNode, b: TextNode): Node<Uint8Array> {
  const buffer = growing(u8Buffer)
  const valid = growing(u8Buffer)
  const signs = SIGNS[fn]
  const toLiteral = typeof b.constant === 'string' ? new LiteralComparison(b.constant, signs) : null
  return {
    constant: undefined,
    run(frame) {
      const count = frame.rowCount
      const values = buffer(count)
      const left = a.run(frame)
      if (toLiteral !== null) {
        toLiteral.run(values, left, count)
        return { values, validity: left.validity, dictionary: null }
      }
      const right = b.run(frame)
      compareVectors(values, left, right, signs, count)
      return { values, validity: validBoth(left.validity, right.validity, valid, count), dictionary: null }
    },
  }
}

function compareVectors(out: Uint8Array, a: Vector<Uint32Array>, b: Vector<Uint32Array>, signs: number, count: number): void {
  const equality = signs === SIGNS.eq || signs === SIGNS.ne
  if (equality && a.dictionary === b.dictionary && a.dictionary instanceof Dictionary) {
    const flip = signs === SIGNS.eq ? 0 : 1
    for (let i = 0; i < count; i++) out[i] = (a.values[i] === b.values[i] ? 1 : 0) ^ flip
    return
  }
  for (let i = 0; i < count; i++) {
    const left = textAt(a, i)
    const right = textAt(b, i)
    out[i] = left === null || right === null ? 0 : (signs >> (compareText(left, right) + 1)) & 1
  }
}

function textAt(vector: Vector<Uint32Array>, row: number): string | null {
  if (vector.dictionary === null || (vector.validity !== null && vector.validity[row] === 0)) return null
  return vector.dictionary.stringAt(vector.values[row]!)
}

/** Comparison with one string: of codes for equality, else of texts, remembered by code. */
class LiteralComparison {
  readonly #literal: string
  readonly #signs: number
  #dictionary: Dictionary | null = null
  #code = 0
  #remembered = new Uint8Array(256)

  constructor(literal: string, signs: number) {
    this.#literal = literal
    this.#signs = signs
  }

  run(out: Uint8Array, vector: Vector<Uint32Array>, count: number): void {
    const { dictionary, values } = vector
    if (!(dictionary instanceof Dictionary)) {
      for (let i = 0; i < count; i++) out[i] = this.#compare(textAt(vector, i))
      return
    }
    if (dictionary !== this.#dictionary) {
      this.#dictionary = dictionary
      this.#remembered.fill(0)
      this.#code = dictionary.codeOf(this.#literal)
    }
    if (this.#signs === SIGNS.eq) equalCodes(out, values, this.#code, 0, count)
    else if (this.#signs === SIGNS.ne) equalCodes(out, values, this.#code, 1, count)
    else this.#ordered(out, vector, dictionary, count)
  }

  #ordered(out: Uint8Array, { values, validity }: Vector<Uint32Array>, dictionary: Dictionary, count: number): void {
    if (this.#remembered.length < dictionary.size) {
      const larger = new Uint8Array(dictionary.size * 2)
      larger.set(this.#remembered)
      this.#remembered = larger
    }
    const remembered = this.#remembered
    for (let i = 0; i < count; i++) {
      if (validity !== null && validity[i] === 0) {
        out[i] = 0
        continue
      }
      const code = values[i]!
      // 0: not known yet; else the answer plus 1.
      if (remembered[code] === 0) remembered[code] = this.#compare(dictionary.stringAt(code)) + 1
      out[i] = remembered[code]! - 1
    }
  }

  #compare(text: string | null): number {
    return text === null ? 0 : (this.#signs >> (compareText(text, this.#literal) + 1)) & 1
  }
}

function equalCodes(out: Uint8Array, codes: Uint32Array, code: number, flip: number, count: number): void {
  for (let i = 0; i < count; i++) out[i] = (codes[i] === code ? 1 : 0) ^ flip
}

/** A node whose codes are of the frame's target dictionary, so that several such nodes can be mixed. */
export function inTarget(node: TextNode): TextNode {
  const buffer = growing(codeBuffer)
  let source: Dictionary | DictionaryView | null = null
  let goal: Dictionary | null = null
  let translated = new Map<number, number>()
  return {
    constant: node.constant,
    run(frame) {
      const vector = node.run(frame)
      const { dictionary, values, validity } = vector
      const target = frame.target
      if (dictionary === target || dictionary === null) return { values, validity, dictionary: target }
      if (source !== dictionary || goal !== target || !(dictionary instanceof Dictionary)) translated = new Map()
      source = dictionary
      goal = target
      const out = buffer(frame.rowCount)
      for (let i = 0; i < frame.rowCount; i++) {
        if (validity !== null && validity[i] === 0) {
          out[i] = 0
          continue
        }
        const code = values[i]!
        let own = translated.get(code)
        if (own === undefined) {
          own = target.codeOf(dictionary.stringAt(code))
          translated.set(code, own)
        }
        out[i] = own
      }
      return { values: out, validity, dictionary: target }
    },
  }
}

/** The smaller or greater of two strings; both nodes must be {@link inTarget}. */
export function extremeTextNode(wanted: 'least' | 'greatest', a: TextNode, b: TextNode): TextNode {
  const buffer = growing(codeBuffer)
  const valid = growing(u8Buffer)
  const sign = wanted === 'least' ? 1 : -1
  return {
    constant: undefined,
    run(frame: Frame) {
      const count = frame.rowCount
      const left = a.run(frame)
      const right = b.run(frame)
      const out = buffer(count)
      for (let i = 0; i < count; i++) {
        const leftText = textAt(left, i)
        const rightText = textAt(right, i)
        const takesLeft = leftText !== null && rightText !== null && compareText(leftText, rightText) * sign <= 0
        out[i] = takesLeft ? left.values[i]! : right.values[i]!
      }
      return { values: out, validity: validBoth(left.validity, right.validity, valid, count), dictionary: left.dictionary }
    },
  }
}
