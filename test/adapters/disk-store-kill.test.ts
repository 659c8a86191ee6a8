import { type ChildProcess, spawn } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, test } from 'vitest'
import { nodeProcessTable } from '../../adapters/disk/process-table.ts'
import { fileCheckpoints } from '../../adapters/disk-store.ts'
import { recover, verify } from '../../runtime/checkpoint/recovery.ts'
import { systemClock } from '../../runtime/clock.ts'
import { JOB, recoveredValues } from '../contract/sample-checkpoint.ts'
import { Prng } from '../support/prng.ts'
import { temporaryDirectory } from './disk-store-support.ts'

const childFile = fileURLToPath(new URL('disk-store-child.ts', import.meta.url))
const KILL_COUNT = Number(process.env['MILLRACE_KILLS'] ?? 10)

const directories: string[] = []
const children: Job[] = []
afterEach(async () => {
  for (const child of children.splice(0)) await child.kill()
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true })
})
function newDirectory(): string {
  const directory = temporaryDirectory()
  directories.push(directory)
  return directory
}

/** A child that runs the job of disk-store-child.ts, and the lines it has printed. */
class Job {
  readonly process: ChildProcess
  readonly lines: string[] = []
  readonly #ended: Promise<void>
  #rest = ''
  #wake = () => {}

  constructor(directory: string) {
    this.process = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', childFile, directory], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    this.process.stdout!.setEncoding('utf8').on('data', (text: string) => {
      const lines = (this.#rest + text).split('\n')
      this.#rest = lines.pop()!
      this.lines.push(...lines)
      this.#wake()
    })
    // `close`, not `exit`: only then has everything it printed been read.
    this.#ended = new Promise((resolve) => this.process.once('close', () => resolve()))
    children.push(this)
  }

  get acknowledged(): number {
    return Math.max(0, ...this.lines.map(Number).filter((id) => Number.isInteger(id)))
  }

  async until(isReached: (lines: readonly string[]) => boolean): Promise<void> {
    while (!isReached(this.lines)) {
      const hasEnded = await Promise.race([
        this.#ended.then(() => true),
        new Promise<boolean>((resolve) => (this.#wake = () => resolve(false))),
      ])
      if (hasEnded && !isReached(this.lines)) throw new Error(`the child ended after ${JSON.stringify(this.lines.slice(-3))}`)
    }
  }

  async kill(): Promise<void> {
    this.process.kill('SIGKILL')
    await this.#ended
  }

  get ended(): Promise<void> {
    return this.#ended
  }
}

test(`SIGKILL while committing, ${KILL_COUNT} times: what was acknowledged, or something newer, is recovered whole`, {
  timeout: 600_000,
}, async () => {
  const directory = newDirectory()
  const prng = new Prng(1)
  let acknowledged = 0
  for (let kill = 1; kill <= KILL_COUNT; kill++) {
    const job = new Job(directory)
    await job.until((lines) => lines.length > 1)
    await systemClock.sleep(prng.int(25))
    await job.kill()
    const recoveredByChild = Number(job.lines[0]!.split(' ')[2])
    expect(recoveredByChild, `kill ${kill}`).toBeGreaterThanOrEqual(acknowledged)
    acknowledged = job.acknowledged
    const reader = await fileCheckpoints(directory).inspect()
    for (const { problem } of await verify(reader)) expect(problem, `kill ${kill}`).toBeNull()
  }
  const session = await fileCheckpoints(directory).open('contract')
  const recovered = (await recover(session, JOB))!
  const id = recovered.manifest.checkpointId
  expect(id).toBeGreaterThanOrEqual(acknowledged)
  expect(id).toBeGreaterThan(KILL_COUNT)
  expect(recoveredValues(recovered)).toEqual(['constant', `value of ${id}`, `large ${id}`.padEnd(20_000, '.')])
  expect(session.epoch).toBe(KILL_COUNT + 1)
  await session.close()
})

test('a second process on the same directory is told which process holds it', async () => {
  const directory = newDirectory()
  const first = new Job(directory)
  await first.until((lines) => lines.length > 1)
  await expect(fileCheckpoints(directory).open('contract')).rejects.toMatchObject({
    name: 'JobStateError',
    code: 'JOB_LOCKED',
    details: { pid: first.process.pid, host: hostname() },
  })
  const second = new Job(directory)
  await second.until((lines) => lines.length > 0)
  expect(second.lines).toEqual(['error JOB_LOCKED'])
  // The holder did not notice.
  const count = first.lines.length
  await first.until((lines) => lines.length > count + 2)
})

test('a stopped process still holds the directory; once it is superseded and goes on, it is fenced', async () => {
  const directory = newDirectory()
  const job = new Job(directory)
  await job.until((lines) => lines.length > 2)
  job.process.kill('SIGSTOP')
  await expect(fileCheckpoints(directory).open('contract')).rejects.toMatchObject({ code: 'JOB_LOCKED' })
  // As an owner elsewhere does, who cannot tell whether this one lives.
  writeFileSync(join(directory, 'owner-0000000001'), JSON.stringify({ pid: job.process.pid, host: 'elsewhere', released: false }))
  const session = await fileCheckpoints(directory).open('contract')
  const recovered = (await recover(session, JOB))!
  expect(recovered.manifest.checkpointId).toBeGreaterThanOrEqual(job.acknowledged)
  job.process.kill('SIGCONT')
  await job.ended
  expect(job.lines.at(-1)).toBe('error JOB_FENCED')
  // A pause between publishing and printing may acknowledge one more; the new owner has seen it.
  expect(job.acknowledged).toBeLessThanOrEqual(recovered.manifest.checkpointId)
  const generations = await session.generations()
  expect(generations[0]).toEqual(recovered.generation)
  await session.close()
})

test('a running process that finds a higher claim stops with JOB_FENCED', async () => {
  const directory = newDirectory()
  const job = new Job(directory)
  await job.until((lines) => lines.length > 2)
  writeFileSync(join(directory, 'owner-0000000009'), '')
  await job.ended
  expect(job.lines.at(-1)).toBe('error JOB_FENCED')
})

const self = await nodeProcessTable.self()

test('a process is known by pid and host', async () => {
  expect(await nodeProcessTable.stateOf(self)).toBe('alive')
  expect(await nodeProcessTable.stateOf({ ...self, host: 'elsewhere' })).toBe('unknown')
  expect(await nodeProcessTable.stateOf({ ...self, pid: 2 ** 22 + 7 })).toBe('dead')
})

// Where there is no /proc nothing more is known.
if (self.startTicks !== null) {
  test('a process is known by start, boot and namespace, too', async () => {
    expect(await nodeProcessTable.stateOf({ ...self, startTicks: '1' })).toBe('dead')
    expect(await nodeProcessTable.stateOf({ ...self, bootId: 'another boot' })).toBe('dead')
    expect(await nodeProcessTable.stateOf({ ...self, pidNamespace: 'pid:[1]' })).toBe('unknown')
  })
}
