import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { chunkHash, FRAME_HEADER_BYTES, seal, sealed, unseal } from '../../runtime/checkpoint/envelope.ts'
import { CheckpointError } from '../../runtime/errors.ts'
import { Prng } from '../support/prng.ts'

const text = (value: string) => new TextEncoder().encode(value)

async function codeOf(bytes: Uint8Array, kind: 'manifest' | 'chunk' = 'chunk'): Promise<string> {
  try {
    await unseal(kind, bytes)
    return 'read'
  } catch (error) {
    expect(error).toBeInstanceOf(CheckpointError)
    return (error as CheckpointError).code
  }
}

/** Sets the version of a frame and makes its header whole again, with a CRC-32 of its own. */
function withVersion(frame: Uint8Array, version: number): Uint8Array {
  const bytes = frame.slice()
  const view = new DataView(bytes.buffer)
  view.setUint32(4, version, true)
  let crc = 0xffffffff
  for (let at = 0; at < 52; at++) {
    crc ^= bytes[at]!
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1
  }
  view.setUint32(52, ~crc >>> 0, true)
  return bytes
}

test('what was sealed is what comes out, for every length and kind', async () => {
  const prng = new Prng(1)
  for (const length of [0, 1, 7, 8, 55, 56, 57, 1000, 65_536]) {
    const payload = Uint8Array.from({ length }, () => prng.int(256))
    for (const kind of ['manifest', 'chunk'] as const) expect(await unseal(kind, await seal(kind, payload))).toEqual(payload)
  }
})

test('the bytes of a frame are these; a change of them needs a new version', async () => {
  expect(Buffer.from(await seal('chunk', text('mill'))).toString('hex')).toMatchInlineSnapshot(
    `"4d524348010000000400000000000000901fac08e3b464b12fab1d04624a51901b851f15f30119bc3458428505030545000000006fa057ab6d696c6c"`,
  )
  expect(Buffer.from(await seal('manifest', text(''))).toString('hex')).toMatchInlineSnapshot(
    `"4d524d46010000000000000000000000e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b8550000000009711dd4"`,
  )
})

test('a chunk is named by the SHA-256 of its payload, also when the payload lies in shared memory', async () => {
  const payload = text('payload')
  const wanted = createHash('sha256').update(payload).digest('hex')
  const shared = new Uint8Array(new SharedArrayBuffer(payload.length))
  shared.set(payload)
  expect(await chunkHash(payload)).toBe(wanted)
  expect(await chunkHash(shared)).toBe(wanted)
  expect((await sealed('chunk', shared)).hash).toBe(wanted)
})

test('a change of the payload while it is sealed does not tear the frame', async () => {
  const payload = text('before')
  const sealing = seal('chunk', payload)
  payload.fill(0)
  expect(new TextDecoder().decode(await unseal('chunk', await sealing))).toBe('before')
})

test('every flipped bit, every cut and every added byte is CHECKPOINT_CORRUPT', async () => {
  const frame = await seal('chunk', text('the payload of a chunk'))
  for (let bit = 0; bit < frame.length * 8; bit++) {
    const bytes = frame.slice()
    bytes[bit >> 3]! ^= 1 << (bit & 7)
    expect(await codeOf(bytes), `bit ${bit}`).toBe('CHECKPOINT_CORRUPT')
  }
  for (let length = 0; length < frame.length; length++) expect(await codeOf(frame.subarray(0, length))).toBe('CHECKPOINT_CORRUPT')
  expect(await codeOf(Uint8Array.of(...frame, 0))).toBe('CHECKPOINT_CORRUPT')
})

test('one kind is not taken for the other', async () => {
  expect(await codeOf(await seal('manifest', text('x')), 'chunk')).toBe('CHECKPOINT_CORRUPT')
  expect(await codeOf(await seal('chunk', text('x')), 'manifest')).toBe('CHECKPOINT_CORRUPT')
})

test('a newer version is refused naming both, whatever follows its header; a version that never was is damage', async () => {
  const frame = await seal('manifest', text('x'))
  const newer = withVersion(frame, 7)
  await expect(unseal('manifest', newer)).rejects.toMatchObject({ code: 'FORMAT_NEWER', details: { found: 7, supported: 1 } })
  await expect(unseal('manifest', newer)).rejects.toThrow(/format 7.*up to 1/)
  await expect(unseal('manifest', newer.subarray(0, FRAME_HEADER_BYTES))).rejects.toMatchObject({ code: 'FORMAT_NEWER' })
  expect(await codeOf(withVersion(frame, 0), 'manifest')).toBe('CHECKPOINT_CORRUPT')
  expect(await codeOf(withVersion(frame, 1), 'manifest')).toBe('read')
})
