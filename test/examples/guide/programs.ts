/**
 * The programs of GUIDE.md: blocks of TypeScript, made complete, checked by the compiler and run.
 *
 * A block with an import is a program of its own. Any other stands behind the block that is marked `prelude`, and what it names of
 * Millrace is imported. What a program prints is what its comments `// → …` say, in order; a block without any is only compiled.
 *
 * Before: `document.ts`. After: `guide.test.ts`.
 */

import { execFile } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import * as testing from '../../../adapters/testing.ts'
import * as millrace from '../../../runtime/index.ts'
import { type Block, blocks, isWriting, replaceBlock } from './document.ts'

const root = fileURLToPath(new URL('../../../', import.meta.url))
/** Inside the package, so that programs import it by its name, as users do. */
const folder = `${root}.cache/guide/`
const SAYS = /\/\/ → (.*)$/

export interface Program {
  readonly block: Block
  /** Where it stands, `GUIDE.md:LINE`. */
  readonly place: string
  readonly file: string
  readonly source: string
  /** Lines that it says it prints. */
  readonly expected: readonly string[]
}

/** What a program printed, and by which line of its file. */
export type Printed = readonly (readonly [line: number, text: string])[]

/** Writes all programs to files. */
export function writePrograms(): readonly Program[] {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const all = blocks().filter(({ language }) => language === 'ts')
  const prelude = all.find(({ marker }) => marker === 'prelude')!.text
  const programs = all.map((block) => programOf(block, prelude))
  // Those of the README are compiled, too.
  for (const { text, line } of blocks('README.md').filter(({ language }) => language === 'ts'))
    writeFileSync(`${folder}readme-${line}.ts`, `${text}\nexport {}\n`)
  for (const { file, source } of programs) writeFileSync(folder + file, source)
  const compilerOptions = { noEmit: true, declaration: false, emitDeclarationOnly: false, noUnusedLocals: false }
  const include = ['*.ts', '../../kernel/portable.d.ts', '../../runtime/platform/*.d.ts']
  writeFileSync(`${folder}tsconfig.json`, JSON.stringify({ extends: '../../tsconfig.json', compilerOptions, include }))
  writeFileSync(`${folder}run.mjs`, RUNNER)
  return programs
}

function programOf(block: Block, prelude: string): Program {
  const { text, line, marker } = block
  const isWhole = /^import /m.test(text)
  const before = isWhole || marker === 'prelude' ? '' : `${prelude}\n`
  const imports = isWhole ? '' : importsOf(before + text)
  return {
    block,
    place: `GUIDE.md:${line}`,
    file: `line-${line}.ts`,
    source: `${imports}${before}${text}\nexport {}\n`,
    expected: text.split('\n').flatMap((code) => SAYS.exec(code)?.[1] ?? []),
  }
}

function importsOf(body: string): string {
  const words = new Set(body.match(/[\w$]+/g))
  const named = (names: readonly string[], from: string) =>
    `import { ${names.filter((name) => words.has(name.replace('type ', ''))).join(', ')} } from '${from}'\n`
  return named(Object.keys(millrace), 'millrace') + named([...Object.keys(testing), 'type Result'], 'millrace/testing')
}

/** What the compiler has to say; empty if all is well. */
export async function compilerErrors(): Promise<string> {
  try {
    await promisify(execFile)(`${root}node_modules/.bin/tsc`, ['-p', folder], { cwd: root })
    return ''
  } catch (error) {
    return String((error as { stdout?: string }).stdout)
  }
}

/** Runs programs one after the other in a process of their own. @returns what each printed, by its file. */
export async function runPrograms(programs: readonly Program[]): Promise<Readonly<Record<string, Printed>>> {
  const files = programs.map(({ file }) => file)
  const { stdout } = await promisify(execFile)(process.execPath, [`${folder}run.mjs`, ...files], { cwd: root, maxBuffer: 1 << 24 })
  const printed = JSON.parse(stdout.split('\n').at(-2)!) as Record<string, Printed>
  // From the last to the first, so that the lines of those to come stay where they are.
  const whole = programs.filter(({ file }) => printed[file]!.every(([line]) => line > 0))
  if (isWriting) for (const program of whole.toReversed()) replaceBlock(program.block, rewritten(program, printed[program.file]!))
  return printed
}

/** The program with what it printed in place of what it says: every group of comments gets what was printed by the lines above it. */
function rewritten({ block, source }: Program, printed: Printed): string {
  const lines = block.text.split('\n')
  const offset = source.split('\n').length - 2 - lines.length
  let rest = [...printed]
  return lines
    .flatMap((code, index) => {
      const says = SAYS.exec(code)
      if (says === null) return [code]
      const due = rest.filter(([line]) => line - offset <= index + 1)
      rest = rest.filter(([line]) => line - offset > index + 1)
      const before = code.slice(0, says.index)
      if (due.length === 0 && before.trim() !== '') return [before.trimEnd()]
      return due.map(([, text], at) => `${at === 0 ? before : ' '.repeat(before.length)}// → ${text}`)
    })
    .join('\n')
}

const RUNNER = `
import { format } from 'node:util'
const printed = {}
const print = console.log
for (const file of process.argv.slice(2)) {
  const lines = (printed[file] = [])
  console.log = (...values) => {
    // The outermost place in the program: the statement that prints.
    const places = [...new Error().stack.matchAll(new RegExp(file + ':(\\\\d+)', 'g'))]
    const line = Number(places.at(-1)?.[1] ?? 0)
    for (const text of format(...values).split('\\n')) lines.push([line, text])
  }
  try {
    await import('./' + file)
  } catch (error) {
    lines.push([0, 'threw ' + (error.stack ?? error)])
  }
}
console.log = print
print(JSON.stringify(printed))
process.exit(0)
`
