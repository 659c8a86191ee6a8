/**
 * The input of W1: 20 M events, one per 0.05 ms, a fifth of them up to 5 s late; keys uniform or Zipf over K.
 *
 * With a C compiler and the prototype's sources at hand, the same files feed both sides; without, the columns are generated here.
 */

import { execFileSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, openSync, readSync, closeSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Prng } from '../support/prng.ts'
import { sharedFolder } from '../support/shared-data.ts'

const cache = fileURLToPath(new URL('../../.cache/bench/', import.meta.url))

export interface Columns {
  readonly times: Float64Array
  readonly values: Float64Array
  readonly keys: Uint32Array
}

/** Where the native baseline can be run, or why not. */
export type Native =
  | { readonly kind: 'ready'; readonly run: (keyCount: number, disorder: string, variant: string) => number }
  | { readonly kind: 'absent'; readonly why: string }

/** Compiles the C baseline of the prototype and generates its inputs once. */
export function prepareNative(): Native {
  const prototype = sharedFolder('prototype/c')
  if (prototype === null) return { kind: 'absent', why: '../shared/prototype is not there' }
  try {
    execFileSync('gcc', ['--version'], { stdio: 'ignore' })
  } catch {
    return { kind: 'absent', why: 'there is no gcc' }
  }
  mkdirSync(`${cache}c`, { recursive: true })
  mkdirSync(`${cache}data`, { recursive: true })
  for (const name of ['gen.c', 'w1.c', 'w23.c']) copyFileSync(`${prototype}/${name}`, `${cache}c/${name}`)
  try {
    for (const name of ['gen', 'w1', 'w23']) {
      if (!existsSync(`${cache}c/${name}`))
        execFileSync('gcc', ['-O3', '-march=native', `${name}.c`, '-o', name, '-lm'], { cwd: `${cache}c`, stdio: 'ignore' })
    }
  } catch {
    return { kind: 'absent', why: 'the baseline does not compile here (it needs AVX-512)' }
  }
  if (!existsSync(`${cache}data/key_1048576_z.bin`)) {
    console.log('generating 1.2 GB of benchmark input (once) ...')
    execFileSync('./gen', { cwd: `${cache}c` })
  }
  return {
    kind: 'ready',
    run(keyCount, disorder, variant) {
      const output = execFileSync('./w1', [String(keyCount), 'u', disorder, '1', variant], { cwd: `${cache}c`, encoding: 'utf8' })
      const medians = [...output.matchAll(/med ([\d.]+)/g)].map((match) => Number(match[1]))
      return Math.min(...medians)
    },
  }
}

function readColumn<T extends Float64Array | Uint32Array>(name: string, column: T): T {
  const file = openSync(`${cache}data/${name}`, 'r')
  const bytes = new Uint8Array(column.buffer)
  for (let at = 0; at < bytes.length; ) {
    const count = readSync(file, bytes, at, Math.min(1 << 26, bytes.length - at), at)
    if (count === 0) throw new Error(`${name} is shorter than expected`)
    at += count
  }
  closeSync(file)
  return column
}

/** Columns of `rows` events over `keyCount` keys. */
export function w1Columns(native: Native, rows: number, keyCount: number, disorder: 'd0' | 'd20'): Columns {
  const times = new Float64Array(rows)
  const values = new Float64Array(rows)
  const keys = new Uint32Array(rows)
  if (native.kind === 'ready') {
    readColumn(`ts_${disorder}.bin`, times)
    readColumn('val.bin', values)
    readColumn(`key_${keyCount}_u.bin`, keys)
    // The runtime's event times are whole milliseconds.
    for (let row = 0; row < rows; row++) times[row] = Math.floor(times[row]!)
    return { times, values, keys: renumbered(keys, keyCount) }
  }
  const prng = new Prng(1)
  for (let row = 0; row < rows; row++) {
    const late = disorder === 'd20' && prng.next() < 0.2 ? prng.next() * 5000 : 0
    times[row] = Math.floor(1.7e12 + Math.max(0, row * 0.05 - late))
    values[row] = prng.next() * 100 - 20
    keys[row] = prng.int(keyCount)
  }
  return { times, values, keys: renumbered(keys, keyCount) }
}

/** Keys numbered by first appearance, as every reader of the product numbers strings. */
function renumbered(keys: Uint32Array, keyCount: number): Uint32Array {
  const codes = new Int32Array(keyCount).fill(-1)
  let next = 0
  return keys.map((key) => (codes[key]! >= 0 ? codes[key]! : (codes[key] = next++)))
}
