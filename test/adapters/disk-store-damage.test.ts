import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { DiskPaths, manifestFile } from '../../adapters/disk/names.ts'
import type { CheckpointSession } from '../../runtime/checkpoint/checkpoint-store.ts'
import { seal } from '../../runtime/checkpoint/envelope.ts'
import { encodeManifest } from '../../runtime/checkpoint/manifest.ts'
import { recover, verify } from '../../runtime/checkpoint/recovery.ts'
import { MillraceError } from '../../runtime/errors.ts'
import { commitSample, JOB, recoveredValues, sampleCheckpoint, valuesOf } from '../contract/sample-checkpoint.ts'
import { Prng } from '../support/prng.ts'
import { diskStore, FakeProcesses, filesBelow, temporaryDirectory } from './disk-store-support.ts'

const directories: string[] = []
function newDirectory(): string {
  const directory = temporaryDirectory()
  directories.push(directory)
  return directory
}
afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true })
})

/** A directory with checkpoints 1 to 3, closed. */
async function pristine(): Promise<string> {
  const root = join(newDirectory(), 'pristine')
  const session = await diskStore(root, new FakeProcesses().spawn()).open('contract')
  for (let id = 1; id <= 3; id++) await commitSample(session, id)
  await session.close()
  return root
}

/** Opens and recovers a damaged copy: a whole generation, or one of our errors. @returns the id found, or the error's code. */
async function outcome(root: string, where: string): Promise<number | string> {
  let session: CheckpointSession | null = null
  try {
    session = await diskStore(root, new FakeProcesses().spawn()).open('contract')
    const recovered = await recover(session, JOB)
    if (recovered === null) return 'fresh'
    const id = recovered.manifest.checkpointId
    expect(recoveredValues(recovered), where).toEqual(valuesOf(id))
    expect(recovered.skipped.length, where).toBe(3 - id)
    await commitSample(session, id + 1)
    return id
  } catch (error) {
    expect(error, `${where}: ${String(error)}`).toBeInstanceOf(MillraceError)
    return (error as MillraceError).code
  } finally {
    await session?.close()
  }
}

async function tally(root: string, file: string, changes: Iterable<(bytes: Buffer) => Buffer>): Promise<Map<number | string, number>> {
  const copy = join(newDirectory(), 'copy')
  const counts = new Map<number | string, number>()
  const original = readFileSync(join(root, file))
  let index = 0
  for (const change of changes) {
    rmSync(copy, { recursive: true, force: true })
    cpSync(root, copy, { recursive: true })
    writeFileSync(join(copy, file), change(Buffer.from(original)))
    const result = await outcome(copy, `${file}, change ${index++}`)
    counts.set(result, (counts.get(result) ?? 0) + 1)
  }
  return counts
}

/** For each byte one flipped bit, another one each time. */
function* flips(length: number): Generator<(bytes: Buffer) => Buffer> {
  for (let at = 0; at < length; at++) {
    yield (bytes) => {
      bytes[at]! ^= 1 << (at % 8)
      return bytes
    }
  }
}

function* truncations(length: number): Generator<(bytes: Buffer) => Buffer> {
  for (let end = 0; end < length; end++) yield (bytes) => bytes.subarray(0, end)
}

describe('a flipped bit in every byte, and a cut at every length', { timeout: 240_000 }, () => {
  test('of the newest manifest: the generation before', async () => {
    const root = await pristine()
    const file = 'manifests/0000000001-0000000000000003'
    const length = readFileSync(join(root, file)).length
    expect(await tally(root, file, flips(length))).toEqual(new Map([[2, length]]))
    expect(await tally(root, file, truncations(length))).toEqual(new Map([[2, length]]))
  })

  test('of a chunk: the generation before; of one that all share: CHECKPOINT_CORRUPT', async () => {
    const root = await pristine()
    for (const file of filesBelow(root).filter((path) => path.startsWith('chunks'))) {
      const text = readFileSync(join(root, file), 'latin1')
      const expected = text.includes('constant') ? 'CHECKPOINT_CORRUPT' : text.includes('value of 3') ? 2 : 3
      const length = text.length
      expect(await tally(root, file, flips(length)), file).toEqual(new Map([[expected, length]]))
      expect(await tally(root, file, truncations(length)), file).toEqual(new Map([[expected, length]]))
    }
  })

  test('of a certificate copy or a claim: no harm at all', async () => {
    const root = await pristine()
    for (const file of ['job.json', 'job-copy.json', 'owner-0000000001']) {
      const length = readFileSync(join(root, file)).length
      const result = new Map([...(await tally(root, file, flips(length))), ...(await tally(root, file, truncations(length)))])
      // A flip may turn `released` into something else: then the pid decides, and such a process may seem to live.
      if (file === 'owner-0000000001') result.delete('JOB_LOCKED')
      expect([...result.keys()], file).toEqual([3])
    }
  })
})

test('random damage of several files under one seed: never wrong data, never an error that is not ours', { timeout: 120_000 }, async () => {
  const root = await pristine()
  const files = filesBelow(root)
  const seen = new Set<number | string>()
  for (let seed = 1; seed <= 400; seed++) {
    const prng = new Prng(seed)
    const copy = join(newDirectory(), 'copy')
    cpSync(root, copy, { recursive: true })
    for (let count = 1 + prng.int(3); count > 0; count--) {
      const path = join(copy, prng.pick(files))
      const bytes = readFileSync(path)
      const at = prng.int(bytes.length + 1)
      const damage = [
        () => bytes.subarray(0, at),
        () => bytes.fill(0, at),
        () => Buffer.concat([bytes, bytes]),
        () => Buffer.from(bytes.map(() => prng.int(256))),
        () => readFileSync(join(root, prng.pick(files))),
      ]
      writeFileSync(path, prng.pick(damage)())
    }
    seen.add(await outcome(copy, `seed ${seed}`))
  }
  expect([...seen]).toEqual(expect.arrayContaining([1, 2, 3, 'CHECKPOINT_CORRUPT']))
  for (const result of seen) expect([1, 2, 3, 'CHECKPOINT_CORRUPT', 'STATE_LOST', 'JOB_LOCKED']).toContain(result)
})

test('while a manifest whose list of chunks is damaged is kept, no chunk is thrown away: it may be repaired', async () => {
  const root = await pristine()
  const path = new DiskPaths(root).manifest({ epoch: 1, checkpointId: 3 })
  const bytes = readFileSync(path)
  const chunk = filesBelow(root).find(
    (file) => file.startsWith('chunks') && readFileSync(join(root, file), 'latin1').includes('value of 3'),
  )!
  // In the list of chunks, behind the manifest.
  bytes[bytes.length - 45]! ^= 1
  writeFileSync(path, bytes)
  const session = await diskStore(root, new FakeProcesses().spawn()).open('contract')
  await recover(session, JOB)
  for (let id = 4; id <= 5; id++) {
    await commitSample(session, id)
    expect(filesBelow(root)).toContain(chunk)
  }
  await commitSample(session, 6)
  expect(filesBelow(root)).not.toContain(chunk)
  expect(filesBelow(join(root, 'chunks')).length).toBe(4)
  await session.close()
})

describe('a directory made by somebody else', () => {
  /** Puts a manifest of that text in the place of checkpoint 3. */
  async function withManifest(root: string, text: string): Promise<void> {
    const paths = new DiskPaths(root)
    const payload = new TextEncoder().encode(text)
    writeFileSync(paths.manifest({ epoch: 1, checkpointId: 3 }), manifestFile(await seal('manifest', payload), []))
  }

  async function manifestText(change: (text: string, hash: string) => string): Promise<string> {
    const { manifest, chunks } = await sampleCheckpoint({ epoch: 1, checkpointId: 3 }, valuesOf(3))
    return change(new TextDecoder().decode(encodeManifest(manifest)), [...chunks.keys()][0]!)
  }

  test.each([
    ['a path upwards', '../../../../etc/passwd'],
    ['a path upwards of the right length', `../../${'a'.repeat(58)}`],
    ['an absolute path', '/etc/passwd'],
    ['a Windows path', 'C:\\\\windows\\\\win.ini'],
    ['a NUL', `${'a'.repeat(63)}\\u0000`],
    ['a URL', 'https://example.com/chunk'],
    ['capital hex', 'A'.repeat(64)],
    ['a line end after the hash', `${'a'.repeat(64)}\\n`],
    ['nothing', ''],
  ])('%s as a chunk name is refused before any file is opened', async (_, name) => {
    const root = await pristine()
    await withManifest(root, await manifestText((text, hash) => text.replaceAll(hash, name)))
    expect(await outcome(root, name)).toBe(2)
  })

  test.each([
    ['2^63', '9223372036854775808'],
    ['negative', '-1'],
    ['a fraction', '1.5'],
    ['beyond any budget', '1e12'],
    ['infinite', '1e999'],
    ['text', '"8"'],
  ])('a chunk size that is %s is refused before memory is taken', async (_, size) => {
    const root = await pristine()
    await withManifest(root, await manifestText((text) => text.replace('"byteLength":8', `"byteLength":${size}`)))
    expect(await outcome(root, size)).toBe(2)
  })

  test('a chunk name is hex or nothing, whoever asks', async () => {
    const session = await diskStore(newDirectory(), new FakeProcesses().spawn()).open('contract')
    for (const name of ['../x', `${'a'.repeat(63)}/`, 'A'.repeat(64), '', `${'a'.repeat(64)}\n`]) {
      await expect(session.readChunk(name)).rejects.toThrow(RangeError)
      await expect(session.writeChunk(name, Uint8Array.of(1))).rejects.toThrow(RangeError)
    }
  })

  test('symbolic links, pipes and directories in place of files are not followed, read or waited for', async () => {
    const swaps: readonly ((path: string, aside: string) => void)[] = [
      (path, aside) => {
        renameSync(path, aside)
        symlinkSync(aside, path)
      },
      (path) => {
        rmSync(path)
        execFileSync('mkfifo', [path])
      },
      (path) => {
        rmSync(path)
        mkdirSync(path)
      },
    ]
    for (const swap of swaps) {
      for (const pick of [/^manifests\/.*3$/, /^chunks/]) {
        const root = await pristine()
        const file = filesBelow(root).find(
          (path) => pick.test(path) && (pick.test('manifests/3') || readFileSync(join(root, path), 'latin1').includes('value of 3')),
        )!
        swap(join(root, file), join(newDirectory(), 'aside'))
        // Recovery takes 2 in every case; writing the same chunk again replaces anything but a directory.
        expect(await outcome(root, file)).toBe(swap === swaps[2] && file.startsWith('chunks') ? 'STORE_UNAVAILABLE' : 2)
      }
    }
  })

  test('a chunk directory that is a symbolic link is not followed', async () => {
    const root = await pristine()
    const file = filesBelow(root).find(
      (path) => path.startsWith('chunks') && readFileSync(join(root, path), 'latin1').includes('value of 3'),
    )!
    const directory = join(root, file, '..')
    const aside = join(newDirectory(), 'aside')
    cpSync(directory, aside, { recursive: true })
    rmSync(directory, { recursive: true })
    symlinkSync(aside, directory)
    const session = await diskStore(root, new FakeProcesses().spawn()).open('contract')
    expect((await recover(session, JOB))!.manifest.checkpointId).toBe(2)
  })

  test('chunks/ or manifests/ as a symbolic link is refused', async () => {
    for (const name of ['chunks', 'manifests']) {
      const root = await pristine()
      const aside = join(newDirectory(), 'aside')
      cpSync(join(root, name), aside, { recursive: true })
      rmSync(join(root, name), { recursive: true })
      symlinkSync(aside, join(root, name))
      expect(await outcome(root, name)).toBe('STORE_UNAVAILABLE')
    }
  })

  test('a manifest under the name of another is damage', async () => {
    const root = await pristine()
    const paths = new DiskPaths(root)
    cpSync(paths.manifest({ epoch: 1, checkpointId: 2 }), paths.manifest({ epoch: 1, checkpointId: 3 }))
    expect(await outcome(root, 'swapped')).toBe(2)
  })

  test('names that are none of ours are left alone', async () => {
    const root = await pristine()
    const strange = [
      'manifests/notes.txt',
      'manifests/0000000001-1',
      'manifests/9999999999-9999999999999999',
      'chunks/zz',
      'chunks/README',
      'owner-x',
      'work-1',
      'notes',
    ]
    for (const name of strange) writeFileSync(join(root, name), 'x')
    expect(await outcome(root, 'strange names')).toBe(3)
    for (const name of strange) expect(readFileSync(join(root, name), 'utf8')).toBe('x')
    expect((await verify(await diskStore(root, new FakeProcesses().spawn()).inspect())).every(({ problem }) => problem === null)).toBe(true)
  })

  test('the largest epoch there is leaves no room for another: an error of ours', async () => {
    const root = await pristine()
    writeFileSync(join(root, 'owner-9999999999'), '')
    expect(await outcome(root, 'last epoch')).toBe('STORE_UNAVAILABLE')
  })

  test('newer formats are refused by name, at the manifest and at the certificate, and nothing is touched', async () => {
    const root = await pristine()
    await withManifest(root, await manifestText((text) => text.replace('"format":1', '"format":2,"colour":"blue"')))
    const before = filesBelow(join(root, 'chunks'))
    expect(await outcome(root, 'format 2')).toBe('FORMAT_NEWER')
    expect(filesBelow(join(root, 'chunks'))).toEqual(before)
  })
})
