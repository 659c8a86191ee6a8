/**
 * Who runs: this process, described so that another one can later tell whether it is still the same and still alive.
 *
 * Before: nothing. After: disk/claim writes it into a claim and asks about the writers of others.
 * A pid alone says little: it is used again, and means something else on another machine or in another container. So host, boot,
 * pid namespace and start time go with it, each where the platform tells them.
 *
 * Invariant: `alive` and `dead` are certain; everything else is `unknown`.
 */

import { readFile, readlink } from 'node:fs/promises'
import { hostname } from 'node:os'

export interface ProcessIdentity {
  readonly pid: number
  readonly host: string
  readonly bootId: string | null
  readonly pidNamespace: string | null
  /** Start in clock ticks since boot: field 22 of Linux's /proc/<pid>/stat. */
  readonly startTicks: string | null
}

export type ProcessState = 'alive' | 'dead' | 'unknown'

export interface ProcessTable {
  self(): Promise<ProcessIdentity>
  stateOf(other: ProcessIdentity): Promise<ProcessState>
}

/** The processes of this machine. */
export const nodeProcessTable: ProcessTable = {
  async self() {
    return {
      pid: process.pid,
      host: hostname(),
      bootId: await quietly(async () => (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim()),
      pidNamespace: await quietly(() => readlink('/proc/self/ns/pid')),
      startTicks: (await statOf(process.pid))?.startTicks ?? null,
    }
  },

  async stateOf(other) {
    const self = await nodeProcessTable.self()
    if (other.host !== self.host) return 'unknown'
    if (differ(other.bootId, self.bootId)) return 'dead'
    if (differ(other.pidNamespace, self.pidNamespace)) return 'unknown'
    try {
      process.kill(other.pid, 0)
    } catch (error) {
      const code = (error as { code?: unknown }).code
      if (code === 'ESRCH') return 'dead'
      if (code !== 'EPERM') return 'unknown'
    }
    const found = await statOf(other.pid)
    if (found === null) return other.startTicks === null ? 'alive' : 'unknown'
    // Z and X: it has ended, and only its parent has not yet asked how.
    if (found.state === 'Z' || found.state === 'X' || differ(other.startTicks, found.startTicks)) return 'dead'
    return 'alive'
  },
}

/** State and start time from /proc. The name, in parentheses, may hold anything, so fields are counted after the last one. */
async function statOf(pid: number): Promise<{ readonly state: string; readonly startTicks: string } | null> {
  const text = await quietly(() => readFile(`/proc/${pid}/stat`, 'utf8'))
  const fields = text?.slice(text.lastIndexOf(')') + 2).split(' ')
  const state = fields?.[0]
  const startTicks = fields?.[19]
  return state === undefined || startTicks === undefined ? null : { state, startTicks }
}

function differ(a: string | null, b: string | null): boolean {
  return a !== null && b !== null && a !== b
}

async function quietly<T>(read: () => Promise<T>): Promise<T | null> {
  try {
    return await read()
  } catch {
    return null
  }
}
