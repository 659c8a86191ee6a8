/**
 * Makes the operators with state of a plan. Loaded only for plans that have any.
 *
 * Before: coordinator/job-graph, which knows what is behind each. After: the operators of this folder.
 */

import type { StageSpec, WindowSpec } from '../plan.ts'
import { BUFFER_RECORDS_DEFAULT } from '../plan-stages.ts'
import type { Schema } from '../schema.ts'
import { Deduplicator } from './deduplicator.ts'
import { EventTimeSorter } from './event-time-sorter.ts'
import type { OperatorOutput, StatefulOperator } from './operator.ts'
import { SequenceTracker } from './sequence-tracker.ts'

export { OperatorNode, type Reach } from './operator-node.ts'

/** @param schema - Of the rows that enter and leave. */
export function makeOperator(spec: StageSpec, schema: Schema, output: OperatorOutput): StatefulOperator {
  switch (spec.op) {
    case 'sortByEventTime':
      return new EventTimeSorter(spec, schema, output)
    case 'deduplicate':
      return new Deduplicator(spec, schema, output)
    case 'trackSequence':
      return new SequenceTracker(spec, schema, output)
    default: {
      const never: never = spec
      throw new RangeError(String(never))
    }
  }
}

/**
 * A sorter that stands before a window which needs its rows in order of event time. Late rows pass it, so that the window counts them.
 *
 * @param uid - Under which its state is kept.
 */
export function makeSorterBefore(window: WindowSpec, uid: string, schema: Schema, output: OperatorOutput): StatefulOperator {
  const bufferRecordsMax = BUFFER_RECORDS_DEFAULT
  const spec = { uid, op: 'sortByEventTime', inputs: window.inputs, bufferRecordsMax, whenFull: 'fail', late: 'pass' } as const
  return new EventTimeSorter(spec, schema, output)
}
