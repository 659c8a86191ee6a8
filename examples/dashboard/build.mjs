/**
 * Builds the dashboard into a folder that any file host can serve: `node examples/dashboard/build.mjs [FOLDER]`.
 *
 * Before: the built package in dist/. After: serve.mjs, or a file host.
 * Workers are entries of their own, because esbuild leaves `new URL('./x.js', import.meta.url)` as it is.
 */

import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import * as esbuild from 'esbuild'

const here = (path) => fileURLToPath(new URL(path, import.meta.url))

/** @returns sizes by file, in bytes as they are and compressed. */
export async function buildDashboard(folder = here('../../dist/dashboard')) {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const { metafile } = await esbuild.build({
    entryPoints: {
      main: here('page/main.ts'),
      'job-worker': here('job-worker.ts'),
      'feed-worker': here('generator/feed-worker.ts'),
      'auditor-worker': here('page/auditor-worker.ts'),
      'kernel-worker': dirname(fileURLToPath(import.meta.resolve('millrace'))) + '/kernel-worker.js',
    },
    outdir: folder,
    bundle: true,
    splitting: true,
    format: 'esm',
    target: 'es2022',
    minify: process.env['MILLRACE_UNMINIFIED'] === undefined,
    conditions: ['browser'],
    chunkNames: 'chunks/[hash]',
    metafile: true,
    logLevel: 'warning',
    logOverride: { 'ignored-bare-import': 'silent' },
    // What tsconfig.json says of names inside the package is for its own tests: the bundler finds them as in a user's project.
    tsconfigRaw: '{}',
  })
  await esbuild.build({ entryPoints: [here('page/first-paint.ts')], outdir: folder, bundle: true, minify: true, tsconfigRaw: '{}' })
  const css = ['tokens', 'layout', 'controls', 'panels'].map((name) => readFileSync(here(`page/styles/${name}.css`), 'utf8')).join('\n')
  writeFileSync(`${folder}/dashboard.css`, (await esbuild.transform(css, { loader: 'css', minify: true })).code)
  copyFileSync(here('page/index.html'), `${folder}/index.html`)
  return sizesOf(metafile, folder)
}

/** How much of what the page loads is the dashboard's own, and how much is Millrace. */
function sizesOf(metafile, folder) {
  let own = 0
  let library = 0
  let onDemand = 0
  for (const [path, { inputs, bytes }] of Object.entries(metafile.outputs)) {
    const compressed = gzipSync(readFileSync(path)).length
    // The client of MQTT is loaded when its feed is chosen.
    if (Object.keys(inputs).some((name) => name.includes('node_modules/mqtt/'))) {
      onDemand += compressed
      continue
    }
    const ofLibrary = Object.entries(inputs).reduce(
      (sum, [name, { bytesInOutput }]) => sum + (/(^|\/)dist\/|node_modules\/(comlink|idb)\//.test(name) ? bytesInOutput : 0),
      0,
    )
    const share = bytes === 0 ? 0 : ofLibrary / bytes
    library += compressed * share
    own += compressed * (1 - share)
  }
  for (const name of ['index.html', 'dashboard.css', 'first-paint.js']) own += gzipSync(readFileSync(`${folder}/${name}`)).length
  return { own: Math.round(own), library: Math.round(library), onDemand }
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const { own, library, onDemand } = await buildDashboard(process.argv[2])
  const kilobytes = (bytes) => `${(bytes / 1000).toFixed(1)} kB`
  console.log(`dashboard ${kilobytes(own)}, millrace ${kilobytes(library)} (both compressed); on demand, MQTT ${kilobytes(onDemand)}`)
}
