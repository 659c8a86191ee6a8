import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BrowserContext, chromium, expect, test } from '@playwright/test'
import { Actor, newName, RUNS } from './storage.ts'

const COMMITS = 40 + 20 * RUNS
/** On a disk: contexts of tests keep their data in memory in Chromium. */
async function onDisk(use: (context: BrowserContext) => Promise<void>, context: BrowserContext, options: object): Promise<void> {
  if (test.info().project.name !== 'chromium') return await use(context)
  const profile = mkdtempSync(join(tmpdir(), 'millrace-profile-'))
  const persistent = await chromium.launchPersistentContext(profile, options)
  try {
    await use(persistent)
  } finally {
    await persistent.close()
    rmSync(profile, { recursive: true, force: true })
  }
}

for (const kind of ['indexeddb', 'opfs'] as const) {
  test(`${kind}: a strict commit of 64 KiB, certificate included`, async ({ context, launchOptions, baseURL }) => {
    test.setTimeout(120_000)
    await onDisk(
      async (used) => {
        const page = await Actor.in(used)
        const actor = page.worker(kind === 'opfs' ? 'first' : 'page')
        const store = { name: newName(), kind }
        if (kind === 'opfs') {
          await actor.do('open', store)
          await actor.do('slotsMade', store.name, 4)
          await actor.do('close', store.name)
          await page.reload()
        }
        await actor.do('latencies', store, 65_536, 20)
        const times = await actor.do('latencies', store, 65_536, COMMITS)
        const at = (share: number) => times[Math.min(times.length - 1, Math.floor(times.length * share))]!
        const description = `p50 ${at(0.5).toFixed(1)} ms, p99 ${at(0.99).toFixed(1)} ms of ${COMMITS}`
        test.info().annotations.push({ type: 'latency', description })
        if (process.env['MILLRACE_FIGURES'] !== undefined) console.log(`${test.info().project.name} ${kind}: ${description}`)
        expect(at(0.5)).toBeLessThan(500)
      },
      context,
      { ...launchOptions, baseURL },
    )
  })
}
