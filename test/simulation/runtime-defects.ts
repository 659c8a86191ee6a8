/**
 * Defects over methods of the runtime: of rings, of the inline host, of operators that keep rows.
 *
 * Before: planted-bugs.ts installs one of them. After: jobs of the simulation run with it.
 *
 * Invariant: each returns what takes it out again.
 */

import * as L from '../../kernel/layout.ts'
import type { HostStart } from '../../runtime/host/host.ts'
import { InlineHost } from '../../runtime/host/inline-host.ts'
import { EventTimeSorter } from '../../runtime/operator/event-time-sorter.ts'
import { SlotWriter } from '../../runtime/ring/slot-writer.ts'

/** A ring's first barrier is written behind what follows it. */
export function lateBarrierBug(): () => void {
  const { writeControl, writeRows } = SlotWriter.prototype
  const held = new WeakMap<SlotWriter, number>()
  const isOver = new WeakSet<SlotWriter>()
  SlotWriter.prototype.writeControl = function lateControl(kind, watermarkMs, checkpointId) {
    if (kind === L.SLOT_BARRIER && !isOver.has(this)) {
      isOver.add(this)
      held.set(this, checkpointId)
      return true
    }
    const isWritten = writeControl.call(this, kind, watermarkMs, checkpointId)
    release(this)
    return isWritten
  }
  SlotWriter.prototype.writeRows = function lateRows(...args) {
    const isWritten = writeRows.apply(this, args)
    release(this)
    return isWritten
  }
  function release(writer: SlotWriter): void {
    const checkpointId = held.get(writer)
    if (checkpointId !== undefined && writeControl.call(writer, L.SLOT_BARRIER, Number.NaN, checkpointId)) held.delete(writer)
  }
  return () => Object.assign(SlotWriter.prototype, { writeControl, writeRows })
}

export function hostBug(change: (start: HostStart) => HostStart): () => void {
  const original = InlineHost.prototype.start
  InlineHost.prototype.start = function brokenStart(start) {
    return original.call(this, change(start))
  }
  return () => {
    InlineHost.prototype.start = original
  }
}

export function staleSnapshots(start: HostStart): HostStart {
  const before = new Map<string, Uint8Array<ArrayBuffer>>()
  return {
    ...start,
    events: {
      ...start.events,
      snapshot(operator, subtask, checkpointId, sections, counters) {
        const key = `${operator}/${subtask}`
        const stale = before.get(key)
        before.set(key, sections.slice())
        start.events.snapshot(operator, subtask, checkpointId, subtask === 0 && stale !== undefined ? stale : sections, counters)
      },
    },
  }
}

export function forgottenWatermarkBug(): () => void {
  const restore = EventTimeSorter.prototype.restore
  EventTimeSorter.prototype.restore = function restoreRows(chunks) {
    restore.call(this, chunks)
    this.advanceWatermark(Number.NEGATIVE_INFINITY)
  }
  return () => {
    EventTimeSorter.prototype.restore = restore
  }
}

/** Every other time a sorter says that nothing is due when there is: so the watermark goes on. */
export function overtakingWatermarkBug(): () => void {
  const isDue = Object.getOwnPropertyDescriptor(EventTimeSorter.prototype, 'isDue')!
  let isAsked = false
  Object.defineProperty(EventTimeSorter.prototype, 'isDue', {
    configurable: true,
    get(this: EventTimeSorter) {
      isAsked = !isAsked
      return !isAsked && isDue.get!.call(this)
    },
  })
  return () => {
    Object.defineProperty(EventTimeSorter.prototype, 'isDue', isDue)
  }
}
