/** What is in the package: everything it names, and nothing else. */

import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join, posix } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { bin, packed, removeFolders, repository, unpack } from './packed.ts'

type Target = string | { readonly [condition: string]: Target }

interface Manifest {
  readonly exports: Readonly<Record<string, Target>>
  readonly imports: Readonly<Record<string, Target>>
  readonly bin: Readonly<Record<string, string>>
  readonly scripts: Readonly<Record<string, string>>
  readonly dependencies: Readonly<Record<string, string>>
}

let root = ''
let files: string[] = []
let manifest: Manifest

beforeAll(() => {
  root = unpack()
  files = readdirSync(root, { recursive: true, encoding: 'utf8' })
    .map((path) => path.replaceAll('\\', '/'))
    .filter((path) => statSync(join(root, path)).isFile())
  manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest
})

afterAll(removeFolders)

const targets = (target: Target): string[] => (typeof target === 'string' ? [target] : Object.values(target).flatMap(targets))
const plain = (path: string) => path.replace(/^\.\//, '')

function named(): string[] {
  const { exports, imports, bin } = manifest
  return [...Object.values(exports), ...Object.values(imports), ...Object.values(bin)].flatMap(targets).map(plain)
}

test('everything that package.json names is there', () => {
  expect(named().length).toBeGreaterThan(20)
  expect(named().filter((path) => !files.includes(path))).toEqual([])
})

test('every entry point of code has types, before anything else', () => {
  const entries = Object.entries(manifest.exports).filter(([name]) => !/\.(wasm|json)$/.test(name))
  for (const [name, target] of entries) expect(Object.keys(target), name).toEqual(['types', ...Object.keys(target).slice(1)])
})

test('nothing is there but code, types, kernels and the four documents', () => {
  const allowed =
    /^(dist\/[\w-]+\.js|dist\/kernel(-panes)?-(shared|plain)\.wasm|dist\/types\/(runtime|adapters|kernel)\/.*\.d\.ts|package\.json|README\.md|CHANGELOG\.md|LICENSE)$/
  expect(files.filter((path) => !allowed.test(path))).toEqual([])
  expect(files).toEqual(expect.arrayContaining(['README.md', 'CHANGELOG.md', 'LICENSE']))
})

/** Files of the package that a file leads to: imports of every kind, and `new URL(…, import.meta.url)`. */
function leadsTo(path: string): string[] {
  const text = readFileSync(join(root, path), 'utf8')
  const specifiers = [...text.matchAll(/(?:\bfrom|\bimport|\bimport\(|new URL\()\s*["'](\.{1,2}\/[^"']+)["']/g)].map(
    ([, specifier]) => specifier!,
  )
  return specifiers.map((specifier) => posix.normalize(posix.join(dirname(path), specifier.replace(/\?.*$/, ''))))
}

test('every JavaScript file can be reached from what package.json names, and what it imports is there', () => {
  const seen = new Set(named().filter((path) => path.endsWith('.js')))
  for (const path of seen) {
    for (const target of leadsTo(path)) {
      // As source, not as a package.
      if (target.endsWith('.ts')) continue
      expect(files, `${path} leads to ${target}`).toContain(target)
      seen.add(target)
    }
  }
  expect(files.filter((path) => path.endsWith('.js') && !seen.has(path))).toEqual([])
})

test('no file knows the machine on which it was built', () => {
  const places = [repository, homedir(), '/home/', '/Users/', '/tmp/', 'file:///', 'node_modules/', '\\Users\\']
  for (const path of files.filter((name) => /\.(js|ts|json|wasm)$/.test(name))) {
    const text = readFileSync(join(root, path), 'latin1')
    for (const place of places) expect(text.includes(place), `${path} contains ${place}`).toBe(false)
  }
})

test('installing runs nothing, and brings comlink and idb alone', () => {
  expect(Object.keys(manifest.scripts).filter((name) => /^(pre|post)?(install|prepare|pack|publish)/.test(name))).toEqual([])
  expect(Object.keys(manifest.dependencies)).toEqual(['comlink', 'idb'])
})

test('publint finds nothing, not even a suggestion', () => {
  expect(execFileSync(bin('publint'), [packed(), '--strict'], { encoding: 'utf8' })).toContain('All good!')
})

test('attw resolves every entry point and its types, as ESM', () => {
  const kernels = Object.keys(manifest.exports).filter((name) => name.endsWith('.wasm'))
  const args = [packed(), '--profile', 'esm-only', '--format', 'json', '--exclude-entrypoints', ...kernels]
  // The exit code goes by the profile; the report lists what `require` and Node 10 would not find, too.
  const { problems, analysis } = JSON.parse(execFileSync(bin('attw'), args, { encoding: 'utf8', maxBuffer: 1 << 26 })) as {
    problems?: Readonly<Record<string, readonly { readonly resolutionKind?: string }[]>>
    analysis: { entrypoints: Readonly<Record<string, unknown>> }
  }
  const ignored = ['node10', 'node16-cjs']
  expect(
    Object.values(problems ?? {})
      .flat()
      .filter(({ resolutionKind = '' }) => !ignored.includes(resolutionKind)),
  ).toEqual([])
  expect(Object.keys(analysis.entrypoints)).toHaveLength(Object.keys(manifest.exports).length - kernels.length)
})
