/**
 * The proof of exactly once: a process is killed in the middle of its work, another goes on from the checkpoint, and
 * the files are byte for byte those of a run that nothing happened to.
 */

import { fork } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { mkdir, readdir, rm, stat } from 'node:fs/promises'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { fileCheckpoints, verify } from 'millrace/node'
import { bold, bright, count, counted, heading, print, progressLine, seconds } from './terminal.mjs'

const FILES = ['minutes.ndjson', 'hot.ndjson', 'late.ndjson']

/** @returns the exit code: 0 when the files are equal. */
export async function killAndCompare({ records, parallelism, killAfter, directory }) {
  const calm = new URL('undisturbed/', directory)
  const killed = new URL('killed/', directory)
  await rm(directory, { recursive: true, force: true })
  for (const folder of [calm, killed]) await mkdir(folder, { recursive: true })
  const child = (folder, killAt) => runChild({ directory: folder.href, records, parallelism }, killAt)

  heading(
    1,
    `Undisturbed: ${count(records)} readings of a fleet`,
    'Windows by the minute and by five minutes, a checkpoint on disk every 250 ms.',
  )
  const first = await child(calm, null)
  ended(first)

  heading(2, `The same, killed after ${Math.round(killAfter * 100)} %`, 'SIGKILL: the process gets no chance to close anything.')
  const second = await child(killed, killAfter)
  if (second.isWhole) {
    print('   It had ended before it could be killed: give it more to do with --records.')
    return 1
  }
  const { status } = second
  const covered = await newestCheckpoint(new URL('checkpoints', killed))
  print(
    `   ${bold('Killed')} after ${count(status.recordsIn)} readings. Whole on the disk: checkpoint ${covered.checkpointId}, which covers ${count(covered.records)} of them.`,
    `   No result file yet: its parts, in ${(await readdir(killed)).filter((name) => name.endsWith('.parts')).length} folders, become one when the job has ended.`,
  )

  heading(
    3,
    'A new process on the same directory',
    'It finds the newest checkpoint that is whole, removes what no checkpoint covers, and goes on.',
  )
  const third = await child(killed, null)
  ended(third)
  const { recoveredFrom } = third.status
  print(`   It went on from checkpoint ${recoveredFrom?.checkpointId ?? 'none'} and read ${count(records - covered.records)} readings.`)

  heading(4, 'The results of both', 'The first is that of the undisturbed run, the second that of the run that was killed.')
  const same = await Promise.all(FILES.map((name) => compare(name, new URL(name, calm), new URL(name, killed))))
  const isSame = same.every((value) => value) && recoveredFrom !== null
  print(
    '',
    isSame
      ? bold(bright('Equal, byte for byte: nothing lost, nothing twice.'))
      : bold('NOT EQUAL: this is a defect of Millrace, please report it.'),
  )
  return isSame ? 0 : 1
}

function ended({ status }) {
  print(
    `   ${bold('Ended')} after ${count(status.recordsIn)} readings: ${counted(status.recordsOut, 'row')} written, ${counted(status.checkpoints.count, 'checkpoint')}, ${seconds(status.durationMs)}.`,
  )
}

/** Runs the job in a process, and kills it at a share of its work, once there is a checkpoint. @returns its last status. */
async function runChild(job, killAt) {
  const child = fork(fileURLToPath(new URL('crash-job.mjs', import.meta.url)), [JSON.stringify(job)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  let last = null
  let isWhole = false
  child.on('message', ({ kind, status }) => {
    if (last !== null && child.killed) return
    last = status
    isWhole = kind === 'done'
    if (process.stdout.isTTY) process.stdout.write(isWhole ? '\r\u001b[2K' : `\r\u001b[2K${progressLine(status)}`)
    const share = status.sources[0].progress ?? 0
    if (killAt !== null && !isWhole && share >= killAt && status.checkpoints.last !== null) child.kill('SIGKILL')
  })
  const [code, signal] = await once(child, 'exit')
  if (process.stdout.isTTY) process.stdout.write('\r\u001b[2K')
  if (code !== 0 && signal !== 'SIGKILL') throw new Error(`The job's process ended with ${code ?? signal}`)
  return { status: last, isWhole }
}

/** Looks into the directory of checkpoints, as `millrace checkpoints DIR --verify` does. */
async function newestCheckpoint(directory) {
  const reports = await verify(await fileCheckpoints(directory).inspect())
  const { generation, manifest } = reports.find(({ problem }) => problem === null)
  return { checkpointId: generation.checkpointId, records: manifest.sources.readings.splits.fleet.recordCount }
}

async function compare(name, left, right) {
  const [one, two] = await Promise.all([sha256(left), sha256(right)])
  const size = (await stat(left)).size
  const isSame = one === two && (await hasSameBytes(left, right))
  print(`   ${bold(name)}, ${counted(size, 'byte')}`, `     ${one}`, `     ${two}  ${isSame ? 'same' : 'DIFFERENT'}`)
  return isSame
}

async function sha256(file) {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(file)) hash.update(chunk)
  return hash.digest('hex')
}

/** Both files in step, chunk by chunk: what `cmp` does. */
async function hasSameBytes(left, right) {
  if ((await stat(left)).size !== (await stat(right)).size) return false
  const other = createReadStream(right)[Symbol.asyncIterator]()
  for await (const chunk of createReadStream(left)) {
    const { value } = await other.next()
    if (value === undefined || !chunk.equals(value)) return false
  }
  return true
}
