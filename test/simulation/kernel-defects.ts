/**
 * Defects of the pane kernel that the simulation must find: what of its source is written otherwise.
 *
 * Before: planted-bugs.ts. After: kernel-mutants.ts compiles a kernel for each.
 */

import type { Mutation } from './kernel-mutants.ts'

/** By what is wrong. */
export const KERNEL_DEFECTS: Readonly<Record<string, Mutation>> = {
  'windows are not armed again after a restart': {
    file: 'pane/pane-restorer.ts',
    from: 'return armEntry(entry) ? at : exhausted();',
    to: 'return at;',
  },
  'triggers begin anew after a restart': {
    file: 'pane/pane-restorer.ts',
    from: 'memory.copy(entry + ENTRY_TRIGGER, at, triggerCount * 8);',
    to: '',
  },
  'triggers that have finished are revived by a restart': {
    file: 'pane/pane-restorer.ts',
    from: 'store<u32>(entry + ENTRY_FINISHED, load<u32>(at, 72));',
    to: '',
  },
  'a restart forgets that the end of a window has passed': {
    file: 'pane/pane-restorer.ts',
    from: 'store<i32>(entry + ENTRY_FLAGS, load<i32>(at, 68));',
    to: 'store<i32>(entry + ENTRY_FLAGS, load<i32>(at, 68) & ~END_PASSED);',
  },
  'records of windows that keep them are lost in a restart': {
    file: 'pane/pane-restorer.ts',
    from: 'at = restoreList(entry + ENTRY_RECORDS, records, at + 8, end, false);',
    to: 'at = restoreList(entry + ENTRY_RECORDS, records, at + 8, end, false); store<i32>(entry + ENTRY_RECORDS + LIST_COUNT, 0);',
  },
  'the newest record of a key is lost in a restart': {
    file: 'pane/pane-restorer.ts',
    from: 'return restoreList(keyRecords(key), records, entry + KEY_FIELDS, end, true);',
    to: `const list = keyRecords(key);
      const next = restoreList(list, records, entry + KEY_FIELDS, end, true);
      store<i32>(list + LIST_COUNT, max(0, listCount(list) - 1));
      return next;`,
  },
  'windows by count begin to count anew after a restart': {
    file: 'pane/pane-restorer.ts',
    from: 'setKeyCursor(key, cursor);',
    to: '',
  },
  'what was emitted before a restart is never taken back': {
    file: 'pane/pane-restorer.ts',
    from: 'store<i32>(entry + ENTRY_LAST_BYTES, lastBytes);',
    to: 'store<u32>(entry + ENTRY_LAST, 0);',
  },
  'a snapshot counts a pane that was not emitted': {
    file: 'pane/pane-snapshot.ts',
    from: 'store<i32>(to, load<i32>(entry + ENTRY_PANE_INDEX), 64);',
    to: 'store<i32>(to, max(1, load<i32>(entry + ENTRY_PANE_INDEX)), 64);',
  },
}
