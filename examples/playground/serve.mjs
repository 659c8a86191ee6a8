// Builds the playground and serves it. Run: npm run playground [-- port]
import { createReadStream, existsSync, statSync } from 'node:fs'
import { createServer } from 'node:http'
import { extname, join, normalize } from 'node:path'
import { buildPlayground, out } from './build.mjs'

const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css' }

await buildPlayground()
const server = createServer((request, response) => {
  const { pathname } = new URL(request.url, 'http://localhost')
  const file = join(out, normalize(pathname.endsWith('/') ? `${pathname}index.html` : pathname))
  if (!file.startsWith(out) || !existsSync(file) || !statSync(file).isFile()) {
    response.writeHead(404).end()
    return
  }
  response.writeHead(200, { 'content-type': TYPES[extname(file)] ?? 'application/octet-stream', 'cache-control': 'no-cache' })
  createReadStream(file).pipe(response)
})
server.listen(Number(process.argv[2] ?? 8017), '127.0.0.1', () => console.log(`Playground: http://localhost:${server.address().port}/`))
