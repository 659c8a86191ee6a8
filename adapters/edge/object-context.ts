/** What a job needs of the Durable Object it lives in, as types of our own: those of the platform fit. */

import type { ObjectStorage } from '../durable-object-store.ts'

export interface ObjectContext {
  readonly id: { toString(): string }
  readonly storage: ObjectStorage & {
    getAlarm(): Promise<number | null>
    setAlarm(atMs: number): Promise<void>
    deleteAlarm(): Promise<void>
  }
  blockConcurrencyWhile<T>(run: () => Promise<T>): Promise<T>
  acceptWebSocket(socket: ObjectSocket, tags?: string[]): void
  getWebSockets(tag?: string): ObjectSocket[]
}

/** A socket that outlives the object's memory. */
export interface ObjectSocket {
  send(message: string): void
  close(code?: number, reason?: string): void
  serializeAttachment(value: unknown): void
  deserializeAttachment(): unknown
}

/** Two ends of a socket: the client's, and the object's. */
export function socketPair(): readonly [client: unknown, server: ObjectSocket] {
  // Only edge runtimes have it, and the types of the web do not know it.
  const { WebSocketPair } = globalThis as unknown as { WebSocketPair: new () => { 0: unknown; 1: ObjectSocket } }
  const pair = new WebSocketPair()
  return [pair[0], pair[1]]
}
