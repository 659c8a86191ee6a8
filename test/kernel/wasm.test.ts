/** What the built kernels are made of: nothing that instances on different memories could share. */

import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import * as L from '../../kernel/layout.ts'
import { Kernel, wasmBytes, type Build } from '../support/kernel-harness.ts'

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

describe.each<Build>(['shared', 'plain', 'debug'])('the %s build', (build) => {
  test('has no data segments and no start function', () => {
    const ids = sectionIds(wasmBytes(build))
    expect(ids).not.toContain(DATA)
    expect(ids).not.toContain(START)
  })

  test('imports its memory and nothing else', () => {
    expect(WebAssembly.Module.imports(new WebAssembly.Module(wasmBytes(build)))).toEqual([
      { module: 'env', name: 'memory', kind: 'memory' },
    ])
  })

  test('answers the layout version of layout.ts', () => {
    const kernel = new Kernel({ sizeMs: 1, slideMs: 1, columns: [], keys: [], aggregates: [] }, build)
    expect(kernel.exports.layoutVersion()).toBe(L.LAYOUT_VERSION)
  })
})

test('the release builds stay small', () => {
  for (const build of ['shared', 'plain'] as const) expect(gzipSync(wasmBytes(build)).length).toBeLessThan(SIZE_MAX)
})
