// Serves the proof page, cross-origin isolated at / and without that at /not-isolated, bundled on the fly: what a user's own server and
// bundler would do.
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as esbuild from 'esbuild'

const here = (path) => fileURLToPath(new URL(path, import.meta.url))
const dist = here('../../dist/')
const types = { '.html': 'text/html', '.js': 'text/javascript', '.wasm': 'application/wasm' }

// The page imports the package by name; `browser` is the condition a bundler for pages uses. Chunks stay apart, and the worker
// is an entry of its own, because esbuild leaves `new URL('./worker.js', import.meta.url)` as it is.
const bundle = await esbuild.build({
  entryPoints: { page: here('./page.ts'), worker: `${dist}worker.js` },
  bundle: true,
  splitting: true,
  format: 'esm',
  outdir: '/out',
  write: false,
  logLevel: 'error',
  conditions: ['browser'],
  // What tsconfig.json says of names inside the package is for its own tests: the bundler finds them as in a user's project.
  tsconfigRaw: '{}',
})
const files = new Map(bundle.outputFiles.map((file) => [file.path.replace('/out', ''), file.contents]))
for (const path of ['/', '/not-isolated']) files.set(path, await readFile(here('./page.html')))
const isolation = { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' }

createServer((request, response) => {
  const path = new URL(request.url, 'http://localhost').pathname
  const contents = files.get(path)
  if (contents === undefined) {
    response.writeHead(404).end()
    return
  }
  response.writeHead(200, {
    'content-type': types[extname(path) || '.html'],
    ...(path === '/not-isolated' ? {} : isolation),
  })
  response.end(contents)
}).listen(Number(process.argv[2]), '127.0.0.1')
