/**
 * Bytes of a split, chunk by chunk: what the readers of lines read from, whatever it is.
 *
 * Before: a file, standard input, the body of a response. After: line-reader, which copies each chunk behind the unfinished line of the one before.
 *
 * Invariant: the chunks, joined, are the content from the offset on at which it was opened, whatever the sizes of the chunks.
 */

export interface ByteInput {
  /** The next bytes, valid until the next call; null at the end. Never called again before it resolved. */
  next(): Promise<Uint8Array | null>
  /** Stored bytes taken so far and in all; null when unknown. */
  progress(): { readonly done: number; readonly total: number } | null
  readonly isCompressed: boolean
  /** Stored size when it was opened; null for a stream. */
  readonly size: number | null
  close(): Promise<void>
}
