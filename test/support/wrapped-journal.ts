/** A journal that does some things another way than the one it stands before. */

import type { Journal } from '../../runtime/checkpoint/journal.ts'

export function wrappedJournal(journal: Journal, methods: Partial<Pick<Journal, 'append' | 'read' | 'trim' | 'close'>>): Journal {
  return {
    get begin() {
      return journal.begin
    },
    get end() {
      return journal.end
    },
    get byteLength() {
      return journal.byteLength
    },
    append: (entries) => journal.append(entries),
    read: (from, countMax) => journal.read(from, countMax),
    trim: (before) => journal.trim(before),
    close: () => journal.close(),
    ...methods,
  }
}
