/**
 * A journal in a checkpoint directory: segments of frames, each written by one owner and never opened again for writing.
 *
 * Before: a message source, through Journal. After: DiskFileSystem.
 * A segment is named by the number of its first entry and the epoch of its owner. The next owner begins a segment of its own where the valid
 * frames of the one before end; so a write that was cut, and whatever a paused owner still adds to its file, is passed over without a change
 * to that file: entries of a segment count only below the first number of the next one. New segments come, and old ones go, through the
 * owner's work directory, which the next owner moves away first (disk/claim.ts). An append looks at the claim after its bytes are on the disk
 * and before it is acknowledged: if nobody had claimed the directory then, the next owner reads those bytes.
 *
 * Invariant: entry n lies in the last segment whose first number is not above n.
 */

import type { Journal } from '../../runtime/checkpoint/journal.ts'
import { CheckpointError, JobStateError, type MillraceError } from '../../runtime/errors.ts'
import type { Claim } from './claim.ts'
import { codeOf, readError, writeError } from './disk-errors.ts'
import type { DiskFile, DiskFileSystem } from './file-system.ts'
import { frameOf, scanSegment, type SegmentScan } from './journal-frame.ts'
import { type DiskPaths, type SegmentName, segmentOf } from './names.ts'

export interface DiskJournalParts {
  readonly fs: DiskFileSystem
  readonly paths: DiskPaths
  readonly claim: Claim
  readonly name: string
  /** A path in the work directory that is not in use. */
  readonly draft: () => string
  readonly closed: () => void
}

interface Segment extends SegmentName {
  byteLength: number
}

/** Bytes behind which a segment is followed by the next one: what a trim can leave behind. */
const SEGMENT_BYTES = 4 << 20
const SEGMENT_FILE_BYTES_MAX = 0xffff_ffff + SEGMENT_BYTES

export class DiskJournal implements Journal {
  readonly #parts: DiskJournalParts
  readonly #directory: string
  /** By first number, then epoch; what is trimmed is gone. */
  #segments: Segment[] = []
  /** The own segment, open for writing; null until the next append begins one. */
  #file: DiskFile | null = null
  #end = 0
  /** The segment that was read last, with all its entries as of then. */
  #scanned: { readonly segment: Segment; readonly scan: SegmentScan } | null = null
  #isClosed = false
  #lastTask: Promise<unknown> = Promise.resolve()

  constructor(parts: DiskJournalParts) {
    this.#parts = parts
    this.#directory = parts.paths.journal(parts.name)
  }

  get begin(): number {
    return this.#segments[0]?.first ?? this.#end
  }

  get end(): number {
    return this.#end
  }

  get byteLength(): number {
    return this.#segments.reduce((sum, { byteLength }) => sum + byteLength, 0)
  }

  /** Looks what is there. @throws CheckpointError `CHECKPOINT_CORRUPT` when entries behind a damaged one would be lost. */
  async open(): Promise<void> {
    const { fs, paths, claim, name } = this.#parts
    try {
      await fs.makeDirectories(this.#directory)
      await fs.syncDirectory(paths.root)
      await fs.syncDirectory(paths.journals)
      // A segment whose owner was killed before the sync must not vanish under entries that follow it.
      await fs.syncDirectory(this.#directory)
      const found = (await fs.readDirectory(this.#directory)).map(segmentOf).filter((segment) => segment !== null)
      this.#segments = found.map((segment) => ({ ...segment, byteLength: 0 })).sort((a, b) => a.first - b.first || a.epoch - b.epoch)
      for (const segment of this.#segments) segment.byteLength = await fs.sizeOf(paths.segment(name, segment))
      const last = this.#segments.at(-1)
      if (last === undefined) return
      // Its owner may have been killed between write and sync: what is read here must stay, because a reader will rely on it.
      await fs.syncFile(paths.segment(name, last))
      const { entries, isDamaged, byteLength } = await this.#scan(last)
      if (isDamaged) throw this.#corrupt(last.first + entries.length)
      last.byteLength = byteLength
      this.#end = last.first + entries.length
    } catch (error) {
      throw writeError(await claim.explain(error), `open the journal ${name}`, paths.root)
    }
  }

  append(entries: readonly Uint8Array[]): Promise<number> {
    return this.#inTurn('append to', async () => {
      const first = this.#end
      if (entries.length === 0) return first
      const frame = frameOf(first, entries)
      const file = await this.#writable()
      try {
        await writeAll(file, frame)
        await file.sync()
      } catch (error) {
        // Nobody knows what is in the file behind the last frame: the next append begins another one.
        await this.#letGo()
        throw error
      }
      await this.#parts.claim.check()
      this.#segments.at(-1)!.byteLength += frame.length
      this.#end = first + entries.length
      return first
    })
  }

  async read(from: number, countMax: number): Promise<readonly Uint8Array[]> {
    if (!Number.isSafeInteger(from) || from < this.begin || from > this.#end) throw this.#outOfRange(from)
    const entries: Uint8Array[] = []
    for (let number = from; number < this.#end && entries.length < countMax; ) {
      const index = this.#segments.findLastIndex(({ first }) => first <= number)
      const segment = this.#segments[index]!
      const segmentEnd = this.#segments[index + 1]?.first ?? this.#end
      const scan = await this.#entriesOf(segment, segmentEnd)
      const to = Math.min(segmentEnd, number + countMax - entries.length)
      // A copy: a view would keep the whole segment in memory.
      for (; number < to; number++) entries.push(new Uint8Array(scan.entries[number - segment.first]!))
    }
    return entries
  }

  trim(before: number): Promise<void> {
    return this.#inTurn('trim', async () => {
      if (!Number.isSafeInteger(before) || before < 0 || before > this.#end) throw this.#outOfRange(before)
      const { fs, paths, claim, name, draft } = this.#parts
      await claim.check()
      while (this.#segments.length > 1 && this.#segments[1]!.first <= before) {
        const path = draft()
        try {
          await fs.rename(paths.segment(name, this.#segments[0]!), path)
        } catch (error) {
          if (codeOf(error) !== 'ENOENT') throw error
          // Either the file or, after a fence, the work directory is gone.
          await claim.check()
        }
        this.#segments.shift()
        await fs.unlink(path).catch(() => {})
      }
    })
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    await this.#lastTask
    await this.#letGo()
    this.#scanned = null
    this.#parts.closed()
  }

  /** The own segment, a new one when there is none or the one before is full. */
  async #writable(): Promise<DiskFile> {
    const { fs, paths, claim, name, draft } = this.#parts
    if (this.#file !== null && this.#segments.at(-1)!.byteLength < SEGMENT_BYTES) return this.#file
    await this.#letGo()
    const segment: Segment = { first: this.#end, epoch: claim.epoch, byteLength: 0 }
    const path = draft()
    const file = await fs.createFile(path)
    try {
      // After a failed append there may be one of the same name, without a whole frame: it is replaced.
      await fs.rename(path, paths.segment(name, segment))
      await fs.syncDirectory(this.#directory)
    } catch (error) {
      await file.close().catch(() => {})
      await fs.unlink(path).catch(() => {})
      throw error
    }
    if (this.#segments.at(-1)?.first === segment.first && this.#segments.at(-1)!.epoch === segment.epoch) this.#segments.pop()
    this.#segments.push(segment)
    this.#file = file
    return file
  }

  async #letGo(): Promise<void> {
    await this.#file?.close().catch(() => {})
    this.#file = null
  }

  async #entriesOf(segment: Segment, segmentEnd: number): Promise<SegmentScan> {
    const known = this.#scanned
    if (known !== null && known.segment === segment && segment.first + known.scan.entries.length >= segmentEnd) return known.scan
    const scan = await this.#scan(segment)
    if (segment.first + scan.entries.length < segmentEnd) throw this.#corrupt(segment.first + scan.entries.length)
    return scan
  }

  async #scan(segment: Segment): Promise<SegmentScan> {
    const { fs, paths, name } = this.#parts
    const path = paths.segment(name, segment)
    try {
      const scan = scanSegment(await fs.readFile(path, SEGMENT_FILE_BYTES_MAX), segment.first)
      this.#scanned = { segment, scan }
      return scan
    } catch (error) {
      throw readError(error, `the journal ${name}`, paths.root)
    }
  }

  /** One task after the other, each with the errors of a store. */
  #inTurn<T>(action: string, task: () => Promise<T>): Promise<T> {
    const { claim, paths, name } = this.#parts
    const run = this.#lastTask.then(async () => {
      if (this.#isClosed) throw new JobStateError('JOB_CLOSED', `The journal ${JSON.stringify(name)} is closed; open it again`)
      try {
        return await task()
      } catch (error) {
        if (error instanceof RangeError) throw error
        throw writeError(await claim.explain(error), `${action} the journal ${name}`, paths.root)
      }
    })
    this.#lastTask = run.catch(() => {})
    return run
  }

  #outOfRange(number: number): RangeError {
    return new RangeError(`The journal ${this.#parts.name} has entries ${this.begin} to ${this.#end - 1}, asked for ${number}`)
  }

  #corrupt(entry: number): MillraceError {
    return new CheckpointError(
      'CHECKPOINT_CORRUPT',
      `Entry ${entry} of the journal ${this.#parts.name} in ${this.#directory} is damaged, and others follow it; restore the directory from a copy`,
      { details: { directory: this.#directory, entry } },
    )
  }
}

async function writeAll(file: DiskFile, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const count = await file.write(bytes.subarray(at))
    if (!(count > 0 && count <= bytes.length - at))
      throw Object.assign(new Error(`${count} of ${bytes.length - at} bytes were written`), { code: 'ENOSPC' })
    at += count
  }
}
