/**
 * Messages to rows, by the format that the source was told.
 *
 * Before: message-reader begins with a message and asks for rows. After: the builder of the intake.
 *
 * Invariant: every message becomes rows and dead letters, and nothing of it is lost; how many are asked for at a time changes nothing.
 */

import type { BatchBuilder } from '../../runtime/batch-builder.ts'
import { ConfigError } from '../../runtime/errors.ts'
import type { Schema } from '../../runtime/schema.ts'
import { JsonRowScanner } from '../format/json-row-scanner.ts'
import { JsonDecoder } from './json-decoder.ts'
import { CsvContentDecoder, NdjsonContentDecoder } from './line-content-decoder.ts'
import type { Message, MessageContent } from './message.ts'
import { ObjectRows } from './object-rows.ts'

/** Makes rows of a message: any number of objects. What it throws makes the message a dead letter `DECODE_FAILED`. */
export type DecodeFunction = (message: string | Uint8Array, context: { readonly topic: string | null }) => Iterable<object>

/** How the content of messages becomes rows. */
export interface DecodeOptions {
  /**
   * `json` (default): an object, or an array of objects. `ndjson`: an object on each line. `csv`: lines of fields. Or a function, which must
   * give the same rows whenever it is called with the same message.
   */
  readonly decode?: 'json' | 'ndjson' | 'csv' | DecodeFunction
  /** CSV: names of the columns, when messages have no header line. Default: the first line of every message names them. */
  readonly header?: readonly string[]
  /** CSV: one ASCII character between fields. Default: a comma. */
  readonly delimiter?: string
}

/** Makes rows of text or bytes. */
export interface ContentDecoder {
  /** Begins with a message; its first `skip` rows were taken before. */
  begin(content: string | Uint8Array, label: string, skip: number): void
  /** Adds at most `rowsMax` rows and dead letters. @returns whether nothing of the message is left. */
  take(builder: BatchBuilder, rowsMax: number): boolean
  /** Rows of the message that were taken, those passed over and dead letters included. */
  readonly row: number
}

export class MessageDecoder {
  readonly #content: ContentDecoder
  readonly #scanner: JsonRowScanner
  /** Place in the schema of the column that has the topic; -1: none has. */
  readonly #topicColumn: number
  readonly #decode: DecodeFunction | null
  /** Of a message whose rows are objects. */
  #objects: ObjectRows | null = null
  #topic: string | null = null
  /** Where rows are being added. */
  #builder: BatchBuilder | null = null

  /**
   * @param topicColumn - The column that gets the topic of messages, or null.
   * @throws ConfigError `COLUMN_UNKNOWN`, `CSV_HEADER_DUPLICATE`, `SOURCE_OPTION_INVALID`.
   */
  constructor(schema: Schema, options: DecodeOptions, topicColumn: string | null) {
    this.#topicColumn = topicColumn === null ? -1 : topicIndex(schema, topicColumn)
    const given = new Set(topicColumn === null ? [] : [topicColumn])
    this.#scanner = new JsonRowScanner(schema, given)
    this.#decode = typeof options.decode === 'function' ? options.decode : null
    this.#content = contentDecoder(schema, given, options)
  }

  get row(): number {
    return this.#objects?.row ?? this.#content.row
  }

  /** Begins with a message; its first `skip` rows were taken before. @param isJournaled - Whether rows went through JSON, where a date is a text. */
  begin({ content, topic }: Message, label: string, skip: number, isJournaled: boolean): void {
    this.#topic = topic
    this.#objects = null
    if (typeof content !== 'string' && !(content instanceof Uint8Array)) this.#beginRows(content, label, skip, isJournaled)
    else if (this.#decode === null) this.#content.begin(content, label, skip)
    else this.#objects = new ObjectRows(calling(this.#decode, content, topic), label, skip, null)
  }

  #beginRows(rows: readonly unknown[], label: string, skip: number, isJournaled: boolean): void {
    this.#objects = isJournaled
      ? new ObjectRows(rows, label, skip, (row) => this.#scanner.value(row, this.#builder!))
      : new ObjectRows(rows, label, skip, null)
  }

  /** Adds at most `rowsMax` rows and dead letters. @returns whether nothing of the message is left. */
  take(builder: BatchBuilder, rowsMax: number): boolean {
    this.#builder = builder
    const begin = builder.rowCount
    const isDone = (this.#objects ?? this.#content).take(builder, rowsMax)
    if (this.#topicColumn >= 0) this.#setTopic(builder, begin)
    return isDone
  }

  #setTopic(builder: BatchBuilder, begin: number): void {
    const column = builder.columns[this.#topicColumn]!
    const end = builder.rowCount
    if (this.#topic === null) {
      column.validity.fill(0, begin, end)
      if (end > begin) column.hasNull = true
    } else {
      column.values.fill(builder.dictionary.codeOf(this.#topic), begin, end)
      if (column.hasNull) column.validity.fill(1, begin, end)
    }
  }
}

function contentDecoder(schema: Schema, given: ReadonlySet<string>, { decode, header, delimiter }: DecodeOptions): ContentDecoder {
  if (delimiter !== undefined && !/^[\t !#$%&'()*,/:;<=>?@[\\\]^_`{|}~]$/.test(delimiter)) {
    throw new ConfigError(
      'SOURCE_OPTION_INVALID',
      `Cannot use ${JSON.stringify(delimiter)} as a CSV delimiter; it must be one ASCII character such as "," ";" "|" or a tab`,
    )
  }
  switch (decode) {
    case 'ndjson':
      return new NdjsonContentDecoder(schema, given)
    case 'csv':
      return new CsvContentDecoder(schema, given, { header, delimiter: (delimiter ?? ',').charCodeAt(0) })
    default:
      return new JsonDecoder(schema, given)
  }
}

function topicIndex(schema: Schema, name: string): number {
  const index = schema.columns.findIndex((column) => column.name === name)
  if (index >= 0 && schema.columns[index]!.type === 'utf8') return index
  throw new ConfigError(
    'SOURCE_OPTION_INVALID',
    index < 0
      ? `Cannot put topics into column ${JSON.stringify(name)}: the source's schema has none of that name; declare it as utf8()`
      : `Cannot put topics into column ${JSON.stringify(name)}: it is ${schema.columns[index]!.type}; declare it as utf8()`,
  )
}

/** The rows of a call that happens with the first `next`, where what it throws becomes a dead letter. */
function* calling(decode: DecodeFunction, content: string | Uint8Array, topic: string | null): Iterable<object> {
  yield* decode(content, { topic })
}

/** What the content of a posted message is: text and bytes are decoded, an array is rows, anything else one row. */
export function contentOf(data: unknown): MessageContent {
  if (typeof data === 'string' || data instanceof Uint8Array || Array.isArray(data)) return data
  if (data instanceof ArrayBuffer) return new Uint8Array(data)
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  return [data]
}
