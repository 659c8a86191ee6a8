/**
 * A worker's subtasks on shared rings: stepped in turn, asleep on the doorbell when there is nothing to do.
 *
 * Before: kernel-service. After: subtask/.
 * Sleeping is in slices of some milliseconds, so that control messages get their turn and no lost wake-up lasts.
 *
 * Invariant: the doorbell's counter is read before looking for work, and the coordinator is rung after every step that moved a ring.
 */

import { DOORBELL_OFFSET } from '../../kernel/layout.ts'
import type { Clock } from '../clock.ts'
import { Doorbell } from '../ring/doorbell.ts'
import type { Subtask } from '../subtask/subtask.ts'

const SLEEP_MS = 10
/** Rounds of busy work before control messages get a turn. */
const ROUNDS_A_TURN = 64
/** Looks for work this often before it sleeps: a sleeping thread costs some 7 µs to wake. */
const SPINS = 200

/** Runs until all subtasks have ended. */
export async function runOnRings(
  subtasks: readonly Subtask[],
  memories: readonly WebAssembly.Memory[],
  doorbell: SharedArrayBuffer,
  clock: Clock,
): Promise<void> {
  if (subtasks.length === 0) return
  const coordinator = new Doorbell(doorbell)
  // All subtasks of a worker are woken through the first one's doorbell.
  const bell = new Doorbell(memories[0]!.buffer, DOORBELL_OFFSET)
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
