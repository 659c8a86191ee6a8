import { expect, test } from 'vitest'
import { memoryCheckpoints } from '../../adapters/memory-store.ts'
import type { CheckpointReader, CheckpointSession } from '../../runtime/checkpoint/checkpoint-store.ts'
import { chunkHash, seal } from '../../runtime/checkpoint/envelope.ts'
import { encodeManifest, type Manifest } from '../../runtime/checkpoint/manifest.ts'
import { recover, verify, writeCheckpoint } from '../../runtime/checkpoint/recovery.ts'
import { systemClock } from '../../runtime/clock.ts'
import { CheckpointError } from '../../runtime/errors.ts'
import { commitSample, JOB, recoveredValues, sampleCheckpoint, valuesOf } from '../contract/sample-checkpoint.ts'
import { failNth, FaultyStore } from '../support/faulty-store.ts'

/** A store with checkpoints 1 to 3. */
async function stored(): Promise<CheckpointSession> {
  const session = await memoryCheckpoints().open('contract')
  for (let id = 1; id <= 3; id++) await commitSample(session, id)
  return session
}

/** The session, with other answers for some checkpoints' manifests and for some chunks. */
function reading(
  session: CheckpointSession,
  manifests: Record<number, Uint8Array | null>,
  chunks: Record<string, Uint8Array | null> = {},
): CheckpointSession {
  return {
    ...session,
    readManifest: async (generation) => {
      const other = manifests[generation.checkpointId]
      return other === undefined ? await session.readManifest(generation) : other
    },
    readChunk: async (hash) => {
      const other = chunks[hash]
      return other === undefined ? await session.readChunk(hash) : other
    },
  }
}

async function sealedManifest(epoch: number, checkpointId: number, changes: Partial<Manifest> = {}): Promise<Uint8Array> {
  const { manifest } = await sampleCheckpoint({ epoch, checkpointId }, valuesOf(checkpointId), changes)
  return await seal('manifest', encodeManifest(manifest))
}

const hashOf = (text: string) => chunkHash(new TextEncoder().encode(text))

test('the newest generation is recovered, with its chunks and nothing skipped', async () => {
  const recovered = (await recover(await stored(), JOB))!
  expect(recovered.generation.checkpointId).toBe(3)
  expect(recovered.manifest.sources).toEqual({ readings: { position: 3 } })
  expect(recoveredValues(recovered)).toEqual(valuesOf(3))
  expect(recovered.chunks.size).toBe(2)
  expect(recovered.skipped).toEqual([])
})

test('each kind of damage leads to the generation before, and is told', async () => {
  const session = await stored()
  const changed = await hashOf('value of 3')
  const whole = await seal('chunk', new TextEncoder().encode('value of 3'))
  const other = await seal('chunk', new TextEncoder().encode('value of 1'))
  const cases: [string, Record<number, Uint8Array | null>, Record<string, Uint8Array | null>][] = [
    ['manifest is gone', { 3: null }, {}],
    ['is damaged', { 3: new Uint8Array(10) }, {}],
    ['is that of checkpoint 2', { 3: await sealedManifest(session.epoch, 2) }, {}],
    ['is that of checkpoint 3, epoch 9', { 3: await sealedManifest(9, 3) }, {}],
    ['is gone', {}, { [changed]: null }],
    ['SHA-256', {}, { [changed]: whole.map((byte, index) => (index === 60 ? byte ^ 1 : byte)) }],
    ['there is chunk', {}, { [changed]: other }],
    ['MRMF', {}, { [changed]: await seal('manifest', new TextEncoder().encode('value of 3')) }],
  ]
  for (const [message, manifests, chunks] of cases) {
    const recovered = (await recover(reading(session, manifests, chunks), JOB))!
    expect(recoveredValues(recovered), message).toEqual(valuesOf(2))
    expect(recovered.skipped).toHaveLength(1)
    expect(recovered.skipped[0]).toMatchObject({ generation: { checkpointId: 3 }, error: { code: 'CHECKPOINT_CORRUPT' } })
    expect(recovered.skipped[0]!.error.message).toContain(message)
  }
})

test('a length that is not the manifest’s is damage although the hash is right', async () => {
  const session = await stored()
  const hash = await hashOf('value of 3')
  const manifest = await sealedManifest(session.epoch, 3, {
    operators: { minutes: { subtasks: [{ chunks: [{ hash, byteLength: 11 }] }] } },
  })
  const recovered = (await recover(reading(session, { 3: manifest }), JOB))!
  expect(recovered.skipped[0]!.error.message).toContain('10 bytes instead of 11')
})

test('when none is whole the error lists what was tried', async () => {
  const session = await stored()
  const error = await recover(reading(session, { 1: null, 2: new Uint8Array(3), 3: null }), JOB).catch(
    (reason: unknown) => reason as CheckpointError,
  )
  expect(error).toMatchObject({ name: 'CheckpointError', code: 'CHECKPOINT_CORRUPT' })
  const { tried } = (error as CheckpointError).details as { tried: { checkpointId: number }[] }
  expect(tried.map(({ checkpointId }) => checkpointId)).toEqual([3, 2, 1])
})

test('a store without generations is a fresh start', async () => {
  expect(await recover(await memoryCheckpoints().open('contract'), JOB)).toBeNull()
})

test.each([
  ['STATE_FOREIGN', { jobName: 'other' }, 'belongs to job other'],
  ['PLAN_MISMATCH', { planFingerprint: 'old' }, 'resume with the old plan, or start the new one with an empty store'],
  ['KEY_GROUP_COUNT_MISMATCH', { keyGroupCount: 64 }, 'start the job with keyGroupCount 64'],
])('%s of the newest stops at once, although an older one would do', async (code, changes, remedy) => {
  const session = await stored()
  const changed = reading(session, { 3: await sealedManifest(session.epoch, 3, changes) })
  await expect(recover(changed, JOB)).rejects.toMatchObject({ name: 'CheckpointError', code, retryable: false })
  await expect(recover(changed, JOB)).rejects.toThrow(remedy)
})

test('FORMAT_NEWER of the newest stops at once', async () => {
  const session = await stored()
  const newer = await seal('manifest', new TextEncoder().encode('{"format":2}'))
  await expect(recover(reading(session, { 3: newer }), JOB)).rejects.toMatchObject({ code: 'FORMAT_NEWER' })
})

test('a store that cannot be read is not taken for a damaged one', async () => {
  const session = await stored()
  const unavailable = new CheckpointError('STORE_UNAVAILABLE', 'the disk is away')
  await expect(recover({ ...session, readChunk: () => Promise.reject(unavailable) }, JOB)).rejects.toBe(unavailable)
})

test('verify reports each generation without throwing', async () => {
  const session = await stored()
  const damaged = reading(session, { 2: null }, { [await hashOf('value of 1')]: null })
  const reports = await verify(damaged satisfies CheckpointReader)
  expect(reports.map(({ generation, problem, bytes, chunks }) => [generation.checkpointId, problem?.code ?? 'ok', bytes, chunks])).toEqual([
    [3, 'ok', 'constantvalue of 3'.length, 2],
    [2, 'CHECKPOINT_CORRUPT', 0, 0],
    [1, 'CHECKPOINT_CORRUPT', 'constantvalue of 1'.length, 2],
  ])
  expect(reports[0]!.manifest!.jobName).toBe('contract')
})

test('a manifest that names a chunk which nobody has is refused before it is written', async () => {
  const session = await memoryCheckpoints().open('contract')
  const { manifest, chunks } = await sampleCheckpoint({ epoch: session.epoch, checkpointId: 1 }, ['a', 'b'])
  const [first] = chunks.keys()
  await expect(writeCheckpoint(session, manifest, new Map([[first!, chunks.get(first!)!]]))).rejects.toMatchObject({
    code: 'CHECKPOINT_INCOMPLETE',
  })
  expect(await session.generations()).toEqual([])
})

test('a payload that is not what its hash says is never stored', async () => {
  const session = await memoryCheckpoints().open('contract')
  const { manifest, chunks } = await sampleCheckpoint({ epoch: session.epoch, checkpointId: 1 }, ['a'])
  const [hash] = chunks.keys()
  await expect(writeCheckpoint(session, manifest, new Map([[hash!, new TextEncoder().encode('b')]]))).rejects.toMatchObject({
    code: 'CHECKPOINT_CORRUPT',
  })
  expect(await session.readChunk(hash!)).toBeNull()
})

test('a manifest of another epoch is a mistake of the caller', async () => {
  const session = await memoryCheckpoints().open('contract')
  const { manifest, chunks } = await sampleCheckpoint({ epoch: session.epoch + 1, checkpointId: 1 }, ['a'])
  await expect(writeCheckpoint(session, manifest, chunks)).rejects.toThrow(RangeError)
})

test('after a failed commit the chunks are not taken for stored', async () => {
  const inner = memoryCheckpoints()
  const store = new FaultyStore(inner, failNth(0, 'before', { operation: 'commit' }))
  const session = await store.open('contract')
  const { manifest, chunks } = await sampleCheckpoint({ epoch: session.epoch, checkpointId: 1 }, ['a', 'b'])
  await expect(writeCheckpoint(session, manifest, chunks)).rejects.toMatchObject({ code: 'STORE_FULL' })
  expect(await writeCheckpoint(session, manifest, chunks)).toMatchObject({ chunksWritten: 2, chunksReused: 0 })
})

test('of a failed write nothing is under way any more when it is reported', async () => {
  const inner = await memoryCheckpoints().open('contract')
  let underWay = 0
  let count = 0
  const session: CheckpointSession = {
    ...inner,
    writeChunk: async (hash, bytes) => {
      underWay++
      const fails = ++count === 3
      await systemClock.sleep(fails ? 1 : 10)
      underWay--
      if (fails) throw new CheckpointError('STORE_FULL', 'full', { retryable: true })
      await inner.writeChunk(hash, bytes)
    },
  }
  const values = Array.from({ length: 30 }, (_, index) => `value ${index}`)
  const { manifest, chunks } = await sampleCheckpoint({ epoch: inner.epoch, checkpointId: 1 }, values)
  await expect(writeCheckpoint(session, manifest, chunks)).rejects.toMatchObject({ code: 'STORE_FULL' })
  expect(underWay).toBe(0)
  expect(count).toBeLessThan(30)
})
