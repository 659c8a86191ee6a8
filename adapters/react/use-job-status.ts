/**
 * The status of a running job in a component.
 *
 * Before: a run beside the page, or one in a job worker. After: what the component draws.
 */

import { useEffect, useState } from 'react'
import { systemClock } from '../../runtime/clock.ts'
import type { JobStatus } from '../../runtime/coordinator/job-status.ts'
import { type Duration, durationMs } from '../../runtime/duration.ts'

/** What has a status: a `Run` or a `RemoteRun`. */
export interface HasStatus {
  status(): Promise<JobStatus>
}

/**
 * The status of a job, asked for again and again while the component is there.
 *
 * @param run - Null as long as there is none.
 * @param every - Time between an answer and the next question; default `'1s'`.
 * @returns null before the first answer. When the job cannot be asked any more (its worker is lost, say), the last status that is known:
 *   `run.finished` says why.
 * @throws ConfigError `DURATION_INVALID`
 *
 * @example
 * ```tsx
 * const status = useJobStatus(remote, '500ms')
 * return <p>{status?.recordsIn ?? 0} records</p>
 * ```
 */
export function useJobStatus(run: HasStatus | null, every: Duration = '1s'): JobStatus | null {
  const everyMs = durationMs(every, { of: 'every', positive: true })
  const [known, setKnown] = useState<{ readonly run: HasStatus; readonly status: JobStatus } | null>(null)
  useEffect(() => {
    if (run === null) return
    const unmounted = new AbortController()
    void poll(run, everyMs, unmounted.signal, (status) => setKnown({ run, status }))
    return () => unmounted.abort()
  }, [run, everyMs])
  return known?.run === run ? known.status : null
}

async function poll(run: HasStatus, everyMs: number, end: AbortSignal, tell: (status: JobStatus) => void): Promise<void> {
  while (!end.aborted) {
    const status = await run.status().catch(() => null)
    if (end.aborted) return
    if (status !== null) tell(status)
    await systemClock.sleep(everyMs, end)
  }
}
