/**
 * Bytes of a split, chunk by chunk: a plain file from any offset, a gzip file decompressed, or standard input.
 *
 * Before: the operating system. After: format/line-reader, which copies each chunk behind the unfinished line of the one before.
 *
 * Offsets count decompressed bytes. The next chunk of a plain file is fetched while the one before is decoded.
 *
 * Invariant: the chunks, joined, are the content from the offset on, whatever the sizes of the chunks.
 */

import { type FileHandle, open } from 'node:fs/promises'
import process from 'node:process'
import { createGunzip, type Gunzip } from 'node:zlib'
import { ConnectorError } from '../../runtime/errors.ts'
import type { ByteInput } from '../format/byte-input.ts'
import { STANDARD_STREAM } from './file-path.ts'

export interface InputOptions {
  readonly isGzip: boolean
  readonly chunkBytes: number
  /** Limit of what a gzip file may become; Infinity: none. */
  readonly maxDecompressedBytes: number
}

/**
 * Opens the bytes of a file from `offset` on.
 *
 * @throws ConnectorError `SOURCE_MISSING`, `SOURCE_UNREADABLE`, `SOURCE_REWIND`
 */
export async function openInput(path: string, offset: number, options: InputOptions): Promise<ByteInput> {
  if (path === STANDARD_STREAM) {
    if (offset > 0) throw rewindError('standard input', offset, 'it cannot be read again; read from a file instead')
    return new StandardInput()
  }
  try {
    const handle = await open(path, 'r')
    try {
      const stat = await handle.stat()
      if (stat.isDirectory()) {
        throw new ConnectorError('SOURCE_MISSING', `Cannot read ${path}: it is a directory; name a file in it`, { details: { path } })
      }
      if (!options.isGzip && stat.isFile() && offset > stat.size) {
        throw rewindError(path, offset, `it has only ${stat.size} bytes now; restore the file, or start without the checkpoint`)
      }
      const size = stat.isFile() ? stat.size : null
      return options.isGzip
        ? new GzipInput(path, handle, size, offset, options)
        : new PlainInput(path, handle, size, offset, options.chunkBytes)
    } catch (error) {
      await handle.close()
      throw error
    }
  } catch (error) {
    throw sourceError(error, path)
  }
}

class PlainInput implements ByteInput {
  readonly isCompressed = false
  readonly size: number | null
  readonly #path: string
  readonly #handle: FileHandle
  readonly #buffers: readonly [Uint8Array, Uint8Array]
  #turn = 0
  #at: number
  #ahead: Promise<number> | null = null

  constructor(path: string, handle: FileHandle, size: number | null, offset: number, chunkBytes: number) {
    this.#path = path
    this.#handle = handle
    this.size = size
    this.#at = offset
    this.#buffers = [new Uint8Array(chunkBytes), new Uint8Array(chunkBytes)]
  }

  async next(): Promise<Uint8Array | null> {
    const buffer = this.#buffers[this.#turn as 0 | 1]
    let count: number
    try {
      count = await (this.#ahead ?? this.#fetch(buffer))
    } catch (error) {
      throw sourceError(error, this.#path)
    }
    if (count === 0) {
      this.#ahead = null
      return null
    }
    this.#at += count
    this.#turn ^= 1
    this.#ahead = this.#fetch(this.#buffers[this.#turn as 0 | 1])
    this.#ahead.catch(() => {})
    return buffer.subarray(0, count)
  }

  async #fetch(buffer: Uint8Array): Promise<number> {
    // A pipe or device (size null) has no positions: it is read in its own order.
    const { bytesRead } = await this.#handle.read(buffer, 0, buffer.length, this.size === null ? null : this.#at)
    return bytesRead
  }

  progress(): { readonly done: number; readonly total: number } | null {
    return this.size === null ? null : { done: this.#at, total: Math.max(this.size, this.#at) }
  }

  async close(): Promise<void> {
    await this.#ahead?.catch(() => 0)
    await this.#handle.close()
  }
}

/** Compressed bytes given to zlib at once: bounds what one step of a bomb can become (about 1,030 times this). */
const GZIP_STEP_BYTES = 1 << 16
const GZIP_OUT_BYTES = 1 << 17

class GzipInput implements ByteInput {
  readonly isCompressed = true
  readonly size: number | null
  readonly #path: string
  readonly #handle: FileHandle
  readonly #gunzip: Gunzip
  readonly #input: Uint8Array
  readonly #queue: Uint8Array[] = []
  readonly #limit: number
  readonly #offset: number
  #skip: number
  #done = 0
  #produced = 0
  #isEnded = false
  #error: unknown = null
  #wake: (() => void) | null = null

  constructor(path: string, handle: FileHandle, size: number | null, offset: number, options: InputOptions) {
    this.#path = path
    this.#handle = handle
    this.size = size
    this.#offset = offset
    this.#skip = offset
    this.#limit = options.maxDecompressedBytes
    this.#input = new Uint8Array(Math.min(options.chunkBytes, GZIP_STEP_BYTES))
    this.#gunzip = createGunzip({ chunkSize: GZIP_OUT_BYTES })
    this.#gunzip.on('data', (chunk: Uint8Array) => this.#queue.push(chunk))
    this.#gunzip.on('error', (error: unknown) => {
      this.#error = error
      this.#wake?.()
    })
    this.#gunzip.on('end', () => {
      this.#isEnded = true
      this.#wake?.()
    })
  }

  async next(): Promise<Uint8Array | null> {
    for (;;) {
      const chunk = this.#queue.shift()
      if (chunk !== undefined) {
        const rest = this.#account(chunk)
        if (rest.length > 0) return rest
      } else if (this.#error !== null) {
        throw corruptError(this.#path, this.#done, this.#error)
      } else if (this.#isEnded) {
        if (this.#skip > 0)
          throw rewindError(this.#path, this.#offset, 'it ends before that; restore the file, or start without the checkpoint')
        return null
      } else {
        await this.#step()
      }
    }
  }

  #account(chunk: Uint8Array): Uint8Array {
    this.#produced += chunk.length
    if (this.#produced > this.#limit) {
      throw new ConnectorError(
        'DECOMPRESSED_TOO_LARGE',
        `Cannot read ${this.#path}: it decompresses to more than ${this.#limit} bytes; raise maxDecompressedBytes if you trust it`,
        { details: { path: this.#path, limit: this.#limit } },
      )
    }
    const skipped = Math.min(this.#skip, chunk.length)
    this.#skip -= skipped
    return chunk.subarray(skipped)
  }

  /** Gives zlib the next compressed bytes and waits until it has used them. */
  async #step(): Promise<void> {
    let count: number
    try {
      count = (await this.#handle.read(this.#input, 0, this.#input.length, null)).bytesRead
    } catch (error) {
      throw sourceError(error, this.#path)
    }
    this.#done += count
    await new Promise<void>((resolve) => {
      this.#wake = resolve
      if (count === 0) this.#gunzip.end()
      else this.#gunzip.write(this.#input.subarray(0, count), () => resolve())
    })
    this.#wake = null
    if (this.#done === 0) this.#error ??= new Error('the file is empty')
  }

  progress(): { readonly done: number; readonly total: number } | null {
    return this.size === null ? null : { done: this.#done, total: Math.max(this.size, this.#done) }
  }

  async close(): Promise<void> {
    this.#gunzip.destroy()
    await this.#handle.close()
  }
}

class StandardInput implements ByteInput {
  readonly isCompressed = false
  readonly size = null
  readonly #chunks: AsyncIterator<Uint8Array | string> = process.stdin[Symbol.asyncIterator]()

  async next(): Promise<Uint8Array | null> {
    try {
      const { done, value } = await this.#chunks.next()
      if (done === true) return null
      return typeof value === 'string' ? new TextEncoder().encode(value) : value
    } catch (error) {
      throw sourceError(error, 'standard input')
    }
  }

  progress(): null {
    return null
  }

  async close(): Promise<void> {
    process.stdin.destroy()
  }
}

function rewindError(path: string, offset: number, why: string): ConnectorError {
  return new ConnectorError('SOURCE_REWIND', `Cannot go on with ${path} at byte ${offset}: ${why}`, { details: { path, offset } })
}

function corruptError(path: string, done: number, cause: unknown): ConnectorError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new ConnectorError('SOURCE_CORRUPT', `Cannot decompress ${path} beyond compressed byte ${done}: ${reason}; fetch the file again`, {
    details: { path, compressedBytes: done },
    cause,
  })
}

/** What the operating system said, as what the caller does next. */
function sourceError(error: unknown, path: string): ConnectorError {
  if (error instanceof ConnectorError) return error
  const code = (error as { code?: unknown } | null)?.code
  const options = { details: { path, errno: code }, cause: error }
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return new ConnectorError(
        'SOURCE_MISSING',
        `Cannot read ${path}: there is no such file; check the path, which is relative to the current directory`,
        options,
      )
    case 'EISDIR':
      return new ConnectorError('SOURCE_MISSING', `Cannot read ${path}: it is a directory; name a file in it`, options)
    case 'EACCES':
    case 'EPERM':
      return new ConnectorError('SOURCE_UNREADABLE', `Cannot read ${path}: permission denied; allow this user to read it`, options)
    default: {
      const reason = error instanceof Error ? error.message : String(error)
      return new ConnectorError('SOURCE_UNREADABLE', `Cannot read ${path}: ${reason}`, { ...options, retryable: true })
    }
  }
}
