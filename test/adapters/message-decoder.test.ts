import { describe, expect, test } from 'vitest'
import { MessageDecoder, type DecodeOptions } from '../../adapters/message/message-decoder.ts'
import { decodeEntry, encodeEntry, type MessageContent } from '../../adapters/message/message.ts'
import { BatchBuilder } from '../../runtime/batch-builder.ts'
import { Dictionary } from '../../runtime/dictionary.ts'
import type { RowObject } from '../../runtime/record-batch.ts'
import { bool, f64, i32, schema, timestamp, utf8 } from '../../runtime/schema.ts'
import { Prng } from '../support/prng.ts'

const columns = schema({ device: utf8(), at: timestamp(), value: f64(), count: i32(), isOn: bool() })
const BYTES = (text: string) => new TextEncoder().encode(text)

interface Decoded {
  readonly rows: RowObject[]
  readonly letters: { readonly code: string; readonly position: string }[]
}

/** Everything of a message, `rowsMax` at a time, beginning behind `skip` rows. */
function decode(content: MessageContent, options: DecodeOptions = {}, rowsMax = 1_000, skip = 0): Decoded {
  const decoder = new MessageDecoder(columns, options, null)
  const builder = new BatchBuilder(columns, 1_000, new Dictionary())
  const rows: RowObject[] = []
  const letters: Decoded['letters'] = []
  decoder.begin({ content, token: null, topic: null }, 'message 7', skip, false)
  for (let turn = 0; turn < 10_000; turn++) {
    builder.clear()
    const isDone = decoder.take(builder, rowsMax)
    expect(builder.rowCount).toBeLessThanOrEqual(rowsMax)
    const batch = builder.build()
    for (let row = 0; row < batch.rowCount; row++) rows.push(batch.row(row))
    letters.push(...builder.deadLetters.map(({ code, position }) => ({ code, position })))
    if (isDone) return { rows, letters }
  }
  throw new Error('the message does not end')
}
const codes = (decoded: Decoded) => decoded.letters.map(({ code }) => code)
const nulls = { device: null, at: null, value: null, count: null, isOn: null }
const one = { device: 'a', at: 5, value: 1.5, count: 2, isOn: true }

describe('JSON', () => {
  test.each<[string, string, RowObject[]]>([
    ['an object', JSON.stringify(one), [one]],
    ['an array', JSON.stringify([one, one]), [one, one]],
    ['an empty array', ' [ ] ', []],
    ['an empty object', '{}', [nulls]],
    ['blanks and newlines', `\n [\t${JSON.stringify(one, null, 2)} ,\r\n {} ] \n`, [one, nulls]],
    ['a byte order mark', `\uFEFF${JSON.stringify(one)}`, [one]],
    [
      'escapes',
      '[{"device":"a\\n\\u00e9"},{"dev\\u0069ce":"b"}]',
      [
        { ...nulls, device: 'a\né' },
        { ...nulls, device: 'b' },
      ],
    ],
    ['other keys, nested too', '[{"x":1,"device":"a","y":{"device":"z"},"z":[1,[2]]}]', [{ ...nulls, device: 'a' }]],
    ['a key twice: the last one counts', '{"device":"a","device":"b"}', [{ ...nulls, device: 'b' }]],
    ['texts beyond ASCII', '{"device":"zürich 🏔"}', [{ ...nulls, device: 'zürich 🏔' }]],
    ['instants', '{"at":"2024-05-01T00:00:00Z"}', [{ ...nulls, at: Date.UTC(2024, 4, 1) }]],
    ['names of prototypes', '[{"__proto__":{"device":"x"},"constructor":1,"device":"a"}]', [{ ...nulls, device: 'a' }]],
  ])('%s', (_, text, expected) => {
    for (const content of [text, BYTES(text)]) expect(decode(content)).toEqual({ rows: expected, letters: [] })
  })

  test.each<[string, string | Uint8Array, string]>([
    ['nothing', '', 'MESSAGE_SYNTAX'],
    ['blanks', '  \n', 'MESSAGE_SYNTAX'],
    ['half an object', '{"device":"a"', 'MESSAGE_SYNTAX'],
    ['half an array', `[${JSON.stringify(one)},`, 'MESSAGE_SYNTAX'],
    ['an array without its end', `[${JSON.stringify(one)}`, 'MESSAGE_SYNTAX'],
    ['a comma too many', `[${JSON.stringify(one)},]`, 'MESSAGE_SYNTAX'],
    ['a comma missing', `[${JSON.stringify(one)}${JSON.stringify(one)}]`, 'MESSAGE_SYNTAX'],
    ['two documents', `${JSON.stringify(one)}${JSON.stringify(one)}`, 'MESSAGE_SYNTAX'],
    ['something behind it', `[${JSON.stringify(one)}]x`, 'MESSAGE_SYNTAX'],
    ['a number', '7', 'MESSAGE_SYNTAX'],
    ['null', 'null', 'MESSAGE_SYNTAX'],
    ['a text', '"x"', 'MESSAGE_SYNTAX'],
    ['a NUL', '{"device":"a\0"}', 'MESSAGE_SYNTAX'],
    ['a half-written number', '[{"value":1.}]', 'MESSAGE_SYNTAX'],
    ['nesting without end', '['.repeat(100_000), 'MESSAGE_SYNTAX'],
    ['invalid UTF-8', Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x7d), 'UTF8_INVALID'],
    ['an over-long form', new Uint8Array([...BYTES('{"device":"'), 0xc0, 0xaf, ...BYTES('"}')]), 'UTF8_INVALID'],
  ])('%s: one dead letter, and no row', (_, content, code) => {
    for (const rowsMax of [1, 2, 1_000])
      expect(decode(content, {}, rowsMax)).toEqual({ rows: [], letters: [{ code, position: 'message 7' }] })
  })

  test('an object with a wrong value costs itself alone', () => {
    const text = JSON.stringify([
      one,
      { ...one, value: 'x' },
      one,
      7,
      null,
      [one],
      { at: 'yesterday' },
      { count: 1.5 },
      { value: Number.POSITIVE_INFINITY },
      one,
    ])
    for (const rowsMax of [1, 2, 3, 1_000]) {
      const { rows, letters } = decode(text.replace('"value":null}', '"value":1e999}'), {}, rowsMax)
      expect(rows).toEqual([one, one, one])
      expect(letters).toEqual([
        { code: 'FIELD_TYPE', position: 'message 7, row 1' },
        { code: 'MESSAGE_SHAPE', position: 'message 7, row 3' },
        { code: 'MESSAGE_SHAPE', position: 'message 7, row 4' },
        { code: 'MESSAGE_SHAPE', position: 'message 7, row 5' },
        { code: 'TIMESTAMP_INVALID', position: 'message 7, row 6' },
        { code: 'FIELD_TYPE', position: 'message 7, row 7' },
        { code: 'NUMBER_RANGE', position: 'message 7, row 8' },
      ])
    }
  })
})

describe('lines', () => {
  test('NDJSON: each line stands for itself', () => {
    const text = `{"device":"a"}\r\n\n  \nnot json\n{"device":7}\n[1]\n{"device":"b"}`
    for (const rowsMax of [1, 2, 1_000]) {
      const { rows, letters } = decode(text, { decode: 'ndjson' }, rowsMax)
      expect(rows.map(({ device }) => device)).toEqual(['a', 'b'])
      expect(letters.map(({ code, position }) => [code, position.replace(/, byte.*/, '')])).toEqual([
        ['LINE_SYNTAX', 'message 7, line 4'],
        ['FIELD_TYPE', 'message 7, line 5'],
        ['LINE_SYNTAX', 'message 7, line 6'],
      ])
    }
    expect(codes(decode('{"device":"a"}\n{"dev', { decode: 'ndjson' }))).toEqual(['LINE_TRUNCATED'])
    expect(decode('', { decode: 'ndjson' })).toEqual({ rows: [], letters: [] })
  })

  test('CSV: a header that is no use costs the message, a line that is none itself', () => {
    const header = 'isOn,count,value,at,device'
    const csv = { decode: 'csv' } as const
    expect(decode(`${header}\ntrue,2,1.5,5,a\n`, csv).rows).toEqual([one])
    expect(decode(`x,${header}\r\n9,true,2,1.5,5,"a"`, csv).rows).toEqual([one])
    for (const rowsMax of [1, 1_000]) {
      expect(codes(decode(`${header}\ntrue,2\ntrue,2,1.5,5,a\ntrue,x,1.5,5,a\n"open`, csv, rowsMax))).toEqual([
        'CSV_COLUMNS',
        'FIELD_TYPE',
        'CSV_UNCLOSED',
      ])
      expect(codes(decode('a,b\n1,2\n', csv, rowsMax))).toEqual(['COLUMN_UNKNOWN'])
      expect(codes(decode(`${header},at\n`, csv, rowsMax))).toEqual(['CSV_HEADER_DUPLICATE'])
      expect(codes(decode('"device,at', csv, rowsMax))).toEqual(['CSV_HEADER_INVALID'])
      expect(decode('', csv, rowsMax)).toEqual({ rows: [], letters: [] })
      expect(decode(header, csv, rowsMax)).toEqual({ rows: [], letters: [] })
    }
    const named = { decode: 'csv', header: ['device', 'at', 'value', 'count', 'isOn'], delimiter: ';' } as const
    expect(decode('a;5;1.5;2;1', named).rows).toEqual([one])
  })
})

describe('a function', () => {
  test('gives rows; what it throws, at once or in the middle, is a dead letter', () => {
    expect(
      decode('a b', { decode: (message) => (message as string).split(' ').map((device) => ({ device })) }).rows.map(({ device }) => device),
    ).toEqual(['a', 'b'])
    const half = function* () {
      yield { device: 'a' }
      throw new Error('no more')
    }
    for (const rowsMax of [1, 1_000]) {
      expect(decode('x', { decode: half }, rowsMax)).toMatchObject({ rows: [{ device: 'a' }], letters: [{ code: 'DECODE_FAILED' }] })
      expect(
        decode(
          'x',
          {
            decode: () => {
              throw new Error('no')
            },
          },
          rowsMax,
        ),
      ).toMatchObject({ rows: [], letters: [{ code: 'DECODE_FAILED' }] })
      expect(codes(decode('x', { decode: (() => 7) as never }, rowsMax))).toEqual(['DECODE_FAILED'])
      expect(codes(decode('x', { decode: (() => [7, null, []]) as never }, rowsMax))).toEqual([
        'MESSAGE_SHAPE',
        'MESSAGE_SHAPE',
        'MESSAGE_SHAPE',
      ])
    }
  })

  test('getters that throw are dead letters', () => {
    const row = {
      device: 'a',
      get at(): number {
        throw new Error('no')
      },
    }
    expect(codes(decode([row]))).toEqual(['FIELD_THROWS'])
  })
})

/** Rows and what is none, as JSON texts: plain ones for the scanner, and all that it leaves to the careful path. */
function randomObject(prng: Prng): string {
  const values = [
    '1',
    '-2.5e3',
    '1e400',
    '"7"',
    'true',
    'null',
    '"a\\"b"',
    '"é"',
    '"2024-01-01T00:00:00Z"',
    '{"x":[1]}',
    '[]',
    '12345678901234567890',
    '-0',
    '0.1',
  ]
  const names = ['device', 'at', 'value', 'count', 'isOn', 'other', 'd\\u0065vice']
  if (prng.int(12) === 0) return prng.pick(['7', 'null', '"x"', '[]', '{}'])
  const isPlain = prng.int(3) > 0
  if (isPlain)
    return `{"device":"d${prng.int(9)}","at":${prng.int(1e6)},"value":${prng.int(100) / 8},"count":${prng.int(100)},"isOn":${prng.pick(['true', 'false'])}}`
  const fields = Array.from(
    { length: prng.int(7) },
    () => `${prng.pick(['', ' '])}"${prng.pick(names)}"${prng.pick([':', ' : '])}${prng.pick(values)}`,
  )
  return `{${fields.join(prng.pick([',', ' , ']))}}`
}

/** What the message is by the careful path alone: each object in a message of its own, which begins with an escape. */
function oracle(objects: readonly string[]): Decoded {
  const rows: RowObject[] = []
  const letters: Decoded['letters'] = []
  for (const [index, object] of objects.entries()) {
    const found = decode(`[{"\\u0078":1},${object}]`)
    rows.push(...found.rows.slice(1))
    letters.push(...found.letters.map(({ code }) => ({ code, position: `message 7, row ${index}` })))
  }
  return { rows, letters }
}

test('random JSON messages: scanner and careful path make the same of them, however many rows are asked for, and behind whatever row', () => {
  for (let seed = 1; seed <= 300; seed++) {
    const prng = new Prng(seed)
    const objects = Array.from({ length: prng.int(12) }, () => randomObject(prng))
    const space = () => prng.pick(['', '', ' ', '\n', '\r\n\t'])
    const text = `${space()}[${objects.map((object) => `${space()}${object}${space()}`).join(',')}]${space()}`
    const expected = oracle(objects)
    for (const rowsMax of [1, 2, 3, 1_000]) expect(decode(text, {}, rowsMax), `seed ${seed}`).toEqual(expected)
    const skip = prng.int(objects.length + 1)
    const behind = {
      rows: oracle(objects.slice(skip)).rows,
      letters: expected.letters.filter(({ position }) => Number(/\d+$/.exec(position)![0]) >= skip),
    }
    expect(decode(text, {}, 2, skip), `seed ${seed}`).toEqual(behind)
    // Cut anywhere, it is no document any more; the last byte is its bracket or a blank.
    const cut = text.slice(0, prng.int(text.trimEnd().length))
    expect(decode(cut, {}, 1 + prng.int(4)), `seed ${seed}: ${cut}`).toMatchObject({ rows: [], letters: [{ code: 'MESSAGE_SYNTAX' }] })
  }
})

test('random bytes: every message becomes dead letters or rows, and nothing else', () => {
  for (let seed = 1; seed <= 400; seed++) {
    const prng = new Prng(seed)
    const alphabet = [...BYTES('{}[]",:\\ntrue0123.e-\n; ádevice'), 0, 0xff, 0xc3]
    const bytes = Uint8Array.from({ length: prng.int(60) }, () => prng.pick(alphabet))
    for (const format of ['json', 'ndjson', 'csv'] as const) {
      const whole = decode(bytes, { decode: format })
      expect(decode(bytes, { decode: format }, 1), `seed ${seed} ${format}`).toEqual(whole)
    }
  }
})

test('messages in a journal make the same rows', () => {
  const contents: MessageContent[] = [
    'text é',
    BYTES('bytes'),
    new Uint8Array(0),
    '',
    [one, { value: Number.NaN }, { value: Number.NEGATIVE_INFINITY }],
  ]
  for (const content of contents) {
    for (const token of [null, 'a', '', 7, -1.5, 'é'.repeat(100)]) {
      for (const topic of [null, '', 'devices/ü']) {
        const found = decodeEntry(encodeEntry({ content, token, topic }))
        expect([found.token, found.topic]).toEqual([token, topic])
        if (Array.isArray(content)) {
          const decoder = new MessageDecoder(columns, {}, null)
          const builder = new BatchBuilder(columns, 16, new Dictionary())
          decoder.begin(found, '', 0, true)
          decoder.take(builder, 16)
          const batch = builder.build()
          expect([0, 1, 2].map((row) => batch.row(row)['value'])).toEqual([1.5, Number.NaN, Number.NEGATIVE_INFINITY])
        } else expect(found.content).toEqual(content)
      }
    }
  }
  for (const bytes of [new Uint8Array(0), Uint8Array.of(255), Uint8Array.of(4), Uint8Array.of(4, 255, 0, 0, 0), Uint8Array.of(3)])
    expect(() => decodeEntry(bytes)).toThrow(expect.objectContaining({ code: 'CHECKPOINT_CORRUPT' }) as Error)
})
