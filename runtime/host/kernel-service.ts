/**
 * What runs in a worker: its subtasks, stepped in turn, asleep on the doorbell when there is nothing to do.
 *
 * Before: host/worker-host on the coordinator's thread. After: subtask/.
 * Sleeping is in slices of some milliseconds, so that control messages get their turn and no lost wake-up lasts.
 *
 * Invariant: the doorbell's counter is read before looking for work, and the coordinator is rung after every step that moved a ring.
 */

import { expose, type Remote, transfer } from 'comlink'
import type { Endpoint } from 'comlink'
import { DOORBELL_OFFSET } from '../../kernel/layout.ts'
import type { Clock } from '../clock.ts'
import { errorToData, KernelError } from '../errors.ts'
import { Doorbell } from '../ring/doorbell.ts'
import { KernelInstance, type SubtaskCounters } from '../subtask/kernel-instance.ts'
import { Subtask } from '../subtask/subtask.ts'
import { PROTOCOL_VERSION, type StartResult, type WorkerEvents, type WorkerService, type WorkerStart } from './protocol.ts'

const SLEEP_MS = 10
/** Rounds of busy work before control messages get a turn. */
const ROUNDS_A_TURN = 64
/** Looks for work this often before it sleeps: a sleeping thread costs some 7 µs to wake. */
const SPINS = 200

/** Serves the coordinator at the other end; returns at once. */
export function serve(endpoint: Endpoint, clock: Clock): void {
  let subtasks: Subtask[] = []
  const service: WorkerService = {
    start(options: WorkerStart, events: WorkerEvents): Promise<StartResult> {
      const remote = events as unknown as Remote<WorkerEvents>
      try {
        if (options.protocol !== PROTOCOL_VERSION) {
          throw new KernelError(
            'PROTOCOL_MISMATCH',
            `The worker speaks protocol ${PROTOCOL_VERSION}, the coordinator ${options.protocol}: bundle both from the same version of millrace`,
          )
        }
        subtasks = options.subtasks.map(({ module, layout, memory, sections }, operator) => {
          const kernel = new KernelInstance(module, memory, layout)
          if (sections.length > 0) kernel.restore(sections)
          return new Subtask(kernel, {
            snapshot: (checkpointId, bytes, counters) =>
              void remote.snapshot(operator, checkpointId, transfer(bytes, [bytes.buffer]), counters),
          })
        })
        const bells = options.subtasks.map(({ memory }) => new Doorbell(memory.buffer, DOORBELL_OFFSET))
        run(subtasks, bells, new Doorbell(options.doorbell), clock).catch((error: unknown) => void remote.failed(errorToData(error)))
        return Promise.resolve({ kind: 'started' })
      } catch (error) {
        return Promise.resolve({ kind: 'failed', error: errorToData(error) })
      }
    },
    counters: (): readonly SubtaskCounters[] => subtasks.map((subtask) => subtask.counters()),
  }
  expose(service, endpoint)
}

async function run(subtasks: readonly Subtask[], bells: readonly Doorbell[], coordinator: Doorbell, clock: Clock): Promise<void> {
  // All subtasks of a worker are woken through the first one's doorbell.
  const bell = bells[0]!
  const isEnded = subtasks.map(() => false)
  while (isEnded.includes(false)) {
    for (let round = 0, spins = 0; round < ROUNDS_A_TURN; round++) {
      const seen = bell.counter
      let moved = false
      let isBlocked = false
      for (let index = 0; index < subtasks.length; index++) {
        if (isEnded[index]) continue
        const state = subtasks[index]!.step()
        if (state === 'ended') isEnded[index] = true
        if (state === 'progress' || state === 'ended') moved = true
        if (state === 'blocked') isBlocked = true
      }
      // Blocked means that there is output to take.
      if (moved || isBlocked) coordinator.ring()
      if (moved) {
        spins = 0
      } else if (++spins > SPINS) {
        bell.wait(seen, SLEEP_MS)
        break
      } else {
        round--
      }
    }
    await clock.yield()
  }
}
