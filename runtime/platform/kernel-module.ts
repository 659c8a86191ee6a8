/**
 * Compiles the kernel. It travels as base64 inside the package, so that every bundler takes it along without being told; it is loaded
 * only when a job starts.
 */

import { ConfigError } from '../errors.ts'

const compiled = new Map<boolean, Promise<WebAssembly.Module>>()

/** The kernel for shared or for plain memory, compiled once. @throws ConfigError `WASM_REFUSED` */
export function kernelModule(isShared: boolean): Promise<WebAssembly.Module> {
  let module = compiled.get(isShared)
  if (module === undefined) {
    module = compile(isShared)
    compiled.set(isShared, module)
  }
  return module
}

async function compile(isShared: boolean): Promise<WebAssembly.Module> {
  const kernel = await import('#kernel')
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
