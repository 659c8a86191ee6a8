/** Every spec of Playwright loads: one that does not takes all specs of its run with it, and its run ends without a failed test. */

import { execFile } from 'node:child_process'
import { globSync } from 'node:fs'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('../../', import.meta.url))
const configs = globSync('test/*/playwright.config.ts', { cwd: root })

interface Listing {
  readonly suites: readonly { readonly file: string }[]
  readonly errors: readonly { readonly message: string }[]
}

test('every spec is loaded by a run of Playwright', { timeout: 60_000 }, async () => {
  const listings = await Promise.all(
    configs.map(async (config) => {
      const args = ['node_modules/@playwright/test/cli.js', 'test', '--config', config, '--list', '--reporter=json']
      const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: root, maxBuffer: 1 << 26 }).catch(
        (error: { stdout: string }) => error,
      )
      return JSON.parse(stdout) as Listing
    }),
  )
  expect(listings.flatMap(({ errors }) => errors.map(({ message }) => message))).toEqual([])
  const loaded = new Set(listings.flatMap(({ suites }) => suites.map(({ file }) => file.replace(/^.*\//, ''))))
  const specs = globSync('test/**/*.spec.ts', { cwd: root }).map((file) => file.replace(/^.*\//, ''))
  expect([...loaded].toSorted()).toEqual(specs.toSorted())
})
