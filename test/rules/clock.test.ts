import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('../../', import.meta.url))

function offendingLines(folders: readonly string[], pattern: RegExp, allowed: ReadonlySet<string>): string[] {
  return folders
    .flatMap((folder) => readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((path) => join(folder, path)))
    .filter((file) => /\.(ts|mjs)$/.test(file) && !allowed.has(file))
    .flatMap((file) =>
      readFileSync(join(root, file), 'utf8')
        .split('\n')
        .flatMap((line, index) =>
          pattern.test(line.replace(/^\s*(\*|\/\/|\/\*).*$/, '').replace(/`[^`]*`/g, '')) ? [`${file}:${index + 1} ${line.trim()}`] : [],
        ),
    )
}

test('time and chance enter through Clock and Prng alone', () => {
  const pattern = /\b(Date\.now|performance\.now|Math\.random|setTimeout|setInterval|setImmediate)\b/
  expect(offendingLines(['kernel', 'runtime', 'adapters'], pattern, new Set(['runtime/clock.ts']))).toEqual([])
})

test('Atomics appears in ring/ alone', () => {
  expect(
    offendingLines(['runtime', 'adapters'], /\bAtomics\./, new Set(['runtime/ring/spsc-ring.ts', 'runtime/ring/doorbell.ts'])),
  ).toEqual([])
})
