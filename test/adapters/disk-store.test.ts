import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, describe, expect, test } from 'vitest'
import { nodeFileSystem } from '../../adapters/disk/file-system.ts'
import { DiskPaths } from '../../adapters/disk/names.ts'
import { fileCheckpoints } from '../../adapters/disk-store.ts'
import { recover, verify } from '../../runtime/checkpoint/recovery.ts'
import { checkpointStoreContract } from '../contract/checkpoint-store-contract.ts'
import { journalContract } from '../contract/journal-contract.ts'
import { commitSample, JOB, recoveredValues, valuesOf } from '../contract/sample-checkpoint.ts'
import { diskPlace, diskStore, FakeProcesses, filesBelow, temporaryDirectory } from './disk-store-support.ts'

checkpointStoreContract('disk', diskPlace, { locksLiveOwners: true, detectsLoss: true, canBeDamaged: true })
journalContract('disk', diskPlace)

const directories: string[] = []
function newDirectory(): string {
  const directory = temporaryDirectory()
  directories.push(directory)
  return directory
}
afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true })
})

describe('directory', () => {
  test('is made with those above it, by path or by URL, and has the documented layout', async () => {
    const root = join(newDirectory(), 'a', 'b')
    const session = await fileCheckpoints(pathToFileURL(root)).open('contract')
    await commitSample(session, 42)
    expect(filesBelow(root).map((path) => path.replace(/[0-9a-f]{64}$/, '<hash>').replace(/^chunks\/../, 'chunks/<xx>'))).toEqual([
      'chunks/<xx>/<hash>',
      'chunks/<xx>/<hash>',
      'job-copy.json',
      'job.json',
      'manifests/0000000001-0000000000000042',
      'owner-0000000001',
    ])
    expect(readdirSync(join(root, 'work-0000000001'))).toEqual([])
    await session.close()
    expect(existsSync(join(root, 'work-0000000001'))).toBe(false)
  })

  test('inspection makes nothing and needs no claim', async () => {
    const root = join(newDirectory(), 'none')
    expect(await verify(await fileCheckpoints(root).inspect())).toEqual([])
    expect(existsSync(root)).toBe(false)
  })

  test('keeps no leftovers: drafts, refuse and claims of killed owners are removed at open', async () => {
    const root = newDirectory()
    const processes = new FakeProcesses()
    await commitSample(await diskStore(root, processes.spawn()).open('contract'), 1)
    writeFileSync(join(root, 'work-0000000001', '17'), 'half a chunk')
    writeFileSync(join(root, 'claim-99-3'), '{')
    processes.killAll()
    const session = await diskStore(root, processes.spawn()).open('contract')
    expect(readdirSync(root).sort()).toEqual(['chunks', 'job-copy.json', 'job.json', 'manifests', 'owner-0000000002', 'work-0000000002'])
    expect(readdirSync(join(root, 'work-0000000002'))).toEqual([])
    await session.close()
  })

  test('deleted as a whole it starts afresh; deleted in part it is lost', async () => {
    const root = newDirectory()
    const processes = new FakeProcesses()
    const open = () => {
      processes.killAll()
      return diskStore(root, processes.spawn()).open('contract')
    }
    await commitSample(await open(), 1)
    rmSync(join(root, 'manifests'), { recursive: true })
    await expect(open()).rejects.toMatchObject({ code: 'STATE_LOST', details: { committed: { epoch: 1, checkpointId: 1 } } })
    for (const name of ['job.json', 'job-copy.json']) rmSync(join(root, name))
    await expect(open()).rejects.toMatchObject({ code: 'STATE_LOST' })
    rmSync(root, { recursive: true })
    expect(await recover(await open(), JOB)).toBeNull()
  })

  test('one lost or damaged certificate does not matter, two damaged ones with nothing else are lost state', async () => {
    for (const content of [null, '', '{"millrace":"checkpoints"}']) {
      const root = newDirectory()
      const processes = new FakeProcesses()
      const open = () => {
        processes.killAll()
        return diskStore(root, processes.spawn()).open('contract')
      }
      await commitSample(await open(), 1)
      const spoil = (name: string) => (content === null ? rmSync(join(root, name)) : writeFileSync(join(root, name), content))
      spoil('job.json')
      expect(recoveredValues((await recover(await open(), JOB))!)).toEqual(valuesOf(1))
      spoil('job-copy.json')
      await open()
      spoil('job.json')
      spoil('job-copy.json')
      expect(recoveredValues((await recover(await open(), JOB))!)).toEqual(valuesOf(1))
      rmSync(join(root, 'manifests'), { recursive: true })
      await expect(open()).rejects.toMatchObject({ code: 'STATE_LOST' })
    }
  })

  test('either copy of the certificate knows of the first commit', async () => {
    for (const name of ['job.json', 'job-copy.json']) {
      const root = newDirectory()
      const processes = new FakeProcesses()
      const session = await diskStore(root, processes.spawn()).open('contract')
      await commitSample(session, 1)
      await session.close()
      rmSync(join(root, 'manifests'), { recursive: true })
      rmSync(join(root, name))
      await expect(diskStore(root, processes.spawn()).open('contract')).rejects.toMatchObject({ code: 'STATE_LOST' })
    }
  })

  test('a killed owner whose first commit missed the certificate is made up for at open', async () => {
    const root = newDirectory()
    const processes = new FakeProcesses()
    const paths = new DiskPaths(root)
    const before = await diskStore(root, processes.spawn()).open('contract')
    const fresh = [0, 1].map((copy) => nodeFileSystem.readFile(paths.certificate(copy), 10_000))
    const copies = await Promise.all(fresh)
    await commitSample(before, 1)
    copies.forEach((bytes, copy) => writeFileSync(paths.certificate(copy), bytes))
    processes.killAll()
    await (await diskStore(root, processes.spawn()).open('contract')).close()
    rmSync(paths.manifest({ epoch: 1, checkpointId: 1 }))
    await expect(diskStore(root, processes.spawn()).open('contract')).rejects.toMatchObject({ code: 'STATE_LOST' })
  })
})

describe('owners', () => {
  test('the error of a locked directory names the process', async () => {
    const root = newDirectory()
    const processes = new FakeProcesses()
    const owner = processes.spawn()
    await diskStore(root, owner).open('contract')
    await expect(diskStore(root, processes.spawn()).open('contract')).rejects.toMatchObject({
      code: 'JOB_LOCKED',
      message: expect.stringContaining(`process ${owner.pid} on here`) as string,
      details: { pid: owner.pid, host: 'here', epoch: 1 },
    })
  })

  test('this very process counts as a live owner', async () => {
    const root = newDirectory()
    const session = await fileCheckpoints(root).open('contract')
    await expect(fileCheckpoints(root).open('contract')).rejects.toMatchObject({ code: 'JOB_LOCKED', details: { pid: process.pid } })
    await session.close()
    await (await fileCheckpoints(root).open('contract')).close()
  })

  test('an owner on another host is fenced, not waited for', async () => {
    const root = newDirectory()
    const processes = new FakeProcesses()
    const far = await diskStore(root, processes.spawn('there')).open('contract')
    await commitSample(far, 1)
    const near = await diskStore(root, processes.spawn('here')).open('contract')
    await expect(commitSample(far, 2)).rejects.toMatchObject({ code: 'JOB_FENCED', details: { epoch: 1, newerEpoch: 2 } })
    expect(recoveredValues((await recover(near, JOB))!)).toEqual(valuesOf(1))
  })

  test('a claim that cannot be read belongs to nobody known', async () => {
    for (const content of ['', '{', 'null', '[]', '{"pid":-1,"host":"here"}', '{"pid":1e300,"host":"here"}', '{"pid":"1","host":"here"}']) {
      const root = newDirectory()
      writeFileSync(join(root, 'owner-0000000005'), content)
      expect((await diskStore(root, new FakeProcesses().spawn()).open('contract')).epoch).toBe(6)
    }
  })

  test('of many that open at once one gets in; the others hear that it is locked', async () => {
    const root = newDirectory()
    const processes = new FakeProcesses()
    const results = await Promise.allSettled(Array.from({ length: 8 }, () => diskStore(root, processes.spawn()).open('contract')))
    const codes = results.map((result) => (result.status === 'fulfilled' ? 'open' : (result.reason as { code: string }).code))
    expect(codes.toSorted()).toEqual([...Array<string>(7).fill('JOB_LOCKED'), 'open'])
  })

  test('of many on other hosts that open at once the highest epoch commits, and no other', async () => {
    for (let round = 0; round < 10; round++) {
      const root = newDirectory()
      const processes = new FakeProcesses()
      const opened = await Promise.allSettled(
        Array.from({ length: 6 }, (_, host) => diskStore(root, processes.spawn(`host ${host}`)).open('contract')),
      )
      const sessions = opened.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
      for (const result of opened) if (result.status === 'rejected') expect((result.reason as { code: string }).code).toBe('JOB_FENCED')
      const highest = Math.max(...sessions.map(({ epoch }) => epoch))
      const commits = await Promise.allSettled(sessions.map((session) => commitSample(session, 1)))
      commits.forEach((commit, index) => {
        if (sessions[index]!.epoch === highest) expect(commit.status).toBe('fulfilled')
        else expect((commit as PromiseRejectedResult).reason).toMatchObject({ code: 'JOB_FENCED' })
      })
    }
  })

  test('a claim made before a commit publishes leaves nothing of it; one made after withholds the acknowledgement', async () => {
    for (const when of ['before', 'after'] as const) {
      const root = newDirectory()
      const paths = new DiskPaths(root)
      let isArmed = false
      const claimAfter = async <T>(change: Promise<T>) => {
        const result = await change
        if (isArmed) writeFileSync(paths.owner(9), '')
        return result
      }
      const fs = {
        ...nodeFileSystem,
        createFile: (path: string) => (when === 'before' ? claimAfter(nodeFileSystem.createFile(path)) : nodeFileSystem.createFile(path)),
        link: (from: string, to: string) => claimAfter(nodeFileSystem.link(from, to)),
      }
      const session = await diskStore(root, new FakeProcesses().spawn(), fs).open('contract')
      await commitSample(session, 1)
      isArmed = true
      await expect(commitSample(session, 2)).rejects.toMatchObject({
        name: 'JobStateError',
        code: 'JOB_FENCED',
        details: { newerEpoch: 9 },
      })
      expect((await session.generations()).map(({ checkpointId }) => checkpointId)).toEqual(when === 'before' ? [1] : [2, 1])
    }
  })

  test('the fence holds between any two operations of a paused owner', async () => {
    // The old owner is paused at its Nth change, a new one opens, recovers and commits, then the old one goes on.
    for (let nth = 0; ; nth++) {
      const root = newDirectory()
      const processes = new FakeProcesses()
      let count = -Infinity
      let reached = () => {}
      let goOn = () => {}
      const isReached = new Promise<void>((resolve) => (reached = resolve))
      const mayGoOn = new Promise<void>((resolve) => (goOn = resolve))
      const paused = pausing(async () => {
        if (count++ !== nth) return
        reached()
        await mayGoOn
      })
      const setup = await diskStore(root, processes.spawn()).open('contract')
      for (let id = 1; id <= 3; id++) await commitSample(setup, id)
      await setup.close()
      const old = await diskStore(root, processes.spawn('there'), paused).open('contract')
      await recover(old, JOB)
      count = 0
      const commit = commitSample(old, 4).then(
        () => 'acknowledged',
        (error: { code?: string }) => error.code,
      )
      const isPaused = await Promise.race([isReached.then(() => true), commit.then(() => false)])
      if (!isPaused) break
      const owner = await diskStore(root, processes.spawn('here')).open('contract')
      const seen = (await recover(owner, JOB))!.manifest.checkpointId
      // The same value again: a chunk that the old owner is about to throw away.
      for (let id = seen + 1; id <= seen + 2; id++) await commitSample(owner, id, valuesOf(1))
      goOn()
      expect(['acknowledged', 'JOB_FENCED']).toContain(await commit)
      expect(
        await commitSample(old, 5).then(
          () => null,
          (error: { code: string }) => error.code,
        ),
      ).toBe('JOB_FENCED')
      const reports = await verify(owner)
      expect(
        reports.map(({ problem }) => problem),
        `paused at change ${nth}`,
      ).toEqual(reports.map(() => null))
      expect(reports[0]!.generation).toEqual({ epoch: owner.epoch, checkpointId: seen + 2 })
      if ((await commit) === 'acknowledged') expect(seen).toBe(4)
    }
  })
})

/** The real file system, with `before` awaited ahead of every change. */
function pausing(before: () => Promise<void>): typeof nodeFileSystem {
  const changes = ['createFile', 'rename', 'link', 'unlink', 'makeDirectory', 'syncDirectory'] as const
  const wrapped = changes.map((name) => {
    const real = nodeFileSystem[name] as (...parts: string[]) => Promise<unknown>
    const change = async (...parts: string[]) => {
      await before()
      return await real(...parts)
    }
    return [name, change] as const
  })
  return { ...nodeFileSystem, ...Object.fromEntries(wrapped) }
}
