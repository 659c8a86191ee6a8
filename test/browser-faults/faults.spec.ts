/**
 * A few runs of each fault; `npm run faults -- --runs 50` is the campaign. MILLRACE_RUNS says how many.
 *
 * Before: main.ts, in a process of its own, where the package is found by its name. After: nothing.
 */

import { spawn } from 'node:child_process'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { expect, test } from '@playwright/test'
import { PLANTS } from './fault-options.ts'
import { FAULTS } from './faults.ts'

const RUNS = Number(process.env['MILLRACE_RUNS'] ?? 1)
const RUN_MS = 150_000
const main = fileURLToPath(new URL('main.ts', import.meta.url))

for (const fault of Object.keys(FAULTS)) {
  test(`results are exactly those without faults: ${fault}`, async () => {
    test.setTimeout((RUNS + 1) * RUN_MS)
    const output = await campaign(['--fault', fault, '--runs', String(RUNS)], RUNS * RUN_MS)
    expect(output.trim().split('\n').at(-1), output).toBe(`${RUNS} runs, 0 violations`)
  })
}

for (const plant of PLANTS) {
  test(`the oracle finds a planted defect: ${plant}`, async () => {
    test.setTimeout(4 * RUN_MS)
    const output = await campaign(['--fault', 'leader crashes, other tab takes over', '--runs', '2', '--plant', plant], 3 * RUN_MS)
    expect(output.trim().split('\n').at(-1), output).toMatch(/^2 runs, [1-9]\d* violations$/)
  })
}

async function campaign(args: readonly string[], timeoutMs: number): Promise<string> {
  const child = spawn(process.execPath, [main, ...args], { stdio: 'pipe', timeout: timeoutMs })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (output += text))
  const { promise, resolve } = Promise.withResolvers<string>()
  child.once('close', () => resolve(output))
  return promise
}
