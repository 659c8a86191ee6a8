// The files of Chromium's IndexedDB damaged while the browser is closed. Firefox ignores files of this name.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium, expect, test } from '@playwright/test'
import { Prng } from '../support/prng.ts'
import { Actor, newName, RUNS } from './storage.ts'

/** Each starts a browser twice. */
const COUNT = Math.ceil(RUNS / 3)

type Damage = (folder: string, prng: Prng) => void

const fileOf = (folder: string, pattern: RegExp) => {
  const name = readdirSync(folder).find((of) => pattern.test(of))
  if (name === undefined) throw new Error(`No file ${String(pattern)} in ${folder}: ${readdirSync(folder).join(' ')}`)
  return join(folder, name)
}

function change(path: string, of: (bytes: Buffer) => void): void {
  const bytes = readFileSync(path)
  of(bytes)
  writeFileSync(path, bytes)
}

const DAMAGES: Readonly<Record<string, Damage>> = {
  'one bit of the log': (folder, prng) =>
    change(fileOf(folder, /\.log$/), (bytes) => {
      bytes[prng.int(bytes.length)]! ^= 1 << prng.int(8)
    }),
  'a log cut off': (folder, prng) => {
    const path = fileOf(folder, /\.log$/)
    truncateSync(path, prng.int(readFileSync(path).length))
  },
  'zeros in the manifest': (folder) => change(fileOf(folder, /^MANIFEST-/), (bytes) => bytes.fill(0)),
  'CURRENT gone': (folder) => rmSync(join(folder, 'CURRENT')),
  'everything gone': (folder) => rmSync(folder, { recursive: true }),
}

for (const [name, damage] of Object.entries(DAMAGES)) {
  test(`${name}: what was acknowledged is there, or its loss is told`, async ({ baseURL, launchOptions }) => {
    test.setTimeout(60_000 + COUNT * 20_000)
    const outcomes: string[] = []
    for (let run = 0; run < COUNT; run++) {
      const prng = new Prng(1000 + run)
      const profile = mkdtempSync(join(tmpdir(), 'millrace-profile-'))
      try {
        const store = { name: newName() }
        const launch = () => chromium.launchPersistentContext(profile, { ...launchOptions, baseURL: baseURL! })
        const first = await launch()
        const actor = await Actor.in(first)
        await actor.do('open', store)
        for (let id = 1; id <= 5; id++) await actor.do('commit', store.name, id)
        await first.close()
        const folder = join(profile, 'Default/IndexedDB', `http_localhost_${new URL(baseURL!).port}.indexeddb.leveldb`)
        expect(existsSync(folder), readdirSync(join(profile, 'Default')).join(' ')).toBe(true)
        damage(folder, prng)
        const second = await launch()
        const again = await Actor.in(second)
        const answer = await again.try('open', store)
        if ('code' in answer) {
          expect(['STATE_LOST', 'STORE_UNAVAILABLE'], `run ${run}: ${answer.message}`).toContain(answer.code)
          outcomes.push(answer.code)
        } else {
          // The newest, or one before that was told to be damaged; a mixture never, an empty start never.
          const recovered = await again.do('recover', store.name)
          expect(recovered, `run ${run}`).not.toBeNull()
          expect(recovered!.values).toEqual(['constant', `value of ${recovered!.checkpointId}`])
          if (recovered!.checkpointId < 5) expect(recovered!.skipped).toContain('5 CHECKPOINT_CORRUPT')
          outcomes.push(`checkpoint ${recovered!.checkpointId}`)
        }
        await second.close()
      } finally {
        rmSync(profile, { recursive: true, force: true })
      }
    }
    test.info().annotations.push({ type: 'outcomes', description: outcomes.join(', ') })
    expect(outcomes).toHaveLength(COUNT)
  })
}
