/** Jobs in threads of Node: connect at this end, serve at the other. Browsers have test/browser/job-worker.spec.ts. */

import { readdirSync, rmSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { afterEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../runtime/clock.ts'
import { JobStateError } from '../../runtime/errors.ts'
import { type ConnectOptions, connect, type RemoteRun } from '../../runtime/job-worker/connect.ts'
import type { View } from '../../runtime/index.ts'
import { runAll } from '../../runtime/index.ts'
import { servedJob, type ServedParameters } from '../support/served-job.ts'

type Parameters = ServedParameters & { readonly directory?: string }

const opened: { close(): void }[] = []
const directories: string[] = []
afterEach(async () => {
  for (const remote of opened.splice(0)) remote.close()
  for (const directory of directories.splice(0)) await rm(directory, { recursive: true, force: true })
})

const entry = new URL('../support/served-node-worker.ts', import.meta.url)
const workers: Worker[] = []
const factory = () => {
  const worker = new Worker(entry)
  workers.push(worker)
  return worker
}

async function served(options: ConnectOptions<Parameters>): Promise<RemoteRun<typeof servedJob>> {
  const remote = await connect<typeof servedJob, Parameters>(factory, options)
  opened.push(remote)
  return remote
}

async function temporaryDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-job-worker-'))
  directories.push(directory)
  return directory
}

const rows = Array.from({ length: 5_000 }, (_, index) => ({ device: `device-${index % 7}`, at: index * 20, celsius: (index * 37) % 100 }))

/** Resolves when the view is as wanted. */
async function until<Row>(view: View<Row>, isWanted: (rows: readonly Row[]) => boolean, timeoutMs = 20_000): Promise<readonly Row[]> {
  const deadline = new AbortController()
  const late = systemClock.sleep(timeoutMs, deadline.signal)
  while (!isWanted(view.snapshot().rows)) {
    const changed = new Promise<void>((resolve) => {
      const stop = view.subscribe(() => {
        stop()
        resolve()
      })
    })
    const isLate = await Promise.race([changed.then(() => false), late.then(() => true)])
    if (isLate) throw new Error(`the view has ${JSON.stringify(view.snapshot().rows.slice(0, 5))}`)
  }
  deadline.abort()
  return view.snapshot().rows
}

/** The disk store goes by processes: to it the owner lives as long as this process does, though its thread is gone. */
function forgetOwner(directory: string): void {
  for (const name of readdirSync(directory)) if (name.startsWith('owner-')) rmSync(join(directory, name))
}

const sorted = (list: readonly object[]) => list.map((row) => JSON.stringify(row)).sort()

describe('a job in a worker', () => {
  test('gives the results it gives beside the page, and ends', async () => {
    const remote = await served({ parameters: { rows } })
    const view = remote.view('windows')
    const status = await remote.finished
    expect(status.state).toBe('ended')
    expect(status.recordsIn).toBe(rows.length)
    const seen = await until(view, (list) => list.length === 70)
    expect(sorted(seen)).toEqual(sorted((await runAll(servedJob, rows)).windows))
    expect(remote.view('windows')).toBe(view)
  })

  test('takes rows by a port, and watermarks by a call', async () => {
    const { port1, port2 } = new MessageChannel()
    const remote = await served({ parameters: { port: port2 }, transfer: [port2] })
    const view = remote.view('windows')
    port1.postMessage(rows.slice(0, 1_000))
    while ((await remote.status()).recordsIn < 1_000) await systemClock.sleep(5)
    expect(view.snapshot().rows).toEqual([])
    await remote.advanceWatermark('readings', 9_999)
    const first = await until(view, (list) => list.length === 7)
    expect(first.every(({ windowEnd }) => windowEnd === 10_000)).toBe(true)
    // A late record corrects a window that is shown.
    port1.postMessage([{ device: 'device-0', at: 5, celsius: 1_000 }])
    await until(view, (list) => list.some(({ device, max }) => device === 'device-0' && max === 1_000))
    const at = view.snapshot().rows.findIndex(({ max }) => max === 1_000)
    expect(view.snapshot().panes[at]).toMatchObject({ index: 1, timing: 2 })
    port1.postMessage(null)
    expect((await remote.finished).state).toBe('ended')
    await until(view, (list) => list.length === 14)
  })

  test('stops with a last checkpoint, and goes on from it with other parameters in the same worker', async () => {
    const directory = await temporaryDirectory()
    const remote = await served({ parameters: { rows: rows.slice(0, 1_000), isEndless: true, directory } })
    const view = remote.view('windows')
    while ((await remote.status()).recordsIn < 1_000) await systemClock.sleep(5)
    await remote.advanceWatermark('readings', 9_999)
    await until(view, (list) => list.length === 7)
    expect(await remote.checkpoint()).toBe(true)
    await remote.restart({ rows, directory, parallelism: 3 })
    const status = await remote.finished
    expect(status).toMatchObject({ state: 'ended', parallelism: 3, recordsIn: rows.length })
    expect(status.recoveredFrom).not.toBeNull()
    const seen = await until(view, (list) => list.length === 70)
    expect(sorted(seen)).toEqual(sorted((await runAll(servedJob, rows)).windows))
    // After the end another life can begin.
    await remote.restart({ rows: [{ device: 'late', at: 99_999, celsius: 1 }], directory: await temporaryDirectory() })
    expect((await remote.finished).recordsIn).toBe(1)
    await until(view, (list) => list.length === 1 && list[0]!.device === 'late')
  })

  test('stop() ends it', async () => {
    const remote = await served({ parameters: { rows, isEndless: true } })
    expect((await remote.stop()).state).toBe('stopped')
    expect((await remote.finished).state).toBe('stopped')
  })
})

describe('what goes wrong in a job worker has its class and code here', () => {
  test('options that cannot be made', async () => {
    await expect(served({ parameters: { fault: 'options' } })).rejects.toMatchObject({ message: 'no options today', code: 'UNEXPECTED' })
  })

  test('options that start refuses', async () => {
    const refused = served({ parameters: { parallelism: 0 } })
    await expect(refused).rejects.toMatchObject({ name: 'ConfigError', code: 'OPTION_INVALID' })
  })

  test('a job that fails', async () => {
    const { port1, port2 } = new MessageChannel()
    const remote = await served({ parameters: { port: port2, fault: 'sink' }, transfer: [port2] })
    await remote.advanceWatermark('readings', 10_000_000)
    port1.postMessage(rows)
    await expect(remote.finished).rejects.toMatchObject({ name: 'ConnectorError', code: 'SINK_FAILED' })
    await expect(remote.checkpoint()).rejects.toBeInstanceOf(JobStateError)
    port1.close()
  })

  test('calls that a run refuses', async () => {
    const remote = await served({ parameters: { rows, isEndless: true } })
    await expect(remote.checkpoint()).rejects.toMatchObject({ code: 'CHECKPOINTS_OFF' })
    await expect(remote.advanceWatermark('reading' as 'readings', 1)).rejects.toMatchObject({ code: 'BINDING_UNKNOWN' })
    expect(() => remote.view('window' as 'windows')).toThrow(expect.objectContaining({ code: 'VIEW_UNKNOWN' }))
    expect(() => remote.view('late')).toThrow(/its sink late is no view.*Views are windows/)
  })

  test('parameters that cannot be sent', async () => {
    const refused = served({ parameters: { rows: [() => {}] } })
    await expect(refused).rejects.toMatchObject({ code: 'PARAMETERS_INVALID' })
    const remote = await served({ parameters: { rows, isEndless: true } })
    await expect(remote.restart({ rows: [() => {}] })).rejects.toMatchObject({ code: 'PARAMETERS_INVALID' })
    // It never reached the worker: the job runs on.
    expect((await remote.status()).state).toBe('running')
  })
})

describe('a worker that is not there', () => {
  const broken = (code: string) => () => new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`))

  test('because its script does not call serve() is told in time', async () => {
    const silent = connect(broken('setInterval(() => {}, 1000)'), { answerTimeout: '100ms' })
    await expect(silent).rejects.toMatchObject({ code: 'WORKER_UNREACHABLE', message: expect.stringContaining('call serve()') })
  })

  test('because its script throws or ends is told at once', async () => {
    await expect(connect(broken('throw new Error("no such module")'))).rejects.toThrow(/Cannot reach the job worker: no such module/)
    await expect(connect(broken(''))).rejects.toThrow(/Cannot reach the job worker: its thread ended with code 0/)
  })

  test('because it cannot be made is told at once', async () => {
    const refused = connect(() => {
      throw new TypeError("this document requires 'TrustedScriptURL' assignment")
    })
    await expect(refused).rejects.toMatchObject({ name: 'ConfigError', code: 'WORKER_UNREACHABLE' })
  })

  test('because it is of another version', async () => {
    const other = broken(
      "process.getBuiltinModule('node:worker_threads').parentPort.on('message', () => {}).postMessage({ millrace: 'serving', protocol: 0 })",
    )
    await expect(connect(other)).rejects.toMatchObject({ code: 'PROTOCOL_MISMATCH' })
  })

  test('is refused a policy that could not be kept', async () => {
    const { port2 } = new MessageChannel()
    const refused = connect(factory, { parameters: { port: port2 }, transfer: [port2], restart: true })
    await expect(refused).rejects.toMatchObject({ code: 'OPTION_INVALID' })
    await expect(connect(factory, { restart: { attempts: 0 } })).rejects.toMatchObject({ code: 'OPTION_INVALID' })
    await expect(connect(factory, { aliveTimeout: 0 })).rejects.toMatchObject({ code: 'DURATION_INVALID' })
  })
})

describe('a worker that is lost', () => {
  test('fails the job with WORKER_LOST, and every call that waits', async () => {
    const faults = new MessageChannel()
    const remote = await served({ parameters: { rows, isEndless: true, faults: faults.port2 }, transfer: [faults.port2] })
    faults.port1.postMessage('exit')
    await expect(remote.finished).rejects.toMatchObject({ name: 'JobStateError', code: 'WORKER_LOST', retryable: true })
    await expect(remote.status()).rejects.toMatchObject({ code: 'WORKER_LOST' })
    await expect(remote.restart()).rejects.toMatchObject({ code: 'WORKER_LOST' })
  })

  test('because it stands still is noticed, and ended', async () => {
    const faults = new MessageChannel()
    const remote = await served({
      parameters: { rows, isEndless: true, faults: faults.port2 },
      transfer: [faults.port2],
      aliveTimeout: '600ms',
    })
    const worker = workers.at(-1)!
    const ended = new Promise((resolve) => worker.once('exit', resolve))
    await systemClock.sleep(900)
    expect((await remote.status()).state).toBe('running')
    faults.port1.postMessage('hang')
    await systemClock.sleep(50)
    const status = remote.status()
    await expect(remote.finished).rejects.toThrow(/has not answered for 600 ms/)
    await expect(status).rejects.toMatchObject({ code: 'WORKER_LOST' })
    await ended
  })

  test('is replaced, and the job goes on from its checkpoint with the same results', async () => {
    const directory = await temporaryDirectory()
    const faults: MessagePort[] = []
    const feeds: MessagePort[] = []
    const remote = await served({
      parameters: () => {
        const [fault, feed] = [new MessageChannel(), new MessageChannel()]
        faults.push(fault.port1)
        feeds.push(feed.port1)
        forgetOwner(directory)
        return { port: feed.port2, faults: fault.port2, directory }
      },
      transfer: ({ port, faults }) => [port!, faults!],
      restart: { attempts: 2, delay: 0 },
    })
    const view = remote.view('windows')
    const expected = sorted((await runAll(servedJob, rows)).windows)
    let sent = 0
    for (const at of [1_000, 2_300]) {
      feeds.at(-1)!.postMessage(rows.slice(sent, at))
      while ((await remote.status()).recordsIn < at) await systemClock.sleep(5)
      await remote.advanceWatermark('readings', rows[at - 1]!.at)
      expect(await remote.checkpoint()).toBe(true)
      sent = at
      const before = view.snapshot().rows
      const count = feeds.length
      faults.at(-1)!.postMessage('exit')
      while (feeds.length === count) await systemClock.sleep(5)
      expect((await remote.status()).recoveredFrom).not.toBeNull()
      // What was there stays.
      expect(view.snapshot().rows.length).toBeGreaterThanOrEqual(before.length)
    }
    expect(remote.restartCount).toBe(2)
    feeds.at(-1)!.postMessage(rows.slice(sent))
    feeds.at(-1)!.postMessage(null)
    const status = await remote.finished
    expect(status).toMatchObject({ state: 'ended', recordsIn: rows.length })
    expect(sorted(await until(view, (list) => list.length === 70))).toEqual(expected)
    for (const port of [...faults, ...feeds]) port.close()
  })

  test('before its job has started is told, or replaced as one that is lost later', async () => {
    await expect(served({ parameters: { rows, fault: 'exit' } })).rejects.toMatchObject({ name: 'JobStateError', code: 'WORKER_LOST' })
    let starts = 0
    const remote = await served({ parameters: () => (++starts < 3 ? { rows, fault: 'exit' } : { rows }), restart: { delay: 0 } })
    expect(await remote.finished).toMatchObject({ state: 'ended', recordsIn: rows.length })
    expect([starts, remote.restartCount]).toEqual([3, 2])
    starts = 0
    // What is no loss of the worker is no reason for another one.
    const refused = served({ parameters: () => ({ rows, ...(++starts === 1 ? { fault: 'options' } : {}) }), restart: true })
    await expect(refused).rejects.toMatchObject({ message: 'no options today' })
    expect(starts).toBe(1)
  })

  test('is not replaced for ever', async () => {
    const faults: MessagePort[] = []
    const remote = await served({
      parameters: () => {
        const { port1, port2 } = new MessageChannel()
        faults.push(port1)
        port1.postMessage('exit')
        return { rows, isEndless: true, faults: port2 }
      },
      transfer: ({ faults }) => [faults!],
      restart: { attempts: 2, delay: 0 },
    }).catch((error: unknown) => error)
    // Whether it was lost before or after it had started: it ends with the same error.
    const reason = remote instanceof Error ? remote : await (remote as RemoteRun).finished.catch((error: unknown) => error)
    expect(reason).toMatchObject({ code: 'WORKER_LOST' })
    expect(faults.length).toBeLessThanOrEqual(3)
    for (const port of faults) port.close()
  })

  test('by close() ends it without a word more', async () => {
    const remote = await served({ parameters: { rows, isEndless: true }, restart: true })
    const view = remote.view('windows')
    const worker = workers.at(-1)!
    const ended = new Promise((resolve) => worker.once('exit', resolve))
    const pending = remote.stop()
    remote.close()
    await expect(pending).rejects.toMatchObject({ code: 'JOB_CLOSED' })
    await expect(remote.finished).rejects.toMatchObject({ code: 'JOB_CLOSED' })
    await expect(remote.status()).rejects.toMatchObject({ code: 'JOB_CLOSED' })
    await ended
    expect(view.snapshot().rows).toEqual([])
    remote.close()
  })
})
