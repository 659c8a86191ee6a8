/**
 * A disk as the standards describe it and no better: what was not synced may survive, or not, or in part, in any order.
 *
 * Before: DiskStore in place of the machine's file system. After: {@link ModelDisk.afterPowerLoss}, one of the states the disk may be in.
 * A synced file keeps its bytes but not its name; a synced directory keeps its names as they were then. Of later changes of names each one
 * is kept or lost on its own; a file that was not synced holds its old bytes, its new ones, some of them, or zeros.
 *
 * Invariant: what the model loses, a real disk may lose.
 */

import { basename, dirname } from 'node:path'
import type { DiskFile, DiskFileSystem } from '../../adapters/disk/file-system.ts'
import type { Prng } from '../support/prng.ts'
import { errno } from './disk-store-support.ts'

class FileNode {
  data = new Uint8Array(0)
  durable: Uint8Array<ArrayBuffer> = new Uint8Array(0)
}

type Node = FileNode | DirectoryNode

class DirectoryNode {
  entries = new Map<string, Node>()
  durable = new Map<string, Node>()
  changes: { readonly name: string; readonly node: Node | null }[] = []

  set(name: string, node: Node | null): void {
    if (node === null) this.entries.delete(name)
    else this.entries.set(name, node)
    this.changes.push({ name, node })
  }

  sync(): void {
    this.durable = new Map(this.entries)
    this.changes = []
  }
}

export interface ModelDiskFlaws {
  readonly filesAreNotSynced?: boolean
  readonly directoriesAreNotSynced?: boolean
}

export class ModelDisk implements DiskFileSystem {
  readonly #root: DirectoryNode
  readonly #flaws: ModelDiskFlaws

  constructor(flaws: ModelDiskFlaws = {}, root = new DirectoryNode()) {
    this.#flaws = flaws
    this.#root = root
  }

  /** The disk after one of the power losses that may happen now. */
  afterPowerLoss(prng: Prng): ModelDisk {
    const survivors = new Map<Node, Node>()
    const survivor = (node: Node): Node => {
      const known = survivors.get(node)
      if (known !== undefined) return known
      if (node instanceof FileNode) {
        const file = new FileNode()
        survivors.set(node, file)
        file.data = node.data === node.durable ? node.data : survivingBytes(node, prng)
        file.durable = file.data
        return file
      }
      const directory = new DirectoryNode()
      survivors.set(node, directory)
      const names = new Map(node.durable)
      for (const { name, node: changed } of node.changes) {
        if (prng.int(2) === 0) continue
        if (changed === null) names.delete(name)
        else names.set(name, changed)
      }
      for (const [name, entry] of names) directory.entries.set(name, survivor(entry))
      directory.sync()
      return directory
    }
    return new ModelDisk(this.#flaws, survivor(this.#root) as DirectoryNode)
  }

  async createFile(path: string): Promise<DiskFile> {
    const parent = this.#directory(dirname(path))
    if (parent.entries.has(basename(path))) throw errno('EEXIST')
    const file = new FileNode()
    parent.set(basename(path), file)
    return {
      write: async (bytes) => {
        const data = new Uint8Array(file.data.length + bytes.length)
        data.set(file.data)
        data.set(bytes, file.data.length)
        file.data = data
        return bytes.length
      },
      sync: async () => {
        if (this.#flaws.filesAreNotSynced !== true) file.durable = file.data
      },
      close: async () => {},
    }
  }

  async readFile(path: string, bytesMax: number): Promise<Uint8Array> {
    const node = this.#node(path)
    if (!(node instanceof FileNode)) throw errno('EINVAL')
    if (node.data.length > bytesMax) throw errno('EFBIG')
    return node.data.slice()
  }

  async sizeOf(path: string): Promise<number> {
    return (this.#node(path) as FileNode).data.length
  }

  async syncFile(path: string): Promise<void> {
    const node = this.#node(path) as FileNode
    if (this.#flaws.filesAreNotSynced !== true) node.durable = node.data
  }

  async isDirectory(path: string): Promise<boolean> {
    return this.#node(path) instanceof DirectoryNode
  }

  async readDirectory(path: string): Promise<readonly string[]> {
    return [...this.#directory(path).entries.keys()]
  }

  async makeDirectories(path: string): Promise<string | undefined> {
    if (path === '/' || this.#find(path) instanceof DirectoryNode) return undefined
    const above = await this.makeDirectories(dirname(path))
    await this.makeDirectory(path)
    return above ?? path
  }

  async makeDirectory(path: string): Promise<void> {
    const parent = this.#directory(dirname(path))
    if (parent.entries.has(basename(path))) throw errno('EEXIST')
    parent.set(basename(path), new DirectoryNode())
  }

  async syncDirectory(path: string): Promise<void> {
    const directory = this.#directory(path)
    if (this.#flaws.directoriesAreNotSynced !== true) directory.sync()
  }

  async rename(from: string, to: string): Promise<void> {
    const node = this.#node(from)
    const target = this.#find(to)
    if (target instanceof DirectoryNode) throw errno('EISDIR')
    const parent = this.#directory(dirname(to))
    this.#directory(dirname(from)).set(basename(from), null)
    parent.set(basename(to), node)
  }

  async link(from: string, to: string): Promise<void> {
    const node = this.#node(from)
    const parent = this.#directory(dirname(to))
    if (parent.entries.has(basename(to))) throw errno('EEXIST')
    parent.set(basename(to), node)
  }

  async unlink(path: string): Promise<void> {
    if (this.#node(path) instanceof DirectoryNode) throw errno('EISDIR')
    this.#directory(dirname(path)).set(basename(path), null)
  }

  async removeDirectory(path: string): Promise<void> {
    if (this.#directory(path).entries.size > 0) throw errno('ENOTEMPTY')
    this.#directory(dirname(path)).set(basename(path), null)
  }

  #find(path: string): Node | undefined {
    let node: Node | undefined = this.#root
    for (const name of path.split('/').filter((part) => part !== ''))
      node = node instanceof DirectoryNode ? node.entries.get(name) : undefined
    return node
  }

  #node(path: string): Node {
    const node = this.#find(path)
    if (node === undefined) throw errno('ENOENT')
    return node
  }

  #directory(path: string): DirectoryNode {
    const node = this.#node(path)
    if (node instanceof FileNode) throw errno('ENOTDIR')
    return node
  }
}

function survivingBytes({ data, durable }: FileNode, prng: Prng): Uint8Array<ArrayBuffer> {
  // Files only grow: what was synced is the beginning of what is there.
  const cut = durable.length + prng.int(data.length - durable.length + 1)
  const choices = [() => durable, () => data, () => data.slice(0, cut), () => data.slice().fill(0, cut)]
  return prng.pick(choices)()
}
