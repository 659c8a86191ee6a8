import { describe, expect, test } from 'vitest'
import { chunkRefsOf, decodeManifest, encodeManifest, type Manifest } from '../../runtime/checkpoint/manifest.ts'
import { CheckpointError } from '../../runtime/errors.ts'
import { Prng } from '../support/prng.ts'

const manifest: Manifest = {
  format: 1,
  jobName: 'device-minutes',
  planFingerprint: 'abc',
  epoch: 3,
  checkpointId: 42,
  createdAtMs: 1_700_000_000_123.5,
  keyGroupCount: 128,
  isFinal: false,
  sources: { readings: { turn: 1, splits: { a: { position: 'x\u0000\ud800', counts: [1, null, true] } }, watermark: null } },
  operators: {
    minutes: {
      subtasks: [
        {
          chunks: [
            { hash: 'a'.repeat(64), byteLength: 10 },
            { hash: 'b'.repeat(64), byteLength: 0 },
          ],
        },
        { chunks: [] },
      ],
    },
  },
  sinks: { minutes: { path: 'out.csv', bytes: 10, parts: ['a', 'b'], open: true, note: null } },
  counters: { 'minutes.recordsIn': 7 },
  previous: { epoch: 2, checkpointId: 41 },
}

const encode = (value: unknown) => new TextEncoder().encode(JSON.stringify(value))

function refusal(bytes: Uint8Array): CheckpointError {
  try {
    decodeManifest(bytes)
  } catch (error) {
    expect(error).toBeInstanceOf(CheckpointError)
    return error as CheckpointError
  }
  throw new Error('it was accepted')
}

test('a manifest survives being written and read', () => {
  expect(decodeManifest(encodeManifest(manifest))).toEqual(manifest)
  expect(
    decodeManifest(encodeManifest({ ...manifest, previous: null, isFinal: true, operators: {}, sinks: {}, sources: {}, counters: {} })),
  ).toMatchObject({ previous: null })
})

test('the bytes of a manifest are these; whoever changes them must still read the old ones', () => {
  expect(new TextDecoder().decode(encodeManifest(manifest)).replaceAll(',"', ',\n"')).toMatchInlineSnapshot(`
    "{"format":1,
    "jobName":"device-minutes",
    "planFingerprint":"abc",
    "epoch":3,
    "checkpointId":42,
    "createdAtMs":1700000000123.5,
    "keyGroupCount":128,
    "isFinal":false,
    "sources":{"readings":{"turn":1,
    "splits":{"a":{"position":"x\\u0000\\ud800",
    "counts":[1,null,true]}},
    "watermark":null}},
    "operators":{"minutes":{"subtasks":[{"chunks":[{"hash":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "byteLength":10},{"hash":"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
    "byteLength":0}]},{"chunks":[]}]}},
    "sinks":{"minutes":{"path":"out.csv",
    "bytes":10,
    "parts":["a",
    "b"],
    "open":true,
    "note":null}},
    "counters":{"minutes.recordsIn":7},
    "previous":{"epoch":2,
    "checkpointId":41}}"
  `)
})

test('names of prototypes are plain names, and nothing that comes out has a prototype', () => {
  const named = (value: unknown) =>
    JSON.parse(
      `{"__proto__":${JSON.stringify(value)},"constructor":${JSON.stringify(value)},"toString":${JSON.stringify(value)}}`,
    ) as Record<string, never>
  const decoded = decodeManifest(
    encodeManifest({
      ...manifest,
      sources: named({ deep: { polluted: true } }),
      operators: named({ subtasks: [] }),
      sinks: named({ path: 'x' }),
      counters: named(1),
    }),
  )
  for (const part of [decoded.sources, decoded.operators, decoded.sinks, decoded.counters]) {
    expect(Object.getPrototypeOf(part)).toBeNull()
    expect(Object.keys(part)).toEqual(['__proto__', 'constructor', 'toString'])
  }
  const source = decoded.sources['__proto__'] as { deep: object }
  expect(Object.getPrototypeOf(source)).toBeNull()
  expect(Object.getPrototypeOf(source.deep)).toBeNull()
  expect(({} as { polluted?: boolean }).polluted).toBeUndefined()
})

describe('refused, naming the place', () => {
  const cases: readonly [string, string, (fields: Record<string, unknown>) => unknown][] = [
    ['an unknown field', 'colour', (fields) => ({ ...fields, colour: 'blue' })],
    ['a list at the top', 'top level', () => []],
    ['null at the top', 'top level', () => null],
    ['an older format', 'format', (fields) => ({ ...fields, format: 0 })],
    ['a format that is text', 'format', (fields) => ({ ...fields, format: '1' })],
    ['a job name that is a number', 'jobName', (fields) => ({ ...fields, jobName: 1 })],
    ['a job name beyond measure', 'jobName', (fields) => ({ ...fields, jobName: 'x'.repeat(5000) })],
    ['a negative epoch', 'epoch', (fields) => ({ ...fields, epoch: -1 })],
    ['an unsafe checkpointId', 'checkpointId', (fields) => ({ ...fields, checkpointId: 2 ** 53 })],
    ['no key groups', 'keyGroupCount', (fields) => ({ ...fields, keyGroupCount: 0 })],
    ['isFinal as a number', 'isFinal', (fields) => ({ ...fields, isFinal: 0 })],
    ['sources as a list', 'sources', (fields) => ({ ...fields, sources: [] })],
    ['an operator without subtasks', 'operators.minutes', (fields) => ({ ...fields, operators: { minutes: {} } })],
    ['an operator with more', 'operators.minutes', (fields) => ({ ...fields, operators: { minutes: { subtasks: [], more: 1 } } })],
    [
      'subtasks that are no list',
      'operators.minutes.subtasks',
      (fields) => ({ ...fields, operators: { minutes: { subtasks: { length: 1 } } } }),
    ],
    ['chunks that are null', 'subtasks[0].chunks', (fields) => ({ ...fields, operators: { minutes: { subtasks: [{ chunks: null }] } } })],
    [
      'a chunk that is a string',
      'chunks[0]',
      (fields) => ({ ...fields, operators: { minutes: { subtasks: [{ chunks: ['a'.repeat(64)] }] } } }),
    ],
    ['a sink state that is nested', 'sinks.minutes.path', (fields) => ({ ...fields, sinks: { minutes: { path: { to: 1 } } } })],
    ['a list of numbers in a sink state', 'sinks.minutes.parts[1]', (fields) => ({ ...fields, sinks: { minutes: { parts: ['a', 1] } } })],
    ['a counter that is text', 'counters.n', (fields) => ({ ...fields, counters: { n: '1' } })],
    ['previous without an id', 'previous', (fields) => ({ ...fields, previous: { epoch: 1 } })],
    ['no previous at all', 'previous', (fields) => Object.fromEntries(Object.entries(fields).filter(([name]) => name !== 'previous'))],
  ]
  test.each(cases)('%s', (_, place, change) => {
    const error = refusal(encode(change({ ...manifest })))
    expect(error.code).toBe('CHECKPOINT_CORRUPT')
    expect(error.message).toContain(place)
  })

  test('every field that is missing', () => {
    for (const name of Object.keys(manifest)) {
      const { [name]: _, ...rest } = manifest as unknown as Record<string, unknown>
      expect(refusal(encode(rest)).code).toBe('CHECKPOINT_CORRUPT')
    }
  })

  test.each([
    'A'.repeat(64),
    'a'.repeat(63),
    'a'.repeat(65),
    `${'a'.repeat(64)}\n`,
    '../'.repeat(21).padEnd(64, 'a'),
    '',
    'g'.repeat(64),
    ['a'.repeat(64)],
  ])('the hash %j', (hash) => {
    expect(refusal(encode({ ...manifest, operators: { o: { subtasks: [{ chunks: [{ hash, byteLength: 1 }] }] } } })).message).toContain(
      'hash',
    )
  })

  test.each([-1, 1.5, 2 ** 31, 2 ** 63, '1', null])('the size %j', (byteLength) => {
    expect(
      refusal(encode({ ...manifest, operators: { o: { subtasks: [{ chunks: [{ hash: 'a'.repeat(64), byteLength }] }] } } })).message,
    ).toContain('byteLength')
  })

  test('more state than any budget, in many chunks', () => {
    const chunks = Array.from({ length: 65 }, (_, index) => ({ hash: String(index).padStart(64, '0'), byteLength: 2 ** 30 }))
    expect(refusal(encode({ ...manifest, operators: { o: { subtasks: [{ chunks }] } } })).message).toContain('in all')
  })

  test('nesting that would exhaust the stack, at every place, and numbers that are none', () => {
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`
    for (const name of Object.keys(manifest)) {
      const text = JSON.stringify({ ...manifest, [name]: 'HERE' }).replace('"HERE"', deep)
      expect(refusal(new TextEncoder().encode(text)).code).toBe('CHECKPOINT_CORRUPT')
      expect(refusal(new TextEncoder().encode(text.replace(deep, `{"a":${deep}}`))).code).toBe('CHECKPOINT_CORRUPT')
    }
    const infinite = JSON.stringify({ ...manifest, sources: { a: 'HERE' } }).replace('"HERE"', '1e999')
    expect(refusal(new TextEncoder().encode(infinite)).message).toContain('sources.a')
  })

  test('what is not UTF-8, not JSON, or begins with a byte order mark', () => {
    const bytes = encodeManifest(manifest)
    for (const damaged of [
      new Uint8Array(0),
      bytes.subarray(1),
      bytes.subarray(0, -1),
      Uint8Array.of(0xff, ...bytes),
      Uint8Array.of(0xef, 0xbb, 0xbf, ...bytes),
    ]) {
      expect(refusal(damaged).code).toBe('CHECKPOINT_CORRUPT')
    }
  })

  test('a newer format, naming both versions', () => {
    expect(refusal(encode({ format: 2, other: 'fields' }))).toMatchObject({ code: 'FORMAT_NEWER', details: { found: 2, supported: 1 } })
  })
})

test('what JSON cannot hold is refused when writing, naming the field', () => {
  for (const value of [Number.NaN, Infinity, -Infinity, 1n, () => 1, Symbol('s')]) {
    expect(() => encodeManifest({ ...manifest, sources: { readings: { watermark: value } } })).toThrow(/watermark/)
  }
  expect(() => encodeManifest({ ...manifest, keyGroupCount: 0 })).toThrow(TypeError)
})

test('chunks that several subtasks share are named once', () => {
  const ref = { hash: 'c'.repeat(64), byteLength: 5 }
  const shared = { ...manifest, operators: { a: { subtasks: [{ chunks: [ref, ref] }] }, b: { subtasks: [{ chunks: [ref] }] } } }
  expect([...chunkRefsOf(shared)]).toEqual([[ref.hash, 5]])
})

test('random bytes and random changes under one seed: accepted whole or refused by our error', () => {
  const prng = new Prng(5)
  const bytes = encodeManifest(manifest)
  for (let round = 0; round < 20_000; round++) {
    const changed = bytes.slice()
    for (let count = 1 + prng.int(4); count > 0; count--)
      changed[prng.int(changed.length)] = prng.pick([prng.int(256), 0x22, 0x7b, 0x5b, 0x30, 0x2c])
    try {
      const decoded = decodeManifest(changed)
      expect(Object.keys(decoded)).toEqual(Object.keys(manifest))
    } catch (error) {
      if (!(error instanceof CheckpointError)) throw error
    }
  }
})
