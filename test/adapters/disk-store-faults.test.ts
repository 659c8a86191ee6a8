import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { nodeFileSystem } from '../../adapters/disk/file-system.ts'
import { recover, writeCheckpoint } from '../../runtime/checkpoint/recovery.ts'
import { MillraceError } from '../../runtime/errors.ts'
import { commitSample, JOB, recoveredValues, sampleCheckpoint, valuesOf } from '../contract/sample-checkpoint.ts'
import {
  DiskCrash,
  type DiskFault,
  diskStore,
  errno,
  FakeProcesses,
  FaultyDisk,
  filesBelow,
  temporaryDirectory,
} from './disk-store-support.ts'

const cleanups: (() => void)[] = []
function newDirectory(): string {
  const directory = temporaryDirectory()
  cleanups.push(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}
afterEach(() => {
  for (const cleanup of cleanups.splice(0).toReversed()) cleanup()
})

const faults: readonly DiskFault[] = ['EIO', 'ENOSPC', 'EDQUOT', 'short', 'short-then-ENOSPC', 'nonsense-count', 'crash', 'torn-crash']

/** What came of a call: null when it resolved. Anything but our errors and the crash itself is a defect. */
async function outcome(call: Promise<unknown>, where: string): Promise<MillraceError | DiskCrash | null> {
  const error = await call.then(
    () => null,
    (reason: unknown) => reason,
  )
  const cause = error instanceof MillraceError ? error : null
  expect(error === null || cause !== null || error instanceof DiskCrash, `${where}: ${String(error)}`).toBe(true)
  return error as MillraceError | null
}

/** A new process recovers; the checkpoint it found must be whole. @returns its id, 0 for a fresh start. */
async function recoveredId(root: string, processes: FakeProcesses, where: string): Promise<number> {
  processes.killAll()
  const session = await diskStore(root, processes.spawn()).open('contract')
  const recovered = await recover(session, JOB)
  if (recovered === null) return 0
  const id = recovered.manifest.checkpointId
  expect(recoveredValues(recovered), where).toEqual(valuesOf(id))
  expect(recovered.skipped, where).toEqual([])
  // It must be able to go on, too.
  await commitSample(session, id + 1)
  await session.close()
  return id
}

describe.each(faults)('%s at every changing operation', (fault) => {
  test('of a commit: the new checkpoint or the one before is there whole, and what was acknowledged stays', async () => {
    let operations = 0
    for (let nth = 0; ; nth++) {
      const where = `${fault} at operation ${nth}`
      const root = newDirectory()
      const processes = new FakeProcesses()
      const disk = new FaultyDisk()
      const session = await diskStore(root, processes.spawn(), disk).open('contract')
      for (let id = 1; id <= 3; id++) await commitSample(session, id)
      disk.failAt(nth, fault)
      const error = await outcome(commitSample(session, 4), where)
      if (!disk.hasFailed) {
        operations = nth
        break
      }
      if (fault === 'ENOSPC' || fault === 'EDQUOT' || fault === 'short-then-ENOSPC') {
        if (error !== null && disk.log.at(-1) !== 'syncDirectory')
          expect(error, where).toMatchObject({ code: 'STORE_FULL', retryable: true })
      }
      if (fault === 'EIO' && error !== null) expect(error, where).toMatchObject({ code: 'STORE_UNAVAILABLE', retryable: false })
      if (fault === 'short') expect(error, where).toBeNull()
      let acknowledged = error === null ? 4 : 3
      // A job that goes on after the failure must not make things worse.
      disk.heal()
      if ((await outcome(commitSample(session, 5), where)) === null) acknowledged = 5
      const id = await recoveredId(root, processes, where)
      expect(id, where).toBeGreaterThanOrEqual(acknowledged)
      expect(id, where).toBeLessThanOrEqual(5)
    }
    // Two files, their directories, the manifest, the certificate, and what is thrown away: the enumeration really ran through them.
    expect(operations).toBeGreaterThan(20)
  })

  test('of the first commit and of an open: nothing is taken for a fresh start that is not one', async () => {
    for (let nth = 0; ; nth++) {
      const where = `${fault} at operation ${nth}`
      const root = newDirectory()
      const processes = new FakeProcesses()
      const disk = new FaultyDisk()
      disk.failAt(nth, fault)
      let acknowledged = 0
      const first = outcome(
        diskStore(root, processes.spawn(), disk)
          .open('contract')
          .then((session) => commitSample(session, 1)),
        where,
      )
      if ((await first) === null) acknowledged = 1
      const hasFailed = disk.hasFailed
      const id = await recoveredId(root, processes, where)
      expect(id, where).toBeGreaterThanOrEqual(acknowledged)
      if (!hasFailed) break
    }
  })

  test('of an open after a kill: the checkpoint is still found, and the fault leaves no lock behind', async () => {
    for (let nth = 0; ; nth++) {
      const where = `${fault} at operation ${nth}`
      const root = newDirectory()
      const processes = new FakeProcesses()
      const killed = await diskStore(root, processes.spawn()).open('contract')
      for (let id = 1; id <= 4; id++) await commitSample(killed, id)
      processes.killAll()
      const disk = new FaultyDisk()
      disk.failAt(nth, fault)
      await outcome(diskStore(root, processes.spawn(), disk).open('contract'), where)
      const hasFailed = disk.hasFailed
      expect(await recoveredId(root, processes, where)).toBe(4)
      if (!hasFailed) break
    }
  })
})

test('after a full disk the files of the failed checkpoint are removed, and the next good one leaves nothing of it', async () => {
  for (let nth = 0; nth < 16; nth++) {
    const root = newDirectory()
    const disk = new FaultyDisk()
    const session = await diskStore(root, new FakeProcesses().spawn(), disk).open('contract')
    await commitSample(session, 1)
    const before = filesBelow(root)
    disk.failAt(nth, 'ENOSPC')
    await expect(commitSample(session, 2, ['a', 'b', 'c', 'd'])).rejects.toMatchObject({ code: 'STORE_FULL', retryable: true })
    expect(filesBelow(root)).toEqual(before)
    disk.heal()
    await commitSample(session, 2)
    expect(filesBelow(join(root, 'chunks')).length).toBe(3)
  }
})

test('after a failure that is not a full disk, too, the next good checkpoint leaves nothing of the failed one', async () => {
  for (let nth = 0; nth < 16; nth++) {
    const root = newDirectory()
    const disk = new FaultyDisk()
    const session = await diskStore(root, new FakeProcesses().spawn(), disk).open('contract')
    await commitSample(session, 1)
    disk.failAt(nth, 'EIO')
    await expect(commitSample(session, 2, ['a', 'b', 'c', 'd'])).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    disk.heal()
    await commitSample(session, 2)
    expect(filesBelow(join(root, 'chunks')).length).toBe(3)
  }
})

test('a session whose directory could not be synced ends, and the next one goes on', async () => {
  const root = newDirectory()
  const processes = new FakeProcesses()
  let mayFail = true
  const fs = {
    ...nodeFileSystem,
    syncDirectory: (path: string) => (mayFail ? Promise.reject(errno('EIO')) : nodeFileSystem.syncDirectory(path)),
  }
  mayFail = false
  const session = await diskStore(root, processes.spawn(), fs).open('contract')
  await commitSample(session, 1)
  mayFail = true
  await expect(commitSample(session, 2)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', retryable: false })
  mayFail = false
  await expect(commitSample(session, 3)).rejects.toMatchObject({
    code: 'STORE_UNAVAILABLE',
    message: expect.stringContaining('open the store again') as string,
  })
  await session.close()
  expect(await recoveredId(root, processes, 'after')).toBe(1)
})

/** Mounts a small tmpfs, or says why not. */
function mountTmpfs(size: string): string | null {
  const directory = newDirectory()
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', directory], { stdio: 'pipe' })
  } catch {
    return null
  }
  cleanups.push(() => execFileSync('umount', ['-l', directory], { stdio: 'pipe' }))
  return directory
}

test('a disk that is really full: STORE_FULL, the last checkpoint intact, and on it goes when space returns', async ({
  annotate,
  skip,
}) => {
  const mount = mountTmpfs('1m')
  if (mount === null) {
    await annotate('no tmpfs could be mounted: only the injected full disk was tested')
    return skip()
  }
  await annotate('a tmpfs of 1 MiB was really filled')
  const root = join(mount, 'state')
  const processes = new FakeProcesses()
  const session = await diskStore(root, processes.spawn()).open('contract')
  await commitSample(session, 1)
  const room = () => statfsSync(mount).bavail * statfsSync(mount).bsize
  // Filled to every level from a page to far more than a checkpoint needs.
  let fullCount = 0
  let id = 1
  for (let pages = 0; pages <= 40; pages++) {
    const filler = join(mount, 'filler')
    rmSync(filler, { force: true })
    const free = room() - pages * 4096
    if (free > 0) writeFileSync(filler, new Uint8Array(free))
    const next = id + 1
    const { manifest, chunks } = await sampleCheckpoint({ epoch: session.epoch, checkpointId: next }, [`${next}`.repeat(30_000)])
    const error = await writeCheckpoint(session, manifest, chunks).then(
      () => null,
      (reason: unknown) => reason,
    )
    if (error !== null) {
      fullCount++
      expect(error).toMatchObject({ name: 'CheckpointError', code: 'STORE_FULL', retryable: true })
      expect(readdirSync(join(root, 'work-0000000001'))).toEqual([])
    }
    rmSync(filler, { force: true })
    await commitSample(session, (id = next + 1))
  }
  expect(fullCount).toBeGreaterThan(5)
  expect(await recoveredId(root, processes, 'full')).toBe(id)
})

test('a read-only file system is refused at open, with the remedy', async ({ annotate }) => {
  const mount = mountTmpfs('1m')
  let fs = nodeFileSystem
  let root = newDirectory()
  if (mount === null) {
    await annotate('no tmpfs could be mounted: EROFS was injected')
    fs = { ...nodeFileSystem, createFile: () => Promise.reject(errno('EROFS')) }
  } else {
    await annotate('a tmpfs was really mounted read-only')
    root = join(mount, 'state')
    mkdirSync(root)
    execFileSync('mount', ['-o', 'remount,ro', mount])
  }
  const error = await outcome(diskStore(root, new FakeProcesses().spawn(), fs).open('contract'), 'read-only')
  expect(error).toMatchObject({ name: 'CheckpointError', code: 'STORE_UNAVAILABLE', retryable: false })
  expect(error!.message).toContain('mount it writable')
})

test('a path that is, or leads through, a file is refused with the remedy', async () => {
  const root = newDirectory()
  writeFileSync(join(root, 'file'), '')
  for (const path of [join(root, 'file'), join(root, 'file', 'state')]) {
    const error = await outcome(diskStore(path, new FakeProcesses().spawn()).open('contract'), path)
    expect(error).toMatchObject({ code: 'STORE_UNAVAILABLE', message: expect.stringContaining('name a directory') as string })
  }
})

test.each(['EACCES', 'EPERM', 'ENOTSUP', 'EMFILE'])('%s at open is STORE_UNAVAILABLE', async (code) => {
  const fs = { ...nodeFileSystem, link: () => Promise.reject(errno(code)) }
  const error = await outcome(diskStore(newDirectory(), new FakeProcesses().spawn(), fs).open('contract'), code)
  expect(error).toMatchObject({ code: 'STORE_UNAVAILABLE', retryable: code === 'EMFILE', details: { cause: code } })
})
