import { expect, test } from 'vitest'
import * as L from '../../kernel/layout.ts'
import { chunksOfSnapshot, readSections, sectionsForSubtask } from '../../runtime/subtask/snapshot-chunks.ts'
import { Prng } from '../support/prng.ts'

function section(kind: number, keyGroup: number, position: number, bytes: number, fill = 0): Uint8Array<ArrayBuffer> {
  const length = L.SECTION_HEADER_BYTES + Math.ceil(bytes / 8) * 8
  const made = new Uint8Array(length).fill(fill)
  const view = new DataView(made.buffer)
  view.setInt32(L.SECTION_BYTES_OFFSET, length, true)
  view.setInt32(L.SECTION_KIND_OFFSET, kind, true)
  view.setInt32(L.SECTION_KEY_GROUP_OFFSET, keyGroup, true)
  view.setFloat64(L.SECTION_POSITION_OFFSET, position, true)
  return made
}

function joined(sections: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(sections.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const one of sections) {
    whole.set(one, at)
    at += one.length
  }
  return whole
}

const texts = (sections: readonly Uint8Array[]) => sections.map((bytes) => Buffer.from(bytes).toString('hex')).toSorted()

test('every section of a snapshot is in exactly one chunk', () => {
  for (let seed = 1; seed <= 50; seed++) {
    const prng = new Prng(seed)
    const sections = Array.from({ length: 1 + prng.int(60) }, (_, index) =>
      section(L.SECTION_OPERATOR + prng.int(3), prng.int(8), prng.int(4) * 100, prng.int(prng.pick([8, 100, 50_000])), index),
    )
    const chunks = chunksOfSnapshot(joined(sections))
    expect(texts(chunks.flatMap(readSections).map(({ bytes }) => bytes)), `seed ${seed}`).toEqual(texts(sections))
  }
})

test('a chunk holds sections of one kind and position', () => {
  const chunks = chunksOfSnapshot(joined([section(3, 0, 100, 8), section(3, 1, 200, 8), section(2, 1, 0, 8), section(3, 1, 100, 8)]))
  expect(chunks.map((chunk) => readSections(chunk).map(({ kind, position }) => `${kind}@${position}`))).toEqual([
    ['2@0'],
    ['3@100', '3@100'],
    ['3@200'],
  ])
})

test('sections that did not change make the same chunk again', () => {
  const stable = section(3, 0, 100, 64, 7)
  const first = chunksOfSnapshot(joined([stable, section(3, 0, 200, 8, 1)]))
  const second = chunksOfSnapshot(joined([section(3, 0, 300, 8, 2), stable]))
  expect(texts(first).filter((text) => texts(second).includes(text))).toHaveLength(1)
})

test('a subtask restores the operator and the sections of its key groups, in the order of their kinds', () => {
  const chunks = chunksOfSnapshot(
    joined([section(3, 1, 0, 8), section(L.SECTION_OPERATOR, 0, 0, 8), section(2, 2, 0, 8), section(2, 1, 0, 8)]),
  )
  const restored = sectionsForSubtask(chunks, (group) => group === 1).map((bytes) => readSections(bytes.slice())[0]!)
  expect(restored.map(({ kind, keyGroup }) => [kind, keyGroup])).toEqual([
    [L.SECTION_OPERATOR, 0],
    [2, 1],
    [3, 1],
  ])
})

test('lengths that do not add up are refused as damage', () => {
  const whole = joined([section(2, 0, 0, 16), section(3, 0, 0, 16)])
  for (let cut = 1; cut < whole.length; cut++) {
    if (cut === section(2, 0, 0, 16).length) continue
    expect(() => readSections(whole.slice(0, cut)), `${cut} bytes`).toThrow(
      expect.objectContaining({ code: 'CHECKPOINT_CORRUPT' }) as Error,
    )
  }
  for (const length of [0, -8, 4, 1 << 30]) {
    const broken = whole.slice()
    new DataView(broken.buffer).setInt32(L.SECTION_BYTES_OFFSET, length, true)
    expect(() => readSections(broken)).toThrow(expect.objectContaining({ code: 'CHECKPOINT_CORRUPT' }) as Error)
  }
})
