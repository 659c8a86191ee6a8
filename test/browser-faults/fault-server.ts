/**
 * The server of pages under faults: serves them, keeps the ledger and takes their reports.
 *
 * Before: pages of any browser. After: faults.ts waits for reports and judges the ledger.
 * The port is fixed, because storage of a page belongs to its origin.
 */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { extname } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import * as esbuild from 'esbuild'
import { systemClock } from '../../runtime/clock.ts'
import type { Report, ReportBody } from './fault-options.ts'
import { Feed, type FeedRows } from './feed.ts'
import { Ledger, type LedgerCall } from './ledger.ts'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const TYPES: Readonly<Record<string, string>> = { '.html': 'text/html', '.js': 'text/javascript', '': 'text/html' }
const ISOLATION = { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' }

/** Another port where several copies of the project are tested at once. */
const PORT = Number(process.env['MILLRACE_FAULTS_PORT'] ?? 18111)

/** What one run has left with the server, and what it gets from it. */
export class RunRecord {
  readonly ledger = new Ledger()
  readonly feed: Feed
  readonly reports: Report[] = []
  #wake = () => {}

  constructor(rows: FeedRows) {
    this.feed = new Feed(rows)
  }

  add(report: Report): void {
    this.reports.push(report)
    this.#wake()
  }

  /** Waits until a checkpoint was completed: results count only then. */
  async committed(timeoutMs: number): Promise<void> {
    const end = systemClock.monotonic() + timeoutMs
    while (this.ledger.committedParts === 0) {
      if (systemClock.monotonic() > end) throw new Error(`nothing was committed within ${timeoutMs} ms; there were ${this.#summary()}`)
      await systemClock.sleep(10)
    }
  }

  /** The first report from `from` on that fits. */
  async report<Kind extends ReportBody['kind']>(
    kinds: readonly Kind[],
    from: number,
    timeoutMs: number,
  ): Promise<Extract<Report, { readonly kind: Kind }>> {
    const end = systemClock.monotonic() + timeoutMs
    for (;;) {
      const found = this.reports.slice(from).find(({ kind }) => (kinds as readonly string[]).includes(kind))
      if (found !== undefined) return found as Extract<Report, { readonly kind: Kind }>
      const restMs = end - systemClock.monotonic()
      if (restMs <= 0) throw new Error(`no report ${kinds.join(' or ')} within ${timeoutMs} ms; there were ${this.#summary()}`)
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#wake = resolve
      await Promise.race([promise, systemClock.sleep(Math.min(restMs, 100))])
    }
  }

  #summary(): string {
    const words = this.reports.map((report) => (report.kind === 'failed' ? `failed (${report.code}: ${report.message})` : report.kind))
    return words.length === 0 ? 'none' : words.join(', ')
  }
}

export class FaultServer {
  readonly origin = `http://localhost:${PORT}`
  readonly #files: ReadonlyMap<string, Uint8Array>
  readonly #rows: FeedRows
  readonly #runs = new Map<string, RunRecord>()
  readonly #server: Server

  private constructor(files: ReadonlyMap<string, Uint8Array>, rows: FeedRows) {
    this.#files = files
    this.#rows = rows
    this.#server = createServer((request, response) => void this.#answer(request, response)).on('upgrade', (request, socket, head) => {
      const [, , runId] = new URL(request.url!, this.origin).pathname.split('/')
      this.run(runId!).feed.upgrade(request, socket, head)
    })
  }

  /** @param rows - What feeds send. */
  static async open(rows: FeedRows): Promise<FaultServer> {
    const server = new FaultServer(await bundledPages(), rows)
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    server.#server.once('error', reject).listen(PORT, '127.0.0.1', resolve)
    await promise
    return server
  }

  run(runId: string): RunRecord {
    let run = this.#runs.get(runId)
    if (run === undefined) {
      run = new RunRecord(this.#rows)
      this.#runs.set(runId, run)
    }
    return run
  }

  close(): void {
    for (const { feed } of this.#runs.values()) feed.close()
    this.#server.close()
    this.#server.closeAllConnections()
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname } = new URL(request.url!, this.origin)
    if (request.method === 'POST') {
      const [, kind, runId, sink] = pathname.split('/')
      const body: unknown = JSON.parse(await textOf(request))
      const run = this.run(runId!)
      const answer = kind === 'ledger' ? run.ledger.account(sink!).call(body as LedgerCall) : run.add(body as Report)
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer ?? null))
      return
    }
    const contents = this.#files.get(pathname)
    if (contents === undefined) return void response.writeHead(404).end()
    response.writeHead(200, { 'content-type': TYPES[extname(pathname)] ?? 'text/plain', ...ISOLATION }).end(contents)
  }
}

/** Bundled as a user's bundler would; the package's workers are entries of their own. */
async function bundledPages(): Promise<Map<string, Uint8Array>> {
  const { outputFiles } = await esbuild.build({
    entryPoints: {
      'fault-page': here('./fault-page.ts'),
      'fault-worker': here('./fault-worker.ts'),
      'kernel-worker': here('../../dist/kernel-worker.js'),
    },
    bundle: true,
    splitting: true,
    format: 'esm',
    outdir: '/out',
    write: false,
    conditions: ['browser'],
    // What tsconfig.json says of names inside the package is for its own tests: the bundler finds them as in a user's project.
    tsconfigRaw: '{}',
    logLevel: 'error',
  })
  const files = new Map(outputFiles.map((file) => [file.path.replace('/out', ''), file.contents]))
  const html = (title: string, script: string) => Buffer.from(`<!doctype html><meta charset="utf-8" /><title>${title}</title>${script}`)
  files.set('/job', html('job', '<script type="module" src="/fault-page.js"></script>'))
  files.set('/elsewhere', html('elsewhere', ''))
  return files
}

async function textOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = []
  for await (const part of request) parts.push(part as Buffer)
  return Buffer.concat(parts).toString('utf8')
}
