/**
 * The entries of a batch as bytes, and back.
 *
 * Before: indexeddb-journal, which seals them into a frame with a hash. After: pieces in the database.
 *
 * Invariant: what is decoded was verified by its frame.
 */

/**
 * Entries as bytes.
 *
 *     ┌───────┬──────────────────┬───────────────
 *     │ count │ length of each   │ bytes of each
 *     │ u32   │ u32 × count      │
 *     └───────┴──────────────────┴───────────────  little-endian
 */
export function encodeEntries(entries: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const start = 4 + 4 * entries.length
  const bytes = new Uint8Array(entries.reduce((sum, entry) => sum + entry.length, start))
  const view = new DataView(bytes.buffer)
  view.setUint32(0, entries.length, true)
  let at = start
  for (const [index, entry] of entries.entries()) {
    view.setUint32(4 + 4 * index, entry.length, true)
    bytes.set(entry, at)
    at += entry.length
  }
  return bytes
}

/** Entries of verified bytes. */
export function decodeEntries(bytes: Uint8Array<ArrayBuffer>): Uint8Array[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const count = view.getUint32(0, true)
  let at = 4 + 4 * count
  return Array.from({ length: count }, (_, index) => {
    const length = view.getUint32(4 + 4 * index, true)
    at += length
    return bytes.slice(at - length, at)
  })
}
