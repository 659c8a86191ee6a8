/**
 * Names of files as users write them: a path, a `file:` URL, or `-` for the standard streams.
 *
 * Before: the user's call of csvFile or ndjsonFile. After: byte-input and part-files, which take plain paths only.
 *
 * Invariant: what leaves this file is a path as node:fs takes it, or exactly `-`.
 */

import { fileURLToPath } from 'node:url'
import { ConfigError } from '../../runtime/errors.ts'

/** A path, a `file:` URL, or `'-'` for standard input (of a source) and standard output (of a sink). */
export type FilePath = string | URL

export const STANDARD_STREAM = '-'

/** The path as node:fs takes it. @throws ConfigError `FILE_PATH_INVALID` */
export function plainPath(path: FilePath): string {
  if (typeof path === 'string') {
    if (path.length > 0 && !path.includes('\0')) return path
    throw new ConfigError(
      'FILE_PATH_INVALID',
      `Cannot use ${JSON.stringify(path)} as a file: a path is a text that is not empty and has no NUL`,
    )
  }
  if (!(path instanceof URL)) {
    throw new ConfigError('FILE_PATH_INVALID', `Cannot use a value of type ${typeof path} as a file: give a path or a file: URL`)
  }
  if (path.protocol !== 'file:') {
    throw new ConfigError(
      'FILE_PATH_INVALID',
      `Cannot read ${path.protocol}//… as a file: give a path or a file: URL; fetch other URLs first`,
    )
  }
  return fileURLToPath(path)
}

/** One path or several, as plain paths. */
export function plainPaths(path: FilePath | readonly FilePath[]): readonly string[] {
  const list = typeof path === 'string' || path instanceof URL ? [path] : path
  if (list.length === 0) throw new ConfigError('FILE_PATH_INVALID', 'Cannot read from an empty list of files: give at least one path')
  return list.map(plainPath)
}

export function isGzipPath(path: string): boolean {
  return path.toLowerCase().endsWith('.gz')
}

/** Extension without the dot and without `.gz`, in lower case; empty when there is none. */
export function formatExtension(path: string): string {
  const bare = isGzipPath(path) ? path.slice(0, -3) : path
  const name = bare.slice(Math.max(bare.lastIndexOf('/'), bare.lastIndexOf('\\')) + 1)
  const dot = name.lastIndexOf('.')
  return dot < 0 ? '' : name.slice(dot + 1).toLowerCase()
}
