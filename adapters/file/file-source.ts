/**
 * The source half of csvFile and ndjsonFile: one split per file, opened at a position.
 *
 * Before: the user's paths and options. After: format/line-reader, with the decoder of the format.
 *
 * Invariant: split ids depend on the order of the paths only, so a job finds its splits again when the files move.
 */

import { ConfigError, ConnectorError } from '../../runtime/errors.ts'
import type { Schema } from '../../runtime/schema.ts'
import type { SourceContext, SourceSplit, SplitPosition, SplitReader } from '../../runtime/source/source.ts'
import type { ByteInput } from '../format/byte-input.ts'
import { LineBuffer, type LineDecoder } from '../format/line-buffer.ts'
import { LineReader, skipByteOrderMark } from '../format/line-reader.ts'
import { type InputOptions, openInput } from './file-input.ts'
import { isGzipPath } from './file-path.ts'

/** Settings of reading that both formats have. */
export interface ReadOptions {
  /** Whether the content is gzip. Default: by the suffix `.gz`. */
  readonly gzip?: boolean
  /** Longest line in bytes; a longer one becomes a dead letter `LINE_TOO_LONG`. Default: 8 MiB. */
  readonly maxLineBytes?: number
  /** Largest content of a gzip file; beyond it the job stops with `DECOMPRESSED_TOO_LARGE`. Default: no limit. */
  readonly maxDecompressedBytes?: number
  /** @internal Size of the pieces in which files are read. */
  readonly chunkBytes?: number
}

const LINE_BYTES_MAX = 8 << 20
const CHUNK_BYTES = 1 << 19

/** Makes the decoder of one split, from the beginning of the file if the format needs it; `buffer.start` is left on the first record. */
export type DecoderFactory = (
  schema: Schema,
  input: ByteInput,
  buffer: LineBuffer,
  path: string,
  lineBytesMax: number,
) => Promise<LineDecoder>

export function fileSplits(
  context: SourceContext,
  paths: readonly string[],
  options: ReadOptions,
  hasHeader: boolean,
  newDecoder: DecoderFactory,
): readonly SourceSplit[] {
  const lineBytesMax = options.maxLineBytes ?? LINE_BYTES_MAX
  const chunkBytes = options.chunkBytes ?? CHUNK_BYTES
  checkSize('maxLineBytes', lineBytesMax, 1 << 30)
  checkSize('chunkBytes', chunkBytes, 1 << 30)
  const maxDecompressedBytes = options.maxDecompressedBytes ?? Number.POSITIVE_INFINITY
  if (!(maxDecompressedBytes > 0)) throw sizeError('maxDecompressedBytes', maxDecompressedBytes, 'a positive number')

  return paths.map((path, index) => ({
    splitId: paths.length === 1 ? 'file' : `file-${index}`,
    open: async (position: SplitPosition | null): Promise<SplitReader> => {
      const inputOptions: InputOptions = { isGzip: options.gzip ?? isGzipPath(path), chunkBytes, maxDecompressedBytes }
      const resume = resumePoint(path, position)
      let input = await openInput(path, hasHeader ? 0 : resume.offset, inputOptions)
      try {
        let buffer = new LineBuffer(chunkBytes + 1, hasHeader ? 0 : resume.offset, hasHeader ? 0 : resume.line)
        if (buffer.base === 0) await skipByteOrderMark(input, buffer)
        const decoder = await newDecoder(context.schema, input, buffer, path, lineBytesMax)
        if (hasHeader && resume.offset > buffer.offset) {
          await input.close()
          input = await openInput(path, resume.offset, inputOptions)
          buffer = new LineBuffer(chunkBytes + 1, resume.offset, resume.line)
        }
        return new LineReader(input, buffer, decoder, lineBytesMax)
      } catch (error) {
        await input.close()
        throw error
      }
    },
  }))
}

function resumePoint(path: string, position: SplitPosition | null): { readonly offset: number; readonly line: number } {
  if (position === null) return { offset: 0, line: 0 }
  const { offset, line } = position
  if (typeof offset === 'number' && Number.isSafeInteger(offset) && offset >= 0 && typeof line === 'number' && line >= 0)
    return { offset, line }
  const found = JSON.stringify(position)
  throw new ConnectorError(
    'SOURCE_REWIND',
    `Cannot go on with ${path}: ${found} is not a position of a file; restore with the sources the job had`,
  )
}

function checkSize(name: string, value: number, max: number): void {
  if (!Number.isInteger(value) || value < 1 || value > max) throw sizeError(name, value, `an integer from 1 to ${max}`)
}

function sizeError(name: string, value: number, wanted: string): ConfigError {
  return new ConfigError('FILE_OPTION_INVALID', `Cannot use ${name}: ${String(value)}; it must be ${wanted}`)
}
