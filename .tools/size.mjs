// The size gate: what a user downloads, gzipped. Fails when a limit is passed.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import * as esbuild from 'esbuild'

const root = fileURLToPath(new URL('../', import.meta.url))
const gzip = (bytes) => gzipSync(bytes, { level: 9 }).length

// What the example of README.md imports, bundled for a page. The core is the entry with all it imports statically: what declares a job. The engine
// is what any running job needs, loaded by `start`. What only some jobs need (checkpoints, workers with Comlink, filter and map, windows beyond
// tumbling and sliding, the kernels) stays outside of both, as a bundler that splits would leave it.
const names = 'pipeline, start, schema, utf8, f64, timestamp, boundedOutOfOrderness, tumbling, count, mean, max, col'
const onDemandOutside = {
  name: 'on-demand-outside',
  setup(build) {
    build.onResolve({ filter: /./ }, ({ kind, path }) => (kind === 'dynamic-import' ? { path, external: true } : undefined))
  },
}
async function bundled(plugins, more = '') {
  const { outputFiles } = await esbuild.build({
    absWorkingDir: root,
    stdin: { contents: `import { ${names} } from './runtime/index.ts'\n${more}\nglobalThis.millrace = { ${names} }`, resolveDir: root },
    bundle: true,
    minify: true,
    format: 'esm',
    write: false,
    external: ['#kernel', '#kernel-panes'],
    alias: { '#platform': `${root}runtime/platform/browser.ts` },
    plugins,
  })
  return gzip(outputFiles[0].contents)
}

const sizes = [
  { name: 'core JavaScript', bytes: await bundled([onDemandOutside]), limit: 18 * 1024 },
  {
    name: 'and the engine',
    bytes: await bundled([onDemandOutside], "import { startJob } from './runtime/engine.ts'; globalThis.startJob = startJob"),
    limit: 38 * 1024,
  },
  { name: 'with all on demand', bytes: await bundled([]), limit: 82 * 1024 },
  ...['kernel-shared', 'kernel-plain', 'kernel-panes-shared', 'kernel-panes-plain'].map((name) => ({
    name: `${name}.wasm`,
    bytes: gzip(readFileSync(`${root}dist/${name}.wasm`)),
    limit: 40 * 1024,
  })),
]
for (const { name, bytes, limit } of sizes) {
  console.log(`${name.padEnd(26)} ${(bytes / 1024).toFixed(1).padStart(6)} KiB gzip of ${limit / 1024} ${bytes > limit ? 'TOO LARGE' : ''}`)
  if (bytes > limit) process.exitCode = 1
}
