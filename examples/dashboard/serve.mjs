/**
 * Serves the built dashboard and feeds it: `node examples/dashboard/serve.mjs [--port 8126] [--static] [--not-isolated]`.
 *
 * Before: build.mjs. After: a browser. `--static`: only files, as a file host has them; `--not-isolated`: without the headers that let the page
 * share memory with its workers.
 */

import { createReadStream, existsSync, statSync } from 'node:fs'
import { createServer } from 'node:http'
import { extname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { buildDashboard } from './build.mjs'
import { MqttBroker } from './generator/mqtt-broker.ts'
import { FeedServer } from './generator/server.ts'

const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.txt': 'text/plain; charset=utf-8',
}
const ISOLATION = { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' }

/** @returns the server, listening, and what ends it. */
export async function serveDashboard({ port, folder, isStatic = false, isIsolated = true }) {
  const feeds = isStatic ? null : new FeedServer(await MqttBroker.open())
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url, 'http://localhost')
    const headers = { 'cache-control': 'no-cache', ...(isIsolated ? ISOLATION : {}) }
    if (pathname === '/feeds.json' && !isStatic) {
      response.writeHead(200, { 'content-type': TYPES['.json'], ...headers }).end(JSON.stringify(['websocket', 'mqtt']))
      return
    }
    const file = join(folder, normalize(pathname === '/' ? '/index.html' : pathname))
    if (!file.startsWith(folder) || !existsSync(file) || !statSync(file).isFile()) {
      response.writeHead(404, headers).end()
      return
    }
    response.writeHead(200, { 'content-type': TYPES[extname(file)] ?? 'application/octet-stream', ...headers })
    createReadStream(file).pipe(response)
  })
  server.on('upgrade', (request, socket, head) => (feeds === null ? socket.destroy() : feeds.upgrade(request, socket, head)))
  await new Promise((resolve) => server.listen(port, '127.0.0.1', resolve))
  const close = () => {
    feeds?.close()
    server.close()
    server.closeAllConnections()
  }
  return { url: `http://localhost:${server.address().port}/`, close }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({
    options: { port: { type: 'string', default: '8126' }, static: { type: 'boolean' }, 'not-isolated': { type: 'boolean' } },
  })
  const folder = fileURLToPath(new URL('../../dist/dashboard', import.meta.url))
  const { own, library } = await buildDashboard(folder)
  const { url } = await serveDashboard({ port: Number(values.port), folder, isStatic: values.static, isIsolated: !values['not-isolated'] })
  console.log(`dashboard at ${url}  (${(own / 1000).toFixed(0)} kB and millrace ${(library / 1000).toFixed(0)} kB, compressed)`)
}
