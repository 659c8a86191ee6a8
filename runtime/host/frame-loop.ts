/**
 * A worker's subtasks on rings of its own, which frames of slots fill and empty: it works when messages come, and never blocks.
 *
 * Before: kernel-service; frames come from host/transfer-host. After: subtask/.
 *
 * Invariant: when nothing moves, everything that the other end can use has been sent, so the next move can only follow from a message.
 */

import type { Clock } from '../clock.ts'
import { type FrameMessage, type LinkedRings, SlotLink } from '../ring/slot-link.ts'
import type { Subtask } from '../subtask/subtask.ts'

/** Busy work before everything is sent and messages get a turn. */
const TURN_MS = 1

/** Runs until all subtasks have ended. */
export async function runOnFrames(
  subtasks: readonly Subtask[],
  rings: readonly LinkedRings[],
  port: MessagePort,
  clock: Clock,
): Promise<void> {
  const link = new SlotLink(rings, (message, transfer) => port.postMessage(message, transfer))
  let news = newsToCome()
  port.addEventListener('message', ({ data }: MessageEvent<FrameMessage>) => {
    try {
      link.receive(data)
      news.resolve()
    } catch (error) {
      news.reject(error)
    }
  })
  port.start()
  const isEnded = subtasks.map(() => false)
  while (isEnded.includes(false)) {
    const untilMs = clock.monotonic() + TURN_MS
    let moved: boolean
    do {
      moved = false
      for (const [index, subtask] of subtasks.entries()) {
        if (isEnded[index]) continue
        const state = subtask.step()
        if (state === 'ended') isEnded[index] = true
        if (state === 'progress' || state === 'ended') moved = true
      }
      link.send()
    } while (moved && clock.monotonic() < untilMs)
    link.flush()
    if (moved) {
      await clock.yield()
    } else {
      await news.promise
      news = newsToCome()
    }
  }
}

/** Rejected news is found by whoever waits next; nobody waiting just then is no crash of the thread. */
function newsToCome(): PromiseWithResolvers<void> {
  const news = Promise.withResolvers<void>()
  news.promise.catch(() => {})
  return news
}
