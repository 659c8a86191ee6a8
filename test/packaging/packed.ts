/**
 * The package as npm would publish it, and projects of users that have it installed.
 *
 * Before: everything is built, types included (`node .tools/build.mjs`). After: the tests of this folder look into the tarball, and build and
 * run projects with it.
 *
 * Invariant: a project lies outside of the repository and has only what is linked into it, so nothing that the package forgot to name is found.
 */

import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

export const repository = fileURLToPath(new URL('../../', import.meta.url))

/** A tool of the repository's dev dependencies. */
export const bin = (name: string) => join(repository, 'node_modules', '.bin', name)

const folders: string[] = []

export function temporaryFolder(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'millrace-package-')))
  folders.push(folder)
  return folder
}

/** Removes what {@link packed} and {@link Project} made; for `afterAll`. */
export function removeFolders(): void {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
  tarball = null
}

let tarball: string | null = null

/** Path of the package's tarball, made by `npm pack` once. */
export function packed(): string {
  if (tarball !== null) return tarball
  if (!existsSync(join(repository, 'dist', 'types'))) throw new Error('The package is not built: node .tools/build.mjs')
  const folder = temporaryFolder()
  // Under `npm test` npm hands its own settings down, some of which change what `pack` prints.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('npm_')))
  const output = execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], {
    cwd: repository,
    encoding: 'utf8',
    env,
  })
  const [{ filename }] = JSON.parse(output) as [{ filename: string }]
  tarball = join(folder, filename)
  return tarball
}

/** Unpacks the tarball. @returns the folder with the package's own package.json. */
export function unpack(into = temporaryFolder()): string {
  mkdirSync(into, { recursive: true })
  execFileSync('tar', ['-xzf', packed(), '-C', into, '--strip-components=1'])
  return into
}

export interface ProjectOptions {
  /** Text files by path. */
  readonly files?: Readonly<Record<string, string>>
  /** Files or folders of the repository that keep their path. */
  readonly copies?: readonly string[]
  /** Packages that the user has beside millrace: peers, types, tools. */
  readonly packages?: readonly string[]
}

/** A user's project with the package installed: unpacked, with its dependencies linked, as no registry is asked. */
export class Project {
  readonly folder = temporaryFolder()

  constructor({ files = {}, copies = [], packages = [] }: ProjectOptions = {}) {
    unpack(join(this.folder, 'node_modules', 'millrace'))
    for (const name of ['comlink', 'idb', ...packages]) this.#link(name)
    this.write({ 'package.json': JSON.stringify({ name: 'project', private: true, type: 'module' }), ...files })
    for (const path of copies) cpSync(join(repository, path), join(this.folder, path), { recursive: true })
  }

  path(...parts: readonly string[]): string {
    return join(this.folder, ...parts)
  }

  write(files: Readonly<Record<string, string>>): void {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(this.path(path)), { recursive: true })
      writeFileSync(this.path(path), text)
    }
  }

  remove(path: string): void {
    rmSync(this.path(path), { recursive: true, force: true })
  }

  /** Runs a command in the project. @returns its standard output. */
  run(command: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): string {
    const { status, stdout, stderr } = spawnSync(command, args, {
      cwd: this.folder,
      encoding: 'utf8',
      maxBuffer: 1 << 26,
      env: { ...process.env, ...env },
    })
    if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed\n${stdout.slice(-2_000)}\n${stderr.slice(-4_000)}`)
    return stdout
  }

  #link(name: string): void {
    const target = this.path('node_modules', name)
    mkdirSync(dirname(target), { recursive: true })
    symlinkSync(realpathSync(join(repository, 'node_modules', name)), target)
  }
}
