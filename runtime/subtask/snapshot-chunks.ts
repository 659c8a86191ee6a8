/**
 * Sections of a snapshot ↔ chunks of a checkpoint: what is stored together, and what a subtask takes of it when it restores.
 *
 * Before: the kernel's state/snapshot. After: checkpoint/ names chunks by their hash, so a chunk whose sections did not change is not written again.
 *
 * Invariant: a chunk holds whole sections of one kind and position; every section names its key group, so any subtask can pick its own.
 */

import {
  SECTION_BYTES_OFFSET,
  SECTION_FUNCTIONS,
  SECTION_HEADER_BYTES,
  SECTION_KEY_GROUP_OFFSET,
  SECTION_KIND_OFFSET,
  SECTION_OPERATOR,
  SECTION_POSITION_OFFSET,
} from '../../kernel/layout.ts'
import { CheckpointError } from '../errors.ts'

/** A chunk grows to about this size before a new one begins: small enough to write again, large enough for one file. */
const CHUNK_BYTES = 256 * 1024

interface Section {
  readonly kind: number
  readonly keyGroup: number
  readonly position: number
  readonly bytes: Uint8Array<ArrayBuffer>
}

/** Walks the sections. @throws CheckpointError `CHECKPOINT_CORRUPT` when lengths do not add up. */
export function readSections(bytes: Uint8Array<ArrayBuffer>): Section[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const sections: Section[] = []
  let at = 0
  while (at < bytes.length) {
    const length = at + SECTION_HEADER_BYTES <= bytes.length ? view.getInt32(at + SECTION_BYTES_OFFSET, true) : 0
    if (length < SECTION_HEADER_BYTES || at + length > bytes.length || length % 8 !== 0) {
      throw new CheckpointError(
        'CHECKPOINT_CORRUPT',
        `A state chunk is damaged: section of ${length} bytes at byte ${at} of ${bytes.length}`,
      )
    }
    sections.push({
      kind: view.getInt32(at + SECTION_KIND_OFFSET, true),
      keyGroup: view.getInt32(at + SECTION_KEY_GROUP_OFFSET, true),
      position: view.getFloat64(at + SECTION_POSITION_OFFSET, true),
      bytes: bytes.subarray(at, at + length),
    })
    at += length
  }
  return sections
}

/** Divides a snapshot into chunks. */
export function chunksOfSnapshot(snapshot: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer>[] {
  const chunks: Uint8Array<ArrayBuffer>[] = []
  let pending: Section[] = []
  let pendingBytes = 0
  const flush = () => {
    if (pending.length === 0) return
    const chunk = new Uint8Array(pendingBytes)
    let at = 0
    for (const section of pending) {
      chunk.set(section.bytes, at)
      at += section.bytes.length
    }
    chunks.push(chunk)
    pending = []
    pendingBytes = 0
  }
  const sections = readSections(snapshot).sort((a, b) => a.kind - b.kind || a.position - b.position || a.keyGroup - b.keyGroup)
  for (const section of sections) {
    const last = pending.at(-1)
    if (last !== undefined && (last.kind !== section.kind || last.position !== section.position || pendingBytes >= CHUNK_BYTES)) flush()
    pending.push(section)
    pendingBytes += section.bytes.length
  }
  flush()
  return chunks
}

/** The sections a subtask restores, in the order the kernel wants them: operator, keys, then the rest. */
export function sectionsForSubtask(chunks: readonly Uint8Array<ArrayBuffer>[], ownsKeyGroup: (keyGroup: number) => boolean): Uint8Array[] {
  const isOwn = ({ kind, keyGroup }: Section) => kind === SECTION_OPERATOR || (kind !== SECTION_FUNCTIONS && ownsKeyGroup(keyGroup))
  const sections = chunks.flatMap(readSections).filter(isOwn)
  return sections.sort((a, b) => a.kind - b.kind).map((section) => section.bytes)
}
