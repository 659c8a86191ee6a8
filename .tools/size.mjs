// The size gate: what a user downloads, gzipped. Fails when a limit is passed.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import * as esbuild from 'esbuild'
import { buildDashboard } from '../examples/dashboard/build.mjs'

const root = fileURLToPath(new URL('../', import.meta.url))
const gzip = (bytes) => gzipSync(bytes, { level: 9 }).length

// What the example of README.md imports, bundled for a page. The core is the entry with all it imports statically: what declares a job. The engine
// is what any running job needs, loaded by `start`. What only some jobs need (checkpoints, workers with Comlink, filter and map, windows beyond
// tumbling and sliding, the kernels) stays outside of both, as a bundler that splits would leave it.
const names = 'pipeline, start, schema, utf8, f64, timestamp, boundedOutOfOrderness, tumbling, count, mean, max, col'
const readme = `import { ${names} } from './runtime/index.ts'\nglobalThis.millrace = { ${names} }\n`
const engine = "import { startJob } from './runtime/engine.ts'\nglobalThis.startJob = startJob\n"

/** What is imported on demand stays outside, but for what is named. */
const onDemandOutside = (loaded = []) => ({
  name: 'on-demand-outside',
  setup(build) {
    build.onResolve({ filter: /./ }, ({ kind, path }) => {
      const isOutside = kind === 'dynamic-import' && !loaded.some((name) => path.endsWith(`/${name}.ts`))
      return isOutside ? { path, external: true } : undefined
    })
  },
})

/** As the package's own imports say for edge runtimes. */
const partsLinked = {
  name: 'parts linked',
  setup(build) {
    build.onResolve({ filter: /\/parts-on-demand\.ts$/ }, () => ({ path: `${root}runtime/platform/parts-linked.ts` }))
  },
}

async function bundled(contents, { plugins = [], platform = 'browser', conditions = ['browser'], external = [] } = {}) {
  const { outputFiles } = await esbuild.build({
    absWorkingDir: root,
    stdin: { contents, resolveDir: root },
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    write: false,
    conditions,
    external: ['#kernel', '#kernel-panes', 'node:*', 'cloudflare:*', ...external],
    alias: { '#platform': `${root}runtime/platform/${platform}.ts` },
    plugins: platform === 'none' ? [...plugins, partsLinked] : plugins,
  })
  return gzip(outputFiles[0].contents)
}

/** A kernel as pages load it. */
const packed = (name) => gzip(readFileSync(`${root}dist/${name}.js`))

// A page that keeps checkpoints in IndexedDB and reads from a WebSocket, in which workers share memory.
const live = ['checkpointing', 'supervisor', 'ruled-time-track', 'tiers', 'shared-host']
const liveNames = ['indexedDbCheckpoints', 'webSocketSource']
const liveImports = `import { ${liveNames} } from './adapters/browser.ts'\nglobalThis.adapters = { ${liveNames} }\n`

const engineBytes = await bundled(readme + engine, { plugins: [onDemandOutside()] })
const sizes = [
  { name: 'core JavaScript', bytes: await bundled(readme, { plugins: [onDemandOutside()] }), limit: 18 * 1024 },
  { name: 'and the engine', bytes: engineBytes, limit: 41 * 1024 },
  { name: 'and the slice kernel', bytes: engineBytes + packed('kernel-inline-shared'), limit: 60 * 1024 },
  {
    name: 'live page, all it loads',
    bytes: (await bundled(readme + engine + liveImports, { plugins: [onDemandOutside(live)] })) + packed('kernel-inline-shared'),
    limit: 100 * 1024,
  },
  { name: 'with all on demand', bytes: await bundled(readme), limit: 84 * 1024 },
  { name: 'script of a kernel worker', bytes: packed('kernel-worker'), limit: 12 * 1024 },
  {
    name: 'edge entry, with the engine',
    bytes: await bundled("export * from './adapters/edge.ts'", { platform: 'none', conditions: ['workerd', 'worker', 'browser'] }),
    limit: 120 * 1024,
  },
  { name: "the dashboard's own code", bytes: (await buildDashboard(`${root}dist/dashboard`)).own, limit: 150 * 1024 },
  ...['kernel-inline-shared', 'kernel-inline-plain', 'kernel-panes-inline-shared', 'kernel-panes-inline-plain'].map((name) => ({
    name: `${name}.js`,
    bytes: packed(name),
    limit: 40 * 1024,
  })),
  ...['kernel-shared', 'kernel-plain', 'kernel-panes-shared', 'kernel-panes-plain'].map((name) => ({
    name: `${name}.wasm`,
    bytes: gzip(readFileSync(`${root}dist/${name}.wasm`)),
    limit: 40 * 1024,
  })),
]
for (const { name, bytes, limit } of sizes) {
  console.log(`${name.padEnd(32)} ${(bytes / 1024).toFixed(1).padStart(6)} KiB gzip of ${limit / 1024} ${bytes > limit ? 'TOO LARGE' : ''}`)
  if (bytes > limit) process.exitCode = 1
}
