/**
 * Real workerd with the jobs of `objects/job-object.ts`, in this process's child or in a process group that can be killed.
 *
 * Before: a folder to persist in. After: requests over HTTP.
 *
 * Invariant: SIGKILL hits workerd itself: killing the Node parent alone would leave it running.
 */

import { type ChildProcess, spawn } from 'node:child_process'
import process from 'node:process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { Miniflare } from 'miniflare'
import type { DurableJobOptions } from 'millrace/edge'
import { edgeBundle } from './edge-bundle.ts'

export type ObjectOptions = Partial<Omit<DurableJobOptions, 'job'>>

/** Classes of job-object.ts by the first part of a path. */
const OBJECTS = { counting: 'Counting', clocked: 'Clocked', fleet: 'Fleet' } as const

export async function edgeHost(persist: string | undefined, options: ObjectOptions = {}, port?: number): Promise<Miniflare> {
  const bundle = await edgeBundle('objects/job-object.ts')
  return new Miniflare({
    ...bundle.options,
    name: 'jobs',
    handleRuntimeStdio(output, errors) {
      output.resume()
      createInterface(errors).on('line', (line) => {
        // What workerd says of the crashes that the tests make.
        if (!/crash on purpose|^stack: /.test(line)) console.error(line)
      })
    },
    bindings: { OPTIONS: options as never },
    durableObjects: Object.fromEntries(Object.entries(OBJECTS).map(([path, className]) => [path, { className, useSQLite: true }])),
    ...(persist === undefined ? {} : { durableObjectsPersist: persist }),
    ...(port === undefined ? {} : { port, host: '127.0.0.1' }),
  })
}

export interface KillableHost {
  readonly url: string
  /** Kills the whole process group. Resolves when it is gone. */
  kill(): Promise<void>
}

/** Starts {@link edgeHost} in a process group of its own. */
export function killableHost(persist: string, options: ObjectOptions): Promise<KillableHost> {
  const child: ChildProcess = spawn(process.execPath, [fileURLToPath(import.meta.url), persist, JSON.stringify(options)], {
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const closed = new Promise<void>((resolve) => {
    child.on('close', () => resolve())
  })
  return new Promise((resolve, reject) => {
    let output = ''
    void closed.then(() => reject(new Error(`The host ended before it was ready: ${output}`)))
    child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      output += text
      const url = /ready (\S+)\n/.exec(output)?.[1]
      if (url === undefined) return
      resolve({
        url,
        async kill() {
          process.kill(-child.pid!, 'SIGKILL')
          await closed
        },
      })
    })
  })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [persist, options] = process.argv.slice(2) as [string, string]
  const miniflare = await edgeHost(persist, JSON.parse(options) as ObjectOptions)
  process.stdout.write(`ready ${(await miniflare.ready).href}\n`)
}
