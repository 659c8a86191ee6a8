/**
 * What a format must do for a file sink, and the pane columns both formats can add.
 *
 * Before: file-writer. After: csv-encoder, ndjson-encoder.
 *
 * Invariant: encoding is a pure function of rows and options, so a replayed row gives the same bytes.
 */

import { ConfigError } from '../../runtime/errors.ts'
import type { PaneColumns, RecordBatch } from '../../runtime/record-batch.ts'
import type { Schema } from '../../runtime/schema.ts'
import type { ByteWriter } from './byte-writer.ts'

export interface RowEncoder {
  /** What stands once at the top of the file. */
  header(writer: ByteWriter): void
  /** Rows `[from, to)` of a batch of the sink's schema. */
  rows(writer: ByteWriter, batch: RecordBatch, from: number, to: number): void
}

/** Makes the encoder of a sink once its schema is known. @throws ConfigError */
export type EncoderFactory = (schema: Schema) => RowEncoder

/** Columns that the option `pane` adds, in this order. */
export const PANE_COLUMNS = ['paneIndex', 'paneTiming', 'paneChange', 'paneIsLast'] as const
/** Names of the timings, by their numbers in the kernel's layout: PANE_EARLY, PANE_ON_TIME, PANE_LATE. */
const TIMINGS = ['early', 'onTime', 'late'] as const
/** Of the changes: CHANGE_INSERT, CHANGE_UPDATE_BEFORE, CHANGE_UPDATE_AFTER, CHANGE_DELETE. */
const CHANGES = ['+I', '-U', '+U', '-D'] as const

/** What the pane columns of a row say, in the order of {@link PANE_COLUMNS}. */
export function paneCells({ index, timing, change, isLast }: PaneColumns, row: number): readonly [number, string, string, boolean] {
  return [index[row]!, TIMINGS[timing[row]!] ?? 'onTime', CHANGES[change[row]!] ?? '+I', isLast[row] !== 0]
}

/** @throws ConfigError `COLUMN_DUPLICATE` when the schema already has a pane column. */
export function refusePaneClash(schema: Schema): void {
  for (const { name } of schema.columns) {
    if (!(PANE_COLUMNS as readonly string[]).includes(name)) continue
    throw new ConfigError(
      'COLUMN_DUPLICATE',
      `Cannot add the column ${name}: the result has one of that name; rename it, or leave out the option pane`,
    )
  }
}
