// Builds everything that is shipped into dist/: the kernel (asc), the bundles (esbuild) and, with --types, the declarations (tsc).
import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import * as esbuild from 'esbuild'

const root = fileURLToPath(new URL('../', import.meta.url))
const bin = (name) => `${root}node_modules/.bin/${name}`
const only = process.argv.slice(2)

export function buildKernel() {
  mkdirSync(`${root}dist`, { recursive: true })
  for (const target of ['shared', 'plain', 'debug']) {
    execFileSync(bin('asc'), ['index.ts', '--config', 'asconfig.json', '--target', target], { cwd: `${root}kernel`, stdio: 'inherit' })
  }
  const inline = (name) => readFileSync(`${root}dist/kernel-${name}.wasm`).toString('base64')
  writeFileSync(`${root}dist/kernel-inline.js`, `export const shared = '${inline('shared')}'\nexport const plain = '${inline('plain')}'\n`)
}

export async function buildBundles() {
  const { metafile } = await esbuild.build({
    absWorkingDir: root,
    entryPoints: {
      index: 'runtime/index.ts',
      worker: 'runtime/host/worker-entry.ts',
      'node-worker': 'runtime/host/node-worker-entry.ts',
      'platform-node': 'runtime/platform/node.ts',
      'platform-browser': 'runtime/platform/browser.ts',
      'platform-none': 'runtime/platform/none.ts',
      node: 'adapters/node.ts',
      'memory-store': 'adapters/memory-store.ts',
      cli: 'adapters/cli/main.ts',
    },
    outdir: 'dist',
    bundle: true,
    splitting: true,
    format: 'esm',
    target: 'es2022',
    minify: process.env.MILLRACE_UNMINIFIED === undefined,
    metafile: true,
    external: ['comlink', 'comlink/*', 'node:*', '#platform', '#kernel'],
    logLevel: 'warning',
  })
  // Chunks are named by their content: those of earlier builds go.
  const built = new Set([...Object.keys(metafile.outputs), 'dist/kernel-inline.js'])
  for (const name of readdirSync(`${root}dist`)) {
    if (/\.js(\.map)?$/.test(name) && !built.has(`dist/${name}`)) rmSync(`${root}dist/${name}`)
  }
}

export function buildTypes() {
  rmSync(`${root}dist/types`, { recursive: true, force: true })
  execFileSync(bin('tsc'), ['-p', '.'], { cwd: root, stdio: 'inherit' })
}

if (only.length === 0 || only.includes('kernel')) buildKernel()
if (only.length === 0 || only.includes('bundles')) await buildBundles()
if (only.length === 0 || only.includes('types')) buildTypes()
