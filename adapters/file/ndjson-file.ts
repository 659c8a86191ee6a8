/**
 * NDJSON files (one JSON object per line) as source and sink.
 *
 * Before: the user, who binds it by name at `start`. After: file-source with ndjson-decoder, or file-writer with ndjson-encoder.
 *
 * Invariant: what the sink writes, the source reads back as the same rows.
 */

import type { Sink, SinkContext, SinkWriter } from '../../runtime/sink/sink.ts'
import type { Source, SourceContext, SourceSplit } from '../../runtime/source/source.ts'
import type { FileBinding } from './csv-file.ts'
import { type FilePath, plainPaths, STANDARD_STREAM } from './file-path.ts'
import { fileSplits, type ReadOptions } from './file-source.ts'
import { openFileWriter, type WriteOptions } from './file-writer.ts'
import { NdjsonDecoder } from '../format/ndjson-decoder.ts'
import { NdjsonEncoder } from './ndjson-encoder.ts'

export interface NdjsonFileOptions extends ReadOptions, WriteOptions {}

/**
 * An NDJSON file as source or sink.
 *
 * As a source it is bounded and replayable, one split per path; `.gz` is decompressed. A field that is missing or null is null;
 * timestamps are milliseconds or ISO 8601 texts with a zone; fields that are no columns are ignored. Lines that cannot be rows
 * become dead letters. As a sink it delivers exactly once, except to `'-'`, standard output: at least once. NaN and the infinities
 * are written, and read into f64 columns, as the strings `"NaN"`, `"Infinity"`, `"-Infinity"`.
 *
 * @param path - A path, several (source only), a `file:` URL, `'-'`, or an object with `path` and the options.
 * @throws ConfigError `FILE_PATH_INVALID`
 * @example
 * const sinks = { minutes: ndjsonFile('minutes.ndjson') }
 */
export function ndjsonFile(
  path: FilePath | readonly FilePath[] | (NdjsonFileOptions & { readonly path: FilePath | readonly FilePath[] }),
  options: NdjsonFileOptions = {},
): FileBinding {
  if (typeof path === 'object' && 'path' in path) return new NdjsonFile(plainPaths(path.path), { ...path, ...options })
  return new NdjsonFile(plainPaths(path), options)
}

class NdjsonFile implements Source, Sink {
  readonly kind = 'ndjsonFile'
  readonly isBounded = true
  readonly isReplayable: boolean
  readonly delivery: 'exactly-once' | 'at-least-once'
  readonly #paths: readonly string[]
  readonly #options: NdjsonFileOptions

  constructor(paths: readonly string[], options: NdjsonFileOptions) {
    const hasStream = paths.includes(STANDARD_STREAM)
    this.isReplayable = !hasStream
    this.delivery = hasStream ? 'at-least-once' : 'exactly-once'
    this.#paths = paths
    this.#options = options
  }

  async splits(context: SourceContext): Promise<readonly SourceSplit[]> {
    return fileSplits(context, this.#paths, this.#options, false, async (schema, _input, _buffer, _path, lineBytesMax) => {
      return new NdjsonDecoder(schema, lineBytesMax)
    })
  }

  open(context: SinkContext): Promise<SinkWriter> {
    const options = { hasPanes: this.#options.pane ?? false }
    return openFileWriter(context, this.#paths, '.ndjson', this.#options, (schema) => new NdjsonEncoder(schema, options))
  }
}
