/**
 * A plan as a program of the fluent API: the text that follows when the plan is edited.
 *
 * Before: a complete plan without functions. After: the editor. The program has the same plan, down to its uids and defaults.
 *
 * Invariant: what this file does not know how to say is said by `fromPlan(…)`, so that no plan is changed by being written down.
 */

import type { Plan } from 'millrace'
import {
  aggregateText,
  evictorText,
  expressionText,
  type Names,
  optionsText,
  triggerText,
  watermarkText,
  windowText,
} from './program-parts.ts'
import { planText } from './plan-text.ts'
import { durationText } from './time-text.ts'

type Spec = Plan['operators'][number]
type Spec_<Op extends Spec['op']> = Extract<Spec, { readonly op: Op }>

export function programOf(plan: Plan): string {
  return fluentOf(plan) ?? `import { fromPlan } from 'millrace'\n\nexport default fromPlan(${planText(plan)})\n`
}

/** @returns null when the plan has what cannot be said this way. */
function fluentOf(plan: Plan): string | null {
  const source = plan.operators[0]
  const sinks = plan.operators.filter((spec) => spec.op === 'sink')
  if (source?.op !== 'source' || plan.operators.filter(({ op }) => op === 'source').length > 1 || sinks.length === 0) return null
  // A line from the source to the sink; what branches is better said by the plan.
  const isLine = plan.operators.every((spec, index) => spec.op === 'source' || spec.inputs[0] === plan.operators[index - 1]?.uid)
  if (!isLine || JSON.stringify(plan).includes('"function":true')) return null
  const names: Names = new Set(['pipeline'])
  const uids = new Set<string>()
  const counts = new Map<string, number>()
  try {
    const steps = plan.operators.flatMap((spec) => stepsOf(spec, uidOptions(spec, uids, counts), names))
    const list = [...names].sort((a, b) => a.localeCompare(b)).join(', ')
    return `import { ${list} } from 'millrace'\n\nexport default pipeline(${quoted(plan.name)})\n${steps.map((step) => `  ${step}\n`).join('')}`
  } catch {
    return null
  }
}

/** The option that names an operator, where the name is not the one it would get by itself. */
function uidOptions(spec: Spec, uids: Set<string>, counts: Map<string, number>): Readonly<Record<string, string>> {
  const own = derivedUid(spec, counts)
  uids.add(spec.uid)
  return own === spec.uid ? {} : { uid: spec.uid }
}

function derivedUid(spec: Spec, counts: Map<string, number>): string {
  const counted = (name: string) => {
    const count = (counts.get(name) ?? 0) + 1
    counts.set(name, count)
    return `${name}-${count}`
  }
  switch (spec.op) {
    case 'source':
      return spec.uid
    case 'eventTime':
      return 'time'
    case 'filter':
    case 'map':
    case 'window':
      return counted(spec.op)
    case 'sortByEventTime':
      return 'sort'
    case 'deduplicate':
      return 'deduplicate'
    case 'trackSequence':
      return 'sequence'
    case 'keyBy':
      return `by-${spec.columns.join('-')}`
    case 'sink':
      return spec.name
    default: {
      const never: never = spec
      throw new RangeError(String(never))
    }
  }
}

function stepsOf(spec: Spec, uid: Readonly<Record<string, string>>, names: Names): readonly string[] {
  const call = (name: string, ...parts: readonly string[]) => `.${name}(${[...parts, ...tail(uid)].join(', ')})`
  switch (spec.op) {
    case 'source':
      return [`.source(${quoted(spec.uid)}, ${schemaText(spec.schema, names)})`]
    case 'eventTime':
      return [call('eventTime', quoted(spec.column), watermarkText(spec.watermark, names))]
    case 'filter':
      return [call('filter', expressionText(spec.where as never, names))]
    case 'map':
      return [
        call(
          'map',
          `{ ${Object.entries(spec.columns ?? {})
            .map(([name, tree]) => `${property(name)}: ${expressionText(tree, names)}`)
            .join(', ')} }`,
        ),
      ]
    case 'sortByEventTime':
      return [
        `.sortByEventTime(${optionsText({ ...uid, ...withoutDefaults(spec, { bufferRecordsMax: 1_000_000, whenFull: 'fail', late: 'pass' }) })})`,
      ]
    case 'deduplicate':
      return [deduplicateText(spec, uid)]
    case 'trackSequence':
      return [trackText(spec, uid)]
    case 'keyBy':
      return [call('keyBy', ...spec.columns.map(quoted))]
    case 'window':
      return windowSteps(spec, uid, names)
    case 'sink':
      return [call('sink', quoted(spec.name))]
    default: {
      const never: never = spec
      throw new RangeError(String(never))
    }
  }
}

const tail = (uid: Readonly<Record<string, string>>) => (Object.keys(uid).length === 0 ? [] : [optionsText(uid)])

function windowSteps(spec: Spec_<'window'>, uid: Readonly<Record<string, string>>, names: Names): readonly string[] {
  const { trigger, accumulation, closing, late, evictor, allowedLatenessMs } = spec
  const isPlain = trigger.kind === 'onWatermark' && Object.keys(trigger).length === 1
  const aggregates = Object.entries(spec.aggregates).map(([name, aggregate]) => `${property(name)}: ${aggregateText(aggregate, names)}`)
  return [
    `.window(${[windowText(spec.window, names), ...tail(uid)].join(', ')})`,
    ...(spec.time === 'processing' ? ['.processingTime()'] : []),
    ...(isPlain ? [] : [`.trigger(${triggerText(trigger, names)})`]),
    ...(evictor === undefined ? [] : [`.evict(${evictorText(evictor, names)})`]),
    ...(accumulation === 'discarding' ? ['.discarding()'] : []),
    ...(accumulation === 'retracting' ? [`.retracting(${spec.emitUnchanged === true ? '{ unchanged: true }' : ''})`] : []),
    ...(allowedLatenessMs === 0 ? [] : [`.allowedLateness('${durationText(allowedLatenessMs)}')`]),
    ...(late.kind === 'sideOutput' ? [`.lateTo(${quoted(late.name)})`] : late.kind === 'fail' ? ['.lateFails()'] : []),
    ...(closing === 'none' ? [] : [`.closing(${quoted(closing)})`]),
    ...(spec.emptyPanes === true ? ['.emptyPanes()'] : []),
    ...(spec.keepRecords === true ? ['.keepRecords()'] : []),
    `.aggregate({ ${aggregates.join(', ')} })`,
  ]
}

function deduplicateText(spec: Spec_<'deduplicate'>, uid: Readonly<Record<string, string>>): string {
  const rest = withoutDefaults(spec, { late: 'pass', idsMax: 5_000_000, whenFull: 'fail' })
  const { by, withinMs, ...others } = rest as Readonly<Record<string, unknown>>
  return `.deduplicate(${optionsText({ ...uid, by, within: durationText(Number(withinMs)), ...others })})`
}

function trackText(spec: Spec_<'trackSequence'>, uid: Readonly<Record<string, string>>): string {
  const { silentAfterMs, forgetAfterMs, ...rest } = withoutDefaults(spec, { reorderWindow: 1000, sourcesMax: 100_000 }) as Partial<
    Spec_<'trackSequence'>
  >
  return `.trackSequence(${optionsText({
    ...uid,
    ...rest,
    ...(silentAfterMs === undefined ? {} : { silentAfter: durationText(silentAfterMs) }),
    ...(forgetAfterMs === undefined ? {} : { forgetAfter: durationText(forgetAfterMs) }),
  })})`
}

/** Fields of an operator but for those that every operator has, and those that are as they would be anyway. */
function withoutDefaults(spec: Spec, defaults: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const isSaid = ([name, value]: readonly [string, unknown]) => !['uid', 'op', 'inputs'].includes(name) && defaults[name] !== value
  return Object.fromEntries(Object.entries(spec).filter(isSaid))
}

function schemaText(schema: Spec_<'source'>['schema'], names: Names): string {
  names.add('schema')
  const columns = Object.entries(schema).map(([name, type]) => {
    names.add(type)
    return `${property(name)}: ${type}()`
  })
  return `schema({ ${columns.join(', ')} })`
}

function property(name: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(name) ? name : quoted(name)
}

function quoted(text: string): string {
  return `'${JSON.stringify(text).slice(1, -1).replaceAll("'", "\\'").replaceAll('\\"', '"')}'`
}
