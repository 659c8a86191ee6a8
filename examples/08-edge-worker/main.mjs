// A job at the edge that is killed and loses nothing. Run: node examples/08-edge-worker/main.mjs
//
// Starts workerd with the worker of worker.mjs, sends readings, kills the whole runtime, starts it again, and sends on. The client does not know
// whether its last request arrived, so it sends it again under the same key: it is counted once.

import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const directory = await mkdtemp(join(tmpdir(), 'millrace-edge-'))

async function serve() {
  const script = fileURLToPath(new URL('./serve.mjs', import.meta.url))
  // A process group of its own: workerd is a child of that process, and must not outlive it.
  const server = spawn(process.execPath, [script, directory], { detached: true, stdio: ['ignore', 'pipe', 'inherit'] })
  for await (const line of createInterface(server.stdout)) {
    if (!line.startsWith('ready ')) continue
    const kill = () => new Promise((resolve) => server.on('close', resolve) && process.kill(-server.pid, 'SIGKILL'))
    return { url: line.slice('ready '.length), kill }
  }
  throw new Error('workerd did not start')
}

async function send({ url }, key, readings) {
  const body = readings.map((reading) => JSON.stringify(reading)).join('\n')
  const response = await fetch(`${url}berlin/in`, { method: 'POST', body, headers: { 'idempotency-key': key } })
  const { rows, isRepeated } = await response.json()
  console.log(`sent ${key}: ${rows} readings ${isRepeated ? 'were there already' : 'taken'}`)
}

async function show({ url }) {
  const { rows } = await (await fetch(`${url}berlin/out`)).json()
  for (const { row } of rows) {
    const minute = new Date(row.windowStart).toISOString().slice(11, 16)
    console.log(`  ${minute} ${row.device}: ${row.n} readings, mean ${row.mean.toFixed(1)}, max ${row.max.toFixed(1)}`)
  }
}

const noon = Date.UTC(2026, 0, 1, 12)
const minuteOf = (minute) =>
  Array.from({ length: 60 }, (_, second) => ({
    device: second % 3 === 0 ? 'van 2' : 'van 1',
    at: noon + minute * 60_000 + second * 1000,
    celsius: 4 + minute + (second % 10) / 10,
  }))

const first = await serve()
await send(first, 'minute 0', minuteOf(0))
await send(first, 'minute 1', minuteOf(1))
await show(first)
await first.kill()
console.log('killed')

const second = await serve()
await send(second, 'minute 1', minuteOf(1))
await send(second, 'minute 2', minuteOf(2))
await show(second)
await second.kill()
await rm(directory, { recursive: true })
