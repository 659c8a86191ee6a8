#!/usr/bin/env node
/**
 * The `millrace` command: finds the command, runs it, turns errors into messages and exit codes.
 *
 * Before: the shell. After: one file for each command.
 *
 * Exit codes: 0 done (or stopped as asked), 1 the job failed, 2 it could not start: plan, arguments or files must be corrected.
 * Invariant: an error is one line `CODE: message` on standard error; a stack is shown only when MILLRACE_DEBUG is set.
 */

import { readFileSync } from 'node:fs'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { ConfigError, KernelError, MillraceError } from '../../runtime/index.ts'
import { nearest } from './arguments.ts'
import { runCheckpoints } from './checkpoints-command.ts'
import { runExplain } from './explain-command.ts'
import { COMMAND_HELP, type CommandName, MAIN_HELP } from './help.ts'
import { runRun } from './run-command.ts'
import { StartError } from './start-error.ts'

const NODE_MAJOR_LEAST = 22
/** 128 + 13: what the shell reports of a process whose reader went away. */
const EXIT_PIPE_CLOSED = 141

const commands: Readonly<Record<CommandName, (args: readonly string[]) => Promise<number>>> = {
  run: runRun,
  explain: runExplain,
  checkpoints: runCheckpoints,
}

// A reader that has seen enough (`millrace explain plan.json | head -3`) is no failure of ours. While a job runs, it decides: a sink
// that cannot write ends it, a progress line that nobody reads does not.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE' && process.listenerCount('SIGINT') === 0) process.exit(EXIT_PIPE_CLOSED)
  })
}

process.exitCode = await main(process.argv.slice(2)).catch(report)

async function main(args: readonly string[]): Promise<number> {
  const [name = '--help', ...rest] = args
  if (Number.parseInt(process.versions.node, 10) < NODE_MAJOR_LEAST) {
    throw new ConfigError(
      'RUNTIME_TOO_OLD',
      `Node ${process.versions.node} is too old; millrace needs Node ${NODE_MAJOR_LEAST}.12 or newer`,
    )
  }
  if (name === '--help' || name === '-h' || name === 'help') return show(isCommand(rest[0]) ? COMMAND_HELP[rest[0]] : MAIN_HELP)
  if (name === '--version' || name === '-v') return show(`${version()}\n`)
  if (!isCommand(name)) {
    const kind = name.startsWith('-') ? 'option' : 'command'
    const hint = nearest(name, [...Object.keys(commands), '--help', '--version'])
    const code = kind === 'option' ? 'OPTION_UNKNOWN' : 'COMMAND_UNKNOWN'
    throw new ConfigError(
      code,
      `There is no ${kind} ${JSON.stringify(name)}${hint}; the commands are ${Object.keys(commands).join(', ')}. See millrace --help`,
    )
  }
  if (rest.includes('--help') || rest.includes('-h')) return show(COMMAND_HELP[name])
  return commands[name](rest)
}

function isCommand(name: string | undefined): name is CommandName {
  return name !== undefined && Object.hasOwn(commands, name)
}

function show(text: string): number {
  process.stdout.write(text)
  return 0
}

function version(): string {
  const file = fileURLToPath(import.meta.resolve('millrace/package.json'))
  const manifest: unknown = JSON.parse(readFileSync(file, 'utf8'))
  return typeof manifest === 'object' && manifest !== null && 'version' in manifest ? String(manifest.version) : 'unknown'
}

/** Prints an error. @returns the exit code it stands for. */
function report(thrown: unknown): number {
  const error = thrown instanceof StartError ? thrown.reason : thrown
  const isKnown = error instanceof MillraceError
  const message = error instanceof Error ? error.message : String(error)
  process.stderr.write(`${isKnown ? error.code : 'UNEXPECTED'}: ${message}\n`)
  if (process.argv.includes('--json')) {
    const line = {
      type: 'error',
      code: isKnown ? error.code : 'UNEXPECTED',
      message,
      retryable: isKnown && error.retryable,
      details: isKnown ? error.details : {},
    }
    process.stderr.write(`${JSON.stringify(line)}\n`)
  }
  if (process.env['MILLRACE_DEBUG'] !== undefined && error instanceof Error) process.stderr.write(`${error.stack ?? ''}\n${causes(error)}`)
  else if (!isKnown) process.stderr.write('Set MILLRACE_DEBUG=1 to see where it happened.\n')
  if (error instanceof ConfigError) return 2
  return thrown instanceof StartError && isKnown && !(error instanceof KernelError) ? 2 : 1
}

function causes(error: Error): string {
  let text = ''
  for (let cause = error.cause, depth = 0; cause !== undefined && depth < 5; depth++) {
    text += `caused by ${cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)}\n`
    cause = cause instanceof Error ? cause.cause : undefined
  }
  return text
}
