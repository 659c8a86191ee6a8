/**
 * Windows followed from step to step: which of now is which of before, which have become one, and what happened to each.
 *
 * Before: the contents behind every step (`contents.ts`), and the results that the played job gave. After: the trace, which the view draws.
 *
 * Invariant: a window keeps its id as long as it is the same one, also when its bounds change.
 */

import type { Phase, WindowEvent, WindowState } from '../model/trace.ts'
import type { Content } from './contents.ts'

/** A result of the played job. */
export interface FiredPane {
  readonly identity: string
  readonly values: Readonly<Record<string, unknown>>
  readonly timing: number
  readonly change: string
  readonly isLast: boolean
}

interface Track {
  readonly id: number
  content: Content
  /** Identity at its last result; null if that was taken back. */
  firedAs: string | null
  firedTiming: number
  firedValues: Readonly<Record<string, unknown>> | null
  /** Records that its results have had. */
  firedCount: number
  paneCount: number
  phase: Phase
  /** Its trigger has ended: it takes no more, whatever the shadow says. */
  isClosed: boolean
  isGone: boolean
}

export class WindowTracks {
  readonly #merges: boolean
  readonly #tracks: Track[] = []
  /** The newest window that ever had an identity. */
  readonly #byIdentity = new Map<string, Track>()

  /** @param merges - Whether windows can become one: sessions. */
  constructor(merges: boolean) {
    this.#merges = merges
  }

  /** The window that has, or had, this identity. */
  idOf(identity: string): number | null {
    return this.#byIdentity.get(identity)?.id ?? null
  }

  /** Goes on by a step. @returns all windows that there are or were, without those that became part of another one. */
  step(contents: readonly Content[], panes: readonly FiredPane[]): readonly WindowState[] {
    const events = new Map<Track, WindowEvent[]>()
    const say = (track: Track, event: WindowEvent) => {
      const said = events.get(track) ?? []
      if (!said.includes(event)) events.set(track, [...said, event])
    }
    const merged = this.#follow(contents, say)
    for (const pane of panes) {
      const track = this.#byIdentity.get(pane.identity)
      if (track !== undefined) fire(track, pane, say)
    }
    for (const track of this.#tracks) {
      if (track.isGone || !(track.content.isGone || track.isClosed)) continue
      track.isGone = true
      say(track, 'gone')
    }
    for (const track of this.#tracks) {
      const phase = phaseOf(track)
      const isSilent = !(events.get(track) ?? []).some((event) => event === 'fired' || event === 'corrected')
      if (phase === 'fired' && track.phase === 'open' && isSilent) say(track, 'complete')
      track.phase = phase
    }
    return this.#tracks.map((track) => stateOf(track, events.get(track) ?? [], merged.get(track) ?? []))
  }

  #follow(contents: readonly Content[], say: (track: Track, event: WindowEvent) => void): ReadonlyMap<Track, readonly number[]> {
    const merged = new Map<Track, number[]>()
    const now = new Set(contents.map(({ identity }) => identity))
    for (const content of contents.toSorted((a, b) => (a.startMs ?? 0) - (b.startMs ?? 0))) {
      const exact = this.#byIdentity.get(content.identity)
      // Its trigger has ended: the played job refuses what the telling one still takes.
      if (exact?.isClosed === true) continue
      if (exact !== undefined && !exact.isGone) {
        if (content.count > exact.content.count) say(exact, 'took')
        exact.content = content
        continue
      }
      const before = this.#tracks.filter((track) => !track.isGone && !now.has(track.content.identity) && isPartOf(track.content, content))
      const [first, ...others] = before
      if (first === undefined) {
        say(this.#begin(content), 'opened')
        continue
      }
      say(first, 'took')
      first.content = content
      this.#byIdentity.set(content.identity, first)
      if (!this.#merges || others.length === 0) continue
      say(first, 'merged')
      merged.set(
        first,
        others.map(({ id }) => id),
      )
      for (const other of others) {
        first.paneCount += other.paneCount
        this.#tracks.splice(this.#tracks.indexOf(other), 1)
        for (const [identity, track] of this.#byIdentity) if (track === other) this.#byIdentity.set(identity, first)
      }
    }
    return merged
  }

  #begin(content: Content): Track {
    const track: Track = {
      id: this.#nextId++,
      content,
      firedAs: null,
      firedTiming: 0,
      firedValues: null,
      firedCount: 0,
      paneCount: 0,
      phase: 'open',
      isClosed: false,
      isGone: false,
    }
    this.#tracks.push(track)
    this.#byIdentity.set(content.identity, track)
    return track
  }

  #nextId = 0
}

function fire(track: Track, pane: FiredPane, say: (track: Track, event: WindowEvent) => void): void {
  if (pane.change === '-U' || pane.change === '-D') {
    say(track, 'retracted')
    if (pane.change === '-D' && track.firedAs === pane.identity) track.firedAs = null
    return
  }
  // Late, and not the closing pane of a window in which nothing is new.
  const isCorrection = pane.timing === 2 && track.content.count > track.firedCount
  say(track, pane.timing === 0 ? 'early' : isCorrection ? 'corrected' : 'fired')
  track.firedAs = pane.identity
  track.firedTiming = pane.timing
  track.firedValues = pane.values
  track.firedCount = track.content.count
  track.paneCount++
  if (pane.isLast) track.isClosed = true
}

function stateOf(track: Track, events: readonly WindowEvent[], merged: readonly number[]): WindowState {
  const { id, content, firedAs, firedValues, firedCount, paneCount, isGone } = track
  const { key, startMs, endMs, records, count } = content
  const isCurrent = firedAs === content.identity
  return {
    id,
    key,
    startMs,
    endMs,
    phase: track.phase,
    records,
    count,
    pending: isCurrent ? count - firedCount : count,
    values: isCurrent && (isGone || firedCount === count) && firedValues !== null ? firedValues : content.values,
    paneCount,
    events,
    merged,
  }
}

function phaseOf({ content, isGone, firedAs, firedTiming, firedCount, paneCount }: Track): Phase {
  if (isGone) return paneCount > 0 && firedAs !== null ? 'done' : 'lost'
  // Complete, and the last result had everything: an unchanged one is not given again.
  const isSaid = firedTiming > 0 || (content.isComplete && firedCount === content.count)
  return firedAs === content.identity && isSaid ? 'fired' : 'open'
}

/** Whether a window of before lives on in a content of now. */
function isPartOf(before: Content, now: Content): boolean {
  if (before.key !== now.key) return false
  if (before.records.length > 0) {
    const records = new Set(now.records)
    return before.records.every((record) => records.has(record))
  }
  if (before.startMs === null || now.startMs === null) return before.startMs === now.startMs
  return now.startMs <= before.startMs && now.endMs! >= before.endMs!
}
