/**
 * The birth certificate of a store: whose it is, its epoch, and the newest generation that was acknowledged, kept apart from the database.
 *
 * Before: indexeddb-store reads it at `open`, the session renews it in every commit, after the transaction and before the acknowledgement.
 * After: the Cache API, which has files of its own. Chromium keeps all IndexedDB databases of a site in one LevelDB, where a flipped bit empties
 * them all without an error, so a second database would go with the first; Firefox has a file for each. So a second database is only what remains
 * where there is no Cache API, as on pages without HTTPS. What a person clears as "site data" takes both: that is noticed only while a job runs.
 *
 * Each epoch has an entry of its own, and the highest one counts: so an owner that was fenced can write over nobody's.
 *
 * Invariant: `committed` is never newer than what the database holds durably; so when it names a generation that is not there, state was lost.
 */

import type { CheckpointGeneration } from '../../runtime/checkpoint/checkpoint-store.ts'
import { chunkHash } from '../../runtime/checkpoint/envelope.ts'
import type { Clock } from '../../runtime/clock.ts'
import { CheckpointError } from '../../runtime/errors.ts'
import { Connection } from './connection.ts'
import { isCount, isGeneration } from './records.ts'

export interface Certificate {
  readonly jobName: string
  readonly epoch: number
  /** Newest generation that was acknowledged; null before the first. */
  readonly committed: CheckpointGeneration | null
}

/** What all places say. */
export interface CertificateReading {
  /** The entry of the highest epoch, or null when none can be read. */
  readonly certificate: Certificate | null
  /** An entry is there, but damaged. */
  readonly isDamaged: boolean
}

/** Somewhere to keep small texts by epoch. Everything may throw: then the next place is asked. */
export interface CertificatePlace {
  read(): Promise<readonly string[]>
  write(epoch: number, text: string): Promise<void>
  /** Forgets the entries of epochs below. */
  forget(epochMin: number): Promise<void>
}

const FORMAT = 1

export class Certificates {
  readonly #places: readonly CertificatePlace[]

  constructor(places: readonly CertificatePlace[]) {
    this.#places = places
  }

  /** @throws CheckpointError `FORMAT_NEWER` */
  async read(): Promise<CertificateReading> {
    let certificate: Certificate | null = null
    let isDamaged = false
    for (const place of this.#places) {
      for (const text of await place.read().catch(() => [])) {
        const found = await parse(text)
        if (found === null) isDamaged = true
        else if (certificate === null || found.epoch >= certificate.epoch) certificate = found
      }
    }
    return { certificate, isDamaged }
  }

  /** Writes the entry of an epoch to the first place that takes it. @throws what the last place threw. */
  async write(certificate: Certificate): Promise<void> {
    const fields = { millrace: 'checkpoints', format: FORMAT, ...certificate }
    const text = JSON.stringify({ ...fields, sha256: await checksum(fields) })
    let failure: unknown = null
    for (const place of this.#places) {
      try {
        await place.write(certificate.epoch, text)
        return
      } catch (error) {
        failure = error
      }
    }
    throw failure
  }

  /** Forgets the entries of epochs below; those that cannot be forgotten stay, and do no harm. */
  async forget(epochMin: number): Promise<void> {
    for (const place of this.#places) await place.forget(epochMin).catch(() => {})
  }
}

/** The Cache API. */
export function cachePlace(name: string): CertificatePlace {
  const open = async () => {
    if (globalThis.caches === undefined) throw new DOMException('There is no Cache API here', 'NotFoundError')
    return await caches.open(`millrace/${name}`)
  }
  // A name that no network has: the entry is never fetched.
  const urlOf = (epoch: number) => `https://millrace.invalid/${encodeURIComponent(name)}/${epoch}`
  return {
    async read() {
      const cache = await open()
      const texts: string[] = []
      for (const request of await cache.keys()) texts.push((await (await cache.match(request))?.text()) ?? '')
      return texts
    },
    async write(epoch, text) {
      await (await open()).put(urlOf(epoch), new Response(text, { headers: { 'content-type': 'application/json' } }))
    },
    async forget(epochMin) {
      if (epochMin === Infinity) await caches.delete(`millrace/${name}`)
      else {
        const cache = await open()
        for (const request of await cache.keys()) if (Number(request.url.split('/').at(-1)) < epochMin) await cache.delete(request)
      }
    },
  }
}

const CERTIFICATES = 'certificates'

/** A second database, the same for all stores of the site. */
export function databasePlace(name: string, clock: Clock): CertificatePlace {
  const plan = {
    name: 'millrace-certificates',
    version: 1,
    upgrade: (database: { createObjectStore(name: typeof CERTIFICATES): unknown }) => void database.createObjectStore(CERTIFICATES),
    clock,
  }
  const once = async <T>(mayCreate: boolean, use: (connection: Connection) => Promise<T>) => {
    const connection = new Connection(plan, mayCreate)
    try {
      return await use(connection)
    } finally {
      connection.close()
    }
  }
  const range = (below: number) => IDBKeyRange.bound([name], [name, below], false, true)
  return {
    read: () =>
      once(false, (connection) =>
        connection.read([CERTIFICATES], async (stores) => (await stores(CERTIFICATES).getAll(range(Infinity))).map(String)),
      ),
    write: (epoch, text) =>
      once(true, (connection) =>
        connection.write([CERTIFICATES], 'strict', async (stores) => {
          await stores(CERTIFICATES).put(text, [name, epoch])
        }),
      ),
    forget: (epochMin) =>
      once(false, (connection) =>
        connection.write([CERTIFICATES], 'relaxed', async (stores) => {
          await stores(CERTIFICATES).delete(range(epochMin))
        }),
      ),
  }
}

async function parse(text: string): Promise<Certificate | null> {
  let fields: unknown
  try {
    fields = JSON.parse(text)
  } catch {
    return null
  }
  if (typeof fields !== 'object' || fields === null) return null
  const { sha256, ...rest } = fields as Record<string, unknown>
  if (sha256 !== (await checksum(rest))) return null
  const { millrace, format, jobName, epoch, committed } = rest
  if (millrace !== 'checkpoints' || !isCount(format)) return null
  if (format > FORMAT) {
    throw new CheckpointError(
      'FORMAT_NEWER',
      `Cannot read the certificate: it has format ${format}, this version of Millrace reads up to ${FORMAT}; load the newer version`,
      { details: { found: format, supported: FORMAT } },
    )
  }
  if (typeof jobName !== 'string' || !isCount(epoch) || !(committed === null || isGeneration(committed))) return null
  return { jobName, epoch, committed }
}

/** Over the fields in their order, which JSON keeps. */
function checksum(fields: object): Promise<string> {
  return chunkHash(new TextEncoder().encode(JSON.stringify(fields)))
}
