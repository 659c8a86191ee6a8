/**
 * A plan for people: as text, and as a Mermaid flowchart.
 *
 * Before: a plan. After: a terminal or a page. Nothing parses the result.
 *
 * Invariant: no name of the plan can break out of its place: control characters are escaped, Mermaid's own characters encoded.
 */

import { formatExpression, formatName } from './expression/format.ts'
import type { AnalyzedOperator, AnalyzedPlan } from './plan-analysis.ts'
import { isFunctionRef } from './plan-derive.ts'
import { describeValue } from './plan-problem.ts'
import type { DelayRules, OperatorSpec, StageSpec, WatermarkSpec, WindowSpec } from './plan-spec.ts'
import { isStage } from './plan-stages.ts'
import { aggregateText, countText, durationText, shown, windowLines, windowText } from './plan-window-text.ts'
import type { Schema } from './schema.ts'

export interface Explanation {
  readonly text: string
  readonly mermaid: string
}

/** What a plan does, operator by operator in the order of the flow. */
export function explainAnalyzed(analyzed: AnalyzedPlan): Explanation {
  return { text: textOf(analyzed), mermaid: mermaidOf(analyzed) }
}

function textOf({ plan, operators, sources, sinks }: AnalyzedPlan): string {
  const lines = [
    `Job ${shown(plan.name)}: ${[
      countText(plan.operators.length, 'operator'),
      countText(sources.length, 'source'),
      countText(sinks.length, 'output'),
    ].join(', ')}`,
    '',
  ]
  for (const operator of operators.values()) {
    const { spec, uid, schema } = operator
    lines.push(`${shown(uid)}  ${spec.op}${spec.op === 'source' ? '' : ` ← ${shown(spec.inputs[0])}`}`)
    for (const detail of detailsOf(operator)) lines.push(`    ${detail}`)
    if (spec.op !== 'filter' && spec.op !== 'keyBy' && spec.op !== 'eventTime' && !isStage(spec))
      lines.push(`    rows: ${schemaText(schema)}`)
  }
  lines.push('', 'Delivery')
  for (const sink of sinks) {
    lines.push(
      `    ${shown(sink.name)}: ${sink.kind === 'result' ? '' : `${sink.kind === 'late' ? 'late rows' : 'findings'} of ${shown(sink.uid)}; `}` +
        'state exactly once; output as the sink bound at start permits',
    )
  }
  return `${lines.join('\n')}\n`
}

function detailsOf({ spec, keys }: AnalyzedOperator): readonly string[] {
  switch (spec.op) {
    case 'source':
      return []
    case 'eventTime':
      return [`event time: ${formatName(spec.column)}`, `watermark: ${watermarkText(spec.watermark)}`]
    case 'filter':
      return [`where: ${isFunctionRef(spec.where) ? 'a JavaScript function' : formatExpression(spec.where)}`]
    case 'map':
      return spec.function === true
        ? ['by a JavaScript function']
        : Object.entries(spec.columns ?? {}).map(([name, expression]) => `${formatName(name)} = ${formatExpression(expression)}`)
    case 'sortByEventTime':
    case 'deduplicate':
    case 'trackSequence':
      return stageDetails(spec)
    case 'keyBy':
      return [`keys: ${spec.columns.map(formatName).join(', ')}`]
    case 'window':
      return [
        ...windowLines(spec, keys.length > 0),
        `late: ${lateText(spec)}`,
        ...Object.entries(spec.aggregates).map(([name, aggregate]) => `${formatName(name)} = ${aggregateText(aggregate)}`),
      ]
    case 'sink':
      return [`name: ${shown(spec.name)}`]
    default: {
      const never: never = spec
      throw new RangeError(String(never))
    }
  }
}

function stageDetails(spec: StageSpec): readonly string[] {
  switch (spec.op) {
    case 'sortByEventTime': {
      const full = spec.whenFull === 'fail' ? 'then the job fails' : 'then the oldest leave early'
      return [
        'order: event time, then arrival, as far as the watermark has come',
        `buffer: at most ${countText(spec.bufferRecordsMax, 'record')}, ${full}`,
        `late: ${spec.late === 'pass' ? 'pass at once' : 'drop and count'}`,
      ]
    }
    case 'deduplicate': {
      const full = spec.whenFull === 'fail' ? 'then the job fails' : 'then the oldest are forgotten'
      return [
        `id: ${spec.by.map(formatName).join(', ')}`,
        `first of an id passes, others within ${durationText(spec.withinMs)} of it are dropped and counted`,
        `ids: at most ${spec.idsMax.toLocaleString('en-US')}, ${full}`,
        `late by more than ${durationText(spec.withinMs)}: ${spec.late === 'pass' ? 'pass' : 'drop and count'}`,
      ]
    }
    case 'trackSequence': {
      const { silentAfterMs, forgetAfterMs, restartBelow, wrapsAt, findingsTo } = spec
      return [
        `source: ${spec.source.map(formatName).join(', ')}, at most ${spec.sourcesMax.toLocaleString('en-US')}`,
        `sequence: ${formatName(spec.sequence)}${wrapsAt === undefined ? '' : `, from 0 again at ${wrapsAt}`}`,
        `reorder window: ${spec.reorderWindow}${restartBelow === undefined ? '' : `, restart below ${restartBelow}`}`,
        ...(silentAfterMs === undefined ? [] : [`silent after: ${durationText(silentAfterMs)}`]),
        ...(forgetAfterMs === undefined ? [] : [`forgotten after: ${durationText(forgetAfterMs)}`]),
        `findings: ${findingsTo === undefined ? 'only counted' : `to ${shown(findingsTo)}`}`,
      ]
    }
    default: {
      const never: never = spec
      throw new RangeError(String(never))
    }
  }
}

function watermarkText(watermark: WatermarkSpec): string {
  const { idleAfterMs, maxDriftMs, flushAfterMs, maxFutureSkewMs, futurePolicy, everyRecords } = watermark
  return [
    strategyText(watermark),
    ...(idleAfterMs === undefined ? [] : [`idle after ${durationText(idleAfterMs)}`]),
    ...(maxDriftMs === undefined ? [] : [`splits at most ${durationText(maxDriftMs)} apart`]),
    ...(flushAfterMs === undefined ? [] : [flushAfterMs === null ? 'no flush' : `flush after ${durationText(flushAfterMs)} of silence`]),
    ...(maxFutureSkewMs === undefined
      ? []
      : [`${maxFutureSkewMs === null ? 'any time' : `at most ${durationText(maxFutureSkewMs)}`} ahead of the clock`]),
    ...(futurePolicy === undefined ? [] : [`beyond that ${futurePolicy}`]),
    `every ${countText(everyRecords, 'record')} of a split`,
  ].join(', ')
}

function strategyText(watermark: WatermarkSpec): string {
  switch (watermark.kind) {
    case 'monotonous':
      return watermark.kind
    case 'boundedOutOfOrderness':
      return `largest event time less ${durationText(watermark.delayMs)}`
    case 'punctuated': {
      const time = watermark.time === undefined ? 'event time' : formatExpression(watermark.time)
      return `${time} of records where ${formatExpression(watermark.when)}`
    }
    case 'timeLag':
      return `clock less ${durationText(watermark.delayMs)}`
    case 'percentile':
      return `largest event time less the ${watermark.p}-quantile of the delay of ${countText(watermark.windowRecords, 'record')}${limitsText(watermark)}`
    case 'predicted':
      return `largest event time less the predicted ${watermark.p}-quantile of the delay${limitsText(watermark)}`
    case 'manual':
      return 'from outside'
    case 'custom':
      return 'by a JavaScript function'
    default: {
      const never: never = watermark
      throw new RangeError(String(never))
    }
  }
}

function limitsText({ floorMs, ceilingMs }: DelayRules): string {
  if (ceilingMs !== undefined) return ` (${durationText(floorMs)} to ${durationText(ceilingMs)})`
  return floorMs === 0 ? '' : ` (at least ${durationText(floorMs)})`
}

function lateText({ late, allowedLatenessMs }: WindowSpec): string {
  const allowed = allowedLatenessMs === 0 ? '' : `refire for ${durationText(allowedLatenessMs)}, then `
  const policy = { drop: 'drop and count', fail: 'stop the job', sideOutput: '' }[late.kind]
  return `${allowed}${late.kind === 'sideOutput' ? `send to ${shown(late.name)}` : policy}`
}

function schemaText(schema: Schema): string {
  const columns = schema.columns.slice(0, 20).map(({ name, type }) => `${formatName(name)} ${type}`)
  const more = schema.columns.length - columns.length
  return more === 0 ? columns.join(', ') : `${columns.join(', ')} and ${more} more`
}

function mermaidOf({ plan, operators }: AnalyzedPlan): string {
  const ids = new Map(plan.operators.map(({ uid }, index) => [uid, `op${index}`]))
  const lines = ['flowchart LR']
  for (const { spec, uid } of operators.values()) {
    const label = [uid, ...labelOf(spec)].map(encoded).join('<br/>')
    const [open, close] = spec.op === 'source' || spec.op === 'sink' ? ['([', '])'] : ['[', ']']
    lines.push(`  ${ids.get(uid)}${open}"${label}"${close}`)
  }
  for (const { spec, uid } of operators.values()) if (spec.op !== 'source') lines.push(`  ${ids.get(spec.inputs[0])} --> ${ids.get(uid)}`)
  let findings = 0
  for (const { spec, uid } of operators.values()) {
    if (spec.op !== 'trackSequence' || spec.findingsTo === undefined) continue
    const id = `findings${findings++}`
    lines.push(`  ${id}(["${encoded(spec.findingsTo)}"])`, `  ${ids.get(uid)} -. findings .-> ${id}`)
  }
  let late = 0
  for (const { spec, uid } of operators.values()) {
    if (spec.op !== 'window' || spec.late.kind !== 'sideOutput') continue
    const id = `late${late++}`
    lines.push(`  ${id}(["${encoded(spec.late.name)}"])`, `  ${ids.get(uid)} -. late .-> ${id}`)
  }
  return `${lines.join('\n')}\n`
}

function labelOf(spec: OperatorSpec): readonly string[] {
  switch (spec.op) {
    case 'source':
      return ['source']
    case 'eventTime':
      return [`event time ${formatName(spec.column)}`]
    case 'filter':
      return [isFunctionRef(spec.where) ? 'filter by a function' : `filter ${shortened(formatExpression(spec.where))}`]
    case 'map':
      return [
        spec.function === true
          ? 'map by a function'
          : `map ${shortened(
              Object.keys(spec.columns ?? {})
                .map(formatName)
                .join(', '),
            )}`,
      ]
    case 'sortByEventTime':
      return ['sort by event time']
    case 'deduplicate':
      return [`deduplicate by ${shortened(spec.by.map(formatName).join(', '))}`, `within ${durationText(spec.withinMs)}`]
    case 'trackSequence':
      return [`track ${formatName(spec.sequence)}`, `of ${shortened(spec.source.map(formatName).join(', '))}`]
    case 'keyBy':
      return [`key by ${shortened(spec.columns.map(formatName).join(', '))}`]
    case 'window':
      return [
        shortened(windowText(spec)),
        shortened([...Object.keys(spec.aggregates), ...Object.keys(spec.apply?.schema ?? {})].map(formatName).join(', ')),
      ]
    case 'sink':
      return [`sink ${shown(spec.name)}`]
    default: {
      const never: never = spec
      throw new RangeError(String(never))
    }
  }
}

function shortened(text: string): string {
  return text.length > 60 ? `${text.slice(0, 59)}…` : text
}

/** Text inside a quoted Mermaid label. */
function encoded(text: string): string {
  const quoted = describeValue(text)
  return entities(quoted === `"${text}"` ? text : quoted)
}

function entities(text: string): string {
  return text.replace(/[#"<>&`\\[\]{}()|]/g, (char) => `#${char.charCodeAt(0)};`)
}
