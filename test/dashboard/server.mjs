// Builds the dashboard and serves it twice: with its feed and isolated, and as a plain file host would. `node server.mjs PORT FILE_HOST_PORT`
import { fileURLToPath } from 'node:url'
import { buildDashboard } from '../../examples/dashboard/build.mjs'
import { serveDashboard } from '../../examples/dashboard/serve.mjs'

const folder = fileURLToPath(new URL('../../dist/dashboard-test', import.meta.url))
const [port, fileHostPort] = process.argv.slice(2).map(Number)
await buildDashboard(folder)
await serveDashboard({ port, folder })
await serveDashboard({ port: fileHostPort, folder, isStatic: true, isIsolated: false })
