/** The page of the proof of job workers: each function is a scene, and returns what the test looks at. */

import { type Clock, type JobStatus, runAll, systemClock, type View } from 'millrace'
import { connect, type ConnectOptions, type RemoteRun } from 'millrace/browser'
import { servedJob, type ServedParameters } from '../support/served-job.ts'

const worker = (path = '/served-worker.js') => new Worker(path, { type: 'module' })
const rows = Array.from({ length: 5_000 }, (_, index) => ({ device: `device-${index % 7}`, at: index * 20, celsius: (index * 37) % 100 }))
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
/** A second of a hidden page, which stands for a frame there, never passes. */
const framesOnly: Clock = { ...systemClock, sleep: (ms, signal) => (ms < 1_000 ? systemClock.sleep(ms, signal) : new Promise(() => {})) }
const sorted = (list: readonly object[]) => list.map((row) => JSON.stringify(row)).sort()

function served(options: ConnectOptions<ServedParameters>, path?: string): Promise<RemoteRun<typeof servedJob>> {
  return connect<typeof servedJob, ServedParameters>(() => worker(path), options)
}

async function until<Row>(view: View<Row>, isWanted: (rows: readonly Row[]) => boolean): Promise<readonly Row[]> {
  while (!isWanted(view.snapshot().rows)) {
    await new Promise<void>((resolve) => {
      const stop = view.subscribe(() => {
        stop()
        resolve()
      })
    })
  }
  return view.snapshot().rows
}

const scenes = {
  /** The whole job, on kernels of its own threads where it can be. */
  async whole(host: ServedParameters['host'], parallelism: number) {
    const remote = await served({ parameters: { rows, host, parallelism }, restart: true })
    const view = remote.view('windows')
    const status: JobStatus = await remote.finished
    const seen = await until(view, (list) => list.length === 70)
    const expected = (await runAll(servedJob, rows)).windows
    remote.close()
    const isEqual = JSON.stringify(sorted(seen)) === JSON.stringify(sorted(expected))
    const { state, tier, recordsIn } = status
    return { state, tier, recordsIn, isEqual, isIsolated: crossOriginIsolated, restarts: remote.restartCount }
  },

  /**
   * A port of the page feeds the job, and the page draws: its frames are counted beside the changes of the view. In each round the view has to
   * show something new before the next.
   */
  async feed(rounds: number) {
    const { port1, port2 } = new MessageChannel()
    const remote = await served({ parameters: { port: port2, rowsMax: 5_000 }, transfer: [port2], clock: framesOnly, aliveTimeout: false })
    const view = remote.view('windows')
    const changesInFrame = [0]
    view.subscribe(() => changesInFrame[changesInFrame.length - 1]!++)
    let isOver = false
    const draw = () => {
      changesInFrame.push(0)
      if (!isOver) requestAnimationFrame(draw)
    }
    requestAnimationFrame(draw)
    let sent = 0
    for (let round = 0; round < rounds; round++) {
      const before = view.snapshot()
      for (let batch = 0; batch < 10; batch++) {
        // A row every 10 ms of event time: each batch is a window of 50 devices.
        port1.postMessage(
          Array.from({ length: 1_000 }, () => {
            const number = sent++
            return { device: `device-${number % 50}`, at: number * 10, celsius: number % 100 }
          }),
        )
        await remote.advanceWatermark('readings', sent * 10 - 1)
      }
      await until(view, () => view.snapshot() !== before)
    }
    port1.postMessage(null)
    const { recordsIn, recordsOut } = await remote.finished
    const seen = await until(view, (list) => list.length === 5_000 && list.every(({ n }) => n === 20))
    isOver = true
    remote.close()
    const updates = changesInFrame.reduce((sum, count) => sum + count, 0)
    return { sent, recordsIn, results: recordsOut, updates, changesInFrameMax: Math.max(...changesInFrame), rows: seen.length }
  },

  /** The worker is gone without a word: a page gets no event of that. */
  async lost(aliveTimeout: `${number}ms`) {
    const faults = new MessageChannel()
    const remote = await served({ parameters: { rows, isEndless: true, faults: faults.port2 }, transfer: [faults.port2], aliveTimeout })
    const began = performance.now()
    faults.port1.postMessage('exit')
    const code = await remote.finished.then(
      () => null,
      (error: { code: string }) => error.code,
    )
    return { code, ms: performance.now() - began }
  },

  /** Another worker takes its place; what the page shows stays until there is something new. */
  async replaced() {
    const faults: MessagePort[] = []
    const remote = await served({
      parameters: () => {
        const { port1, port2 } = new MessageChannel()
        faults.push(port1)
        return { rows, isEndless: true, faults: port2 }
      },
      transfer: ({ faults }) => [faults!],
      aliveTimeout: '500ms',
      restart: true,
    })
    const view = remote.view('windows')
    await remote.advanceWatermark('readings', 49_999)
    await until(view, (list) => list.length === 35)
    const before = view.snapshot()
    let isEverEmpty = false
    view.subscribe(() => {
      if (view.snapshot().rows.length === 0) isEverEmpty = true
    })
    faults[0]!.postMessage('exit')
    while (faults.length === 1) await sleep(10)
    const status = await remote.status()
    const isKept = view.snapshot() === before
    await remote.advanceWatermark('readings', 69_999)
    const seen = await until(view, (list) => list.length === 49)
    remote.close()
    return { isKept, isEverEmpty, recordsIn: status.recordsIn, rows: seen.length, restarts: remote.restartCount }
  },

  /** Frozen for longer than a worker may be silent: another's business is to freeze the page meanwhile. */
  async patient(aliveTimeout: `${number}ms`, ms: number) {
    const remote = await served({ parameters: { rows, isEndless: true }, aliveTimeout })
    let failure: string | null = null
    remote.finished.catch((error: Error) => (failure = error.message))
    Object.assign(globalThis, { isServed: true })
    const began = performance.now()
    while (performance.now() - began < ms) await sleep(50)
    const { state } = await remote.status()
    remote.close()
    return { failure: failure as string | null, state }
  },

  /** What connect says of a worker that cannot be had. */
  async refused(path: string, answerTimeout: `${number}ms` = '10000ms') {
    const began = performance.now()
    const error = await connect(() => worker(path), { answerTimeout }).then(
      () => null,
      (reason: { name: string; code: string; message: string }) => reason,
    )
    return { name: error?.name, code: error?.code, message: error?.message, ms: performance.now() - began }
  },

  /** From here on the page has this Content-Security-Policy. */
  policy(content: string) {
    const meta = document.createElement('meta')
    meta.httpEquiv = 'Content-Security-Policy'
    meta.content = content
    document.head.append(meta)
  },

  /** The same worker, with other parameters. */
  async restarted() {
    const remote = await served({ parameters: { rows: rows.slice(0, 1_000), isEndless: true } })
    const view = remote.view('windows')
    await remote.advanceWatermark('readings', 9_999)
    await until(view, (list) => list.length === 7)
    while ((await remote.status()).recordsIn < 1_000) await sleep(5)
    await remote.restart({ rows, parallelism: 2 })
    const status = await remote.finished
    const seen = await until(view, (list) => list.length === 70)
    const expected = (await runAll(servedJob, rows)).windows
    remote.close()
    const isEqual = JSON.stringify(sorted(seen)) === JSON.stringify(sorted(expected))
    return { isEqual, recordsIn: status.recordsIn, parallelism: status.parallelism, isResumed: status.recoveredFrom !== null }
  },
}

export type Scenes = typeof scenes
Object.assign(globalThis, { scenes })
