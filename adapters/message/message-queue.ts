/**
 * Messages that wait for the reader, and what happens when they become too many.
 *
 * Before: inbox puts in what a transport delivers. After: inbox takes them out, for the journal or for the reader.
 *
 * Invariant: what was dropped is counted until somebody has been told.
 */

import { type Message, sizeOf } from './message.ts'

/** What a full buffer does; see {@link MessageOptions.whenFull}. */
export type FullPolicy = 'block' | 'dropOldest' | 'dropNewest' | 'sample' | 'fail'

/** Messages that were dropped since the last time somebody asked. */
export interface DroppedMessages {
  readonly count: number
  readonly bytes: number
  readonly first: Message
}

export class MessageQueue {
  #messages: (Message | undefined)[] = []
  #head = 0
  #dropped: { count: number; bytes: number; readonly first: Message } | null = null
  byteLength = 0

  get length(): number {
    return this.#messages.length - this.#head
  }

  push(message: Message): void {
    this.#messages.push(message)
    this.byteLength += sizeOf(message)
  }

  /** The oldest message, or null. */
  shift(): Message | null {
    const message = this.#messages[this.#head]
    if (message === undefined) return null
    this.#messages[this.#head++] = undefined
    // Compacting at half keeps a shift constant on average.
    if (this.#head * 2 > this.#messages.length) {
      this.#messages = this.#messages.slice(this.#head)
      this.#head = 0
    }
    this.byteLength -= sizeOf(message)
    return message
  }

  *newestFirst(): Iterable<Message> {
    for (let index = this.#messages.length - 1; index >= this.#head; index--) yield this.#messages[index]!
  }

  takeAll(): readonly Message[] {
    const messages = this.#messages.slice(this.#head) as Message[]
    this.#messages = []
    this.#head = this.byteLength = 0
    return messages
  }

  /** Makes room for a message, by a policy that drops. @returns whether it may still be put in. */
  makeRoom(message: Message, bytesMax: number, policy: 'dropOldest' | 'dropNewest' | 'sample'): boolean {
    if (policy === 'dropNewest') {
      this.#drop(message)
      return false
    }
    if (policy === 'sample') {
      this.#thinOut()
      return true
    }
    while (this.length > 0 && this.byteLength + sizeOf(message) > bytesMax) this.#drop(this.shift()!)
    return true
  }

  /** What was dropped since the last call, or null. */
  takeDropped(): DroppedMessages | null {
    const dropped = this.#dropped
    this.#dropped = null
    return dropped
  }

  get hasDropped(): boolean {
    return this.#dropped !== null
  }

  /** Every second message goes: the stream becomes thinner, without a hole. */
  #thinOut(): void {
    for (const [index, message] of this.takeAll().entries()) {
      if (index % 2 === 0) this.push(message)
      else this.#drop(message)
    }
  }

  #drop(message: Message): void {
    this.#dropped ??= { count: 0, bytes: 0, first: message }
    this.#dropped.count++
    this.#dropped.bytes += sizeOf(message)
    message.settled?.()
  }
}
