/** Sources that need nothing but what browsers, Node, Deno, Bun and edge workers have in common. Re-exports only. */

export type { BackoffOptions } from '../message/backoff.ts'
export type { ConnectionEvent } from '../message/connection.ts'
export type { ResumeToken } from '../message/message.ts'
export type { DecodeFunction, DecodeOptions } from '../message/message-decoder.ts'
export type { FullPolicy } from '../message/message-queue.ts'
export type { MessageOptions } from '../message/message-source.ts'
export { eventSource, type EventSourceOptions } from './event-source.ts'
export { fetchSource, type FetchSourceOptions } from './fetch-source.ts'
export {
  broadcastChannelSource,
  eventTargetSource,
  type EventTargetLike,
  messagePortSource,
  type MessagePortLike,
} from './message-port-source.ts'
export { type WebSocketLike, webSocketSource, type WebSocketSourceOptions, type WebSocketUrl } from './web-socket-source.ts'
