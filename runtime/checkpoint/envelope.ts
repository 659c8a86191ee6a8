/**
 * The frame around everything that is stored, so that damage, foreign bytes and newer formats are told apart before a byte is used.
 *
 * Before: encoded manifests and state chunks. After: a store's bytes, and on the way back checkpoint/recovery.
 *
 *     0       4         8                16         48        52       56
 *     ┌───────┬─────────┬────────────────┬──────────┬─────────┬────────┬──────────────
 *     │ magic │ version │ payload length │ SHA-256  │ 0 (u32) │ CRC-32 │ payload ...
 *     │ 4 × u8│ u32     │ u64            │ of it    │         │ u32    │
 *     └───────┴─────────┴────────────────┴──────────┴─────────┴────────┴──────────────
 *       MRMF manifest, MRCH chunk; integers are little-endian; the CRC-32 (IEEE) covers bytes 0 to 51.
 *
 * The first 56 bytes mean the same in every version to come: so a version that is too new is believed only when its header is whole,
 * and a flipped bit in it is damage, not news.
 *
 * Invariant: {@link unseal} returns exactly the bytes that were sealed as that kind, or throws.
 */

import { CheckpointError } from '../errors.ts'
import type { ChunkHash } from './checkpoint-store.ts'

/** What a frame holds; stored as its magic. */
export type FrameKind = 'manifest' | 'chunk'

/** A payload in its frame, and the payload's name. */
export interface Sealed {
  readonly hash: ChunkHash
  readonly bytes: Uint8Array<ArrayBuffer>
}

/** A payload taken out of its frame (a view of the frame's bytes), and its name as computed from it. */
export interface Unsealed {
  readonly hash: ChunkHash
  readonly payload: Uint8Array<ArrayBuffer>
}

/** Version that {@link seal} writes and the newest that {@link unseal} reads. */
export const FRAME_VERSION = 1
/** Bytes before the payload. */
export const FRAME_HEADER_BYTES = 56

const VERSION_OFFSET = 4
const LENGTH_OFFSET = VERSION_OFFSET + 4
const DIGEST_OFFSET = LENGTH_OFFSET + 8
const RESERVED_OFFSET = DIGEST_OFFSET + 32
const CRC_OFFSET = RESERVED_OFFSET + 4

const magics: Readonly<Record<FrameKind, string>> = { manifest: 'MRMF', chunk: 'MRCH' }

/** The name of a chunk: SHA-256 of its payload, in lower-case hex. */
export async function chunkHash(payload: Uint8Array): Promise<ChunkHash> {
  return hexOf(await digestOf(unshared(payload)))
}

/** Puts a payload into a frame. The payload is copied first, so later changes of it have no effect. */
export async function seal(kind: FrameKind, payload: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
  return (await sealed(kind, payload)).bytes
}

/** Like {@link seal}, and says the payload's hash, which costs nothing more. */
export async function sealed(kind: FrameKind, payload: Uint8Array): Promise<Sealed> {
  const bytes = new Uint8Array(FRAME_HEADER_BYTES + payload.length)
  bytes.set(payload, FRAME_HEADER_BYTES)
  const digest = await digestOf(bytes.subarray(FRAME_HEADER_BYTES))
  const view = new DataView(bytes.buffer)
  for (let index = 0; index < 4; index++) bytes[index] = magics[kind].charCodeAt(index)
  view.setUint32(VERSION_OFFSET, FRAME_VERSION, true)
  view.setBigUint64(LENGTH_OFFSET, BigInt(payload.length), true)
  bytes.set(digest, DIGEST_OFFSET)
  view.setUint32(CRC_OFFSET, crc32(bytes.subarray(0, CRC_OFFSET)), true)
  return { hash: hexOf(digest), bytes }
}

/**
 * Takes a payload out of its frame.
 *
 * @throws CheckpointError `CHECKPOINT_CORRUPT` saying what is wrong, or `FORMAT_NEWER` naming both versions.
 */
export async function unseal(kind: FrameKind, bytes: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
  return (await unsealed(kind, bytes)).payload
}

/** Like {@link unseal}, and says the payload's hash. */
export async function unsealed(kind: FrameKind, bytes: Uint8Array): Promise<Unsealed> {
  if (bytes.length < FRAME_HEADER_BYTES) throw damaged(kind, `it has ${bytes.length} bytes, a header alone has ${FRAME_HEADER_BYTES}`)
  const own = unshared(bytes)
  const view = new DataView(own.buffer, own.byteOffset, own.byteLength)
  const magic = String.fromCharCode(...own.subarray(0, 4))
  if (magic !== magics[kind]) throw damaged(kind, `it begins with ${JSON.stringify(magic)} instead of ${JSON.stringify(magics[kind])}`)
  if (view.getUint32(CRC_OFFSET, true) !== crc32(own.subarray(0, CRC_OFFSET))) throw damaged(kind, 'the checksum of its header is wrong')
  const version = view.getUint32(VERSION_OFFSET, true)
  if (version > FRAME_VERSION) {
    throw new CheckpointError(
      'FORMAT_NEWER',
      `Cannot read the ${kind}: it has format ${version}, this version of Millrace reads up to ${FRAME_VERSION}; install the newer version`,
      {
        details: { found: version, supported: FRAME_VERSION },
      },
    )
  }
  if (version !== FRAME_VERSION || view.getUint32(RESERVED_OFFSET, true) !== 0)
    throw damaged(kind, `there is no format ${version} with this header`)
  const length = view.getBigUint64(LENGTH_OFFSET, true)
  const payload = own.subarray(FRAME_HEADER_BYTES)
  if (length !== BigInt(payload.length)) throw damaged(kind, `it has ${payload.length} bytes of payload, its header says ${length}`)
  const digest = await digestOf(payload)
  const hash = hexOf(digest)
  if (hash !== hexOf(own.subarray(DIGEST_OFFSET, RESERVED_OFFSET))) throw damaged(kind, 'the SHA-256 of its payload is wrong')
  return { hash, payload }
}

function damaged(kind: FrameKind, what: string): CheckpointError {
  return new CheckpointError('CHECKPOINT_CORRUPT', `The ${kind} is damaged: ${what}`, { details: { kind, what } })
}

/** Web Crypto refuses views of shared memory, whose bytes could also change under it. */
function unshared(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return bytes.buffer instanceof ArrayBuffer ? (bytes as Uint8Array<ArrayBuffer>) : new Uint8Array(bytes)
}

async function digestOf(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
}

function hexOf(bytes: Uint8Array): string {
  let hex = ''
  for (const byte of bytes) hex += byte.toString(16).padStart(2, '0')
  return hex
}

/** Bit by bit: it covers 52 bytes a frame, so a table would not pay. */
function crc32(bytes: Uint8Array): number {
  let crc = -1
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0)
  }
  return (crc ^ -1) >>> 0
}
