// Runs worker.mjs in workerd, the runtime of Cloudflare Workers, with storage on this disk: node serve.mjs DIRECTORY
//
// In a project of your own, `wrangler dev` does all of this.

import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { Miniflare } from 'miniflare'

// One file of JavaScript; the kernels stay WebAssembly modules beside it, because a worker may not compile anything.
const { outputFiles } = await build({
  entryPoints: [fileURLToPath(new URL('./worker.mjs', import.meta.url))],
  bundle: true,
  format: 'esm',
  conditions: ['workerd'],
  loader: { '.wasm': 'copy' },
  outdir: '/out',
  write: false,
  logLevel: 'error',
  // What this repository's own tsconfig.json says of the package's name is not for its users.
  tsconfigRaw: '{}',
})
const configuration = await readFile(new URL('./wrangler.jsonc', import.meta.url), 'utf8')

const script = outputFiles.find(({ path }) => path.endsWith('.js'))
const kernels = outputFiles.filter(({ path }) => path.endsWith('.wasm'))

const miniflare = new Miniflare({
  modules: [
    { type: 'ESModule', path: 'worker.js', contents: script.text },
    ...kernels.map(({ path, contents }) => ({ type: 'CompiledWasm', path: basename(path), contents })),
  ],
  compatibilityDate: /"compatibility_date": "(.*)"/.exec(configuration)[1],
  durableObjects: { FLEET: { className: 'Fleet', useSQLite: true } },
  durableObjectsPersist: process.argv[2],
})
console.log(`ready ${(await miniflare.ready).href}`)
