/**
 * CSV files as source and sink.
 *
 * Before: the user, who binds it by name at `start`. After: file-source with csv-decoder, or file-writer with csv-encoder.
 *
 * Invariant: what the sink writes, the source reads back as the same rows.
 */

import { ConfigError } from '../../runtime/errors.ts'
import type { Sink, SinkContext, SinkWriter } from '../../runtime/sink/sink.ts'
import type { Source, SourceContext, SourceSplit } from '../../runtime/source/source.ts'
import { CsvDecoder } from '../format/csv-decoder.ts'
import { CsvEncoder } from './csv-encoder.ts'
import { matchHeader, readHeader } from '../format/csv-header.ts'
import { type FilePath, plainPaths, STANDARD_STREAM } from './file-path.ts'
import { type DecoderFactory, fileSplits, type ReadOptions } from './file-source.ts'
import { openFileWriter, type WriteOptions } from './file-writer.ts'

export interface CsvFileOptions extends ReadOptions, WriteOptions {
  /** Names of the columns of a file without a header line. Default: the first line names them. */
  readonly header?: readonly string[]
  /** One ASCII character between fields. Default: a comma. */
  readonly delimiter?: string
  /** For people who open the file in a spreadsheet: puts `'` before texts that would run as formulas. Default: false. */
  readonly spreadsheetSafe?: boolean
}

/** A file that can be bound as a source and as a sink. */
export interface FileBinding extends Source, Sink {
  readonly kind: string
}

/**
 * A CSV file (RFC 4180) as source or sink.
 *
 * As a source it is bounded and replayable, one split per path; `.gz` is decompressed. Columns are found by the header; an empty
 * field is null, `""` the empty text; timestamps are milliseconds or ISO 8601 with a zone. Lines that cannot be rows become dead letters.
 * As a sink it delivers exactly once, except to `'-'`, standard output: at least once.
 *
 * @param path - A path, several (source only), a `file:` URL, `'-'`, or an object with `path` and the options.
 * @throws ConfigError `FILE_PATH_INVALID`, `FILE_OPTION_INVALID`
 * @example
 * const sources = { readings: csvFile('telemetry.csv') }
 */
export function csvFile(
  path: FilePath | readonly FilePath[] | (CsvFileOptions & { readonly path: FilePath | readonly FilePath[] }),
  options: CsvFileOptions = {},
): FileBinding {
  if (typeof path === 'object' && 'path' in path) return new CsvFile(plainPaths(path.path), { ...path, ...options })
  return new CsvFile(plainPaths(path), options)
}

class CsvFile implements FileBinding {
  readonly kind = 'csvFile'
  readonly isBounded = true
  readonly isReplayable: boolean
  readonly delivery: 'exactly-once' | 'at-least-once'
  readonly #paths: readonly string[]
  readonly #options: CsvFileOptions
  readonly #delimiter: string

  constructor(paths: readonly string[], options: CsvFileOptions) {
    const hasStream = paths.includes(STANDARD_STREAM)
    this.isReplayable = !hasStream
    this.delivery = hasStream ? 'at-least-once' : 'exactly-once'
    this.#paths = paths
    this.#options = options
    this.#delimiter = options.delimiter ?? ','
    if (!/^[\t !#$%&'()*,/:;<=>?@[\\\]^_`{|}~]$/.test(this.#delimiter)) {
      const found = JSON.stringify(this.#delimiter)
      throw new ConfigError(
        'FILE_OPTION_INVALID',
        `Cannot use ${found} as a CSV delimiter; it must be one ASCII character such as "," ";" "|" or a tab`,
      )
    }
  }

  async splits(context: SourceContext): Promise<readonly SourceSplit[]> {
    const { header } = this.#options
    const delimiter = this.#delimiter.charCodeAt(0)
    const newDecoder: DecoderFactory = async (schema, input, buffer, path, lineBytesMax) => {
      const names = header ?? (await readHeader(input, buffer, path, { delimiter, lineBytesMax }))
      const targets = names === null ? [] : matchHeader(names, schema, path)
      const types = schema.columns.map(({ type }) => type)
      return new CsvDecoder(types, targets, delimiter, lineBytesMax)
    }
    return fileSplits(context, this.#paths, this.#options, header === undefined, newDecoder)
  }

  open(context: SinkContext): Promise<SinkWriter> {
    const options = {
      delimiter: this.#delimiter,
      isSpreadsheetSafe: this.#options.spreadsheetSafe ?? false,
      hasPanes: this.#options.pane ?? false,
    }
    return openFileWriter(context, this.#paths, '.csv', this.#options, (schema) => new CsvEncoder(schema, options))
  }
}
