/**
 * A kernel as a module. Kernels travel as base64 inside the package, so that every bundler takes them along without being told, and are compiled
 * here; edge runtimes refuse to compile, and import them as modules (conditions of `#kernel` in package.json). Each is loaded only when a job starts
 * that has a window for it.
 */

import * as panes from '#kernel-panes'
import * as slices from '#kernel'
import { ConfigError } from '../errors.ts'
import type { KernelKind } from '../subtask/subtask-layout.ts'

const kernels: Readonly<Record<KernelKind, typeof slices>> = { slices, panes }
const compiled = new Map<string, Promise<WebAssembly.Module>>()

/** A kernel for shared or for plain memory, compiled once. @throws ConfigError `WASM_REFUSED` */
export function kernelModule(isShared: boolean, kind: KernelKind): Promise<WebAssembly.Module> {
  const name = `${kind} ${isShared}`
  let module = compiled.get(name)
  if (module === undefined) {
    module = load(isShared, kind)
    compiled.set(name, module)
    // The network may be there the next time.
    module.catch(() => compiled.delete(name))
  }
  return module
}

async function load(isShared: boolean, kind: KernelKind): Promise<WebAssembly.Module> {
  const kernel = kernels[kind]
  const found = isShared ? kernel.shared : kernel.plain
  if (typeof found === 'function') return compile(await inflated((await found()).default))
  if (found instanceof WebAssembly.Module) return found
  throw new ConfigError(
    'KERNEL_MISSING',
    `The kernel was bundled as ${typeof found}, not as a WebAssembly.Module or as text; have the bundler keep .wasm files as modules (wrangler does), or leave out the condition workerd`,
  )
}

async function inflated(base64: string): Promise<ArrayBuffer> {
  const { readable, writable } = new DecompressionStream('deflate-raw')
  // Not by way of a Blob, whose bytes a browser keeps in another process.
  const writer = writable.getWriter()
  const packed = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0))
  const [bytes] = await Promise.all([new Response(readable).arrayBuffer(), writer.write(packed), writer.close()])
  return bytes
}

async function compile(bytes: ArrayBuffer): Promise<WebAssembly.Module> {
  try {
    return await WebAssembly.compile(bytes)
  } catch (cause) {
    throw new ConfigError(
      'WASM_REFUSED',
      "Cannot compile the kernel; a Content-Security-Policy must allow script-src 'wasm-unsafe-eval', an edge runtime needs the conditions workerd or edge-light when it is bundled",
      { cause },
    )
  }
}
