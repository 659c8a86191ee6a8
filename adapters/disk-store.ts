/**
 * Checkpoints in a directory, for Node, Deno and Bun.
 *
 * Before: `start` opens it, checkpoint/recovery writes and reads through its session. After: the file system; it needs hard links and
 * an fsync that keeps its word, so a local one. What lies where:
 *
 *     job.json, job-copy.json    birth certificate: job, time of birth, newest acknowledged generation; renewed in turn by every commit
 *     owner-0000000007           claim of epoch 7, made exclusively: pid, host, boot, start time; says `released` after `close`
 *     work-0000000007/           drafts and refuse of epoch 7; the next owner takes it away, and with it all power to change anything
 *     chunks/3f/3f9a…            chunks, named by the SHA-256 of their payload, never changed
 *     manifests/0000000007-0000000000000042    checkpoint 42, taken in epoch 7; what is here is committed
 *     journals/1b2e…/0000000000000042-0000000007    entries of a journal from number 42 on, as appended in epoch 7
 *
 * At `open`: claim → fence earlier owners → look what is there → certificate against manifests. Nothing there and nothing known: a
 * fresh start. So a directory that was deleted as a whole starts afresh, which only a sink's own ledger could notice; everything less
 * is `STATE_LOST`. On another host than the last owner nobody can tell whether that one lives: it is fenced, not waited for.
 *
 * Invariant: a file in manifests/ is whole, and everything that it names was on the disk before it.
 */

import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { CheckpointReader, CheckpointSession, CheckpointStore } from '../runtime/checkpoint/checkpoint-store.ts'
import { type Clock, systemClock } from '../runtime/clock.ts'
import { CheckpointError } from '../runtime/errors.ts'
import { type Certificate, certificateFile, isNewer, readCertificate } from './disk/certificate.ts'
import { type Claim, claimDirectory } from './disk/claim.ts'
import { codeOf, writeError } from './disk/disk-errors.ts'
import { DiskReader } from './disk/disk-reader.ts'
import { DiskSession, type Published } from './disk/disk-session.ts'
import { type DiskFileSystem, nodeFileSystem, writeWhole } from './disk/file-system.ts'
import { CERTIFICATE_NAMES, DiskPaths } from './disk/names.ts'
import { nodeProcessTable, type ProcessTable } from './disk/process-table.ts'

export interface FileCheckpointsOptions {
  /** Generations kept, at least 3, which is the default. */
  readonly generations?: number
}

/** What a disk store stands on; tests put their own in. */
export interface DiskStoreParts {
  readonly fs: DiskFileSystem
  readonly processes: ProcessTable
  readonly clock: Clock
}

/**
 * A store that keeps checkpoints in a directory, which it creates when it is not there.
 *
 * @param directory - A path, relative to the working directory of now, or a `file:` URL. One job each.
 * @throws RangeError when `generations` is not an integer of at least 3.
 *
 * @example
 * await start(job, { sources, sinks, checkpoints: { store: fileCheckpoints('./state'), every: '10s' } })
 */
export function fileCheckpoints(directory: string | URL, options: FileCheckpointsOptions = {}): CheckpointStore {
  return new DiskStore(directory, options, { fs: nodeFileSystem, processes: nodeProcessTable, clock: systemClock })
}

/** {@link fileCheckpoints} on given parts. */
export class DiskStore implements CheckpointStore {
  readonly kind = 'disk'
  readonly #parts: DiskStoreParts
  readonly #paths: DiskPaths
  readonly #reader: DiskReader
  readonly #generationsKept: number

  constructor(directory: string | URL, options: FileCheckpointsOptions, parts: DiskStoreParts) {
    const kept = options.generations ?? 3
    if (!Number.isSafeInteger(kept) || kept < 3) throw new RangeError(`generations must be an integer of at least 3, it is ${kept}`)
    this.#generationsKept = kept
    this.#parts = parts
    this.#paths = new DiskPaths(resolve(directory instanceof URL ? fileURLToPath(directory) : directory))
    this.#reader = new DiskReader(parts.fs, this.#paths)
  }

  async inspect(): Promise<CheckpointReader> {
    return this.#reader
  }

  async open(jobName: string): Promise<CheckpointSession> {
    const { fs, processes } = this.#parts
    let claim: Claim | null = null
    try {
      await this.#makeRoot()
      // Once before the claim, so that another job's directory is left as it is.
      const known = this.#ofJob((await readCertificate(fs, this.#paths)).certificate, jobName)
      const newest = (await this.#reader.published())[0]
      claim = await claimDirectory(fs, this.#paths, processes, Math.max(newest?.epoch ?? 0, known?.committed?.epoch ?? 0))
      await claim.fenceOthers()
      await this.#makeFolders()
      const published = await this.#published()
      const certificate = await this.#certificate(jobName, published, claim)
      await claim.removeLeftovers()
      await claim.check()
      return new DiskSession({
        fs,
        paths: this.#paths,
        claim,
        reader: this.#reader,
        certificate,
        published,
        generationsKept: this.#generationsKept,
      })
    } catch (error) {
      const reason = claim === null ? error : await claim.explain(error)
      await claim?.release()
      throw writeError(reason, `open the checkpoints of ${jobName}`, this.#paths.root)
    }
  }

  /**
   * The directory, with a durable name. Those above are synced even when they were there: a process that made them may have been killed
   * before it did. Of those that are not ours some may not be open to us; they are no worse than before.
   */
  async #makeRoot(): Promise<void> {
    const { fs } = this.#parts
    const topmost = await fs.makeDirectories(this.#paths.root)
    for (let path = this.#paths.root; path !== dirname(path); path = dirname(path)) {
      const isOurs = topmost !== undefined && path.length >= topmost.length
      await fs.syncDirectory(dirname(path)).catch((error: unknown) => {
        if (isOurs) throw error
      })
    }
  }

  async #makeFolders(): Promise<void> {
    const { fs } = this.#parts
    for (const folder of [this.#paths.chunks, this.#paths.manifests]) {
      await fs.makeDirectory(folder).catch((error: unknown) => {
        if (codeOf(error) !== 'EEXIST') throw error
      })
      if (!(await fs.isDirectory(folder))) throw Object.assign(new Error(`${folder} is not a directory`), { code: 'ENOTDIR' })
    }
    await fs.syncDirectory(this.#paths.root)
    // A manifest whose owner was killed before the sync must be durable before a sink commits by it.
    await fs.syncDirectory(this.#paths.manifests)
  }

  /** What is there, oldest first. */
  async #published(): Promise<Published[]> {
    const generations = (await this.#reader.published()).toReversed()
    const published: Published[] = []
    for (const generation of generations) {
      const file = await this.#reader.readManifestFile(generation).catch((error: unknown) => {
        if (error instanceof CheckpointError && error.code === 'CHECKPOINT_CORRUPT') return null
        throw error
      })
      published.push({ generation, chunks: file?.chunks ?? null, isAcknowledged: true })
    }
    return published
  }

  /** The certificate, compared with what is there; made on a fresh start, renewed where a copy is missing, damaged or behind. */
  async #certificate(jobName: string, published: readonly Published[], claim: Claim): Promise<Certificate> {
    const { fs, clock } = this.#parts
    const reading = await readCertificate(fs, this.#paths)
    const known = this.#ofJob(reading.certificate, jobName)
    const newest = published.at(-1)?.generation ?? null
    if (newest === null) await this.#refuseLostState(known, reading.isDamaged)
    const isBehind = isNewer(newest, known?.committed ?? null)
    const certificate: Certificate = {
      jobName,
      createdAtMs: known?.createdAtMs ?? clock.now(),
      committed: isBehind ? newest : (known?.committed ?? null),
    }
    const copies = isBehind ? [...CERTIFICATE_NAMES.keys()] : reading.toRenew
    for (const copy of copies) {
      const draft = join(this.#paths.work(claim.epoch), `certificate-${copy}`)
      await writeWhole(fs, draft, certificateFile(certificate))
      await fs.rename(draft, this.#paths.certificate(copy))
    }
    if (copies.length > 0) await fs.syncDirectory(this.#paths.root)
    return certificate
  }

  async #refuseLostState(known: Certificate | null, isDamaged: boolean): Promise<void> {
    const { root, chunks } = this.#paths
    const committed = known?.committed ?? null
    const isLost = known === null ? isDamaged || (await this.#parts.fs.readDirectory(chunks)).length > 0 : committed !== null
    if (!isLost) return
    const what = committed === null ? 'checkpoints' : `checkpoint ${committed.checkpointId} (epoch ${committed.epoch})`
    throw new CheckpointError(
      'STATE_LOST',
      `${root} had ${what}, and no manifest is left; restore it from a copy, or delete the whole directory to start from nothing`,
      {
        details: { directory: root, committed },
      },
    )
  }

  #ofJob(certificate: Certificate | null, jobName: string): Certificate | null {
    if (certificate === null || certificate.jobName === jobName) return certificate
    throw new CheckpointError(
      'STATE_FOREIGN',
      `Cannot open ${this.#paths.root} for ${jobName}: it belongs to job ${certificate.jobName}; name another directory`,
      {
        details: { found: certificate.jobName, wanted: jobName, directory: this.#paths.root },
      },
    )
  }
}
