/**
 * The files behind an exactly-once file sink: parts that become visible by rename, joined to one file when the job has ended.
 *
 *     out.ndjson.parts/000001.ndjson            committed
 *     out.ndjson.parts/000002.ndjson.pending    sealed by a prepare, or still being written
 *     out.ndjson.parts/final.temporary          the result while it is joined
 *     out.ndjson                                the result, replaced by one rename in `finish`
 *
 * Before: file-writer, which encodes rows. After: file-system. No content is changed after its fsync.
 *
 * Invariant: the parts up to `state.part`, in order, hold exactly `state.totalBytes` bytes, and these are the result up to the
 * checkpoint; or the result is already joined and is that long.
 */

import { basename, dirname, join } from 'node:path'
import { ConnectorError } from '../../runtime/errors.ts'
import type { SinkState } from '../../runtime/sink/sink.ts'
import { type FileSystem, type OpenFile, sinkError } from './file-system.ts'

const PENDING = '.pending'
const JOINED = 'final.temporary'
const COPY_BYTES = 1 << 20

interface FoundPart {
  readonly name: string
  readonly part: number
  readonly isPending: boolean
}

export class PartFiles {
  readonly #fs: FileSystem
  readonly #path: string
  readonly #directory: string
  readonly #extension: string
  #open: OpenFile | null = null
  #openBytes = 0
  /** Last part that is sealed. */
  #part = 0
  #totalBytes = 0
  /** Sealed parts that are not committed, in order. */
  #sealed: number[] = []
  #isJoined = false

  private constructor(fs: FileSystem, path: string, extension: string) {
    this.#fs = fs
    this.#path = path
    this.#directory = `${path}.parts`
    this.#extension = extension
  }

  /**
   * Finishes the commit that `restored` speaks of and removes what is newer; without it, removes what an earlier run left.
   *
   * @throws ConnectorError `SINK_UNWRITABLE`, `SINK_FULL`, `SINK_STATE_LOST`
   */
  static async open(fs: FileSystem, path: string, extension: string, restored: SinkState | null): Promise<PartFiles> {
    const files = new PartFiles(fs, path, extension)
    await files.#guard(() => files.#recover(restored))
    return files
  }

  /** Bytes of the result so far, uncommitted ones included. */
  get bytes(): number {
    return this.#totalBytes + this.#openBytes
  }

  /** Appends to the part under construction, all of it or an error. */
  async append(bytes: Uint8Array): Promise<void> {
    if (bytes.length === 0) return
    await this.#guard(async () => {
      if (this.#isJoined) await this.#splitAgain()
      this.#open ??= await this.#fs.open(this.#file(this.#part + 1, PENDING), 'write')
      await this.#writeAll(this.#open, bytes)
      this.#openBytes += bytes.length
    })
  }

  /** Makes the part under construction durable; without one there is nothing to do. */
  async seal(): Promise<SinkState> {
    const file = this.#open
    if (file !== null) {
      await this.#guard(async () => {
        await file.sync()
        await file.close()
        await this.#fs.syncDirectory(this.#directory)
      })
      this.#open = null
      this.#sealed.push(++this.#part)
      this.#totalBytes += this.#openBytes
      this.#openBytes = 0
    }
    return { part: this.#part, totalBytes: this.#totalBytes }
  }

  /** Makes all sealed parts up to `part` visible. */
  async commit(part: number): Promise<void> {
    const due = this.#sealed.filter((sealed) => sealed <= part)
    if (due.length === 0) return
    await this.#guard(async () => {
      for (const sealed of due) await this.#fs.rename(this.#file(sealed, PENDING), this.#file(sealed, ''))
      await this.#fs.syncDirectory(this.#directory)
    })
    this.#sealed = this.#sealed.filter((sealed) => sealed > part)
  }

  /** Joins the committed parts to the result; `whenEmpty` is its content if there are none. */
  async finish(whenEmpty: Uint8Array): Promise<void> {
    if (this.#isJoined) return
    await this.#guard(async () => {
      const parts = (await this.#list()).filter(({ isPending }) => !isPending)
      const only = parts.length === 1 ? parts[0]! : null
      const source = only === null ? join(this.#directory, JOINED) : join(this.#directory, only.name)
      if (only === null) {
        await this.#writeJoined(
          parts.map(({ name }) => join(this.#directory, name)),
          whenEmpty,
        )
      }
      await this.#fs.rename(source, this.#path)
      this.#isJoined = true
      await this.#clear(parts.filter(({ name }) => name !== only?.name))
    })
  }

  /** Gives up the part under construction. Sealed parts stay: a checkpoint may speak of them. */
  async abandon(): Promise<void> {
    const file = this.#open
    if (file === null) return
    this.#open = null
    this.#openBytes = 0
    await file.close()
    await this.#fs.unlink(this.#file(this.#part + 1, PENDING))
  }

  async #recover(restored: SinkState | null): Promise<void> {
    const part = restored === null ? 0 : Number(restored['part'])
    const totalBytes = restored === null ? 0 : Number(restored['totalBytes'])
    const found = await this.#list()
    const kept = found.filter((file) => file.part <= part)
    let bytes = 0
    for (const { name } of kept) bytes += (await this.#fs.size(join(this.#directory, name))) ?? 0
    if (bytes !== totalBytes) {
      if (totalBytes === 0 || (await this.#fs.size(this.#path)) !== totalBytes) throw this.#lost(part, totalBytes, bytes)
      this.#isJoined = true
    }
    if (this.#isJoined) await this.#clear(found)
    else await this.#completeCommit(found, part)
    this.#part = part
    this.#totalBytes = totalBytes
  }

  /** Makes the parts up to `part` visible and removes all others. */
  async #completeCommit(found: readonly FoundPart[], part: number): Promise<void> {
    await this.#fs.mkdir(this.#directory)
    for (const file of found) {
      const path = join(this.#directory, file.name)
      if (file.part > part) await this.#fs.unlink(path)
      else if (file.isPending) await this.#fs.rename(path, this.#file(file.part, ''))
    }
    await this.#fs.unlink(join(this.#directory, JOINED))
    await this.#fs.syncDirectory(this.#directory)
    await this.#fs.syncDirectory(dirname(this.#path))
  }

  /** Removes the parts, once the joined result is sure to stay. */
  async #clear(parts: readonly FoundPart[]): Promise<void> {
    await this.#fs.syncDirectory(dirname(this.#path))
    for (const { name } of parts) await this.#fs.unlink(join(this.#directory, name))
    await this.#fs.unlink(join(this.#directory, JOINED))
    await this.#removeDirectory()
  }

  #lost(part: number, wanted: number, found: number): ConnectorError {
    return new ConnectorError(
      'SINK_STATE_LOST',
      `Cannot go on with ${this.#path}: the parts up to ${part} in ${basename(this.#directory)} hold ${found} bytes, ` +
        `the checkpoint speaks of ${wanted}; bring the files back, or start without the checkpoint`,
      { details: { path: this.#path, part, wanted, found } },
    )
  }

  /** A job goes on after its end: the result becomes the last part again, and stays where it is as well. */
  async #splitAgain(): Promise<void> {
    await this.#fs.mkdir(this.#directory)
    await this.#writeJoined([this.#path], new Uint8Array(0))
    await this.#fs.rename(join(this.#directory, JOINED), this.#file(this.#part, ''))
    await this.#fs.syncDirectory(this.#directory)
    await this.#fs.syncDirectory(dirname(this.#path))
    this.#isJoined = false
  }

  async #writeJoined(sources: readonly string[], whenEmpty: Uint8Array): Promise<void> {
    const target = await this.#fs.open(join(this.#directory, JOINED), 'write')
    try {
      const buffer = new Uint8Array(COPY_BYTES)
      for (const source of sources) {
        const file = await this.#fs.open(source, 'read')
        try {
          for (;;) {
            const count = await file.read(buffer)
            if (count === 0) break
            await this.#writeAll(target, buffer.subarray(0, count))
          }
        } finally {
          await file.close()
        }
      }
      if (sources.length === 0 && whenEmpty.length > 0) await this.#writeAll(target, whenEmpty)
      await target.sync()
    } finally {
      await target.close()
    }
    await this.#fs.syncDirectory(this.#directory)
  }

  /** A full disk may take a part of a write without an error; the rest then fails with one. */
  async #writeAll(file: OpenFile, bytes: Uint8Array): Promise<void> {
    let at = 0
    while (at < bytes.length) {
      const written = await file.write(bytes.subarray(at))
      if (!(written > 0 && written <= bytes.length - at)) {
        const taken = `${written} of ${bytes.length - at} bytes were taken`
        const message = `Cannot write ${this.#path}: ${taken}; make room and resume from the last checkpoint`
        throw new ConnectorError('SINK_FULL', message, { details: { path: this.#path } })
      }
      at += written
    }
  }

  /** Our parts in order. Files of other names are left alone. */
  async #list(): Promise<readonly FoundPart[]> {
    const found: FoundPart[] = []
    for (const name of await this.#fs.list(this.#directory)) {
      const match = /^(\d{6,})(\..*)$/.exec(name)
      const isPending = match?.[2] === this.#extension + PENDING
      if (match !== null && (isPending || match[2] === this.#extension)) found.push({ name, part: Number(match[1]), isPending })
    }
    return found.sort((left, right) => left.part - right.part)
  }

  async #removeDirectory(): Promise<void> {
    try {
      await this.#fs.rmdir(this.#directory)
    } catch (error) {
      const code = String((error as { code?: unknown } | null)?.code)
      if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error
    }
  }

  #file(part: number, suffix: string): string {
    return join(this.#directory, `${String(part).padStart(6, '0')}${this.#extension}${suffix}`)
  }

  async #guard<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      throw sinkError(error, this.#path)
    }
  }
}
