/**
 * Reads a checkpoint directory and changes nothing.
 *
 * Before: disk-store, for `inspect` and as the reading half of a session. After: checkpoint/recovery, which verifies every byte.
 * Names come from the grammar of disk/names.ts only, and nothing is read through a symbolic link below the directory.
 *
 * Invariant: a generation that the certificate knows and whose manifest is gone is still listed, so that its loss is noticed.
 */

import { join } from 'node:path'
import type { CheckpointGeneration, CheckpointReader, ChunkHash } from '../../runtime/checkpoint/checkpoint-store.ts'
import { FRAME_HEADER_BYTES } from '../../runtime/checkpoint/envelope.ts'
import { CHUNK_BYTES_MAX, MANIFEST_BYTES_MAX } from '../../runtime/checkpoint/manifest.ts'
import { CheckpointError } from '../../runtime/errors.ts'
import { isNewer, readCertificate } from './certificate.ts'
import { codeOf, readError } from './disk-errors.ts'
import type { DiskFileSystem } from './file-system.ts'
import { compareGenerations, type DiskPaths, generationOf, isChunkHash, readManifestFile } from './names.ts'

/** A manifest's file twice over: its manifest, and the list of chunks behind it. */
const MANIFEST_FILE_BYTES_MAX = 2 * MANIFEST_BYTES_MAX
const CHUNK_FILE_BYTES_MAX = CHUNK_BYTES_MAX + FRAME_HEADER_BYTES

/** A manifest's file, taken apart; `chunks` is null when its list is damaged. */
export type ManifestFile = ReturnType<typeof readManifestFile>

export class DiskReader implements CheckpointReader {
  readonly #fs: DiskFileSystem
  readonly #paths: DiskPaths

  constructor(fs: DiskFileSystem, paths: DiskPaths) {
    this.#fs = fs
    this.#paths = paths
  }

  async generations(): Promise<readonly CheckpointGeneration[]> {
    const { certificate } = await readCertificate(this.#fs, this.#paths)
    const published = await this.published()
    const committed = certificate?.committed ?? null
    return committed !== null && isNewer(committed, published[0] ?? null) ? [committed, ...published] : published
  }

  /** Generations that have a manifest, newest first. */
  async published(): Promise<readonly CheckpointGeneration[]> {
    const names = await this.#read('the list of manifests', () => this.#fs.readDirectory(this.#paths.manifests))
    const generations = (names ?? []).map(generationOf).filter((generation) => generation !== null)
    return generations.sort((a, b) => compareGenerations(b, a))
  }

  /** @throws CheckpointError `CHECKPOINT_CORRUPT` when the list of chunks behind it is damaged: without it no chunk would be safe. */
  async readManifest(generation: CheckpointGeneration): Promise<Uint8Array | null> {
    const file = await this.readManifestFile(generation)
    if (file === null || file.chunks !== null) return file?.manifest ?? null
    throw new CheckpointError(
      'CHECKPOINT_CORRUPT',
      `The manifest of checkpoint ${generation.checkpointId} is damaged: its file does not end in a list of chunks`,
      {
        details: { ...generation, directory: this.#paths.root },
      },
    )
  }

  async readManifestFile(generation: CheckpointGeneration): Promise<ManifestFile | null> {
    const path = this.#paths.manifest(generation)
    const bytes = await this.#read(`the manifest of checkpoint ${generation.checkpointId}`, () =>
      this.#fs.readFile(path, MANIFEST_FILE_BYTES_MAX),
    )
    return bytes === null ? null : readManifestFile(bytes)
  }

  async readChunk(hash: ChunkHash): Promise<Uint8Array | null> {
    const directory = this.#paths.chunkDirectory(hash)
    const path = this.#paths.chunk(hash)
    return await this.#read(`chunk ${hash}`, async () => {
      if (!(await this.#fs.isDirectory(directory))) {
        throw new CheckpointError('CHECKPOINT_CORRUPT', `Cannot read chunk ${hash}: ${directory} is not a directory`, { details: { hash } })
      }
      return await this.#fs.readFile(path, CHUNK_FILE_BYTES_MAX)
    })
  }

  /** Names of all chunk files, for the collector. */
  async chunksThere(): Promise<readonly ChunkHash[]> {
    const hashes: ChunkHash[] = []
    for (const prefix of await this.#fs.readDirectory(this.#paths.chunks)) {
      if (!/^[0-9a-f]{2}$/.test(prefix)) continue
      const names = await this.#fs.readDirectory(join(this.#paths.chunks, prefix))
      hashes.push(...names.filter((name) => isChunkHash(name) && name.startsWith(prefix)))
    }
    return hashes
  }

  /** What `read` gives, or null when the file or directory is not there. */
  async #read<T>(what: string, read: () => Promise<T>): Promise<T | null> {
    try {
      return await read()
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return null
      throw error instanceof CheckpointError ? error : readError(error, what, this.#paths.root)
    }
  }
}
