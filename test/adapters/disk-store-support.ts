/**
 * What the tests of the disk store stand on: directories, processes that live or die at will, and a disk that fails on purpose.
 *
 * Before: DiskStore takes these parts in place of the machine's. After: the real file system below a temporary directory.
 *
 * Invariant: a crashed disk changes nothing any more, whatever is still under way.
 */

import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DiskFile, DiskFileSystem } from '../../adapters/disk/file-system.ts'
import { nodeFileSystem } from '../../adapters/disk/file-system.ts'
import { DiskPaths } from '../../adapters/disk/names.ts'
import type { ProcessIdentity, ProcessState, ProcessTable } from '../../adapters/disk/process-table.ts'
import { DiskStore } from '../../adapters/disk-store.ts'
import { systemClock } from '../../runtime/clock.ts'
import type { StorePlace } from '../contract/checkpoint-store-contract.ts'

/** In memory where there is such a place: these tests are about order and damage, not about the speed of a disk. */
export function temporaryDirectory(): string {
  return mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'millrace-disk-store-'))
}

/** Processes of a machine that exists in this test alone. */
export class FakeProcesses {
  readonly #dead = new Set<number>()
  #lastPid = 1000

  /** A new process. */
  spawn(host = 'here'): ProcessTable & { readonly pid: number } {
    const pid = ++this.#lastPid
    const self: ProcessIdentity = { pid, host, bootId: 'boot', pidNamespace: null, startTicks: String(pid) }
    return { pid, self: async () => self, stateOf: async (other) => this.#stateOf(other, host) }
  }

  killAll(): void {
    for (let pid = 1; pid <= this.#lastPid; pid++) this.#dead.add(pid)
  }

  #stateOf(other: ProcessIdentity, host: string): ProcessState {
    if (other.host !== host) return 'unknown'
    return this.#dead.has(other.pid) || other.pid > this.#lastPid ? 'dead' : 'alive'
  }
}

export function diskStore(directory: string, processes: ProcessTable, fs: DiskFileSystem = nodeFileSystem): DiskStore {
  return new DiskStore(directory, {}, { fs, processes, clock: systemClock })
}

/** A place for the contract suite, on the real file system. */
export async function diskPlace(): Promise<StorePlace> {
  const directory = temporaryDirectory()
  const processes = new FakeProcesses()
  const paths = new DiskPaths(join(directory, 'state'))
  return {
    restarted: () => {
      processes.killAll()
      return diskStore(paths.root, processes.spawn())
    },
    rival: () => diskStore(paths.root, processes.spawn()),
    damage: async (what, change) => {
      const path = typeof what === 'string' ? paths.chunk(what) : paths.manifest(what)
      const bytes = change(new Uint8Array(await readFile(path)))
      if (bytes === null) await rm(path)
      else await writeFile(path, bytes)
    },
    dispose: async () => rmSync(directory, { recursive: true, force: true }),
  }
}

/** Files below a directory, as paths relative to it. */
export function filesBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((path) => statSync(join(directory, path)).isFile())
    .sort()
}

/**
 * What happens at the chosen operation: an errno; half a write that claims no more; nothing at all from here on, after half a write or
 * none.
 */
export type DiskFault = 'EIO' | 'ENOSPC' | 'EDQUOT' | 'short' | 'short-then-ENOSPC' | 'nonsense-count' | 'crash' | 'torn-crash'

export class DiskCrash extends Error {
  override readonly name = 'DiskCrash'
}

/** The real file system, except that the chosen operation fails. Operations that only look are not counted. */
export class FaultyDisk implements DiskFileSystem {
  /** Changing operations since the count was last set. */
  count = 0
  /** Names of these operations. */
  readonly log: string[] = []
  #at = Infinity
  #fault: DiskFault = 'EIO'
  #isCrashed = false
  #isFull = false
  readonly #inner: DiskFileSystem

  constructor(inner: DiskFileSystem = nodeFileSystem) {
    this.#inner = inner
  }

  /** Whether the fault has happened. */
  get hasFailed(): boolean {
    return this.count > this.#at
  }

  /** Lets the `nth` changing operation from now (from 0) fail. */
  failAt(nth: number, fault: DiskFault): void {
    this.count = 0
    this.#at = nth
    this.#fault = fault
  }

  /** The disk works again, unless it crashed. */
  heal(): void {
    this.#at = Infinity
    this.#isFull = false
  }

  createFile = async (path: string): Promise<DiskFile> => {
    const file = await this.#step('create', () => this.#inner.createFile(path))
    return {
      write: (bytes) => this.#write(file, bytes),
      sync: () => this.#step('sync', () => file.sync()),
      // Closing changes nothing on the disk; a crashed process's files are closed for it.
      close: () => file.close(),
    }
  }

  async #write(file: DiskFile, bytes: Uint8Array): Promise<number> {
    const half = bytes.subarray(0, bytes.length >> 1)
    if (this.#isFull) throw errno('ENOSPC')
    return await this.#step('write', () => file.write(bytes), {
      short: () => file.write(half.length > 0 ? half : bytes),
      'short-then-ENOSPC': async () => {
        this.#isFull = true
        return half.length > 0 ? await file.write(half) : await Promise.reject(errno('ENOSPC'))
      },
      'nonsense-count': async () => 4_294_967_288,
      'torn-crash': async () => {
        if (half.length > 0) await file.write(half)
        throw new DiskCrash('torn write')
      },
    })
  }

  readFile = (path: string, bytesMax: number) => this.#look(() => this.#inner.readFile(path, bytesMax))
  sizeOf = (path: string) => this.#look(() => this.#inner.sizeOf(path))
  syncFile = (path: string) => this.#step('syncFile', () => this.#inner.syncFile(path))
  isDirectory = (path: string) => this.#look(() => this.#inner.isDirectory(path))
  readDirectory = (path: string) => this.#look(() => this.#inner.readDirectory(path))
  makeDirectories = (path: string) => this.#step('makeDirectories', () => this.#inner.makeDirectories(path))
  makeDirectory = (path: string) => this.#step('makeDirectory', () => this.#inner.makeDirectory(path))
  syncDirectory = (path: string) => this.#step('syncDirectory', () => this.#inner.syncDirectory(path))
  rename = (from: string, to: string) => this.#step('rename', () => this.#inner.rename(from, to))
  link = (from: string, to: string) => this.#step('link', () => this.#inner.link(from, to))
  unlink = (path: string) => this.#step('unlink', () => this.#inner.unlink(path))
  removeDirectory = (path: string) => this.#step('removeDirectory', () => this.#inner.removeDirectory(path))

  async #look<T>(run: () => Promise<T>): Promise<T> {
    if (this.#isCrashed) throw new DiskCrash('after the crash')
    return await run()
  }

  async #step<T>(name: string, run: () => Promise<T>, special: Partial<Record<DiskFault, () => Promise<T>>> = {}): Promise<T> {
    if (this.#isCrashed) throw new DiskCrash('after the crash')
    this.log.push(name)
    if (this.count++ !== this.#at) return await run()
    const fault = this.#fault
    if (fault === 'crash' || fault === 'torn-crash') this.#isCrashed = true
    const how = special[fault]
    if (how !== undefined) return await how()
    if (fault === 'crash' || fault === 'torn-crash') throw new DiskCrash(`crash before ${name}`)
    if (fault === 'EIO' || fault === 'ENOSPC' || fault === 'EDQUOT') throw errno(fault)
    // A fault that only writes have.
    return await run()
  }
}

export function errno(code: string): Error {
  return Object.assign(new Error(`injected ${code}`), { code })
}
