/** What the built kernels are made of: nothing that instances on different memories could share. */

import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import * as L from '../../kernel/layout.ts'
import { type Build, Kernel, type KernelName, wasmBytes } from '../support/kernel-harness.ts'

const DATA = 11
const START = 8
const SIZE_MAX = 40 * 1024

function sectionIds(bytes: Uint8Array): number[] {
  const ids: number[] = []
  for (let at = 8; at < bytes.length; ) {
    ids.push(bytes[at++]!)
    let length = 0
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++]!
      length |= (byte & 127) << shift
      if (byte < 128) break
    }
    at += length
  }
  return ids
}

const NAMES = ['kernel', 'kernel-panes'] as const
const ALL = NAMES.flatMap((name) => (['shared', 'plain', 'debug'] as const).map((build): [KernelName, Build] => [name, build]))
const panes = { window: L.WINDOW_GLOBAL, aggregates: [] }

describe.each(ALL)('%s, the %s build', (name, build) => {
  test('has no data segments and no start function', () => {
    const ids = sectionIds(wasmBytes(build, name))
    expect(ids).not.toContain(DATA)
    expect(ids).not.toContain(START)
  })

  test('imports its memory and nothing else', () => {
    expect(WebAssembly.Module.imports(new WebAssembly.Module(wasmBytes(build, name)))).toEqual([
      { module: 'env', name: 'memory', kind: 'memory' },
    ])
  })

  test('answers the layout version of layout.ts', () => {
    const plan = { sizeMs: 1, slideMs: 1, columns: [], keys: [], aggregates: [] }
    const kernel = new Kernel(name === 'kernel' ? plan : { ...plan, panes }, build)
    expect(kernel.exports.layoutVersion()).toBe(L.LAYOUT_VERSION)
  })
})

test('the release builds stay small', () => {
  for (const [name, build] of ALL) if (build !== 'debug') expect(gzipSync(wasmBytes(build, name)).length).toBeLessThan(SIZE_MAX)
})
