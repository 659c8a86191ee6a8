/**
 * Options and positionals of a command, checked strictly.
 *
 * Before: the words after the command. After: the command.
 *
 * Invariant: an option that is not declared, lacks its value or is given twice is refused by name, with the nearest one that exists.
 */

import { parseArgs } from 'node:util'
import { ConfigError } from '../../runtime/index.ts'

/** How an option is given: `flag` alone, `one` with a value, `many` with a value and any number of times. */
export type OptionKind = 'flag' | 'one' | 'many'

export class Arguments {
  readonly positionals: readonly string[]
  readonly #values: ReadonlyMap<string, readonly string[]>

  private constructor(positionals: readonly string[], values: ReadonlyMap<string, readonly string[]>) {
    this.positionals = positionals
    this.#values = values
  }

  /** @throws ConfigError `OPTION_UNKNOWN`, `OPTION_VALUE_MISSING`, `OPTION_VALUE_UNEXPECTED`, `OPTION_DUPLICATE`, `ARGUMENT_MISSING`, `ARGUMENT_UNEXPECTED` */
  static parse(
    args: readonly string[],
    command: string,
    names: readonly string[],
    options: Readonly<Record<string, OptionKind>>,
  ): Arguments {
    const known = Object.fromEntries(
      Object.entries(options).map(([name, kind]) => [
        name,
        { type: kind === 'flag' ? 'boolean' : 'string', multiple: kind === 'many' } as const,
      ]),
    )
    const { tokens, positionals } = parseArgs({ args: [...args], options: known, strict: false, allowPositionals: true, tokens: true })
    const values = new Map<string, string[]>()
    for (const token of tokens) {
      if (token.kind !== 'option') continue
      const kind = Object.hasOwn(options, token.name) ? options[token.name]! : null
      if (kind === null) {
        const hint = nearest(
          token.rawName,
          Object.keys(options).map((name) => `--${name}`),
        )
        throw new ConfigError('OPTION_UNKNOWN', `millrace ${command} has no option ${token.rawName}${hint}; see millrace ${command} --help`)
      }
      if (kind === 'flag' && token.value !== undefined) {
        throw new ConfigError('OPTION_VALUE_UNEXPECTED', `${token.rawName} takes no value, found ${JSON.stringify(token.value)}`)
      }
      const isOption = token.inlineValue === false && token.value.startsWith('-') && token.value !== '-'
      if (kind !== 'flag' && (token.value === undefined || token.value === '' || isOption)) {
        throw new ConfigError('OPTION_VALUE_MISSING', `${token.rawName} needs a value; see millrace ${command} --help`)
      }
      const list = values.get(token.name) ?? []
      if (list.length > 0 && kind === 'one') throw new ConfigError('OPTION_DUPLICATE', `${token.rawName} is given twice; give it once`)
      list.push(token.value ?? '')
      values.set(token.name, list)
    }
    const missing = names[positionals.length]
    if (missing !== undefined)
      throw new ConfigError('ARGUMENT_MISSING', `millrace ${command} needs ${missing}; see millrace ${command} --help`)
    const extra = positionals[names.length]
    if (extra !== undefined) {
      throw new ConfigError('ARGUMENT_UNEXPECTED', `millrace ${command} takes ${names.join(' ')} only, found also ${JSON.stringify(extra)}`)
    }
    return new Arguments(positionals, values)
  }

  has(name: string): boolean {
    return this.#values.has(name)
  }

  one(name: string): string | null {
    return this.#values.get(name)?.[0] ?? null
  }

  many(name: string): readonly string[] {
    return this.#values.get(name) ?? []
  }

  /** One of some words. @throws ConfigError `OPTION_INVALID` */
  word<const W extends string>(name: string, words: readonly W[]): W | null {
    const value = this.one(name)
    if (value === null) return null
    const found = words.find((word) => word === value)
    if (found !== undefined) return found
    throw new ConfigError(
      'OPTION_INVALID',
      `--${name} is ${JSON.stringify(value)}${nearest(value, words)}; it must be ${words.join(' or ')}`,
    )
  }

  /** A whole number of 1 or more. @throws ConfigError `OPTION_INVALID` */
  count(name: string): number | null {
    const value = this.one(name)
    if (value === null) return null
    if (/^[1-9]\d{0,8}$/.test(value)) return Number(value)
    throw new ConfigError('OPTION_INVALID', `--${name} is ${JSON.stringify(value)}; it must be a whole number of 1 or more`)
  }
}

/** `; did you mean "…"?` with the nearest candidate, or nothing when none is near. */
export function nearest(word: string, candidates: readonly string[]): string {
  let best: string | null = null
  let bestDistance = Math.max(1, Math.floor(word.length / 3)) + 1
  for (const candidate of candidates) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase())
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  return best === null ? '' : `; did you mean ${best}?`
}

/** Edits (insertion, deletion, substitution, exchange of neighbours) between two short words. */
function editDistance(a: string, b: string): number {
  let before: number[] = []
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const current = [i]
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1
      let distance = Math.min(previous[j]! + 1, current[j - 1]! + 1, previous[j - 1]! + cost)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) distance = Math.min(distance, before[j - 2]! + 1)
      current.push(distance)
    }
    before = previous
    previous = current
  }
  return previous[b.length]!
}
