/**
 * A program and its stream as the fragment of an address: deflated, in the letters of base64url.
 *
 * Before: what is on the page. After: whoever opens the link. Nothing is sent to a server.
 */

import type { Entry } from './entry.ts'

export interface Shared {
  /** What leads, and its text. */
  readonly language: 'typescript' | 'plan'
  readonly text: string
  readonly entries: readonly Entry[]
  /** Milestone at which the picture stands. */
  readonly step: number
}

const MARK = 's='

export async function fragmentOf(shared: Shared): Promise<string> {
  const bytes = await through(new TextEncoder().encode(JSON.stringify(shared)), new CompressionStream('deflate-raw'))
  return `${MARK}${btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replace(/=+$/, '')}`
}

/** @returns null when the fragment is no shared program, or a damaged one. */
export async function sharedOf(fragment: string): Promise<Shared | null> {
  if (!fragment.startsWith(MARK)) return null
  try {
    const text = atob(fragment.slice(MARK.length).replaceAll('-', '+').replaceAll('_', '/'))
    const bytes = Uint8Array.from(text, (char) => char.charCodeAt(0))
    const value: unknown = JSON.parse(new TextDecoder().decode(await through(bytes, new DecompressionStream('deflate-raw'))))
    return isShared(value) ? value : null
  } catch {
    return null
  }
}

function isShared(value: unknown): value is Shared {
  if (typeof value !== 'object' || value === null) return false
  const { language, text, entries, step } = value as Partial<Record<keyof Shared, unknown>>
  const isKnown = language === 'typescript' || language === 'plan'
  return isKnown && typeof text === 'string' && Array.isArray(entries) && entries.every(isEntry) && Number.isInteger(step)
}

function isEntry(value: unknown): value is Entry {
  if (typeof value !== 'object' || value === null) return false
  const { kind, row, split, by, to } = value as Readonly<Record<string, unknown>>
  if (kind === 'record') return typeof row === 'object' && row !== null && Number.isInteger(split)
  return kind === 'clock' ? typeof by === 'string' : kind === 'watermark' && (typeof to === 'string' || typeof to === 'number')
}

async function through(bytes: Uint8Array<ArrayBuffer>, transform: GenericTransformStream): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([bytes]).stream().pipeThrough(transform as ReadableWritablePair<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>)
  return new Uint8Array(await new Response(stream).arrayBuffer())
}
