import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('../../', import.meta.url))

interface Import {
  readonly file: string
  readonly line: number
  readonly specifier: string
  /** Path below the root for relative imports, else the specifier. */
  readonly target: string
}

function sources(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.(ts|mjs)$/.test(path) && !path.endsWith('.d.ts'))
    .map((path) => join(folder, path))
}

function importsOf(file: string): Import[] {
  const lines = readFileSync(join(root, file), 'utf8').split('\n')
  return lines.flatMap((text, index) => {
    const found =
      /(?:^|\s)(?:import|export)\b[^'"]*?from\s+['"]([^'"]+)['"]|^import\s+['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]\s*\)|^\}\s*from\s+['"]([^'"]+)['"]/.exec(
        text,
      )
    const specifier = found?.[1] ?? found?.[2] ?? found?.[3] ?? found?.[4]
    if (specifier === undefined) return []
    const target = specifier.startsWith('.') ? relative(root, resolve(root, dirname(file), specifier)) : specifier
    return [{ file, line: index + 1, specifier, target }]
  })
}

/** Offending imports, each as `file:line imports target`. */
function offending(folders: readonly string[], isAllowed: (from: string, target: string) => boolean): string[] {
  return folders
    .flatMap(sources)
    .flatMap(importsOf)
    .filter(({ file, target }) => !isAllowed(file, target))
    .map(({ file, line, specifier }) => `${file}:${line} imports ${specifier}`)
}

const isOwn = (target: string) => /^(kernel|runtime|adapters|examples|test)\//.test(target)

test('the kernel imports the kernel alone', () => {
  expect(offending(['kernel'], (_, target) => target.startsWith('kernel/'))).toEqual([])
})

test('layout.ts imports nothing', () => {
  expect(importsOf('kernel/layout.ts')).toEqual([])
})

test('the runtime imports of the kernel only layout.ts, and never an adapter', () => {
  expect(offending(['runtime'], (_, target) => !isOwn(target) || target.startsWith('runtime/') || target === 'kernel/layout.ts')).toEqual(
    [],
  )
})

test('the runtime names no platform outside platform/ and the worker entries', () => {
  const isPlatform = (file: string) => file.startsWith('runtime/platform/') || file === 'runtime/host/node-kernel-worker-entry.ts'
  expect(offending(['runtime'], (file, target) => isPlatform(file) || !target.startsWith('node:'))).toEqual([])
})

test('leaves import nothing of ours', () => {
  const leaves = ['runtime/errors.ts', 'runtime/clock.ts', 'runtime/race.ts']
  expect(leaves.flatMap(importsOf).filter(({ target }) => isOwn(target))).toEqual([])
})

test('a subtask knows neither host nor coordinator', () => {
  expect(offending(['runtime/subtask', 'runtime/ring'], (_, target) => !/^runtime\/(host|coordinator|platform)\//.test(target))).toEqual([])
})

test('the coordinator reaches subtasks only through host/host.ts', () => {
  const allowed = new Set(['runtime/host/host.ts'])
  expect(offending(['runtime/coordinator'], (_, target) => !target.startsWith('runtime/host/') || allowed.has(target))).toEqual([])
})

test('nothing of the runtime imports its test harness', () => {
  expect(offending(['runtime'], (file, target) => file.startsWith('runtime/testing/') || !target.startsWith('runtime/testing/'))).toEqual(
    [],
  )
})

test('adapters import the interfaces of the runtime and nothing of each other', () => {
  const interfaces =
    /^runtime\/(checkpoint\/|source\/source\.ts|sink\/(sink|view|pane)\.ts|errors\.ts|clock\.ts|schema\.ts|record-batch\.ts|batch-builder\.ts|dictionary\.ts|race\.ts|plan-problem\.ts|duration\.ts)/
  // The page's side of a job worker belongs to the runtime; only pages need it.
  const jobWorkers = /^runtime\/job-worker\/(connect|worker-link)\.ts$/
  // Components look at views and at the status of a job, at the pace of frames.
  const components = /^runtime\/(frames|coordinator\/job-status)\.ts$/
  // An adapter is a file, a folder, or files `x-store.ts` and `x-sink.ts` with their folder `x/`.
  const nounOf = (path: string) => path.split('/')[1]!.replace(/(-store|-sink)?\.ts$/, '')
  const isAllowed = (file: string, target: string) => {
    if (file.startsWith('adapters/cli/'))
      return !isOwn(target) || target.startsWith('adapters/cli/') || /^(runtime\/index|adapters\/node)\.ts$/.test(target)
    // The ready-made job worker binds by data what a program binds by hand.
    if (file.startsWith('adapters/plan-worker/'))
      return /^(adapters\/(plan-worker\/|browser\.ts)|runtime\/(index|plan-problem|job-worker\/serve)\.ts)/.test(target)
    // `millrace/testing` binds the harness of the runtime to a store.
    if (file === 'adapters/testing.ts') return /^(runtime\/(testing\/|pipeline-job\.ts)|adapters\/memory-store\.ts)/.test(target)
    // Decoders that files, messages and requests have in common, the base of message sources, and a source for each transport on it. The store of
    // OPFS is that of IndexedDB, with a place of its own for the bytes of chunks.
    const below: Readonly<Record<string, RegExp>> = {
      file: /^adapters\/format\//,
      message: /^adapters\/format\//,
      web: /^adapters\/(message|format)\//,
      mqtt: /^adapters\/message\//,
      opfs: /^adapters\/indexeddb/,
    }
    // A job in a Durable Object starts jobs, as the command line does, on a clock of its own, and stands on the object's store and the decoder of lines.
    if (file.startsWith('adapters/edge/')) {
      const own = /^adapters\/(edge\/|durable-object(-store\.ts|\/)|format\/)/
      if (own.test(target) || /^runtime\/(index|stepped-clock|duration)\.ts$/.test(target)) return true
    }
    // Entry points bind adapters together.
    if (/^adapters\/(node|browser|edge|mqtt|react)\.ts$/.test(file))
      return target.startsWith('adapters/') || interfaces.test(target) || jobWorkers.test(target)
    if (file.startsWith('adapters/react/') && components.test(target)) return true
    return (
      !isOwn(target) ||
      interfaces.test(target) ||
      target === 'kernel/layout.ts' ||
      nounOf(target) === nounOf(file) ||
      below[nounOf(file)]?.test(target) === true
    )
  }
  expect(offending(['adapters'], isAllowed)).toEqual([])
})

test('examples import the package by name, as a user would', () => {
  // An example may have folders of its own.
  const folderOf = (path: string) => path.split('/').slice(0, 2).join('/')
  const inside = (file: string, target: string) => folderOf(target) === folderOf(file) || target.startsWith('examples/support/')
  expect(offending(['examples'], (file, target) => !isOwn(target) || inside(file, target))).toEqual([])
})
