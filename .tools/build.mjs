// Builds everything that is shipped into dist/: the kernel (asc), the bundles (esbuild) and, with --types, the declarations (tsc).
import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { deflateRawSync } from 'node:zlib'
import * as esbuild from 'esbuild'

const root = fileURLToPath(new URL('../', import.meta.url))
const bin = (name) => `${root}node_modules/.bin/${name}`
const only = process.argv.slice(2)

// Two kernels of one folder: the slice kernel for plain windows, and the pane kernel for everything else.
const kernels = { kernel: 'index.ts', 'kernel-panes': 'panes.ts' }

/** Files that import a kernel as a `WebAssembly.Module`, and how the import says so: workerd's way, and that of Vercel's edge runtime. */
const moduleFiles = { workerd: '', 'edge-light': '?module' }

export function buildKernel(name) {
  mkdirSync(`${root}dist`, { recursive: true })
  for (const target of ['shared', 'plain', 'debug']) {
    const output = ['--outFile', `../dist/${name}-${target}.wasm`]
    execFileSync(bin('asc'), [kernels[name], '--config', 'asconfig.json', '--target', target, ...output], {
      cwd: `${root}kernel`,
      stdio: 'inherit',
    })
  }
  // A page loads the one that it needs: each is a file of its own, deflated, since base64 of it would hardly shrink on the way.
  const inline = (target) => {
    const packed = deflateRawSync(readFileSync(`${root}dist/${name}-${target}.wasm`), { level: 9 })
    writeFileSync(`${root}dist/${name}-inline-${target}.js`, `export default '${packed.toString('base64')}'\n`)
    return `export const ${target} = () => import('./${name}-inline-${target}.js')\n`
  }
  writeFileSync(`${root}dist/${name}-inline.js`, inline('shared') + inline('plain'))
  // Edge runtimes compile nothing at run time: there the bundler hands the kernel over as a module.
  for (const [file, suffix] of Object.entries(moduleFiles)) {
    writeFileSync(`${root}dist/${name}-${file}.js`, `export { default as plain } from './${name}-plain.wasm${suffix}'\n`)
  }
}

/** Which parts of the engine are linked is for whoever bundles the package to say, by a condition of its `imports`. Sources import a file. */
const partsByCondition = {
  name: 'parts by condition',
  setup(build) {
    build.onResolve({ filter: /\/parts-on-demand\.ts$/ }, ({ kind }) =>
      kind === 'entry-point' ? null : { path: '#parts', external: true },
    )
  },
}

const entryPoints = {
  index: 'runtime/index.ts',
  worker: 'runtime/worker.ts',
  'node-kernel-worker': 'runtime/host/node-kernel-worker-entry.ts',
  'platform-node': 'runtime/platform/node.ts',
  'platform-browser': 'runtime/platform/browser.ts',
  'platform-none': 'runtime/platform/none.ts',
  'parts-on-demand': 'runtime/platform/parts-on-demand.ts',
  'parts-linked': 'runtime/platform/parts-linked.ts',
  node: 'adapters/node.ts',
  browser: 'adapters/browser.ts',
  edge: 'adapters/edge.ts',
  mqtt: 'adapters/mqtt.ts',
  react: 'adapters/react.ts',
  'plan-worker': 'adapters/plan-worker/main.ts',
  'memory-store': 'adapters/memory-store.ts',
  testing: 'adapters/testing.ts',
  cli: 'adapters/cli/main.ts',
}

function bundles(options) {
  return esbuild.build({
    absWorkingDir: root,
    entryPoints,
    outdir: 'dist',
    bundle: true,
    splitting: true,
    format: 'esm',
    target: 'es2022',
    minify: process.env.MILLRACE_UNMINIFIED === undefined,
    metafile: true,
    external: ['comlink', 'comlink/*', 'idb', 'mqtt', 'react', 'node:*', '#platform', '#kernel', '#kernel-panes'],
    logLevel: 'warning',
    ...options,
  })
}

/** Files of the engine that other entries and parts loaded on demand need, too. */
function sharedWithEngine({ inputs }) {
  const withImports = (file, found = new Set()) => {
    if (found.has(file)) return found
    found.add(file)
    for (const { path, kind, external } of inputs[file].imports) if (kind === 'import-statement' && !external) withImports(path, found)
    return found
  }
  const onDemand = Object.values(inputs).flatMap(({ imports }) =>
    imports.filter(({ kind, external }) => kind === 'dynamic-import' && !external),
  )
  const roots = new Set([...Object.values(entryPoints), ...onDemand.map(({ path }) => path)])
  const engine = 'runtime/engine.ts'
  const declared = withImports(entryPoints.index)
  const whole = new Set([engine, entryPoints.index, entryPoints['parts-linked']])
  const others = [...roots].filter((file) => !whole.has(file)).map((file) => withImports(file))
  return [...withImports(engine)].filter((file) => !declared.has(file) && others.some((files) => files.has(file)))
}

/**
 * Makes one file of what the engine shares. Without it there is a file for every combination of entries that need the same, most of them small, and
 * a page waits for each. Whatever imports one of `files` from outside of them imports a module that has all of them.
 */
const together = (files) => ({
  name: 'together',
  setup(build) {
    const paths = new Set(files.map((file) => root + file))
    build.onResolve({ filter: /^\.\.?\/.*\.ts$/ }, ({ path, importer, namespace }) => {
      const isOutside = namespace === 'file' && !paths.has(importer)
      return isOutside && paths.has(resolve(dirname(importer), path)) ? { path: 'together', namespace: 'together' } : null
    })
    build.onLoad({ filter: /./, namespace: 'together' }, () => ({
      contents: files.map((file) => `export * from './${file}'`).join('\n'),
      resolveDir: root,
    }))
  },
})

export async function buildBundles() {
  const { metafile: plain } = await bundles({ write: false, minify: false, plugins: [partsByCondition] })
  const { metafile } = await bundles({ plugins: [partsByCondition, together(sharedWithEngine(plain))] })
  // One file with everything in it: bundlers and servers may take it as it is, and a worker of a page has no import map to find Comlink by.
  await esbuild.build({
    absWorkingDir: root,
    entryPoints: { 'kernel-worker': 'runtime/host/kernel-worker-entry.ts' },
    outdir: 'dist',
    bundle: true,
    format: 'esm',
    target: 'es2022',
    minify: process.env.MILLRACE_UNMINIFIED === undefined,
    logLevel: 'warning',
  })
  // Chunks are named by their content: those of earlier builds go.
  const kernelFiles = Object.keys(kernels).flatMap((name) =>
    ['inline', 'inline-shared', 'inline-plain', ...Object.keys(moduleFiles)].map((file) => `dist/${name}-${file}.js`),
  )
  const built = new Set(['dist/kernel-worker.js', ...Object.keys(metafile.outputs), ...kernelFiles])
  for (const name of readdirSync(`${root}dist`)) {
    if (/\.js(\.map)?$/.test(name) && !built.has(`dist/${name}`)) rmSync(`${root}dist/${name}`)
  }
}

export function buildTypes() {
  rmSync(`${root}dist/types`, { recursive: true, force: true })
  execFileSync(bin('tsc'), ['-p', '.'], { cwd: root, stdio: 'inherit' })
}

for (const name of Object.keys(kernels)) if (only.length === 0 || only.includes('kernel') || only.includes(name)) buildKernel(name)
if (only.length === 0 || only.includes('bundles')) await buildBundles()
if (only.length === 0 || only.includes('types')) buildTypes()
