/**
 * Records that are posted: through a MessagePort, on a BroadcastChannel, or as events of anything that has events.
 *
 * Before: other threads, other pages, the program itself. After: message/inbox.
 * Who posts cannot be held back; a journal makes what was posted survive a crash of this side.
 *
 * Invariant: what is posted is data. Whatever is no row becomes a dead letter, and nothing of it is ever called or evaluated.
 */

import type { Source } from '../../runtime/source/source.ts'
import type { Inbox } from '../message/inbox.ts'
import { contentOf } from '../message/message-decoder.ts'
import type { Feed } from '../message/message-reader.ts'
import { type MessageOptions, messageSource } from '../message/message-source.ts'

/** Something that events come from. */
export type EventTargetLike = Pick<EventTarget, 'addEventListener' | 'removeEventListener'>

/** What of a MessagePort is used. */
export interface MessagePortLike extends EventTargetLike {
  start?(): void
  close?(): void
}

/**
 * Records posted to a port: `port.postMessage(row)`, or an array of rows; texts and bytes are decoded as `decode` says.
 *
 * Live. It ends when the other side closes the port, on platforms that tell. Not replayable without `journal`. The port belongs to the source from
 * here on, and is closed with the job.
 *
 * @throws ConfigError `SOURCE_OPTION_INVALID`
 * @example
 * const { port1, port2 } = new MessageChannel()
 * const sources = { readings: messagePortSource(port1) }
 * port2.postMessage([{ device: 'a', at: 1_000, celsius: 20 }])
 */
export function messagePortSource(port: MessagePortLike, options: MessageOptions = {}): Source {
  return posted('messagePort', options, (inbox) => {
    const feed = listening(port, 'message', (event: { readonly data: unknown }) => event.data, inbox)
    const closed = () => inbox.end()
    port.addEventListener('close', closed)
    port.start?.()
    return {
      close: async () => {
        await feed.close()
        port.removeEventListener('close', closed)
        port.close?.()
      },
    }
  })
}

/**
 * Records broadcast to all pages and workers of this origin, `new BroadcastChannel(name).postMessage(row)`, or an array of rows.
 *
 * Live, and never an authority: any script of the origin can post, and nobody knows who did. Not replayable without `journal`.
 *
 * @throws ConfigError `SOURCE_OPTION_INVALID`
 * @example
 * const sources = { readings: broadcastChannelSource('readings') }
 */
export function broadcastChannelSource(name: string, options: MessageOptions = {}): Source {
  return posted('broadcastChannel', options, (inbox) => {
    const channel = new BroadcastChannel(name)
    const feed = listening(channel, 'message', (event: { readonly data: unknown }) => event.data, inbox)
    return {
      close: async () => {
        await feed.close()
        channel.close()
      },
    }
  })
}

/**
 * Records from events: of a page's elements, of workers, of anything with `addEventListener`.
 *
 * Live. Not replayable without `journal`.
 *
 * @param type - The event's name, such as `pointermove`.
 * @param map - The row of an event, an array of rows, or null for none; text and bytes are decoded as `decode` says. Default: its `data`, of message
 * events, or its `detail`, of custom ones.
 * @throws ConfigError `SOURCE_OPTION_INVALID`
 * @example
 * const sources = { moves: eventTargetSource(document, 'pointermove', (event: PointerEvent) => ({ at: Date.now(), x: event.clientX })) }
 */
export function eventTargetSource<E = unknown>(
  target: EventTargetLike,
  type: string,
  map: (event: E) => unknown = dataOf,
  options: MessageOptions = {},
): Source {
  return posted('eventTarget', options, (inbox) => listening(target, type, map, inbox))
}

function posted(kind: string, options: MessageOptions, connect: (inbox: Inbox) => Feed): Source {
  return messageSource({ kind, canBlock: false, redelivers: false, hasTokens: false, connect }, options)
}

function listening<E>(target: EventTargetLike, type: string, map: (event: E) => unknown, inbox: Inbox): Feed {
  const listener = (event: unknown) => {
    let data: unknown
    try {
      data = map(event as E)
    } catch (error) {
      // No row: the decoder makes a dead letter of it.
      data = [`The function map threw: ${String(error)}`]
    }
    if (data !== null && data !== undefined) inbox.deliver({ content: contentOf(data), token: null, topic: null })
  }
  target.addEventListener(type, listener)
  return { close: async () => target.removeEventListener(type, listener) }
}

function dataOf(event: unknown): unknown {
  const { data, detail } = event as { readonly data?: unknown; readonly detail?: unknown }
  return data ?? detail
}
