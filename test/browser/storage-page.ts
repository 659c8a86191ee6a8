/** The commands of storage-commands.ts, in the page and in workers that it starts. */

import { type Answer, type CommandName, obey } from './storage-commands.ts'

const workers = new Map<string, Worker>()
const waiting = new Map<number, (answer: Answer) => void>()
let count = 0

/** @param where - `page`, or the name of a worker, which is started when it is new. */
function order(where: string, name: CommandName, args: readonly unknown[]): Promise<Answer> {
  if (where === 'page') return obey(name, args)
  let worker = workers.get(where)
  if (worker === undefined) {
    worker = new Worker('/storage-worker.js', { type: 'module' })
    worker.addEventListener('message', ({ data }: MessageEvent<{ id: number; answer: Answer }>) => waiting.get(data.id)?.(data.answer))
    workers.set(where, worker)
  }
  const id = count++
  worker.postMessage({ id, name, args })
  return new Promise((resolve) => {
    waiting.set(id, resolve)
  })
}

function terminate(where: string): void {
  workers.get(where)?.terminate()
  workers.delete(where)
}

Object.assign(globalThis, { order, terminate })
