/**
 * What lies in the database of a checkpoint store, and where. The only place where a key is made or a stored record is believed.
 *
 *     checkpoints   ['head']                          whose it is, epoch and owner, newest acknowledged generation
 *                   ['beat']                          last sign of life of the leader
 *                   ['generation', epoch, id]         manifest and the names of its chunks: a committed checkpoint
 *                   ['chunk', hash, piece]            bytes of a chunk in pieces of at most 8 MiB
 *                   ['location', hash]                instead of pieces: where the chunk lies in slot files (opfs/)
 *                   ['slots']                         the slot files (opfs/)
 *     journals      ['fence']                         epoch and owner once more, so that appends do not wait for commits
 *                   ['state', name]                   begin and end of a journal
 *                   ['batch', name, first, n, bytes, piece]   entries first … first + n − 1 in a frame of `bytes`, in pieces
 *
 * There are two object stores and never a third: formats live in the records (`format`), so the version of the database stays 1 and no tab
 * ever has to wait until another one closes the database.
 *
 * Invariant: what comes out of here was checked field by field; anything else counts as not there.
 */

import type { IDBPDatabase } from 'idb'
import type { CheckpointGeneration, ChunkHash } from '../../runtime/checkpoint/checkpoint-store.ts'
import { CheckpointError } from '../../runtime/errors.ts'

export const DATABASE_VERSION = 1
export const CHECKPOINTS = 'checkpoints'
export const JOURNALS = 'journals'
/** One transaction carries about this much; larger checkpoints go in parts. */
export const TRANSACTION_BYTES = 8 * 1024 * 1024
const FORMAT = 1

export const HEAD = ['head']
export const BEAT = ['beat']
export const SLOTS = ['slots']
export const FENCE = ['fence']

export const generationKey = ({ epoch, checkpointId }: CheckpointGeneration) => ['generation', epoch, checkpointId]
export const pieceKey = (hash: ChunkHash, piece: number) => ['chunk', hash, piece]
export const locationKey = (hash: ChunkHash) => ['location', hash]
export const stateKey = (journal: string) => ['state', journal]

/** All keys that begin with `prefix`. */
export function below(...prefix: readonly (string | number)[]): IDBKeyRange {
  // Arrays come behind strings and numbers in the order of keys.
  return IDBKeyRange.bound([...prefix], [...prefix, []])
}

export function makeObjectStores(database: IDBPDatabase): void {
  for (const name of [CHECKPOINTS, JOURNALS]) if (!database.objectStoreNames.contains(name)) database.createObjectStore(name)
}

/** Who may write: the session whose `owner` stands in the head. */
export interface Fence {
  readonly epoch: number
  /** Chance, so that a database which was deleted and made anew is not taken for the old one. */
  readonly owner: string
}

export interface Head extends Fence {
  readonly format: number
  readonly jobName: string
  readonly createdAtMs: number
  /** Newest generation that was acknowledged; null before the first. */
  readonly committed: CheckpointGeneration | null
  /** Where each journal ended at that commit: no number before it is ever given out again. */
  readonly journalEnds: readonly (readonly [name: string, end: number])[]
}

export interface GenerationRecord {
  readonly manifest: Uint8Array
  readonly chunks: readonly ChunkHash[]
}

export interface JournalState {
  readonly begin: number
  readonly end: number
}

export function headRecord(head: Omit<Head, 'format'>): Head {
  return { format: FORMAT, ...head }
}

export function generationRecord(record: GenerationRecord): GenerationRecord & { readonly format: number } {
  return { format: FORMAT, ...record }
}

/** Null when there is none or it makes no sense. @throws CheckpointError `FORMAT_NEWER` */
export function asHead(value: unknown): Head | null {
  const fields = fieldsOf(value, 'head')
  if (fields === null || !isFence(fields)) return null
  const { jobName, createdAtMs, committed, journalEnds } = fields
  if (typeof jobName !== 'string' || typeof createdAtMs !== 'number' || !(committed === null || isGeneration(committed))) return null
  const ends = Array.isArray(journalEnds) ? journalEnds.filter(isEnd) : []
  return { format: FORMAT, jobName, createdAtMs, epoch: fields.epoch, owner: fields.owner, committed, journalEnds: ends }
}

export function asFence(value: unknown): Fence | null {
  return typeof value === 'object' && value !== null && isFence(value) ? { epoch: value.epoch, owner: value.owner } : null
}

/** Null when it is damaged. @throws CheckpointError `FORMAT_NEWER` */
export function asGeneration(value: unknown): GenerationRecord | null {
  const fields = fieldsOf(value, 'generation')
  if (fields === null) return null
  const { manifest, chunks } = fields
  if (!(manifest instanceof Uint8Array) || !Array.isArray(chunks) || !chunks.every((hash) => typeof hash === 'string')) return null
  return { manifest, chunks }
}

export function asJournalState(value: unknown): JournalState | null {
  if (typeof value !== 'object' || value === null) return null
  const { begin, end } = value as Partial<Record<keyof JournalState, unknown>>
  return isCount(begin) && isCount(end) && begin <= end ? { begin, end } : null
}

/** The generation of a key, or null for any other key. */
export function generationOf(key: IDBValidKey): CheckpointGeneration | null {
  if (!Array.isArray(key) || key[0] !== 'generation') return null
  const generation = { epoch: key[1], checkpointId: key[2] }
  return isGeneration(generation) ? generation : null
}

/** The chunk of a piece's or location's key. */
export function chunkOf(key: IDBValidKey): ChunkHash {
  return String((key as unknown[])[1])
}

export function isGeneration(value: unknown): value is CheckpointGeneration {
  if (typeof value !== 'object' || value === null) return false
  const { epoch, checkpointId } = value as Partial<Record<keyof CheckpointGeneration, unknown>>
  return isCount(epoch) && isCount(checkpointId)
}

export function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

/** Stored pieces as one; null when one of them is no bytes. */
export function joined(pieces: readonly unknown[]): Uint8Array | null {
  if (!pieces.every((piece) => piece instanceof Uint8Array)) return null
  if (pieces.length === 1) return pieces[0]!
  const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0))
  let at = 0
  for (const piece of pieces) {
    bytes.set(piece, at)
    at += piece.length
  }
  return bytes
}

/** Positive when `a` is newer. */
export function compareGenerations(a: CheckpointGeneration, b: CheckpointGeneration): number {
  return a.epoch - b.epoch || a.checkpointId - b.checkpointId
}

/** The newer of two; null is older than any. */
export function newerOf(a: CheckpointGeneration | null, b: CheckpointGeneration | null): CheckpointGeneration | null {
  if (a === null || b === null) return a ?? b
  return compareGenerations(a, b) >= 0 ? a : b
}

function fieldsOf(value: unknown, what: string): Readonly<Record<string, unknown>> | null {
  if (typeof value !== 'object' || value === null) return null
  const fields = value as Readonly<Record<string, unknown>>
  const found = fields['format']
  if (isCount(found) && found > FORMAT) {
    throw new CheckpointError(
      'FORMAT_NEWER',
      `Cannot read the ${what}: it has format ${found}, this version of Millrace reads up to ${FORMAT}; load the newer version`,
      { details: { found, supported: FORMAT } },
    )
  }
  return found === FORMAT ? fields : null
}

function isFence(value: object): value is Fence {
  const { epoch, owner } = value as Partial<Record<keyof Fence, unknown>>
  return isCount(epoch) && typeof owner === 'string'
}

function isEnd(value: unknown): value is readonly [string, number] {
  return Array.isArray(value) && typeof value[0] === 'string' && isCount(value[1])
}
