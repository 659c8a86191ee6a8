/**
 * The manifest: the small document that makes a checkpoint complete, as data and as bytes (JSON in UTF-8; its frame is envelope.ts).
 *
 * Before: coordinator/checkpoint-coordinator fills it. After: a store keeps it; checkpoint/recovery reads it back.
 * Bytes from a store are not trusted: every field is checked by hand before it is used, unknown fields are refused, and names such as
 * `__proto__` are plain names, because all records that come out have no prototype.
 *
 * Invariant: what {@link encodeManifest} returns, {@link decodeManifest} accepts; what that returns is a {@link Manifest} to the last field.
 */

import { CheckpointError } from '../errors.ts'
import type { SinkState } from '../sink/sink.ts'
import type { CheckpointGeneration, ChunkHash } from './checkpoint-store.ts'

/** A chunk of state by name, with the length of its payload in bytes. */
export interface ChunkRef {
  readonly hash: ChunkHash
  readonly byteLength: number
}

/** Chunks of an operator, one entry for each subtask in order. */
export interface OperatorState {
  readonly subtasks: readonly { readonly chunks: readonly ChunkRef[] }[]
}

export interface Manifest {
  readonly format: 1
  readonly jobName: string
  readonly planFingerprint: string
  readonly epoch: number
  readonly checkpointId: number
  readonly createdAtMs: number
  readonly keyGroupCount: number
  /** Taken when the input had ended or the job was stopped. */
  readonly isFinal: boolean
  /** By source uid: the intake's own JSON data (positions, counts, watermarks). */
  readonly sources: Readonly<Record<string, unknown>>
  /** By operator uid. */
  readonly operators: Readonly<Record<string, OperatorState>>
  /** By sink name: what the sink needs to commit after a crash. */
  readonly sinks: Readonly<Record<string, SinkState>>
  readonly counters: Readonly<Record<string, number>>
  /** The generation this one followed; null for the first of a job. */
  readonly previous: CheckpointGeneration | null
}

/** Limits that a manifest from outside must keep; far above what a job makes. */
export const MANIFEST_BYTES_MAX = 64 * 1024 * 1024
export const CHUNK_BYTES_MAX = 1024 * 1024 * 1024
export const CHUNK_REFS_MAX = 1_000_000
const STATE_BYTES_MAX = 64 * 1024 * 1024 * 1024
const DEPTH_MAX = 64
const NAME_LENGTH_MAX = 4096

const HASH_GRAMMAR = /^[0-9a-f]{64}$/
const FIELDS = [
  'format',
  'jobName',
  'planFingerprint',
  'epoch',
  'checkpointId',
  'createdAtMs',
  'keyGroupCount',
  'isFinal',
  'sources',
  'operators',
  'sinks',
  'counters',
  'previous',
] as const

/** Names of chunks, each once, with the payload's length. */
export function chunkRefsOf(manifest: Manifest): ReadonlyMap<ChunkHash, number> {
  const refs = new Map<ChunkHash, number>()
  for (const { subtasks } of Object.values(manifest.operators)) {
    for (const { chunks } of subtasks) for (const { hash, byteLength } of chunks) refs.set(hash, byteLength)
  }
  return refs
}

/**
 * The manifest as bytes.
 *
 * @throws TypeError when something in it is not JSON (NaN, ±Infinity, bigint, functions) or breaks a rule of {@link Manifest}.
 */
export function encodeManifest(manifest: Manifest): Uint8Array<ArrayBuffer> {
  const bytes = new TextEncoder().encode(
    JSON.stringify(manifest, (key, value: unknown) => {
      const isJson =
        typeof value === 'number'
          ? Number.isFinite(value)
          : typeof value !== 'bigint' && typeof value !== 'function' && typeof value !== 'symbol'
      if (!isJson) throw new TypeError(`Cannot write the manifest: ${key} is ${String(value)}, which JSON does not have`)
      return value
    }),
  )
  try {
    decodeManifest(bytes)
  } catch (error) {
    throw new TypeError('Cannot write a manifest that could not be read again', { cause: error })
  }
  return bytes
}

/** The manifest in these bytes. @throws CheckpointError `CHECKPOINT_CORRUPT` naming the field, or `FORMAT_NEWER`. */
export function decodeManifest(bytes: Uint8Array): Manifest {
  if (bytes.length > MANIFEST_BYTES_MAX) throw refused('', `at most ${MANIFEST_BYTES_MAX} bytes`, `${bytes.length} bytes`)
  let parsed: unknown
  try {
    parsed = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes))
  } catch (cause) {
    throw new CheckpointError('CHECKPOINT_CORRUPT', 'The manifest is damaged: it is not JSON in UTF-8', { cause })
  }
  const fields = record(parsed, '')
  const format = integer(fields['format'], 'format')
  if (format > 1) {
    throw new CheckpointError(
      'FORMAT_NEWER',
      `Cannot read the manifest: it has format ${format}, this version of Millrace reads up to 1; install the newer version`,
      {
        details: { found: format, supported: 1 },
      },
    )
  }
  if (format !== 1) throw refused('format', '1', fields['format'])
  exactly(fields, FIELDS, '')
  return {
    format: 1,
    jobName: text(fields['jobName'], 'jobName'),
    planFingerprint: text(fields['planFingerprint'], 'planFingerprint'),
    ...generation(fields, ''),
    // A clock may stand before 1970 and count in fractions: the time is only shown.
    createdAtMs: finite(fields['createdAtMs'], 'createdAtMs'),
    keyGroupCount: integer(fields['keyGroupCount'], 'keyGroupCount', 1),
    isFinal: boolean(fields['isFinal'], 'isFinal'),
    sources: mapped(fields['sources'], 'sources', (value, path) => json(value, path, 0)),
    operators: operators(fields['operators']),
    sinks: mapped(fields['sinks'], 'sinks', (value, path) => mapped(value, path, sinkValue)),
    counters: mapped(fields['counters'], 'counters', finite),
    previous: previous(fields['previous']),
  }
}

type Fields = Readonly<Record<string, unknown>>

function operators(value: unknown): Manifest['operators'] {
  let refs = 0
  let total = 0
  return mapped(value, 'operators', (entry, path) => {
    const fields = exactly(record(entry, path), ['subtasks'], path)
    const subtasks = list(fields['subtasks'], `${path}.subtasks`).map((subtask, index) => {
      const place = `${path}.subtasks[${index}]`
      const chunks = list(exactly(record(subtask, place), ['chunks'], place)['chunks'], `${place}.chunks`)
      refs += chunks.length
      if (refs > CHUNK_REFS_MAX) throw refused(`${place}.chunks`, `at most ${CHUNK_REFS_MAX} chunks in all`, `${refs} chunks`)
      return {
        chunks: chunks.map((chunk, at) => {
          const ref = chunkRef(chunk, `${place}.chunks[${at}]`)
          total += ref.byteLength
          if (total > STATE_BYTES_MAX)
            throw refused(`${place}.chunks[${at}]`, `at most ${STATE_BYTES_MAX} bytes of state in all`, `${total} bytes`)
          return ref
        }),
      }
    })
    return { subtasks }
  })
}

function chunkRef(value: unknown, path: string): ChunkRef {
  const fields = exactly(record(value, path), ['hash', 'byteLength'], path)
  const hash = fields['hash']
  if (typeof hash !== 'string' || !HASH_GRAMMAR.test(hash)) throw refused(`${path}.hash`, '64 lower-case hex digits', hash)
  return { hash, byteLength: integer(fields['byteLength'], `${path}.byteLength`, 0, CHUNK_BYTES_MAX) }
}

function generation(fields: Fields, path: string): CheckpointGeneration {
  return { epoch: integer(fields['epoch'], `${path}epoch`, 0), checkpointId: integer(fields['checkpointId'], `${path}checkpointId`, 0) }
}

function previous(value: unknown): CheckpointGeneration | null {
  return value === null ? null : generation(exactly(record(value, 'previous'), ['epoch', 'checkpointId'], 'previous'), 'previous.')
}

function sinkValue(value: unknown, path: string): SinkState[string] {
  if (Array.isArray(value)) return value.map((item, index) => text(item, `${path}[${index}]`, Infinity))
  if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value
  throw refused(path, 'a string, number, boolean, null or list of strings', value)
}

/** Rebuilt value by value, so that no object in it has a prototype. */
function json(value: unknown, path: string, depth: number): unknown {
  if (depth > DEPTH_MAX) throw refused(path, `at most ${DEPTH_MAX} levels of nesting`, 'more')
  if (Array.isArray(value)) return value.map((item, index) => json(item, `${path}[${index}]`, depth + 1))
  if (typeof value === 'object' && value !== null) return mapped(value, path, (item, place) => json(item, place, depth + 1))
  return typeof value === 'number' ? finite(value, path) : value
}

function mapped<T>(value: unknown, path: string, of: (item: unknown, path: string) => T): Record<string, T> {
  const result = Object.create(null) as Record<string, T>
  for (const [name, item] of Object.entries(record(value, path))) result[text(name, path)] = of(item, `${path}.${name}`)
  return result
}

function record(value: unknown, path: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw refused(path, 'an object', value)
  return value as Fields
}

function exactly(fields: Fields, names: readonly string[], path: string): Fields {
  for (const name of names) if (!Object.hasOwn(fields, name)) throw refused(path, `the field ${name}`, 'none')
  for (const name of Object.keys(fields)) if (!names.includes(name)) throw refused(path, `the fields ${names.join(', ')}`, `also ${name}`)
  return fields
}

function list(value: unknown, path: string): readonly unknown[] {
  if (!Array.isArray(value)) throw refused(path, 'a list', value)
  return value
}

function text(value: unknown, path: string, lengthMax = NAME_LENGTH_MAX): string {
  if (typeof value !== 'string' || value.length > lengthMax) throw refused(path, `a string of at most ${lengthMax} characters`, value)
  return value
}

function integer(value: unknown, path: string, least = 0, most = Number.MAX_SAFE_INTEGER): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < least || value > most)
    throw refused(path, `an integer from ${least} to ${most}`, value)
  return value
}

function finite(value: unknown, path: string): number {
  if (typeof value !== 'number' || !Number.isFinite(value)) throw refused(path, 'a finite number', value)
  return value
}

function boolean(value: unknown, path: string): boolean {
  if (typeof value !== 'boolean') throw refused(path, 'true or false', value)
  return value
}

function refused(path: string, wanted: string, found: unknown): CheckpointError {
  const shown = Array.isArray(found) ? 'a list' : typeof found === 'object' && found !== null ? 'an object' : String(found).slice(0, 120)
  const place = path === '' ? 'its top level' : path.slice(0, 200)
  return new CheckpointError('CHECKPOINT_CORRUPT', `The manifest is damaged: at ${place} there must be ${wanted}, there is ${shown}`, {
    details: { path: place, wanted, found: shown },
  })
}
