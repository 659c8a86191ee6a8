/**
 * A job in a process of its own, to be killed: recovers, then commits one checkpoint after the other and prints each id once it is
 * acknowledged.
 *
 * Run: node disk-store-child.ts DIRECTORY. Prints `open EPOCH RECOVERED-ID`, then `ID` lines; `error CODE` when it must stop.
 *
 * Invariant: a line with an id is written only after its commit has resolved.
 */

import { writeSync } from 'node:fs'
import { fileCheckpoints } from '../../adapters/disk-store.ts'
import { chunkHash } from '../../runtime/checkpoint/envelope.ts'
import { recover, writeCheckpoint } from '../../runtime/checkpoint/recovery.ts'

const JOB = { jobName: 'contract', planFingerprint: 'f'.repeat(64), keyGroupCount: 128 } as const

try {
  const session = await fileCheckpoints(process.argv[2]!).open('contract')
  const recovered = await recover(session, JOB)
  let id = recovered?.manifest.checkpointId ?? 0
  writeSync(1, `open ${session.epoch} ${id}\n`)
  for (;;) {
    id++
    // What the checkpoint must hold follows from its id, so that the parent can tell a mixture.
    const payloads = ['constant', `value of ${id}`, `large ${id}`.padEnd(20_000, '.')].map((text) => new TextEncoder().encode(text))
    const hashes = await Promise.all(payloads.map(chunkHash))
    const chunks = hashes.map((hash, index) => ({ hash, byteLength: payloads[index]!.length }))
    await writeCheckpoint(
      session,
      {
        format: 1,
        ...JOB,
        epoch: session.epoch,
        checkpointId: id,
        createdAtMs: 0,
        isFinal: false,
        sources: {},
        operators: { minutes: { subtasks: [{ chunks }] } },
        sinks: {},
        counters: {},
        previous: null,
      },
      new Map(hashes.map((hash, index) => [hash, payloads[index]!])),
    )
    writeSync(1, `${id}\n`)
  }
} catch (error) {
  writeSync(1, `error ${(error as { code?: string }).code ?? String(error)}\n`)
}
