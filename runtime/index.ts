/** The public face of `millrace`: re-exports only. Nothing here names a platform. */

export * from './aggregate.ts'
export {
  anyTrue,
  argMax,
  argMin,
  type CountDistinctOptions,
  collect,
  concat,
  countDistinct,
  everyTrue,
  histogram,
  type ListOptions,
  median,
  mode,
  type QuantileOptions,
  quantile,
  topK,
} from './aggregate-values.ts'
export * from './aggregate-series.ts'
export type { BatchBuilder, ColumnBuffer, DeadLetter } from './batch-builder.ts'
export type { CheckpointGeneration, CheckpointReader, CheckpointSession, CheckpointStore } from './checkpoint/checkpoint-store.ts'
export { type Clock, systemClock } from './clock.ts'
export type { CheckpointStatistics } from './coordinator/checkpoint-coordinator.ts'
export type { EventTimeStatus, JobFailure, JobStatus, OperatorStatus, SourceStatus, WindowStatus } from './coordinator/job-status.ts'
export type { Duration } from './duration.ts'
export type { HostTier } from './host/host.ts'
export type { WorkerLike } from './platform/platform.ts'
export * from './evictor.ts'
export { CheckpointError, ConfigError, ConnectorError, JobStateError, KernelError, MillraceError, RecordError } from './errors.ts'
export { col, type Expr, type Expression, lit, when } from './expression/expression.ts'
export {
  fromPlan,
  type Job,
  pipeline,
  type RowFunction,
  type SinkNames,
  type SinkRow,
  type SourceNames,
  type SourceRow,
} from './pipeline.ts'
export {
  type AccumulatorFunctions,
  type AggregateFunctions,
  type AnalyzedPlan,
  analyzePlan,
  explain,
  type FiredWindow,
  fingerprint,
  loadPlan,
  type Plan,
} from './plan.ts'
export type { Column, RecordBatch, RowObject, Value } from './record-batch.ts'
export { type RunOptions, run, runAll } from './run.ts'
export { bool, f64, type InputRowOf, i32, type RowOf, type Schema, schema, timestamp, utf8 } from './schema.ts'
export { type CollectSink, callbackSink, collectSink } from './sink/callback-sink.ts'
export { type IterableSink, type IterableSinkOptions, iterableSink, type PaneRow, readableSink } from './sink/iterable-sink.ts'
export type { Change, Pane } from './sink/pane.ts'
export type { RowTraits, Sink, SinkContext, SinkState, SinkWriter } from './sink/sink.ts'
export { type ViewOptions, type ViewSink, viewSink } from './sink/view-sink.ts'
export type { View, ViewSnapshot } from './sink/view.ts'
export { columnsSource, dictionaryColumn } from './source/columns-source.ts'
export { iterableSource, type RowsIterable } from './source/iterable-source.ts'
export { generatedSource, rowsSource } from './source/rows-source.ts'
export type { ReadResult, Source, SourceContext, SourceSplit, SplitPosition, SplitReader } from './source/source.ts'
export {
  afterProcessingTime,
  allOf,
  anyOf,
  customTrigger,
  early,
  inOrder,
  late,
  onCount,
  once,
  onEnd,
  onEventTime,
  onProcessingTime,
  onRecord,
  onWatermark,
  orFinally,
  purging,
  type Refinement,
  repeatedly,
  type Trigger,
} from './trigger.ts'
export { type CheckpointOptions, type RestartOptions, type Run, type StartOptions, start } from './start.ts'
export type { DeduplicateOptions, FindingKind, FindingRow, SortOptions, TrackSequenceOptions } from './stages.ts'
export {
  boundedOutOfOrderness,
  type CustomWatermarks,
  customWatermark,
  type DelayOptions,
  manual,
  monotonous,
  percentile,
  predicted,
  punctuated,
  type RecordWatermarkOptions,
  timeLag,
  type WatermarkDeclaration,
  type WatermarkOptions,
} from './watermark.ts'
export {
  cumulate,
  globalWindow,
  type LengthOptions,
  session,
  sliding,
  tumbling,
  type WindowDeclaration,
  type WindowOptions,
} from './window.ts'
export * from './window-by-record.ts'
export * from './window-calendar.ts'
