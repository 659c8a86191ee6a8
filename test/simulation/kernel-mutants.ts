/**
 * The pane kernel with a defect in it: its sources with one line changed, compiled in memory.
 *
 * Before: planted-bugs.ts names the change. After: whoever makes an instance of the pane kernel gets one of the mutant.
 *
 * Invariant: the line to change is there exactly once, so a mutant that has become stale says so.
 */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { main as compile } from 'assemblyscript/asc'
import { kernelModule } from '../../runtime/platform/kernel-module.ts'

export interface Mutation {
  /** Below kernel/. */
  readonly file: string
  readonly from: string
  readonly to: string
}

const kernel = fileURLToPath(new URL('../../kernel/', import.meta.url))

/** What a planted bug needs: `install` puts the mutant in, and returns what takes it out again. */
export function mutantOf(mutation: Mutation): { readonly prepare: () => Promise<void>; readonly install: () => () => void } {
  let modules: { readonly kernel: WebAssembly.Module; readonly mutant: WebAssembly.Module } | null = null
  return {
    async prepare() {
      modules ??= { kernel: await kernelModule(false, 'panes'), mutant: await mutated(mutation) }
    },
    install() {
      const { Instance } = WebAssembly
      const { kernel, mutant } = modules!
      WebAssembly.Instance = class extends Instance {
        constructor(module: WebAssembly.Module, imports?: WebAssembly.Imports) {
          super(module === kernel ? mutant : module, imports)
        }
      }
      return () => {
        WebAssembly.Instance = Instance
      }
    },
  }
}

/** Compiles the pane kernel for plain memory. @throws Error with what the compiler says */
async function mutated({ file, from, to }: Mutation): Promise<WebAssembly.Module> {
  let wasm: Uint8Array<ArrayBuffer> | null = null
  let isChanged = false
  const readFile = (name: string, base: string) => {
    const path = join(base, name)
    let text: string
    try {
      text = readFileSync(path, 'utf8')
    } catch {
      return null
    }
    if (path !== join(kernel, file)) return text
    isChanged = true
    const parts = text.split(from)
    if (parts.length !== 2) throw new Error(`${file} has ${parts.length - 1} times what is to be changed: ${from}`)
    return parts.join(to)
  }
  const { error, stderr } = await compile(
    ['panes.ts', '--config', 'asconfig.json', '--target', 'plain', '--baseDir', kernel, '--outFile', 'mutant.wasm', '-O0'],
    {
      readFile,
      writeFile: (name, contents) => {
        if (name === 'mutant.wasm') wasm = Uint8Array.from(contents as Uint8Array)
      },
      listFiles: () => null,
    },
  )
  if (error !== null || wasm === null) throw new Error(`The mutant does not compile: ${error?.message ?? ''}\n${stderr.toString()}`)
  if (!isChanged) throw new Error(`The compiler did not ask for ${file}`)
  return WebAssembly.compile(wasm)
}
