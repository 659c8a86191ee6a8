/**
 * The sink half of csvFile and ndjsonFile: encodes rows into a buffer and takes part in the commit.
 *
 * Before: coordinator/outlet. After: part-files, or standard output.
 *
 * Invariant: after a failure nothing more is written; a failed fsync is never repeated, because the second may lie.
 */

import process from 'node:process'
import { ConfigError, ConnectorError } from '../../runtime/errors.ts'
import type { RecordBatch } from '../../runtime/record-batch.ts'
import type { SinkContext, SinkState, SinkWriter } from '../../runtime/sink/sink.ts'
import { ByteWriter } from './byte-writer.ts'
import { type FileSystem, nodeFileSystem } from './file-system.ts'
import { isGzipPath, STANDARD_STREAM } from './file-path.ts'
import { PartFiles } from './part-files.ts'
import type { EncoderFactory, RowEncoder } from './row-encoder.ts'

/** Settings of writing that both formats have. */
export interface WriteOptions {
  /**
   * Adds, behind the others, the columns `paneIndex`, `paneTiming` (early, onTime, late), `paneChange` (+I new, -U taken back and +U
   * in its place, -D taken back) and `paneIsLast` (nothing follows for this window). Default: false.
   */
  readonly pane?: boolean
  /** @internal Bytes that are gathered before they are written. */
  readonly flushBytes?: number
  /** @internal The file operations. */
  readonly fileSystem?: FileSystem
}

const FLUSH_BYTES = 1 << 20
const SLICE_ROWS = 512

/** Opens the writer of one sink. @throws ConfigError `SINK_PATH_MULTIPLE`, `SINK_COMPRESSED`; ConnectorError of {@link PartFiles.open} */
export async function openFileWriter(
  context: SinkContext,
  paths: readonly string[],
  extension: string,
  options: WriteOptions & { readonly gzip?: boolean },
  newEncoder: EncoderFactory,
): Promise<SinkWriter> {
  const path = paths[0]!
  if (paths.length > 1)
    throw new ConfigError('SINK_PATH_MULTIPLE', `Cannot write sink ${context.name} to ${paths.length} files; give one path`)
  if (options.gzip ?? isGzipPath(path)) {
    throw new ConfigError('SINK_COMPRESSED', `Cannot write ${path}: sinks do not compress; leave out .gz and compress the finished file`)
  }
  const encoder = newEncoder(context.schema)
  if (path === STANDARD_STREAM) return new StandardOutputWriter(encoder)
  const files = await PartFiles.open(options.fileSystem ?? nodeFileSystem, path, extension, context.restored)
  return new FileWriter(files, encoder, options.flushBytes ?? FLUSH_BYTES)
}

class FileWriter implements SinkWriter {
  readonly #files: PartFiles
  readonly #encoder: RowEncoder
  readonly #flushBytes: number
  readonly #buffer = new ByteWriter()
  readonly #partOf = new Map<number, number>()
  #failure: unknown = null

  constructor(files: PartFiles, encoder: RowEncoder, flushBytes: number) {
    this.#files = files
    this.#encoder = encoder
    this.#flushBytes = flushBytes
  }

  write(batch: RecordBatch): void | Promise<void> {
    this.#check()
    const row = this.#encode(batch, 0)
    if (row < batch.rowCount || this.#buffer.length >= this.#flushBytes) return this.#writeRest(batch, row)
  }

  /** Encodes rows until the buffer is full. @returns the first row that is not encoded. */
  #encode(batch: RecordBatch, from: number): number {
    const buffer = this.#buffer
    if (batch.rowCount > 0 && this.#files.bytes + buffer.length === 0) this.#encoder.header(buffer)
    let row = from
    while (row < batch.rowCount && buffer.length < this.#flushBytes) {
      const to = Math.min(row + SLICE_ROWS, batch.rowCount)
      this.#encoder.rows(buffer, batch, row, to)
      row = to
    }
    return row
  }

  async #writeRest(batch: RecordBatch, from: number): Promise<void> {
    let row = from
    await this.#flush()
    while (row < batch.rowCount) {
      row = this.#encode(batch, row)
      if (this.#buffer.length >= this.#flushBytes) await this.#flush()
    }
  }

  async #flush(): Promise<void> {
    await this.#attempt(() => this.#files.append(this.#buffer.view()))
    this.#buffer.clear()
  }

  async prepare(checkpointId: number): Promise<SinkState> {
    this.#check()
    await this.#flush()
    const state = await this.#attempt(() => this.#files.seal())
    this.#partOf.set(checkpointId, Number(state['part']))
    return state
  }

  async commit(checkpointId: number): Promise<void> {
    this.#check()
    const part = this.#partOf.get(checkpointId)
    // A commit that was finished by `open`, or done before, is not known any more.
    if (part === undefined) return
    await this.#attempt(() => this.#files.commit(part))
    for (const id of this.#partOf.keys()) if (id <= checkpointId) this.#partOf.delete(id)
  }

  async finish(): Promise<void> {
    this.#check()
    const header = new ByteWriter()
    this.#encoder.header(header)
    await this.#attempt(() => this.#files.finish(header.view()))
  }

  async close(): Promise<void> {
    this.#buffer.clear()
    this.#failure ??= new ConnectorError('SINK_CLOSED', 'Cannot use the file sink: it is closed')
    await this.#files.abandon()
  }

  async #attempt<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      this.#failure = error
      throw error
    }
  }

  #check(): void {
    if (this.#failure !== null) throw this.#failure
  }
}

/** Writes rows to standard output as they come; what was written cannot be taken back, so a restart may repeat rows. */
class StandardOutputWriter implements SinkWriter {
  readonly #encoder: RowEncoder
  readonly #buffer = new ByteWriter()
  #hasHeader = false

  constructor(encoder: RowEncoder) {
    this.#encoder = encoder
    // Errors reach the callback of the write; without a listener they would end the process as well.
    process.stdout.on('error', ignore)
  }

  write(batch: RecordBatch): void | Promise<void> {
    if (batch.rowCount === 0) return
    this.#header()
    this.#encoder.rows(this.#buffer, batch, 0, batch.rowCount)
    return this.#flush()
  }

  async prepare(): Promise<SinkState> {
    return {}
  }

  async commit(): Promise<void> {}

  async finish(): Promise<void> {
    this.#header()
    await this.#flush()
  }

  async close(): Promise<void> {
    process.stdout.off('error', ignore)
  }

  #header(): void {
    if (!this.#hasHeader) this.#encoder.header(this.#buffer)
    this.#hasHeader = true
  }

  #flush(): Promise<void> {
    const bytes = this.#buffer.view().slice()
    this.#buffer.clear()
    return new Promise((resolve, reject) => {
      process.stdout.write(bytes, (error) => {
        if (error === null || error === undefined) resolve()
        else reject(new ConnectorError('SINK_CLOSED', `Cannot write standard output: ${error.message}`, { cause: error }))
      })
    })
  }
}

function ignore(): void {}
