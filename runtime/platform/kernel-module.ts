/**
 * Compiles a kernel. Kernels travel as base64 inside the package, so that every bundler takes them along without being told; each is
 * loaded only when a job starts that has a window for it.
 */

import { ConfigError } from '../errors.ts'
import type { KernelKind } from '../subtask/subtask-layout.ts'

const compiled = new Map<string, Promise<WebAssembly.Module>>()

/** A kernel for shared or for plain memory, compiled once. @throws ConfigError `WASM_REFUSED` */
export function kernelModule(isShared: boolean, kind: KernelKind): Promise<WebAssembly.Module> {
  const name = `${kind} ${isShared}`
  let module = compiled.get(name)
  if (module === undefined) {
    module = compile(isShared, kind)
    compiled.set(name, module)
  }
  return module
}

async function compile(isShared: boolean, kind: KernelKind): Promise<WebAssembly.Module> {
  const kernel = await (kind === 'slices' ? import('#kernel') : import('#kernel-panes'))
  const text = atob(isShared ? kernel.shared : kernel.plain)
  const bytes = Uint8Array.from(text, (char) => char.charCodeAt(0))
  try {
    return await WebAssembly.compile(bytes)
  } catch (cause) {
    throw new ConfigError('WASM_REFUSED', "Cannot compile the kernel; a Content-Security-Policy must allow script-src 'wasm-unsafe-eval'", {
      cause,
    })
  }
}
