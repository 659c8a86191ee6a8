/**
 * Chooses the format of a file by its name, for the command line and for those who do not want to.
 *
 * Before: adapters/cli, users. After: csv-file or ndjson-file.
 *
 * Invariant: the name alone decides; no content is looked at.
 */

import { ConfigError } from '../../runtime/errors.ts'
import { csvFile, type FileBinding } from './csv-file.ts'
import { type FilePath, formatExtension, plainPath, STANDARD_STREAM } from './file-path.ts'
import { ndjsonFile } from './ndjson-file.ts'

/**
 * The file as source or sink, its format by the extension: `.csv`, `.ndjson` or `.jsonl`, each also with `.gz`.
 *
 * `'-'`, the standard streams, is NDJSON.
 *
 * @throws ConfigError `FILE_FORMAT_UNKNOWN`, `FILE_PATH_INVALID`
 */
export function fileFor(path: FilePath): FileBinding {
  const plain = plainPath(path)
  if (plain === STANDARD_STREAM) return ndjsonFile(plain)
  switch (formatExtension(plain)) {
    case 'csv':
      return csvFile(plain)
    case 'ndjson':
    case 'jsonl':
      return ndjsonFile(plain)
    default:
      throw new ConfigError(
        'FILE_FORMAT_UNKNOWN',
        `Cannot tell the format of ${plain} by its name; known are .csv, .ndjson and .jsonl, each also with .gz (reading only). ` +
          'For other names call csvFile or ndjsonFile',
        { details: { path: plain, known: ['.csv', '.ndjson', '.jsonl', '.csv.gz', '.ndjson.gz', '.jsonl.gz'] } },
      )
  }
}
