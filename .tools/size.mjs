// The size gate: what a user downloads, gzipped. Fails when a limit is passed.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import * as esbuild from 'esbuild'

const root = fileURLToPath(new URL('../', import.meta.url))
const gzip = (bytes) => gzipSync(bytes, { level: 9 }).length

// The core is everything that `import { start, pipeline, ... } from 'millrace'` pulls into a page, comlink included, without the kernel.
const core = await esbuild.build({
  entryPoints: [`${root}dist/index.js`],
  bundle: true,
  minify: true,
  format: 'esm',
  write: false,
  external: ['#kernel'],
  alias: { '#platform': `${root}dist/platform-browser.js` },
})
const sizes = [
  { name: 'core JavaScript', bytes: gzip(core.outputFiles[0].contents), limit: 30 * 1024 },
  ...['shared', 'plain'].map((name) => ({ name: `kernel-${name}.wasm`, bytes: gzip(readFileSync(`${root}dist/kernel-${name}.wasm`)), limit: 40 * 1024 })),
]
for (const { name, bytes, limit } of sizes) {
  console.log(`${name.padEnd(22)} ${(bytes / 1024).toFixed(1).padStart(6)} KiB gzip of ${limit / 1024} ${bytes > limit ? 'TOO LARGE' : ''}`)
  if (bytes > limit) process.exitCode = 1
}
