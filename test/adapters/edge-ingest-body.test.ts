import { expect, test } from 'vitest'
import { linesOfJson, linesOfNdjson, readBody } from '../../adapters/edge/ingest-body.ts'
import { Prng } from '../support/prng.ts'

const text = (parts: readonly Uint8Array[]) => parts.map((part) => new TextDecoder().decode(part)).join('')

test('parts hold whole lines, joined they are what came, and a long line stays whole', () => {
  const prng = new Prng(1)
  for (let round = 0; round < 20; round++) {
    const lines = Array.from({ length: 1 + prng.int(3_000) }, () =>
      prng.int(9) === 0 ? '' : 'x'.repeat(prng.int(prng.int(200) === 0 ? 400_000 : 900)),
    )
    const whole = lines.join('\n')
    const { parts, rows } = linesOfNdjson(new TextEncoder().encode(whole))
    expect(text(parts)).toBe(whole === '' || whole.endsWith('\n') ? whole : `${whole}\n`)
    for (const part of parts) {
      expect(part.at(-1)).toBe(0x0a)
      if (part.length > 256 * 1024) expect(part.indexOf(0x0a)).toBe(part.length - 1)
    }
    expect(rows).toBe(lines.filter((line) => line !== '').length)
  }
  expect(linesOfNdjson(new Uint8Array(0))).toEqual({ parts: [], rows: 0 })
})

test('a document is a row or an array of rows, whatever they are', () => {
  expect(text(linesOfJson('[{"a":1},\n {"b":"\\n"}, 7, null]').parts)).toBe('{"a":1}\n{"b":"\\n"}\n7\nnull\n')
  expect(linesOfJson('{"a":1}')).toMatchObject({ rows: 1 })
  expect(linesOfJson('[]')).toEqual({ parts: [], rows: 0 })
  expect(() => linesOfJson('{')).toThrow(expect.objectContaining({ code: 'BODY_SYNTAX' }))
})

test('a body is read up to its limit', async () => {
  const body = (...chunks: string[]) => new Response(new Blob(chunks)).body
  expect(text([await readBody(body('abc', 'def'), 6)])).toBe('abcdef')
  await expect(readBody(body('abc', 'defg'), 6)).rejects.toMatchObject({ code: 'BODY_TOO_LARGE' })
  expect(await readBody(null, 6)).toEqual(new Uint8Array(0))
})
