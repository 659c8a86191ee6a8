/**
 * How users bundle the package: each bundler with the least configuration that works, which is what the documents tell.
 *
 * Before: packed.ts has a project with the package installed. After: bundlers.spec.ts opens the pages.
 *
 * Invariant: nothing here knows a file inside the package; users would not either.
 */

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join } from 'node:path'
import * as esbuild from 'esbuild'
import * as vite from 'vite'
import webpack from 'webpack'
import { Project } from './packed.ts'

export const PAGE = 'test/packaging/project/main.ts'
const html = (script: string) =>
  `<!doctype html><meta charset="utf-8" /><title>page</title><script type="module" src="${script}"></script>\n`

/** What a page must be sent with for workers to share memory. */
export const ISOLATION = { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' }

/** A project with the page and what it imports. */
export function pageProject(): Project {
  return new Project({
    copies: ['test/packaging/project', 'test/browser/jobs.ts', 'test/support', 'examples'],
    files: { 'index.html': html(`/${PAGE}`) },
  })
}

export interface Bundler {
  /** Whether it finds `new Worker(new URL('millrace/kernel-worker', import.meta.url))`, a worker by the name of its package. */
  readonly findsPackages: boolean
  /** Builds the page. @returns the folder to serve. */
  build(project: Project): Promise<string>
}

const Vite: Bundler = {
  findsPackages: true,
  async build(project) {
    await vite.build({
      root: project.folder,
      configFile: false,
      logLevel: 'error',
      base: './',
      build: { outDir: 'built-vite', target: 'es2022' },
    })
    return project.path('built-vite')
  },
}

const webpackBundler: Bundler = {
  findsPackages: true,
  async build(project) {
    const folder = project.path('built-webpack')
    const { promise, resolve, reject } = Promise.withResolvers<webpack.Stats>()
    webpack(
      {
        mode: 'production',
        context: project.folder,
        entry: `./${PAGE}`,
        output: { path: folder, filename: 'main.js', publicPath: 'auto', module: true, chunkFormat: 'module' },
        experiments: { outputModule: true },
        target: ['web', 'es2022'],
        performance: { hints: false },
        module: { rules: [{ test: /\.ts$/, use: join(import.meta.dirname, 'typescript-loader.cjs') }] },
      },
      (error, stats) => (stats === undefined ? reject(error ?? new Error('webpack gave nothing')) : resolve(stats)),
    )
    const stats = await promise
    if (stats.hasErrors() || stats.hasWarnings()) throw new Error(stats.toString({ all: false, errors: true, warnings: true }))
    writeFileSync(join(folder, 'index.html'), html('./main.js'))
    return folder
  },
}

// esbuild leaves `new URL(…, import.meta.url)` as it is: workers are entries of their own, beside the chunks.
const esbuildBundler: Bundler = {
  findsPackages: false,
  async build(project) {
    const folder = project.path('built-esbuild')
    await esbuild.build({
      absWorkingDir: project.folder,
      entryPoints: {
        main: PAGE,
        'kernel-worker': 'millrace/kernel-worker',
        ...Object.fromEntries(
          ['own-kernel-worker', 'own-plan-worker', 'job-worker'].map((name) => [name, `test/packaging/project/${name}.js`]),
        ),
      },
      bundle: true,
      splitting: true,
      minify: true,
      format: 'esm',
      target: 'es2022',
      outdir: folder,
      logLevel: 'error',
    })
    writeFileSync(join(folder, 'index.html'), html('./main.js'))
    return folder
  },
}

export const BUNDLERS = { Vite, webpack: webpackBundler, esbuild: esbuildBundler } as const

/**
 * Vite's development server. Beside the headers the user names the scripts of workers, which Vite does not look into before they are loaded: what it
 * finds in them then it would bundle anew, and a page that is there already would have two copies of the package.
 */
export async function developmentServer(project: Project): Promise<{ readonly url: string; close(): Promise<void> }> {
  const server = await vite.createServer({
    root: project.folder,
    configFile: false,
    logLevel: 'error',
    optimizeDeps: { entries: ['index.html', 'test/packaging/project/*worker.js'] },
    server: { port: 0, host: '127.0.0.1', headers: ISOLATION, hmr: false, watch: null },
  })
  await server.listen()
  return { url: server.resolvedUrls!.local[0]!, close: () => server.close() }
}

const TYPES: Readonly<Record<string, string>> = { '.html': 'text/html', '.js': 'text/javascript', '.wasm': 'application/wasm' }

/** Serves a folder, cross-origin isolated, and at /not-isolated/ without the headers. */
export async function serve(folder: string): Promise<{ readonly url: string; close(): void }> {
  const server: Server = createServer((request, response) => {
    const { pathname } = new URL(request.url!, 'http://localhost')
    const isIsolated = !pathname.startsWith('/not-isolated/')
    const path = join(folder, pathname.replace('/not-isolated/', '/').replace(/\/$/, '/index.html'))
    if (!existsSync(path)) return void response.writeHead(404).end()
    response.writeHead(200, { 'content-type': TYPES[extname(path)] ?? 'text/plain', ...(isIsolated ? ISOLATION : {}) })
    response.end(readFileSync(path))
  })
  const { promise, resolve } = Promise.withResolvers<void>()
  server.listen(0, '127.0.0.1', resolve)
  await promise
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, close: () => void server.close() }
}
