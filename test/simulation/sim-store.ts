/**
 * The memory store with everything that can happen to a store: slowness, failures before and after the effect, damage, fencing.
 *
 * Before: checkpoint/recovery. After: adapters/memory-store, which outlives the job's lives.
 *
 * Invariant: a generation counts as acknowledged when `commit` has resolved for the job, not earlier.
 */

import { memoryCheckpoints } from '../../adapters/memory-store.ts'
import type {
  CheckpointGeneration,
  CheckpointReader,
  CheckpointSession,
  CheckpointStore,
} from '../../runtime/checkpoint/checkpoint-store.ts'
import { verify } from '../../runtime/checkpoint/recovery.ts'
import { CheckpointError, JobStateError } from '../../runtime/errors.ts'
import type { Prng } from '../support/prng.ts'
import type { Life, World } from './world.ts'

const keyOf = ({ epoch, checkpointId }: CheckpointGeneration) => `${epoch}/${checkpointId}`

export class SimStore {
  readonly inner: CheckpointStore = memoryCheckpoints()
  readonly #world: World
  acknowledged: CheckpointGeneration | null = null
  #damaged = new Set<string>()
  #hadFailure = false

  constructor(world: World) {
    this.#world = world
  }

  /** Damages the newest generation, when there is one before it. @returns whether it did. */
  async damageNewest(prng: Prng): Promise<boolean> {
    const reports = await verify(this.#reader(await this.inner.inspect()))
    const whole = reports.filter(({ problem }) => problem === null)
    const newest = reports[0]
    if (whole.length < 2 || newest === undefined || newest.problem !== null) return false
    const older = new Set(reports.slice(1).flatMap(({ manifest }) => hashesOf(manifest)))
    const own = hashesOf(newest.manifest).filter((hash) => !older.has(hash))
    this.#damaged.add(own.length > 0 && prng.int(2) === 0 ? prng.pick(own) : keyOf(newest.generation))
    this.acknowledged = whole[1]!.generation
    return true
  }

  /** Checks that what was acknowledged can be recovered, or something newer. */
  async checkAcknowledged(): Promise<void> {
    if (this.acknowledged === null) return
    const reports = await verify(this.#reader(await this.inner.inspect()))
    const good = reports.find(({ problem }) => problem === null)
    if (good === undefined || isOlder(good.generation, this.acknowledged)) {
      this.#world.violation(
        `checkpoint ${keyOf(this.acknowledged)} was acknowledged; ` +
          `newest that can be recovered is ${good === undefined ? 'none' : keyOf(good.generation)}`,
      )
    }
  }

  forLife(life: Life): CheckpointStore {
    const { world, rates } = life
    const fault = (hasEffect: boolean) => {
      this.#hadFailure = true
      void hasEffect
      return life.prng.int(4) === 0
        ? new CheckpointError('STORE_UNAVAILABLE', 'the store is away, as simulated')
        : new CheckpointError('STORE_FULL', 'the store is full, as simulated', { retryable: true })
    }
    return {
      kind: 'simulated',
      open: async (jobName) => {
        const session = await life.operation('store open', rates.storeFails / 4, () => this.inner.open(jobName), fault)
        const reader = this.#reader(session)
        const wrapped: CheckpointSession = {
          epoch: session.epoch,
          generations: () => life.operation('store list', rates.storeFails / 4, reader.generations, fault),
          readManifest: (generation) =>
            life.operation('store read manifest', rates.storeFails / 4, () => reader.readManifest(generation), fault),
          readChunk: (hash) => life.operation('store read chunk', 0, () => reader.readChunk(hash), fault),
          writeChunk: (hash, bytes) =>
            life.operation(
              'store write chunk',
              rates.storeFails / 8,
              async () => {
                await session.writeChunk(hash, bytes)
                this.#damaged.delete(hash)
              },
              fault,
            ),
          commit: async (checkpointId, manifest, chunks) => {
            life.committedSinks = 0
            await life.operation(
              'store commit',
              rates.storeFails,
              async () => {
                try {
                  await session.commit(checkpointId, manifest, chunks)
                } catch (error) {
                  if (error instanceof JobStateError && error.code === 'JOB_FENCED') world.saw('zombie fenced by the store')
                  throw error
                }
                life.phase = 'written'
              },
              (hasEffect) => {
                if (hasEffect) world.saw('store commit with unknown outcome')
                return fault(hasEffect)
              },
            )
            if (this.#hadFailure) world.saw('store failure, then success')
            this.#hadFailure = false
            this.acknowledged = { epoch: session.epoch, checkpointId }
          },
          close: async () => {
            if (!life.isDead) await session.close()
          },
        }
        return wrapped
      },
      inspect: async () => this.#reader(await this.inner.inspect()),
    }
  }

  #reader(reader: CheckpointReader): CheckpointReader {
    const damage = (name: string, bytes: Uint8Array | null) => {
      if (bytes === null || !this.#damaged.has(name)) return bytes
      const copy = bytes.slice()
      const at = name.length % copy.length
      copy[(copy.length >> 1) + (at % (copy.length >> 1))]! ^= 1 << (at & 7)
      return copy
    }
    return {
      generations: () => reader.generations(),
      readManifest: async (generation) => damage(keyOf(generation), await reader.readManifest(generation)),
      readChunk: async (hash) => damage(hash, await reader.readChunk(hash)),
    }
  }
}

export function isOlder(a: CheckpointGeneration, b: CheckpointGeneration): boolean {
  return a.epoch < b.epoch || (a.epoch === b.epoch && a.checkpointId < b.checkpointId)
}

function hashesOf(
  manifest: {
    readonly operators: Readonly<
      Record<string, { readonly subtasks: readonly { readonly chunks: readonly { readonly hash: string }[] }[] }>
    >
  } | null,
): string[] {
  if (manifest === null) return []
  return Object.values(manifest.operators).flatMap(({ subtasks }) => subtasks.flatMap(({ chunks }) => chunks.map(({ hash }) => hash)))
}
