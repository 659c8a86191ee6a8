/** Laws of the outlet: nothing that lies behind a barrier comes before it, ordered or not. */

import { expect, test } from 'vitest'
import { Outlet } from '../../runtime/coordinator/outlet.ts'
import { schema, timestamp } from '../../runtime/schema.ts'
import { Prng } from '../support/prng.ts'
import { ResultWriter } from '../support/result-slots.ts'
import { laidOut } from '../support/window-specs.ts'

const columns = schema({ t: timestamp() })
const { layout, plan } = laidOut({ window: { kind: 'session', gapMs: 5 } }, columns, [], { slotCount: 8 })

test.each([true, false])(
  'results and operations come in the order of their subtask and on their side of the barrier (ordered: %s)',
  (isOrdered) => {
    for (let seed = 1; seed <= 200; seed++) {
      const prng = new Prng(seed)
      const writers = Array.from({ length: 1 + prng.int(4) }, () => new ResultWriter(layout))
      const given: { lane: number; number: number; barriers: number }[] = []
      let barriers = 0
      let isBusy = false
      const outlet = new Outlet({
        layout,
        resultSchema: plan!.kernelSchema,
        streamSchema: columns,
        lateDictionary: () => undefined,
        newCells: () => ({ add: () => {}, clear: () => {}, read: () => null as never, operations: (bytes) => bytes }),
        epoch: 1,
        subtasks: writers,
        isOrdered,
        isBusy: () => isBusy,
        onResults: (batch) => {
          isBusy = prng.int(5) === 0
          const n = Number(batch.row(0)['n'])
          given.push({ lane: Math.floor(n / 1_000), number: n % 1_000, barriers })
        },
        onLate: () => {},
        onOperations: (bytes) => given.push({ lane: bytes[0]!, number: bytes[1]!, barriers }),
      })
      // What each subtask puts out; every ring has the same marks.
      const marks = [...Array.from({ length: 4 }, () => prng.pick(['watermark', 'barrier'])), 'watermark']
      const outputs = writers.map((writer, lane) => {
        let number = 0
        const outputs: { isMark: boolean; write: () => void; barriers: number }[] = []
        let behind = 0
        for (const mark of marks) {
          for (let count = prng.int(4); count > 0; count--) {
            const own = number++
            const result = () => writer.results([{ aggregates: [lane * 1_000 + own] }])
            const operation = () => writer.operations(Uint8Array.of(lane, own, 0, 0, 0, 0, 0, 0))
            outputs.push({ isMark: false, write: prng.int(2) === 0 ? result : operation, barriers: behind })
          }
          if (mark === 'barrier') behind++
          outputs.push({
            isMark: true,
            write: () => (mark === 'barrier' ? writer.barrier(behind) : writer.results([], behind)),
            barriers: behind,
          })
        }
        return outputs
      })
      const expected = outputs.map((lane) => lane.filter(({ isMark }) => !isMark).map(({ barriers: before }) => before))
      const places = outputs.map(() => 0)
      for (let round = 0; places.some((place, lane) => place < outputs[lane]!.length) || round < 1_000; round++) {
        const lane = prng.int(writers.length)
        const next = outputs[lane]![places[lane]!]
        if (next !== undefined && writers[lane]!.hasRoom) {
          next.write()
          places[lane]!++
        }
        if (prng.int(3) === 0) isBusy = false
        outlet.step()
        if (outlet.barrier !== null && prng.int(3) === 0) {
          barriers++
          outlet.passBarrier()
        }
      }
      for (const [lane, before] of expected.entries()) {
        const own = given.filter((item) => item.lane === lane)
        expect(
          own.map(({ number }) => number),
          `seed ${seed}`,
        ).toEqual(before.map((_, index) => index))
        expect(
          own.map((item) => item.barriers),
          `seed ${seed}`,
        ).toEqual(before)
      }
    }
  },
)
