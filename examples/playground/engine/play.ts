/**
 * Plays a stream on a job, entry by entry, and notes what the engine says behind each.
 *
 * Before: a job (`program.ts`) and a stream. After: the trace, from which the page draws.
 *
 * Invariant: results, watermarks and counts are those of the job itself. It only has one sink more behind each window, so that results are seen
 * before filters and maps; what windows hold before they fire is told by a second job (`shadow.ts`).
 */

import { analyzePlan, explain, fromPlan, type Job, type JobStatus, type Plan } from 'millrace'
import type { Entry } from '../model/entry.ts'
import { durationText, momentOf } from '../model/time-text.ts'
import type { PaneInfo, ResultRow, SinkShape, SourceShape, Step, Trace, ViewShape, WatermarkShape } from '../model/trace.ts'
import { type Content, contentsOf, identityOf, keyOf, valuesOf } from './contents.ts'
import { Fates } from './fates.ts'
import { Performance, typedRow } from './performance.ts'
import { problemOf } from './problem.ts'
import { type Shadow, shadowOf } from './shadow.ts'
import { type FiredPane, WindowTracks } from './window-tracks.ts'

type Spec = Plan['operators'][number]
type EventTimeSpec = Extract<Spec, { readonly op: 'eventTime' }>
type Row = Readonly<Record<string, unknown>>

/** A window, the job that tells what is in it, and how it is followed. */
interface View {
  readonly shape: ViewShape
  readonly shadow: Shadow | null
  readonly contents: readonly (readonly Content[])[]
  readonly tracks: WindowTracks
  readonly fates: Fates
}

const PROBE = '$probe:'

export async function play(job: Job, entries: readonly Entry[]): Promise<Trace> {
  const analyzed = analyzePlan(job.plan)
  const views = await Promise.all(viewsOf(job).map((view) => withContents(view, entries)))
  const sinks = analyzed.sinks.map(({ name, kind, schema }): SinkShape => ({ name, kind, columns: schema.columns }))
  const performance = await Performance.begin(withProbes(job), entries)
  const player = new Player(performance, job.plan, views, sinks)
  const steps: Step[] = []
  let failure: Trace['failure'] = null
  try {
    for (const [index, entry] of entries.entries()) {
      await performance.perform(entry)
      steps.push(await player.note(index, entry, await performance.test.status()))
    }
    steps.push(await player.note(null, null, await performance.test.end()))
  } catch (error) {
    failure = problemOf(error)
    await performance.test.close().catch(() => {})
  }
  return {
    plan: job.plan,
    explanation: explain(job.plan).text,
    hasFunctions: job.functions.size > 0,
    source: sourceOf(job.plan),
    watermarks: eventTimesOf(job.plan).map(watermarkShape),
    views: views.map(({ shape }) => shape),
    sinks,
    steps,
    failure,
  }
}

/** Notes what each step has brought, by what has changed since the one before. */
class Player {
  readonly #performance: Performance
  readonly #views: readonly View[]
  readonly #sinks: readonly SinkShape[]
  readonly #sinkViews: readonly number[]
  readonly #timeColumn: string | null
  /** Of a plan without windows: records that have come, by their row. */
  readonly #waiting = new Map<string, number[]>()
  readonly #columns: SourceShape['columns']
  #before: JobStatus | null = null
  #letterCount = 0
  #stepCount = 0

  constructor(performance: Performance, plan: Plan, views: readonly View[], sinks: readonly SinkShape[]) {
    this.#performance = performance
    this.#views = views
    this.#sinks = sinks
    this.#timeColumn = sourceOf(plan).timeColumn
    this.#columns = sourceOf(plan).columns
    this.#sinkViews = sinks.map(({ name }) => views.findIndex(({ shape }) => shape.uid !== null && shape.uid === windowBefore(plan, name)))
  }

  async note(index: number | null, entry: Entry | null, status: JobStatus): Promise<Step> {
    const { test } = this.#performance
    const at = this.#stepCount++
    const letter = test.deadLetters[this.#letterCount]
    this.#letterCount = test.deadLetters.length
    const record = entry?.kind === 'record' ? entry : null
    if (record !== null) this.#comes(record.row, index!)
    const views = this.#views.map(({ shape, shadow, contents, tracks, fates }) => {
      const windows = shadow === null ? [] : tracks.step(contents[at] ?? [], this.#panes(shadow))
      const change = { before: this.#before, now: status, isDeadLetter: letter !== undefined, windows }
      return {
        fates: fates.step(record === null ? null : { record: index!, timeMs: this.#timeOf(record) }, change),
        key: record === null ? '' : keyOf(shape.keys, record.row),
        windows,
      }
    })
    this.#before = status
    return {
      entry: index,
      kind: entry?.kind ?? 'end',
      timeMs: record === null ? null : this.#timeOf(record),
      nowMs: test.nowMs,
      watermarksMs: status.eventTimes.map(({ watermarkMs, isTimeEnded }) => (isTimeEnded ? Number.POSITIVE_INFINITY : watermarkMs)),
      idleSplits: status.eventTimes.map(({ idleSplits }) => idleSplits),
      results: this.#sinks.flatMap((sink, number) => this.#results(sink, number)),
      views,
      deadLetter: letter === undefined ? null : `${letter.code}: ${letter.reason}`,
    }
  }

  #timeOf({ row }: Extract<Entry, { readonly kind: 'record' }>): number | null {
    return this.#timeColumn === null ? null : momentOf(row[this.#timeColumn])
  }

  #comes(cells: Row, index: number): void {
    const row = typedRow(cells, this.#columns)
    const text = JSON.stringify(Object.fromEntries(this.#columns.map(({ name }) => [name, row[name] ?? null])))
    this.#waiting.set(text, [...(this.#waiting.get(text) ?? []), index])
  }

  #panes(shadow: Shadow): readonly FiredPane[] {
    return (this.#performance.test.take(`${PROBE}${shadow.windowUid}` as never) as readonly { row: Row; pane: PaneInfo }[]).map(
      ({ row, pane }) => {
        return {
          identity: identityOf(shadow, row, pane.index),
          values: valuesOf(shadow.keys, row),
          timing: pane.timing,
          change: pane.change,
          isLast: pane.isLast,
        }
      },
    )
  }

  #results(sink: SinkShape, number: number): readonly ResultRow[] {
    const view = this.#sinkViews[number]!
    const shadow = this.#views[view]?.shadow ?? null
    const isOfWindow = sink.kind === 'result' && shadow !== null
    return (this.#performance.test.take(sink.name as never) as readonly { row: Row; pane: PaneInfo }[]).map(({ row, pane }) => ({
      sink: number,
      row,
      pane: isOfWindow ? pane : null,
      view,
      window: isOfWindow && 'windowStart' in row ? this.#views[view]!.tracks.idOf(identityOf(shadow, row, pane.index)) : null,
      record: this.#views[0]!.shape.uid === null ? this.#leaves(row) : null,
    }))
  }

  /** The record that leaves with this row: the first like it that has not left. */
  #leaves(row: Row): number | null {
    const waiting = this.#waiting.get(JSON.stringify(row))
    return waiting?.shift() ?? null
  }
}

function viewsOf(job: Job): readonly Omit<View, 'contents'>[] {
  const { operators } = analyzePlan(job.plan)
  const times = eventTimesOf(job.plan)
  const windows = job.plan.operators.filter((spec) => spec.op === 'window')
  const specs = new Map(job.plan.operators.map((spec) => [spec.uid, spec]))
  /** Whether records wait for the watermark before the window sees them: a state window puts them in order first. */
  const holdsBack = (uid: string): boolean => {
    for (let spec = specs.get(uid); spec !== undefined && spec.op !== 'source'; spec = specs.get(spec.inputs[0])) {
      if (spec.op === 'sortByEventTime' || (spec.op === 'window' && spec.window.kind === 'stateWindow')) return true
    }
    return false
  }
  const timeBefore = (uid: string): number => {
    for (let spec = specs.get(uid); spec !== undefined && spec.op !== 'source'; spec = specs.get(spec.inputs[0])) {
      if (spec.op === 'eventTime') return times.indexOf(spec)
    }
    return -1
  }
  if (windows.length === 0) {
    const shape = { uid: null, text: 'no window', keys: [], watermark: times.length - 1, isByClock: false, hasRecords: false }
    return [{ shape, shadow: null, tracks: new WindowTracks(false), fates: new Fates(null, false) }]
  }
  return windows.map((spec) => {
    const shadow = shadowOf(job, spec.uid)
    const isByClock = spec.time === 'processing'
    const keys = operators.get(spec.uid)?.keys ?? []
    const watermark = isByClock ? -1 : timeBefore(spec.uid)
    const shape = { uid: spec.uid, text: spec.uid, keys, watermark, isByClock, hasRecords: shadow.hasRecords }
    return { shape, shadow, tracks: new WindowTracks(spec.window.kind === 'session'), fates: new Fates(spec.uid, holdsBack(spec.uid)) }
  })
}

async function withContents(view: Omit<View, 'contents'>, entries: readonly Entry[]): Promise<View> {
  return { ...view, contents: view.shadow === null ? [] : await contentsOf(view.shadow, entries) }
}

/** The job, with a sink right behind each window. */
function withProbes(job: Job): Job {
  const probes = job.plan.operators
    .filter(({ op }) => op === 'window')
    .map(({ uid }) => ({ uid: `${PROBE}${uid}`, op: 'sink', inputs: [uid], name: `${PROBE}${uid}` }))
  return fromPlan({ ...job.plan, operators: [...job.plan.operators, ...probes] }, job.functions)
}

/** The window whose results or late rows a sink gets; null if it gets none. */
function windowBefore(plan: Plan, sinkName: string): string | null {
  const specs = new Map(plan.operators.map((spec) => [spec.uid, spec]))
  const late = plan.operators.find((spec) => spec.op === 'window' && spec.late.kind === 'sideOutput' && spec.late.name === sinkName)
  if (late !== undefined) return late.uid
  let spec = plan.operators.find((candidate) => candidate.op === 'sink' && candidate.name === sinkName)
  while (spec !== undefined && spec.op !== 'source' && spec.op !== 'window') spec = specs.get(spec.inputs[0])
  return spec?.op === 'window' ? spec.uid : null
}

function eventTimesOf(plan: Plan): readonly EventTimeSpec[] {
  return plan.operators.filter((spec) => spec.op === 'eventTime')
}

function sourceOf(plan: Plan): SourceShape {
  const source = analyzePlan(plan).sources[0]!
  return { uid: source.uid, columns: source.schema.columns, timeColumn: eventTimesOf(plan)[0]?.column ?? null }
}

function watermarkShape({ uid, watermark }: EventTimeSpec): WatermarkShape {
  const detail = 'delayMs' in watermark ? ` ${durationText(watermark.delayMs)}` : 'p' in watermark ? ` ${watermark.p}` : ''
  return { uid, text: `${watermark.kind}${detail}` }
}
