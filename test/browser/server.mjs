// Serves the test pages, bundled on the fly as a user's own server and bundler would: /x for `x-page.ts`, cross-origin isolated, and
// /not-isolated/x without the headers that allow shared memory; `sites` has more ways. Other TypeScript files named `x-worker.ts` are entries of
// their own: /x-worker.js.
import { readdirSync } from 'node:fs'
import { createServer } from 'node:http'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as esbuild from 'esbuild'

const here = (path) => fileURLToPath(new URL(path, import.meta.url))
const dist = here('../../dist/')
const types = { '.html': 'text/html', '.js': 'text/javascript', '.wasm': 'application/wasm' }

const entries = readdirSync(here('.')).filter((name) => /-(page|worker)\.ts$/.test(name))
// The pages import the package by name; `browser` is the condition a bundler for pages uses. Chunks stay apart, and the package's workers
// are entries of their own, because esbuild leaves `new URL('./kernel-worker.js', import.meta.url)` as it is.
const bundle = await esbuild.build({
  entryPoints: {
    ...Object.fromEntries(entries.map((name) => [name.slice(0, -3), here(`./${name}`)])),
    'kernel-worker': `${dist}kernel-worker.js`,
    'plan-worker': `${dist}plan-worker.js`,
  },
  bundle: true,
  splitting: true,
  format: 'esm',
  outdir: '/out',
  write: false,
  logLevel: 'error',
  conditions: ['browser'],
  // Contracts are written for vitest, which does not run in pages.
  alias: { vitest: here('../support/portable-suite.ts') },
  // What tsconfig.json says of names inside the package is for its own tests: the bundler finds them as in a user's project.
  tsconfigRaw: '{}',
  // Tests take settings from the environment, and pages have none.
  define: { 'process.env': '{}' },
})
const files = new Map(bundle.outputFiles.map((file) => [file.path.replace('/out', ''), file.contents]))
for (const name of entries.filter((entry) => entry.endsWith('-page.ts'))) {
  const page = name.slice(0, -'-page.ts'.length)
  const html = `<!doctype html><meta charset="utf-8" /><title>${page}</title><script type="module" src="/${page}-page.js"></script>`
  files.set(`/${page}`, Buffer.from(html))
}
files.set('/', Buffer.from('<!doctype html><title>test pages</title>'))
const isolation = { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' }
// The strictest policy that a page with kernels can have.
const policy = (wasm) => ({
  'content-security-policy': `default-src 'self'; script-src 'self'${wasm}; worker-src 'self'; object-src 'none'; base-uri 'none'; require-trusted-types-for 'script'`,
})
// Every file is there in every site, with the headers of the site.
const sites = {
  '': isolation,
  '/not-isolated': {},
  '/strict': { ...isolation, ...policy(" 'wasm-unsafe-eval'") },
  '/strict-not-isolated': policy(" 'wasm-unsafe-eval'"),
  '/strict-without-wasm': { ...isolation, ...policy('') },
}

createServer((request, response) => {
  const { pathname } = new URL(request.url, 'http://localhost')
  const site = Object.keys(sites).findLast((prefix) => pathname.startsWith(`${prefix}/`))
  const path = pathname.slice(site.length)
  const contents = files.get(path)
  if (contents === undefined) {
    response.writeHead(404).end()
    return
  }
  response.writeHead(200, { 'content-type': types[extname(path) || '.html'], ...sites[site] })
  response.end(contents)
}).listen(Number(process.argv[2]), '127.0.0.1')
