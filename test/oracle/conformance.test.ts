/**
 * The oracle against the conformance cases beside the repository: what proves the product is itself proven by other engines.
 *
 * Before: ../shared/conformance. After: nothing.
 *
 * Invariant: only cases of other operators, and of rules that contradict ours, are left out, each by the name of its label.
 */

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { sharedDescribe, sharedPath } from '../support/shared-data.ts'
import { caseDifference, type FullCase } from './case-run.ts'

const KINDS = new Set(['window', 'assign', 'session-assign', 'session-merge'])
/** Rules of other dialects, and an operator of later. `no-negative-windows` is met by leaving out the results of such windows. */
const OTHERS = new Set(['session-touching-separate', 'kafka-session-closing', 'join-window'])

sharedDescribe('the oracle of whole windows', () => {
  const folder = sharedPath('conformance')
  const leftOut: string[] = []
  for (const name of readdirSync(folder).filter((entry) => entry.endsWith('.json'))) {
    const file = join(folder, name)
    const { cases = [] } = JSON.parse(readFileSync(file, 'utf8')) as { cases?: FullCase[] }
    for (const each of cases.filter(({ kind }) => KINDS.has(kind))) {
      const other = each.requires.find((label) => OTHERS.has(label))
      if (other !== undefined) {
        leftOut.push(other)
        continue
      }
      test(each.id, () => {
        const why = caseDifference(each, file)
        expect(why, why ?? '').toBeNull()
      })
    }
  }
  test('one case of each other dialect is left out', () => {
    expect(leftOut.sort()).toEqual([...OTHERS].sort())
  })
})
