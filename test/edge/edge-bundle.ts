/**
 * What a user's bundler makes of a worker for workerd: one file of JavaScript, and the kernels beside it as WebAssembly modules.
 *
 * Before: a file of `objects/`. After: Miniflare, with real workerd behind it.
 *
 * Invariant: the bundle is made of the built package, found by its name under the condition `workerd`; nothing of it is compiled at run time.
 */

import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as esbuild from 'esbuild'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

/** Not later than what the workerd of the lock file knows. */
export const COMPATIBILITY_DATE = '2026-07-01'

export interface ModuleDefinition {
  type: 'ESModule' | 'CompiledWasm'
  path: string
  contents: string | Uint8Array<ArrayBuffer>
}

export interface EdgeBundle {
  /** Options for Miniflare; add `durableObjects` and where they persist. */
  readonly options: { modules: ModuleDefinition[]; compatibilityDate: string }
  /** Bytes of the JavaScript. */
  readonly bytes: number
  readonly code: string
}

export interface BundleOptions {
  readonly minify?: boolean
}

/** @param entry - File below `test/edge/`, or a path. */
export async function edgeBundle(entry: string, { minify = false }: BundleOptions = {}): Promise<EdgeBundle> {
  const { outputFiles } = await esbuild.build({
    entryPoints: { worker: entry.startsWith('/') ? entry : here(entry) },
    bundle: true,
    format: 'esm',
    target: 'es2022',
    minify,
    outdir: '/out',
    write: false,
    logLevel: 'error',
    conditions: ['workerd', 'worker', 'browser'],
    external: ['cloudflare:*', 'node:*'],
    loader: { '.wasm': 'copy' },
    // Contracts are written for vitest, which does not run in workers.
    alias: { vitest: here('../support/portable-suite.ts') },
    tsconfigRaw: '{}',
  })
  const script = outputFiles.find(({ path }) => path.endsWith('.js'))!
  const kernels = outputFiles.filter(({ path }) => path.endsWith('.wasm'))
  return {
    options: {
      modules: [
        { type: 'ESModule', path: 'worker.js', contents: script.text },
        ...kernels.map(({ path, contents }) => ({ type: 'CompiledWasm' as const, path: basename(path), contents: contents.slice() })),
      ],
      compatibilityDate: COMPATIBILITY_DATE,
    },
    bytes: script.contents.length,
    code: script.text,
  }
}
