import { describe, expect, it } from 'vitest'
import { ConfigError } from '../../runtime/errors.ts'
import { type Duration, DURATION_MS_MAX, durationMs } from '../../runtime/duration.ts'

function codeOf(call: () => unknown): string | null {
  try {
    call()
  } catch (error) {
    if (error instanceof ConfigError) return error.code
    throw error
  }
  return null
}

describe('durationMs', () => {
  it.each([
    ['250ms', 250],
    ['5s', 5_000],
    ['1m', 60_000],
    ['2h', 7_200_000],
    ['1d', 86_400_000],
    ['0s', 0],
    ['007s', 7_000],
    [0, 0],
    [-0, 0],
    [1_500, 1_500],
    [DURATION_MS_MAX, DURATION_MS_MAX],
  ] as const)('%s is %d ms', (text, ms) => {
    expect(durationMs(text as Duration)).toBe(ms)
  })

  it.each([
    '5',
    '5 mins',
    '-1s',
    '1.5s',
    '',
    's',
    '1M',
    '1 s',
    ' 1s',
    '1s ',
    '1s\n',
    '1h30m',
    'NaN',
    '1e3ms',
    '99999999999999999d',
    '100000001d',
    '１s',
    '0x1s',
    Number.NaN,
    Number.POSITIVE_INFINITY,
    -1,
    0.5,
    DURATION_MS_MAX + 1,
    null,
    undefined,
    {},
    [],
    true,
    5n,
    '__proto__',
  ])('%s is refused with the grammar', (value) => {
    expect(codeOf(() => durationMs(value as Duration))).toBe('DURATION_INVALID')
    expect(() => durationMs(value as Duration)).toThrow(/'250ms', '5s', '1m', '2h' or '1d'/)
  })

  it('zero is refused where a positive duration is needed', () => {
    for (const zero of [0, '0s', '0d'] as const)
      expect(codeOf(() => durationMs(zero, { of: 'size', positive: true }))).toBe('DURATION_INVALID')
  })
})
