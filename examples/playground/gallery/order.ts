/** What is done to a stream before it comes to a window. */

import { at, type Example, r, record } from './example.ts'

export const ORDER: readonly Example[] = [
  {
    id: 'deduplicate',
    title: 'Each record once',
    text: 'A sender that gets no answer sends again: same wheel, same number. The first record of an id passes, and those that follow within thirty seconds of event time are dropped and counted.',
    entries: [
      ['a', 1, 1, 4],
      ['a', 3, 2, 6],
      ['a', 3, 2, 6],
      ['b', 4, 1, 5],
      ['a', 8, 3, 3],
      ['a', 1, 1, 4],
      ['b', 9, 2, 7],
      ['a', 14, 4, 2],
      ['b', 9, 2, 7],
      ['a', 8, 3, 3],
      ['b', 17, 3, 6],
      ['a', 26, 5, 4],
    ].map(([wheel, seconds, no, litres]) => record({ wheel, at: at(Number(seconds)), no, litres })),
  },
  {
    id: 'sort',
    title: 'In order of event time',
    text: 'Records are held back until the watermark has passed them, and leave in order. What is later than the watermark cannot be put in its place any more, and passes at once.',
    entries: [
      r('a', 5, 4),
      r('b', 2, 6),
      r('a', 9, 5),
      r('b', 4, 3),
      r('a', 7, 7),
      r('b', 13, 2),
      r('a', 8, 4),
      r('a', 11, 6),
      r('b', 6, 5),
      r('a', 19, 3),
    ],
  },
]
