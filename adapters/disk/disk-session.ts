/**
 * One owner's session of a checkpoint directory: writes chunks, publishes manifests, throws away what nothing names any more.
 *
 * Before: checkpoint/recovery, through CheckpointSession. After: DiskFileSystem.
 * A commit is: chunks and their directories on the disk → manifest on the disk under a draft name → still the owner? → the manifest
 * gets its name by a link → its directory on the disk → certificate → still the owner? → acknowledged.
 * After a failure all chunks written since the last commit are forgotten, and must be written again.
 * A chunk is written even when a file of its name is there, unless the session wrote that: the file may be damaged or not yet durable.
 *
 * Invariant: when `commit` resolves, the generation survives power loss; at no moment is there a manifest whose chunks are not durable.
 */

import { join } from 'node:path'
import type { CheckpointGeneration, CheckpointSession, ChunkHash } from '../../runtime/checkpoint/checkpoint-store.ts'
import type { Journal } from '../../runtime/checkpoint/journal.ts'
import { CheckpointError, JobStateError, type MillraceError } from '../../runtime/errors.ts'
import { type Certificate, certificateFile } from './certificate.ts'
import type { Claim } from './claim.ts'
import { codeOf, writeError } from './disk-errors.ts'
import { DiskJournal } from './disk-journal.ts'
import type { DiskReader } from './disk-reader.ts'
import { type DiskFileSystem, writeWhole } from './file-system.ts'
import { CERTIFICATE_NAMES, type DiskPaths, manifestFile } from './names.ts'

/** A manifest in the directory. */
export interface Published {
  readonly generation: CheckpointGeneration
  /** Null when its list is damaged: then no chunk may be thrown away while it is kept. */
  readonly chunks: readonly ChunkHash[] | null
  /** False when its commit failed after the manifest had got its name. */
  isAcknowledged: boolean
}

export interface DiskSessionParts {
  readonly fs: DiskFileSystem
  readonly paths: DiskPaths
  readonly claim: Claim
  readonly reader: DiskReader
  readonly certificate: Certificate
  /** Oldest first. */
  readonly published: readonly Published[]
  readonly generationsKept: number
}

export class DiskSession implements CheckpointSession {
  readonly #parts: DiskSessionParts
  readonly #work: string
  #published: Published[]
  #certificate: Certificate
  /** Which copy of the certificate comes next. */
  #nextCopy = 0
  /** Chunks that the session wrote and that no generation names yet. */
  readonly #pending = new Set<ChunkHash>()
  /** Directories whose names changed since they were last on the disk. */
  readonly #unsynced = new Set<string>()
  readonly #chunkDirectories = new Set<string>()
  #draftCount = 0
  /** Chunks being written at this moment. */
  #writingCount = 0
  /** A checkpoint failed, and what it wrote is still there. */
  #hasFailed = false
  #isSwept = false
  #isBroken = false
  #isClosed = false
  #lastCommit: Promise<void> = Promise.resolve()
  /** Journals that are open, by name. */
  readonly #journals = new Map<string, DiskJournal>()

  constructor(parts: DiskSessionParts) {
    this.#parts = parts
    this.#work = parts.paths.work(parts.claim.epoch)
    this.#published = [...parts.published]
    this.#certificate = parts.certificate
  }

  get epoch(): number {
    return this.#parts.claim.epoch
  }

  generations(): Promise<readonly CheckpointGeneration[]> {
    return this.#parts.reader.generations()
  }

  readManifest(generation: CheckpointGeneration): Promise<Uint8Array | null> {
    return this.#parts.reader.readManifest(generation)
  }

  readChunk(hash: ChunkHash): Promise<Uint8Array | null> {
    return this.#parts.reader.readChunk(hash)
  }

  async writeChunk(hash: ChunkHash, bytes: Uint8Array): Promise<void> {
    this.#checkUsable()
    if (this.#pending.has(hash)) return
    const { fs, paths } = this.#parts
    const directory = paths.chunkDirectory(hash)
    this.#writingCount++
    try {
      await this.#ensureDirectory(directory)
      const draft = this.#draft()
      await writeWhole(fs, draft, bytes)
      try {
        await fs.rename(draft, paths.chunk(hash))
      } catch (error) {
        await fs.unlink(draft).catch(() => {})
        throw error
      }
      this.#unsynced.add(directory)
      this.#pending.add(hash)
    } catch (error) {
      throw await this.#failure(error, 'write a chunk')
    } finally {
      if (--this.#writingCount === 0 && this.#hasFailed) await this.#forgetFailed()
    }
  }

  commit(checkpointId: number, manifest: Uint8Array, chunks: readonly ChunkHash[]): Promise<void> {
    const commit = this.#lastCommit.then(() => this.#commit(checkpointId, manifest, chunks))
    this.#lastCommit = commit.catch(() => {})
    return commit
  }

  async openJournal(name: string): Promise<Journal> {
    this.#checkUsable()
    if (this.#journals.has(name)) throw new RangeError(`The journal ${JSON.stringify(name)} is open already`)
    const { fs, paths, claim } = this.#parts
    const closed = () => this.#journals.delete(name)
    const journal = new DiskJournal({ fs, paths, claim, name, draft: () => this.#draft(), closed })
    this.#journals.set(name, journal)
    try {
      await journal.open()
    } catch (error) {
      closed()
      throw error
    }
    return journal
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    await Promise.all([...this.#journals.values()].map((journal) => journal.close()))
    await this.#lastCommit
    await this.#parts.claim.release()
  }

  async #commit(checkpointId: number, manifest: Uint8Array, chunks: readonly ChunkHash[]): Promise<void> {
    this.#checkUsable()
    this.#checkOrder(checkpointId)
    this.#checkComplete(checkpointId, chunks)
    const { fs, claim } = this.#parts
    const generation = { epoch: this.epoch, checkpointId }
    const entry: Published = { generation, chunks: [...chunks], isAcknowledged: false }
    const certificate = { ...this.#certificate, committed: generation }
    const draft = this.#draft()
    const copies = this.#copiesToRenew().map((copy) => ({ copy, draft: this.#draft() }))
    try {
      await allDone([
        ...[...this.#unsynced].map((directory) => this.#sync(directory)),
        writeWhole(fs, draft, manifestFile(manifest, chunks)),
        ...copies.map((copy) => writeWhole(fs, copy.draft, certificateFile(certificate))),
      ])
      await this.#publish(entry, draft)
      await this.#renewCertificate(certificate, copies)
      await claim.check()
    } catch (error) {
      for (const path of [draft, ...copies.map((copy) => copy.draft)]) await fs.unlink(path).catch(() => {})
      throw await this.#failure(error, `commit checkpoint ${checkpointId}`)
    }
    entry.isAcknowledged = true
    for (const hash of chunks) this.#pending.delete(hash)
    await this.#collect()
  }

  async #publish(entry: Published, draft: string): Promise<void> {
    const { fs, paths, claim } = this.#parts
    await claim.check()
    await fs.link(draft, paths.manifest(entry.generation))
    this.#published.push(entry)
    await this.#sync(paths.manifests)
    await fs.unlink(draft).catch(() => {})
  }

  /** Only after the manifest is durable: a certificate ahead of it would report a loss that never was. */
  async #renewCertificate(certificate: Certificate, copies: readonly { readonly copy: number; readonly draft: string }[]): Promise<void> {
    const { fs, paths } = this.#parts
    for (const { copy, draft } of copies) await fs.rename(draft, paths.certificate(copy))
    await this.#sync(paths.root)
    this.#certificate = certificate
    this.#nextCopy = (this.#nextCopy + 1) % CERTIFICATE_NAMES.length
  }

  /** The first time both copies, so that neither denies that there ever was a checkpoint; then in turn. */
  #copiesToRenew(): readonly number[] {
    return this.#certificate.committed === null ? [...CERTIFICATE_NAMES.keys()] : [this.#nextCopy]
  }

  /** After a failed sync of a directory nobody knows which names are on the disk, and a second sync may lie: the session has ended. */
  async #sync(directory: string): Promise<void> {
    try {
      await this.#parts.fs.syncDirectory(directory)
      this.#unsynced.delete(directory)
    } catch (error) {
      this.#isBroken = true
      throw error
    }
  }

  async #ensureDirectory(directory: string): Promise<void> {
    if (this.#chunkDirectories.has(directory)) return
    await this.#parts.fs.makeDirectory(directory).catch((error: unknown) => {
      if (codeOf(error) !== 'EEXIST') throw error
    })
    if (!(await this.#parts.fs.isDirectory(directory)))
      throw Object.assign(new Error(`${directory} is not a directory`), { code: 'ENOTDIR' })
    // Even when it was there: whoever made it may have been killed before it was on the disk.
    this.#unsynced.add(this.#parts.paths.chunks)
    this.#chunkDirectories.add(directory)
  }

  /** What went wrong, in our terms. Chunks of the failed checkpoint are forgotten, so that the next one writes them again. */
  async #failure(error: unknown, action: string): Promise<MillraceError> {
    const failure = writeError(await this.#parts.claim.explain(error), action, this.#parts.paths.root)
    if (failure instanceof JobStateError) return failure
    this.#hasFailed = true
    if (this.#writingCount === 0) await this.#forgetFailed()
    return failure
  }

  /** Throws away what the failed checkpoint wrote, once nothing of it is being written any more: a full disk needs the room. */
  async #forgetFailed(): Promise<void> {
    this.#hasFailed = false
    this.#isSwept = false
    this.#pending.clear()
    await this.#collectChunks([]).catch(() => {})
  }

  /** Throws away manifests above the number to keep, and their chunks. Failing here loses nothing: the next commit tries again. */
  async #collect(): Promise<void> {
    try {
      const acknowledged = this.#published.filter(({ isAcknowledged }) => isAcknowledged)
      const oldestKept = acknowledged.at(-this.#parts.generationsKept)
      const dropped = oldestKept === undefined ? [] : this.#published.slice(0, this.#published.indexOf(oldestKept))
      for (const entry of dropped) {
        await this.#discard(this.#parts.paths.manifest(entry.generation))
        this.#published.splice(this.#published.indexOf(entry), 1)
      }
      await this.#collectChunks(dropped)
    } catch {
      this.#isSwept = false
    }
  }

  /** Throws away chunks that no manifest names: those of `dropped`, or of the whole directory when something may lie about. */
  async #collectChunks(dropped: readonly Published[]): Promise<void> {
    if (this.#published.some(({ chunks }) => chunks === null)) return
    const candidates = this.#isSwept ? dropped.flatMap(({ chunks }) => chunks ?? []) : await this.#parts.reader.chunksThere()
    const named = new Set(this.#published.flatMap(({ chunks }) => chunks ?? []))
    for (const hash of new Set(candidates)) {
      if (!named.has(hash) && !this.#pending.has(hash)) await this.#discard(this.#parts.paths.chunk(hash))
    }
    this.#isSwept = true
  }

  /** Through the work directory, as every change: a rename that a fenced owner cannot make. */
  async #discard(path: string): Promise<void> {
    const draft = this.#draft()
    try {
      await this.#parts.fs.rename(path, draft)
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return
      throw error
    }
    await this.#parts.fs.unlink(draft)
  }

  #checkUsable(): void {
    if (this.#isClosed) throw new JobStateError('JOB_CLOSED', 'The checkpoint session is closed; open the store again')
    if (!this.#isBroken) return
    const { root } = this.#parts.paths
    const message = `The disk failed to keep names in ${root}; check it, then open the store again`
    throw new CheckpointError('STORE_UNAVAILABLE', message, { details: { directory: root } })
  }

  #checkOrder(checkpointId: number): void {
    const last = this.#published.at(-1)?.generation
    const least = last?.epoch === this.epoch ? last.checkpointId + 1 : 0
    if (!Number.isSafeInteger(checkpointId) || checkpointId < least)
      throw new RangeError(`checkpointId must be an integer of at least ${least}, it is ${checkpointId}`)
  }

  #checkComplete(checkpointId: number, chunks: readonly ChunkHash[]): void {
    const there = new Set(this.#published.flatMap((entry) => entry.chunks ?? []))
    const missing = chunks.find((hash) => !there.has(hash) && !this.#pending.has(hash))
    if (missing === undefined) return
    throw new CheckpointError('CHECKPOINT_INCOMPLETE', `Cannot commit checkpoint ${checkpointId}: chunk ${missing} was not written`, {
      details: { hash: missing },
    })
  }

  #draft(): string {
    return join(this.#work, String(this.#draftCount++))
  }
}

/** Resolves when all have resolved; rejects with the first failure when none is under way any more. */
async function allDone(tasks: readonly Promise<void>[]): Promise<void> {
  for (const result of await Promise.allSettled(tasks)) if (result.status === 'rejected') throw result.reason
}
