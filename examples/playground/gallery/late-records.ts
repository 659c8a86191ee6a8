/** What becomes of records that come when their window has fired. */

import { type Example, r } from './example.ts'

export const LATE_RECORDS: readonly Example[] = [
  {
    id: 'late',
    title: 'Too late',
    text: 'The watermark waits two seconds. What comes for a window that has closed is late: it is counted and goes to a sink of its own, here “late”, and is never lost silently.',
    entries: [
      r('a', 2, 4),
      r('a', 6, 5),
      r('a', 11, 7),
      r('a', 9, 3),
      r('a', 12, 6),
      r('a', 8, 2),
      r('a', 15, 4),
      r('a', 7, 8),
      r('a', 23, 5),
      r('a', 18, 3),
      r('a', 34, 6),
    ],
  },
  {
    id: 'corrections',
    title: 'Corrections',
    text: 'With an allowed lateness a window lives on after its result: a record that comes in that time fires it again, corrected. Only when the watermark is 15 s past its end is the window gone, and then a record is too late.',
    entries: [
      r('a', 2, 4),
      r('b', 4, 3),
      r('a', 7, 6),
      r('a', 13, 5),
      r('a', 8, 2),
      r('b', 14, 7),
      r('b', 9, 4),
      r('a', 22, 6),
      r('a', 5, 1),
      r('a', 28, 3),
      r('a', 6, 8),
      r('b', 31, 5),
      r('b', 12, 2),
    ],
  },
  {
    id: 'linked-sessions',
    title: 'A late record links sessions',
    text: 'Two sessions have fired; then a late record comes that lies between them. Both results are taken back (−D), and the one session that they are now gives its own (+I).',
    entries: [
      r('a', 1, 4),
      r('a', 3, 5),
      r('a', 10, 6),
      r('a', 12, 3),
      r('a', 20, 7),
      r('b', 21, 2),
      r('a', 7, 8),
      r('a', 26, 4),
      r('a', 34, 5),
    ],
  },
]
