/**
 * The column whose value says where the server goes on: behind the row that has it.
 *
 * Before: message-decoder has made rows. After: message-reader, for positions; inbox, for messages that nobody has read yet.
 *
 * Invariant: a null is no token.
 */

import { BatchBuilder } from '../../runtime/batch-builder.ts'
import { Dictionary } from '../../runtime/dictionary.ts'
import { ConfigError } from '../../runtime/errors.ts'
import type { Schema } from '../../runtime/schema.ts'
import type { Message, ResumeToken } from './message.ts'
import type { MessageDecoder } from './message-decoder.ts'

const SCRATCH_ROWS = 1024

export class TokenColumn {
  readonly #index: number
  readonly #schema: Schema

  /** @throws ConfigError `SOURCE_OPTION_INVALID` when the schema has no such column, or none that can be a token. */
  constructor(schema: Schema, name: string) {
    this.#schema = schema
    this.#index = schema.columns.findIndex((column) => column.name === name)
    const type = schema.columns[this.#index]?.type
    if (type !== undefined && type !== 'bool') return
    throw new ConfigError(
      'SOURCE_OPTION_INVALID',
      `Cannot take resume tokens from column ${JSON.stringify(name)}: ${type === undefined ? "the source's schema has none of that name" : `it is ${type}`}; name a column of numbers or texts`,
    )
  }

  /** The token of the last row from `fromRow` on that has one, or null. */
  last(builder: BatchBuilder, fromRow: number): ResumeToken | null {
    const { values, validity, type } = builder.columns[this.#index]!
    for (let row = builder.rowCount - 1; row >= fromRow; row--) {
      if (validity[row] !== 0) return type === 'utf8' ? builder.dictionary.stringAt(values[row]!) : values[row]!
    }
    return null
  }

  /** The token behind a message that has not been read, or null. @param decoder - One of its own: it is in the middle of nothing. */
  of(message: Message, decoder: MessageDecoder): ResumeToken | null {
    const builder = new BatchBuilder(this.#schema, SCRATCH_ROWS, new Dictionary())
    let token: ResumeToken | null = null
    decoder.begin(message, '', 0, false)
    for (let isDone = false; !isDone; ) {
      builder.clear()
      isDone = decoder.take(builder, SCRATCH_ROWS)
      token = this.last(builder, 0) ?? token
    }
    return token
  }
}
