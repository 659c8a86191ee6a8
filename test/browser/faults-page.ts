/** Every request of a store's life fails once, and from some request on all of them fail: what was acknowledged must be there afterwards. */

import { IndexedDbStore, certificatesOf } from '../../adapters/indexeddb-store.ts'
import type { CheckpointSession } from '../../runtime/checkpoint/checkpoint-store.ts'
import type { Journal } from '../../runtime/checkpoint/journal.ts'
import { recover, verify } from '../../runtime/checkpoint/recovery.ts'
import { systemClock } from '../../runtime/clock.ts'
import { MillraceError } from '../../runtime/errors.ts'
import { commitSample, JOB, recoveredValues, valuesOf } from '../contract/sample-checkpoint.ts'
import { type Effect, RequestFaults } from './request-faults.ts'
import { newName } from './store-places.ts'

const CODES = new Set(['STORE_UNAVAILABLE', 'STORE_FULL'])
const bytesOf = (text: string) => new TextEncoder().encode(text)
const textOf = (bytes: Uint8Array) => new TextDecoder().decode(bytes)

function storeOf(name: string, openDeadlineMs = 5_000): IndexedDbStore {
  const clock = systemClock
  const certificates = certificatesOf(name, clock)
  const parts = { kind: 'indexeddb', databaseName: `millrace/${name}`, clock, locks: navigator.locks, certificates, shelves: null }
  return new IndexedDbStore({ durability: 'relaxed' }, { ...parts, openDeadlineMs })
}

/** What a life of a store has acknowledged. */
interface Life {
  session: CheckpointSession | null
  checkpointId: number
  entries: string[]
  errors: MillraceError[]
}

/** Opens, commits four checkpoints (the first is collected), appends, reads and trims a journal. Errors do not stop it. */
async function live(name: string): Promise<Life> {
  const life: Life = { session: null, checkpointId: 0, entries: [], errors: [] }
  let journal: Journal | null = null
  const attempt = async (work: () => Promise<void>) => {
    try {
      await work()
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error
      life.errors.push(error)
    }
  }
  await attempt(async () => {
    life.session = await storeOf(name).open('contract')
  })
  const { session } = life
  if (session === null) return life
  await attempt(async () => {
    journal = await session.openJournal!('messages')
  })
  for (let id = 1; id <= 4; id++) {
    await attempt(async () => {
      await commitSample(session, id)
      life.checkpointId = id
    })
    await attempt(async () => {
      const entry = `entry ${id}`
      const number = await journal?.append([bytesOf(entry)])
      if (number !== undefined) life.entries[number] = entry
    })
  }
  await attempt(async () => {
    if (journal !== null && journal.end > 0) await journal.trim(1)
  })
  await attempt(async () => {
    if (journal === null || journal.end === journal.begin) return
    const read = (await journal.read(journal.begin, 10)).map(textOf)
    for (const [index, text] of read.entries())
      check(text === life.entries[journal!.begin + index], `read ${text} at ${journal!.begin + index}`)
  })
  return life
}

function check(condition: boolean, what: string): void {
  if (!condition) throw new Error(what)
}

/** What is there when everything works again. @param checkpointIdMin - Acknowledged; more may be there. */
async function checkAfterwards(name: string, life: Life): Promise<void> {
  if (life.session !== null) {
    // The session goes on by itself.
    await commitSample(life.session, 50)
    life.checkpointId = 50
    await life.session.close()
  }
  const session = await storeOf(name).open('contract')
  const recovered = await recover(session, JOB)
  const id = recovered?.manifest.checkpointId ?? 0
  check(id === life.checkpointId, `${life.checkpointId} was acknowledged, ${id} recovered`)
  if (recovered !== null) check(recoveredValues(recovered).join() === valuesOf(id).join(), 'a mixture of two checkpoints')
  for (const { problem } of await verify(session)) check(problem === null, String(problem))
  const journal = await session.openJournal!('messages')
  const entries = (await journal.read(journal.begin, 100)).map(textOf)
  for (const [number, entry] of life.entries.entries()) {
    if (entry !== undefined && number >= journal.begin) check(entries[number - journal.begin] === entry, `entry ${number} is lost`)
  }
  check(journal.begin <= 1, `more was trimmed than was asked for: ${journal.begin}`)
  await session.close()
  await storeOf(name).destroy()
}

export interface FaultsResult {
  readonly requests: number
  readonly runs: number
  readonly hits: number
  readonly failures: readonly string[]
}

/** @param step - 1: every request; 3: every third. */
async function failEach(effect: Effect, isPersistent: boolean, step: number, phase: number): Promise<FaultsResult> {
  const counting = new RequestFaults(() => null)
  counting.install()
  const name = newName()
  await checkAfterwardsOf(counting, name)
  const requests = counting.count
  const failures: string[] = []
  let runs = 0
  let hits = 0
  for (let nth = phase % step; nth < requests; nth += step) {
    runs++
    try {
      if (await failAt(effect, isPersistent, nth)) hits++
    } catch (error) {
      failures.push(`request ${nth}: ${error instanceof Error ? (error.stack ?? String(error)) : String(error)}`)
    }
  }
  return { requests, runs, hits, failures }
}

async function checkAfterwardsOf(faults: RequestFaults, name: string): Promise<void> {
  let life: Life
  try {
    life = await live(name)
  } finally {
    faults.uninstall()
  }
  check(life.errors.length === 0, String(life.errors[0]))
  await checkAfterwards(name, life)
}

/** @returns whether the fault was met. */
async function failAt(effect: Effect, isPersistent: boolean, nth: number): Promise<boolean> {
  const name = newName()
  let isHit = false
  const faults = new RequestFaults((index) => {
    const fails = isPersistent ? index >= nth : index === nth
    isHit ||= fails
    return fails ? effect : null
  })
  faults.install()
  if (!isPersistent) {
    // One failure is repaired by a second try, and nobody hears of it.
    await checkAfterwardsOf(faults, name)
    return isHit
  }
  let life: Life
  try {
    life = await live(name)
  } finally {
    faults.uninstall()
  }
  for (const { code, message } of life.errors) check(CODES.has(code), `${code}: ${message}`)
  check(!isHit || life.errors.length > 0, 'all requests failed, and nobody heard of it')
  await checkAfterwards(name, life)
  return isHit
}

/** An opening that is never answered, at each place where one is made: what comes of it, and how long it took. */
async function hangEach(openDeadlineMs: number): Promise<{ readonly code: string; readonly ms: number }[]> {
  const name = newName()
  await (await storeOf(name).open('contract')).close()
  const answers: { code: string; ms: number }[] = []
  for (let nth = 0; nth < 2; nth++) {
    let opened = 0
    const faults = new RequestFaults((_, method, database) =>
      method === 'open' && database === `millrace/${name}` && opened++ === nth ? 'hang' : null,
    )
    faults.install()
    const start = performance.now()
    const code = await storeOf(name, openDeadlineMs)
      .open('contract')
      .then(
        (session) => session.close().then(() => 'opened'),
        (error: MillraceError) => error.code,
      )
    faults.uninstall()
    answers.push({ code, ms: performance.now() - start })
    // Whoever comes next is not kept out by the one who failed.
    await (await storeOf(name).open('contract')).close()
  }
  return answers
}

Object.assign(globalThis, { failEach, hangEach })
