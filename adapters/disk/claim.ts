/**
 * Who owns a checkpoint directory: claims of rising epochs, and the fence that keeps an earlier owner out.
 *
 * Before: disk-store claims at `open`. After: disk/session asks before and after each commit whether its claim is still the highest.
 * Every change of chunks, manifests and certificate is a rename or link out of, or into, the owner's own `work-<epoch>` directory. The next
 * owner first claims, then moves that directory away, and only then looks at what is there. So whatever a paused owner still tries
 * either happened before that look or fails with ENOENT: the fence holds at every instruction, not only where somebody checks.
 *
 * Invariant: claims are created exclusively, and the highest one is never removed; so epochs rise.
 */

import { basename, join } from 'node:path'
import { CheckpointError, JobStateError } from '../../runtime/errors.ts'
import { codeOf } from './disk-errors.ts'
import { type DiskFileSystem, removeTree, writeWhole } from './file-system.ts'
import { CLAIM_DRAFT_PREFIX, claimEpochOf, type DiskPaths, workEpochOf } from './names.ts'
import type { ProcessIdentity, ProcessTable } from './process-table.ts'

const ATTEMPTS_MAX = 100
const CLAIM_BYTES_MAX = 4096

/** Makes names of drafts unique within the process; the pid does it between processes. */
let draftCount = 0

interface ClaimContent extends ProcessIdentity {
  readonly released: boolean
}

/** One owner's claim of a directory. */
export class Claim {
  readonly epoch: number
  readonly #fs: DiskFileSystem
  readonly #paths: DiskPaths
  readonly #self: ProcessIdentity

  constructor(fs: DiskFileSystem, paths: DiskPaths, epoch: number, self: ProcessIdentity) {
    this.#fs = fs
    this.#paths = paths
    this.epoch = epoch
    this.#self = self
  }

  /** @throws JobStateError `JOB_FENCED` when there is a higher claim. */
  async check(): Promise<void> {
    const highest = highestClaim(await this.#fs.readDirectory(this.#paths.root))
    if (highest <= this.epoch) return
    throw new JobStateError(
      'JOB_FENCED',
      `Epoch ${this.epoch} is over: epoch ${highest} has taken ${this.#paths.root}; this process must stop`,
      {
        details: { epoch: this.epoch, newerEpoch: highest, directory: this.#paths.root },
      },
    )
  }

  /** The fence, when it is what lies behind `error`; else `error` itself. */
  async explain(error: unknown): Promise<unknown> {
    return await this.check().then(
      () => error,
      (found: unknown) => (found instanceof JobStateError ? found : error),
    )
  }

  /**
   * Makes the own work directory and moves those of earlier owners into it: from here on they can change nothing.
   *
   * @throws JobStateError `JOB_FENCED`: a later owner that claimed before the directory was made could not have moved it away.
   */
  async fenceOthers(): Promise<void> {
    const own = this.#paths.work(this.epoch)
    await this.#fs.makeDirectory(own)
    await this.check()
    for (const name of await this.#fs.readDirectory(this.#paths.root)) {
      const epoch = workEpochOf(name)
      if (epoch === null || epoch >= this.epoch) continue
      await this.#fs.rename(join(this.#paths.root, name), join(own, `fenced-${name}`)).catch((error: unknown) => {
        if (codeOf(error) !== 'ENOENT') throw error
      })
    }
  }

  /** Removes what earlier owners left: their drafts, and claims below the own one. What cannot be removed stays, and does no harm. */
  async removeLeftovers(): Promise<void> {
    const { root } = this.#paths
    const own = this.#paths.work(this.epoch)
    for (const name of await this.#fs.readDirectory(own)) await removeTree(this.#fs, join(own, name)).catch(() => {})
    for (const name of await this.#fs.readDirectory(root)) {
      const epoch = claimEpochOf(name)
      const isOver = epoch !== null && epoch < this.epoch
      if (isOver || name.startsWith(CLAIM_DRAFT_PREFIX)) await this.#fs.unlink(join(root, name)).catch(() => {})
    }
  }

  /** Gives the directory back. After a fence it does nothing. */
  async release(): Promise<void> {
    const own = this.#paths.work(this.epoch)
    try {
      const draft = join(own, 'released')
      await writeWhole(this.#fs, draft, claimFile(this.#self, true))
      await this.#fs.rename(draft, this.#paths.owner(this.epoch))
      await removeTree(this.#fs, own)
    } catch {
      // The next owner finds this process dead, or the claim released; either way it goes on.
    }
  }
}

/**
 * Claims the next epoch, above `epochMin`, the claims there are and their work directories.
 *
 * @throws JobStateError `JOB_LOCKED` when a live process on this machine holds the highest claim. An owner elsewhere, of whom nothing can
 * be known, is not waited for: it is fenced.
 */
export async function claimDirectory(fs: DiskFileSystem, paths: DiskPaths, processes: ProcessTable, epochMin: number): Promise<Claim> {
  const self = await processes.self()
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const names = await fs.readDirectory(paths.root)
    const highest = highestClaim(names)
    if (highest > 0) await refuseLiveOwner(fs, paths, processes, highest)
    const epoch = Math.max(highest, epochMin, ...names.map((name) => workEpochOf(name) ?? 0)) + 1
    const draft = join(paths.root, `${CLAIM_DRAFT_PREFIX}${self.pid}-${draftCount++}`)
    try {
      await writeWhole(fs, draft, claimFile(self, false))
      // A link is exclusive and shows the whole content at once.
      await fs.link(draft, paths.owner(epoch))
    } catch (error) {
      // EEXIST: another process was faster. ENOENT: its owner has tidied our draft away.
      if (codeOf(error) === 'EEXIST' || codeOf(error) === 'ENOENT') continue
      throw error
    } finally {
      await fs.unlink(draft).catch(() => {})
    }
    await fs.syncDirectory(paths.root)
    return new Claim(fs, paths, epoch, self)
  }
  throw new CheckpointError('STORE_UNAVAILABLE', `Cannot claim ${paths.root}: other processes were faster ${ATTEMPTS_MAX} times`, {
    retryable: true,
  })
}

async function refuseLiveOwner(fs: DiskFileSystem, paths: DiskPaths, processes: ProcessTable, epoch: number): Promise<void> {
  const path = paths.owner(epoch)
  const owner = await readClaim(fs, path)
  if (owner === null || owner.released || (await processes.stateOf(owner)) !== 'alive') return
  const { pid, host } = owner
  throw new JobStateError(
    'JOB_LOCKED',
    `Cannot open ${paths.root}: process ${pid} on ${host} runs this job (${basename(path)}); stop it first, or name another directory`,
    {
      retryable: true,
      details: { pid, host, epoch, directory: paths.root },
    },
  )
}

/** Null when it is gone or not readable as a claim: then nothing is known of its owner. */
async function readClaim(fs: DiskFileSystem, path: string): Promise<ClaimContent | null> {
  try {
    const fields = JSON.parse(new TextDecoder().decode(await fs.readFile(path, CLAIM_BYTES_MAX))) as Partial<
      Record<keyof ClaimContent, unknown>
    > | null
    if (fields === null || typeof fields !== 'object') return null
    const { pid, host, released } = fields
    if (typeof pid !== 'number' || !Number.isSafeInteger(pid) || pid <= 0 || typeof host !== 'string') return null
    const textOf = (value: unknown) => (typeof value === 'string' ? value : null)
    return {
      pid,
      host,
      bootId: textOf(fields.bootId),
      pidNamespace: textOf(fields.pidNamespace),
      startTicks: textOf(fields.startTicks),
      released: released === true,
    }
  } catch {
    return null
  }
}

function claimFile(self: ProcessIdentity, released: boolean): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify({ ...self, released })}\n`)
}

function highestClaim(names: readonly string[]): number {
  return Math.max(0, ...names.map((name) => claimEpochOf(name) ?? 0))
}
