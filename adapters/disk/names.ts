/**
 * Names of files in a checkpoint directory, and the bytes around a manifest. The only place where a path is made or a name is read.
 *
 * Before: disk/session, disk/claim. After: DiskFileSystem.
 *
 *     job.json, job-copy.json            birth certificate, twice (disk/certificate.ts)
 *     owner-<epoch, 10 digits>           claim of an epoch (disk/claim.ts)
 *     work-<epoch, 10 digits>/           files being written or thrown away by the owner of that epoch
 *     chunks/<2 hex>/<64 hex>            a sealed chunk under the hash of its payload
 *     manifests/<epoch, 10 digits>-<checkpointId, 16 digits>
 *     journals/<32 hex>/<number of the first entry, 16 digits>-<epoch, 10 digits>
 *
 * Invariant: a name made here holds hex digits, decimal digits and fixed words only, so it cannot leave the directory.
 */

import { createHash } from 'node:crypto'
import { join } from 'node:path'
import type { CheckpointGeneration, ChunkHash } from '../../runtime/checkpoint/checkpoint-store.ts'

const HASH_GRAMMAR = /^[0-9a-f]{64}$/
const MANIFEST_GRAMMAR = /^(\d{10})-(\d{16})$/
const SEGMENT_GRAMMAR = /^(\d{16})-(\d{10})$/
const OWNER_GRAMMAR = /^owner-(\d{10})$/
const WORK_GRAMMAR = /^work-(\d{10})$/

export const CERTIFICATE_NAMES = ['job.json', 'job-copy.json'] as const
/** Prefix of a claim that is being made; it becomes `owner-…` by a link. */
export const CLAIM_DRAFT_PREFIX = 'claim-'

/** Paths below one checkpoint directory. */
export class DiskPaths {
  readonly root: string
  readonly chunks: string
  readonly manifests: string
  readonly journals: string

  constructor(root: string) {
    this.root = root
    this.chunks = join(root, 'chunks')
    this.manifests = join(root, 'manifests')
    this.journals = join(root, 'journals')
  }

  /** The directory of a journal: names are any text, so it is called after their hash. */
  journal(name: string): string {
    return join(this.journals, createHash('sha256').update(name).digest('hex').slice(0, 32))
  }

  segment(name: string, { first, epoch }: SegmentName): string {
    return join(this.journal(name), `${digits(first, 16)}-${digits(epoch, 10)}`)
  }

  certificate(copy: number): string {
    return join(this.root, CERTIFICATE_NAMES[copy]!)
  }

  owner(epoch: number): string {
    return join(this.root, `owner-${digits(epoch, 10)}`)
  }

  work(epoch: number): string {
    return join(this.root, `work-${digits(epoch, 10)}`)
  }

  /** @throws RangeError when it is not a hash. */
  chunkDirectory(hash: ChunkHash): string {
    if (!isChunkHash(hash))
      throw new RangeError(`A chunk is named by 64 lower-case hex digits, not by ${JSON.stringify(hash).slice(0, 120)}`)
    return join(this.chunks, hash.slice(0, 2))
  }

  chunk(hash: ChunkHash): string {
    return join(this.chunkDirectory(hash), hash)
  }

  manifest({ epoch, checkpointId }: CheckpointGeneration): string {
    return join(this.manifests, `${digits(epoch, 10)}-${digits(checkpointId, 16)}`)
  }
}

/** What the name of a journal's segment says: the number of its first entry, and the epoch of the owner that writes it. */
export interface SegmentName {
  readonly first: number
  readonly epoch: number
}

/** What a segment's file name says, or null for any other name. */
export function segmentOf(name: string): SegmentName | null {
  const found = SEGMENT_GRAMMAR.exec(name)
  return found === null ? null : { first: Number(found[1]), epoch: Number(found[2]) }
}

export function isChunkHash(name: string): boolean {
  return HASH_GRAMMAR.test(name)
}

/** The generation of a manifest's file name, or null for any other name. */
export function generationOf(name: string): CheckpointGeneration | null {
  const found = MANIFEST_GRAMMAR.exec(name)
  if (found === null) return null
  const checkpointId = Number(found[2])
  return Number.isSafeInteger(checkpointId) ? { epoch: Number(found[1]), checkpointId } : null
}

/** Epoch of a claim, or null for any other name. */
export function claimEpochOf(name: string): number | null {
  return epochIn(name, OWNER_GRAMMAR)
}

/** Epoch of a work directory, or null for any other name. */
export function workEpochOf(name: string): number | null {
  return epochIn(name, WORK_GRAMMAR)
}

/** Positive when `a` is newer. */
export function compareGenerations(a: CheckpointGeneration, b: CheckpointGeneration): number {
  return a.epoch - b.epoch || a.checkpointId - b.checkpointId
}

/**
 * A manifest's file: the bytes as committed, then the names of its chunks, which the collector needs and must not take from anywhere else.
 *
 *     0            m           m + 32 n   + 4       + 36     + 40
 *     ┌────────────┬───────────┬──────────┬─────────┬────────┐
 *     │ manifest   │ n hashes  │ n        │ SHA-256 │ 'MRGC' │
 *     │ m bytes    │ 32 × u8   │ u32 LE   │ *       │        │
 *     └────────────┴───────────┴──────────┴─────────┴────────┘
 *       * of hashes and n
 */
export function manifestFile(manifest: Uint8Array, chunks: readonly ChunkHash[]): Uint8Array {
  const list = new Uint8Array(chunks.length * 32 + 4)
  chunks.forEach((hash, index) => list.set(Buffer.from(hash, 'hex'), index * 32))
  new DataView(list.buffer).setUint32(chunks.length * 32, chunks.length, true)
  return Buffer.concat([manifest, list, createHash('sha256').update(list).digest(), Buffer.from('MRGC')])
}

/** The parts of a manifest's file; `chunks` is null when its list, and so its end, is damaged. */
export function readManifestFile(bytes: Uint8Array): { readonly manifest: Uint8Array; readonly chunks: readonly ChunkHash[] | null } {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const damaged = { manifest: bytes, chunks: null }
  if (file.length < 40 || file.toString('latin1', file.length - 4) !== 'MRGC') return damaged
  const listEnd = file.length - 36
  const count = file.readUInt32LE(listEnd - 4)
  const listStart = listEnd - 4 - count * 32
  if (listStart < 0) return damaged
  if (
    !createHash('sha256')
      .update(file.subarray(listStart, listEnd))
      .digest()
      .equals(file.subarray(listEnd, listEnd + 32))
  )
    return damaged
  const chunks = Array.from({ length: count }, (_, index) => file.toString('hex', listStart + index * 32, listStart + index * 32 + 32))
  return { manifest: bytes.subarray(0, listStart), chunks }
}

function epochIn(name: string, grammar: RegExp): number | null {
  const found = grammar.exec(name)
  return found === null ? null : Number(found[1])
}

function digits(value: number, length: number): string {
  const text = String(value)
  if (!Number.isSafeInteger(value) || value < 0 || text.length > length)
    throw new RangeError(`Cannot name a file after ${value}: at most ${length} digits`)
  return text.padStart(length, '0')
}
