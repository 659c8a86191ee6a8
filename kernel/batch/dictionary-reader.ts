/**
 * Dictionary slots → the kernel's own strings.
 *
 * Before it, the producer has sent entries that its next batches use; after it, key-resolver and aggregates find strings by code.
 *
 * Invariant: nothing outside the slot's payload is read; where no key or value is a string, entries are passed over.
 */
import {
  COLUMN_CODE, ENTRY_BYTE_LENGTH_OFFSET, ENTRY_BYTES_OFFSET, ENTRY_CODE_OFFSET, ENTRY_KEY_GROUP_OFFSET, entryBytes, SLOT_HEADER_BYTES,
  SLOT_PAYLOAD_BYTES_OFFSET, STATUS_OK, STATUS_SLOT_INVALID, STATUS_STATE_LIMIT,
} from "../layout";
import { columnCount, columnKind, keyColumn, keyCount } from "../config";
import { inputSlotBytes } from "../ring/spsc-ring";
import { bindCode, enterGeneration, intern } from "../state/dictionary";
import { stringBytesMax } from "./pane-writer";

let hasStrings = false;

/** @param ofAllColumns - Whether values can be strings too, not only keys. */
export function configureDictionaryReader(ofAllColumns: bool): void {
  hasStrings = false;
  if (ofAllColumns) for (let c = 0; c < columnCount; c++) if (columnKind(c) == COLUMN_CODE) hasStrings = true;
  for (let k = 0; k < keyCount; k++) if (columnKind(keyColumn(k)) == COLUMN_CODE) hasStrings = true;
}

/** Takes in a dictionary slot. */
export function readDictionary(slot: usize, generation: i32): i32 {
  const payload = load<i32>(slot + SLOT_PAYLOAD_BYTES_OFFSET);
  if (payload < 0 || payload > inputSlotBytes() - SLOT_HEADER_BYTES) return STATUS_SLOT_INVALID;
  enterGeneration(generation);
  if (!hasStrings) return STATUS_OK;
  const end = slot + SLOT_HEADER_BYTES + payload;
  for (let entry = slot + SLOT_HEADER_BYTES; entry < end; ) {
    if (entry + ENTRY_BYTES_OFFSET > end) return STATUS_SLOT_INVALID;
    const bytes = load<i32>(entry + ENTRY_BYTE_LENGTH_OFFSET);
    if (bytes < 0 || bytes > <i32>(end - entry) - ENTRY_BYTES_OFFSET || bytes > stringBytesMax()) return STATUS_SLOT_INVALID;
    const local = intern(entry + ENTRY_BYTES_OFFSET, bytes, load<i32>(entry + ENTRY_KEY_GROUP_OFFSET));
    if (local < 0 || !bindCode(load<u32>(entry + ENTRY_CODE_OFFSET), local)) return STATUS_STATE_LIMIT;
    entry += entryBytes(bytes);
  }
  return STATUS_OK;
}
