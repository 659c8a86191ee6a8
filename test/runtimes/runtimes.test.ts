import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import * as esbuild from 'esbuild'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { RunResult } from '../browser/jobs.ts'
import { crashes, reportText } from '../crash/crash.ts'
import type { SuiteResult } from '../support/portable-suite.ts'
import { sharedDescribe, sharedPath } from '../support/shared-data.ts'
import { NODE, root, type Runtime, RUNTIMES, runScript } from './runtime.ts'

let directory = ''
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-runtimes-'))
})
afterAll(() => rm(directory, { recursive: true, force: true }))

/** The contracts in one file: they are written for vitest, which does not run elsewhere. */
async function suiteBundle(): Promise<string> {
  const outfile = join(directory, 'suite.mjs')
  await esbuild.build({
    entryPoints: [`${root}test/runtimes/suite-script.ts`],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'es2022',
    logLevel: 'error',
    alias: { vitest: `${root}test/support/portable-suite.ts` },
    tsconfigRaw: '{}',
  })
  return outfile
}

const expected = new Map<string, Promise<string>>()
function inNode(name: string, parallelism: number): Promise<string> {
  const id = `${name} ${parallelism}`
  const found = expected.get(id) ?? runScript(NODE, 'test/browser/expected.ts', name, String(parallelism))
  expected.set(id, found)
  return found
}

/** Claims a store in a process of its own. */
async function hold({ command: [program, ...first] }: Runtime, store: string) {
  const child = spawn(program, [...first, 'test/runtimes/holder-script.ts', store], {
    cwd: root,
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const closed = new Promise<void>((resolve) => {
    child.on('close', () => resolve())
  })
  const said = await new Promise<string>((resolve) => {
    child.stdout.setEncoding('utf8').on('data', (text: string) => resolve(text.trim()))
    void closed.then(() => resolve('nothing'))
  })
  return {
    said,
    async kill() {
      if (child.exitCode === null) process.kill(-child.pid!, 'SIGKILL')
      await closed
    },
  }
}

for (const runtime of RUNTIMES) {
  describe(runtime.name, () => {
    sharedDescribe('conformance', () => {
      test('every case that Node passes passes', async () => {
        const output = await runScript(runtime, 'test/conformance/main.ts', sharedPath('conformance'))
        const [, passed, failed] = /(\d+) passed, (\d+) failed, \d+ skipped\s*$/.exec(output)!
        expect(failed).toBe('0')
        expect(Number(passed)).toBeGreaterThanOrEqual(84)
      })
    })

    test('the stores on disk and in memory keep the contract', async () => {
      const { passed, failures } = JSON.parse(await runScript(runtime, await suiteBundle())) as SuiteResult
      expect(failures).toEqual([])
      expect(passed).toBeGreaterThanOrEqual(37)
    })

    for (const name of ['fleet', 'visits'] as const) {
      for (const [host, tier, parallelism] of [
        ['workers', 'shared', 2],
        ['inline', 'inline', 1],
      ] as const) {
        test(`${name} gives the same rows on ${host} as in Node, with checkpoints on disk`, async () => {
          const store = join(directory, `${runtime.name}-${name}-${host}`)
          const output = await runScript(runtime, 'test/runtimes/job-script.ts', name, host, String(parallelism), store)
          const { sinks, status } = JSON.parse(output) as RunResult
          expect(sinks).toEqual(JSON.parse(await inNode(name, parallelism)))
          expect(status).toMatchObject({ tier, recordsIn: 20_000 })
          expect(status.checkpoints.count).toBeGreaterThan(0)
        })
      }
    }

    test('a directory that a live process holds is refused, and free when it was killed', async () => {
      const store = join(directory, `${runtime.name}-held`)
      const owner = await hold(runtime, store)
      expect(owner.said).toBe('epoch 1')
      // Also to another runtime.
      for (const rival of [runtime, NODE]) {
        const refused = await hold(rival, store)
        expect(refused.said).toBe('JOB_LOCKED')
        await refused.kill()
      }
      await owner.kill()
      const next = await hold(runtime, store)
      expect(next.said).toBe('epoch 2')
      await next.kill()
    })

    test('a process killed at any moment loses nothing that was acknowledged', { timeout: 600_000 }, async () => {
      const runs = Number(process.env['MILLRACE_RUNS'] ?? 6)
      const report = await crashes({ runs, seed: 1, records: 30_000, command: runtime.command })
      if (report.violations.length > 0) console.log(reportText(report))
      expect(report.violations).toEqual([])
      expect(report.kills).toBeGreaterThanOrEqual(runs)
    })
  })
}
