/** Every program of GUIDE.md is right: the compiler takes it, and it prints what it says. */

import { beforeAll, describe, expect, test } from 'vitest'
import { compilerErrors, type Printed, runPrograms, writePrograms } from './guide/programs.ts'

const programs = writePrograms()
const running = programs.filter(({ expected }) => expected.length > 0)

test('the compiler takes every program', async () => {
  expect(await compilerErrors()).toBe('')
})

describe('a program prints what it says', () => {
  let printed: Readonly<Record<string, Printed>>
  beforeAll(async () => {
    printed = await runPrograms(running)
  })

  test.each(running)('$place', ({ file, expected }) => {
    expect(printed[file]!.map(([, text]) => text)).toEqual(expected)
  })
})
