/**
 * The birth certificate of a checkpoint directory: whose it is, and the newest generation that was acknowledged.
 *
 * Before: disk-store reads it at `open`, disk/session renews it in every commit, after the manifest and before the acknowledgement.
 * After: two files. The copies are renewed in turn, so a lost or damaged one costs at most the knowledge of one commit.
 *
 * Invariant: `committed` is never newer than the newest manifest that is durable; so when it names a generation that is not there,
 * state was lost.
 */

import { createHash } from 'node:crypto'
import type { CheckpointGeneration } from '../../runtime/checkpoint/checkpoint-store.ts'
import { CheckpointError } from '../../runtime/errors.ts'
import { codeOf, readError } from './disk-errors.ts'
import type { DiskFileSystem } from './file-system.ts'
import { CERTIFICATE_NAMES, compareGenerations, type DiskPaths } from './names.ts'

export interface Certificate {
  readonly jobName: string
  readonly createdAtMs: number
  /** Newest generation that was acknowledged; null before the first. */
  readonly committed: CheckpointGeneration | null
}

/** What the two copies say. */
export interface CertificateReading {
  /** The copy that knows more, or null when none can be read. */
  readonly certificate: Certificate | null
  /** Copies that are missing or damaged. */
  readonly toRenew: readonly number[]
  /** A file is there, but damaged. */
  readonly isDamaged: boolean
}

const FORMAT = 1
const BYTES_MAX = 64 * 1024

/** The certificate as a file: JSON for people, with its own checksum. */
export function certificateFile(certificate: Certificate): Uint8Array {
  const { jobName, createdAtMs, committed } = certificate
  const fields = { millrace: 'checkpoints', format: FORMAT, jobName, createdAtMs, committed }
  return new TextEncoder().encode(`${JSON.stringify({ ...fields, sha256: checksum(fields) }, null, 2)}\n`)
}

/** Reads both copies. @throws CheckpointError `FORMAT_NEWER`, `STATE_FOREIGN` when they name two jobs, `STORE_UNAVAILABLE`. */
export async function readCertificate(fs: DiskFileSystem, paths: DiskPaths): Promise<CertificateReading> {
  let certificate: Certificate | null = null
  let isDamaged = false
  const toRenew: number[] = []
  for (const copy of CERTIFICATE_NAMES.keys()) {
    const bytes = await readCopy(fs, paths, copy)
    const found = bytes === null ? null : parse(bytes)
    if (found === null) {
      toRenew.push(copy)
      isDamaged ||= bytes !== null
      continue
    }
    if (certificate !== null && certificate.jobName !== found.jobName) {
      throw new CheckpointError(
        'STATE_FOREIGN',
        `${paths.root} is mixed of two jobs, ${certificate.jobName} and ${found.jobName}; restore it from one copy`,
        {
          details: { directory: paths.root, jobNames: [certificate.jobName, found.jobName] },
        },
      )
    }
    if (certificate === null || isNewer(found.committed, certificate.committed)) certificate = found
  }
  return { certificate, toRenew, isDamaged }
}

/** Whether `a` is a newer generation than `b`; null is older than any. */
export function isNewer(a: CheckpointGeneration | null, b: CheckpointGeneration | null): boolean {
  return a !== null && (b === null || compareGenerations(a, b) > 0)
}

/** Null when it is not there; damaged files come back as no bytes. */
async function readCopy(fs: DiskFileSystem, paths: DiskPaths, copy: number): Promise<Uint8Array | null> {
  try {
    return await fs.readFile(paths.certificate(copy), BYTES_MAX)
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') return null
    const error = readError(cause, CERTIFICATE_NAMES[copy]!, paths.root)
    if (error.code === 'CHECKPOINT_CORRUPT') return new Uint8Array(0)
    throw error
  }
}

function parse(bytes: Uint8Array): Certificate | null {
  let fields: unknown
  try {
    fields = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    return null
  }
  if (typeof fields !== 'object' || fields === null) return null
  const { sha256, ...rest } = fields as Record<string, unknown>
  if (sha256 !== checksum(rest)) return null
  const { millrace, format, jobName, createdAtMs, committed } = rest
  if (millrace !== 'checkpoints' || typeof format !== 'number') return null
  if (format > FORMAT) {
    throw new CheckpointError(
      'FORMAT_NEWER',
      `Cannot read the certificate: it has format ${format}, this version of Millrace reads up to ${FORMAT}; install the newer version`,
      {
        details: { found: format, supported: FORMAT },
      },
    )
  }
  if (typeof jobName !== 'string' || typeof createdAtMs !== 'number' || !isGeneration(committed)) return null
  return { jobName, createdAtMs, committed }
}

function isGeneration(value: unknown): value is CheckpointGeneration | null {
  if (value === null) return true
  if (typeof value !== 'object') return false
  const { epoch, checkpointId } = value as Partial<CheckpointGeneration>
  return Number.isSafeInteger(epoch) && Number.isSafeInteger(checkpointId)
}

/** Over the fields in their order, which JSON keeps. */
function checksum(fields: object): string {
  return createHash('sha256').update(JSON.stringify(fields)).digest('hex')
}
