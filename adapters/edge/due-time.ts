/**
 * When time alone will bring a job something, if no rows come: the next moment at which an object has to be woken for it.
 *
 * Before: the status of a job that has done everything it can. After: object-job sets an alarm.
 *
 * Invariant: never later than the moment, and exact where the job knows it; where it does not, it is looked at now and then while state waits.
 */

import type { AnalyzedPlan, JobStatus } from '../../runtime/index.ts'

/** Silence is made into event time in steps of this. */
const FLUSH_STEP_MS = 200
/** How often a state whose moment is not known is looked at: at first, doubling up to the most. */
const LOOK_MS_FIRST = 1_000
const LOOK_MS_MOST = 60_000

/**
 * @param looks - How often in a row time brought nothing.
 * @returns ms since the epoch; null: nothing waits for time.
 */
export function dueTime(plan: AnalyzedPlan, status: JobStatus, nowMs: number, looks: number): number | null {
  const lookMs = Math.min(LOOK_MS_MOST, LOOK_MS_FIRST * 2 ** looks)
  let due = Number.POSITIVE_INFINITY
  for (const { uid, nextEventMs, nextClockMs } of status.windows) {
    // Something is due when its millisecond is over.
    if (nextClockMs !== null) due = Math.min(due, Math.max(nextClockMs + 1, nowMs + 1))
    if (nextEventMs === null) continue
    const { sourceUid } = plan.operators.get(uid)!
    for (const track of status.eventTimes) {
      if (track.sourceUid !== sourceUid) continue
      const waitMs = eventWait(plan, track, nextEventMs)
      if (waitMs !== null) due = Math.min(due, nowMs + waitMs)
    }
  }
  // Operators before the windows do not say what they wait for.
  if (status.operators.some(({ stateCount }) => stateCount > 0)) {
    const flushes = status.eventTimes.flatMap(({ flushesInMs }) => (flushesInMs === null ? [] : [flushesInMs]))
    if (flushes.length > 0) due = Math.min(due, nowMs + Math.min(...flushes) + lookMs)
  }
  if (due === Number.POSITIVE_INFINITY) return null
  // What did not come at its time is looked at less and less often.
  return looks === 0 ? due : Math.max(due, nowMs + lookMs)
}

/** How long until event time reaches a moment without records; null: it never does. */
function eventWait(plan: AnalyzedPlan, track: JobStatus['eventTimes'][number], nextEventMs: number): number | null {
  const stepsMs = track.watermarkMs === null ? FLUSH_STEP_MS : Math.max(FLUSH_STEP_MS, nextEventMs - track.watermarkMs)
  if (track.flushesInMs !== null) return track.flushesInMs + stepsMs
  const { spec } = plan.operators.get(track.uid)!
  return spec.op === 'eventTime' && spec.watermark.kind === 'timeLag' ? stepsMs : null
}
