import { readFileSync } from 'node:fs'
import { Miniflare } from 'miniflare'
import { expect, test } from 'vitest'
import { readCases } from '../conformance/folder.ts'
import type { CaseOutcome } from '../conformance/runner.ts'
import { sharedDescribe, sharedPath } from '../support/shared-data.ts'
import { edgeBundle } from './edge-bundle.ts'

sharedDescribe('conformance in workerd', () => {
  test('every case that Node passes passes in workerd too', async () => {
    const files = Object.fromEntries(readCases(sharedPath('conformance')))
    const { options, code } = await edgeBundle('objects/conformance-object.ts')
    const miniflare = new Miniflare({ ...options, compatibilityFlags: [] })
    try {
      const response = await miniflare.dispatchFetch('http://conformance/', { method: 'POST', body: JSON.stringify(files) })
      const outcomes = (await response.json()) as CaseOutcome[]
      expect(outcomes.filter(({ kind }) => kind === 'failed')).toEqual([])
      expect(outcomes.filter(({ kind }) => kind === 'passed').length).toBeGreaterThanOrEqual(84)
    } finally {
      await miniflare.dispose()
    }
    // What workerd ran compiles and generates nothing: the kernels came as modules.
    expect(code).not.toContain(
      readFileSync(new URL('../../dist/kernel-plain.wasm', import.meta.url))
        .toString('base64')
        .slice(0, 200),
    )
  })
})
