// Builds the playground into dist/playground/: static files for any host. Needs the package built (node .tools/build.mjs kernel bundles).
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import * as esbuild from 'esbuild'

const here = (path) => fileURLToPath(new URL(path, import.meta.url))
export const out = here('../../dist/playground/')

/** Steps of the fluent API, which the editor proposes beside the names of the package. */
const STEPS = [
  'accumulating',
  'aggregate',
  'allowedLateness',
  'apply',
  'closing',
  'discarding',
  'emptyPanes',
  'eventTime',
  'everyRecords',
  'evict',
  'filter',
]
STEPS.push(
  'idleAfter',
  'keyBy',
  'lateFails',
  'lateTo',
  'map',
  'processingTime',
  'retracting',
  'sink',
  'source',
  'trigger',
  'where',
  'window',
)

/** @param options.minify - Off for those who look into it. */
export async function buildPlayground({ minify = true } = {}) {
  const names = Object.keys(await import('millrace')).filter((name) => /^[a-z]/.test(name))
  const programs = readdirSync(here('gallery/programs')).map((file) => [
    file.slice(0, -3),
    readFileSync(here(`gallery/programs/${file}`), 'utf8'),
  ])
  rmSync(out, { recursive: true, force: true })
  mkdirSync(out, { recursive: true })
  // Bundles of the package name chunks for their order alone, which do nothing by themselves.
  const logOverride = { 'ignored-bare-import': 'silent' }
  const common = { bundle: true, minify, logLevel: 'warning', logOverride, absWorkingDir: here('.') }
  await Promise.all([
    esbuild.build({
      ...common,
      // The package itself is an entry, so that the programs of people import the one that runs them.
      entryPoints: {
        main: 'view/main.ts',
        worker: 'engine/worker.ts',
        millrace: 'engine/millrace.ts',
        'millrace-testing': 'engine/millrace-testing.ts',
      },
      outdir: out,
      splitting: true,
      format: 'esm',
      target: 'es2023',
      conditions: ['browser'],
      define: {
        GALLERY_PROGRAMS: JSON.stringify(Object.fromEntries(programs)),
        MILLRACE_WORDS: JSON.stringify([...names, ...STEPS].sort()),
      },
      // What tsconfig.json says of names inside the package is for its own tests: the bundler finds them as in a user's project.
      tsconfigRaw: '{}',
    }),
    esbuild.build({ ...common, entryPoints: { style: 'styles/style.css' }, outdir: out }),
  ])
  cpSync(here('index.html'), `${out}index.html`)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await buildPlayground()
