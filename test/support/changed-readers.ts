/** A source whose readers are changed: paced, held back, or broken. Before: a test, with a whole source. After: the runtime, which reads it. */

import type { Source, SplitReader } from '../../runtime/source/source.ts'

/** @param change - Methods that stand in for those of a reader. */
export function changedReaders(source: Source, change: (reader: SplitReader) => Partial<SplitReader>): Source {
  return {
    ...source,
    splits: async (context) =>
      (await source.splits(context)).map((split) => ({
        ...split,
        async open(position) {
          const reader = await split.open(position)
          return { ...reader, ...change(reader) }
        },
      })),
  }
}
