/**
 * The four words of vitest that the contracts use, for places where vitest does not run: pages, edge workers, Deno, Bun. Bundles of tests for those
 * places have `vitest` replaced by this file.
 *
 * Before: a contract declares its suite. After: {@link runSuite} runs it there, and the place reports what came of it.
 */

import { chai, JestAsymmetricMatchers, JestChaiExpect, JestExtend } from '@vitest/expect'

chai.use(JestExtend)
chai.use(JestChaiExpect)
chai.use(JestAsymmetricMatchers)

export const expect = ((value: unknown, message?: string) => chai.expect(value, message)) as unknown as typeof import('vitest').expect

export interface SuiteResult {
  readonly passed: number
  readonly failures: readonly { readonly name: string; readonly message: string }[]
}

type Run = () => unknown

interface Declared {
  readonly name: string
  readonly run: Run
  readonly after: readonly Run[]
}

const declared: Declared[] = []
const path: { readonly name: string; readonly after: Run[] }[] = []

export function describe(name: string, declare: () => void): void {
  path.push({ name, after: [] })
  declare()
  path.pop()
}

export function test(name: string, run: Run): void {
  // Hooks may be declared behind the tests they belong to: the lists are read when the test runs.
  const hooks = path.map(({ after }) => after)
  const test: Declared = {
    name: [...path.map((part) => part.name), name].join(' > '),
    run,
    get after() {
      return hooks.flat()
    },
  }
  declared.push(test)
}

export function afterEach(run: Run): void {
  path.at(-1)!.after.push(run)
}

/** Runs everything declared so far, in order; each test is forgotten then. */
export async function runSuite(isWanted: (name: string) => boolean = () => true): Promise<SuiteResult> {
  let passed = 0
  const failures: { name: string; message: string }[] = []
  for (const { name, run, after } of declared.splice(0)) {
    if (!isWanted(name)) continue
    try {
      await run()
      for (const hook of after) await hook()
      passed++
    } catch (error) {
      for (const hook of after) await Promise.resolve(hook()).catch(() => {})
      failures.push({ name, message: error instanceof Error ? (error.stack ?? error.message) : String(error) })
    }
  }
  return { passed, failures }
}
