/**
 * Key columns of a batch → key rows, one u32 for each record.
 *
 * Before it, the columns of the slot; after it, rows are addressed by (slice, key row). Keys are inserted when their first
 * record comes. When the key table is full the resolver stops before that record: everything before it is accumulated, keys are
 * collected, and resolving goes on.
 *
 * Invariant: key rows [from, answer) at keyRowsPtr are valid, and all below state/key-table keyRows.
 */
import { COLUMN_CODE, NULL_CODE } from "../layout";
import { batchRowsMax, columnKind, columnValues, keyColumn, keyCount, keyGroupColumn } from "../config";
import { maxOf } from "../aggregate/column-loops";
import { allocate } from "../state/arena";
import { bindKey, identityCount, localCode, producerCodeLimit, producerKeyTable, stringGroup } from "../state/dictionary";
import { canonicalBits, findKey, insertKey, isOneString, KEY_GROUPS_MAX, NULL_COMPONENT, TABLE_FULL } from "../state/key-table";
import { batchSlot, validityOf } from "./record-batch";

export const BAD_KEY = -3;

export let keyRowsPtr: usize = 0;
let resolved: usize = 0;
let tuple: usize = 0;

export function configureResolver(): bool {
  resolved = allocate(<usize>batchRowsMax * 4);
  tuple = allocate(max(keyCount, 1) * 8);
  if (resolved == 0 || tuple == 0) return false;
  memory.fill(resolved, 0, <usize>batchRowsMax * 4);
  keyRowsPtr = resolved;
  return true;
}

/** Resolves records from `from` on; answers where it stopped (`to`, or before because the table is full), or BAD_KEY. */
export function resolveKeys(from: i32, to: i32): i32 {
  if (keyCount == 0) return to;
  if (!isOneString) return resolveTuples(from, to);
  const column = keyColumn(0);
  const codes = batchSlot + columnValues(column);
  const validity = validityOf(column);
  keyRowsPtr = resolved;
  if (validity != 0) return resolveCodes(codes, validity, from, to);
  const codeMax = maxOf(codes + from * 4, to - from);
  // A producer that numbers strings by first appearance numbers them as we do: its codes are the key rows.
  if (codeMax < identityCount) {
    keyRowsPtr = codes;
    return to;
  }
  if (codeMax < producerCodeLimit() && gatherKeys(codes, producerKeyTable(), from, to)) return to;
  return resolveCodes(codes, validity, from, to);
}

/** Key rows of codes below the limit, without a branch on data. Answers whether all were known; -1 stands for one that was not. */
function gatherKeys(codes: usize, table: usize, from: i32, to: i32): bool {
  const out = resolved;
  let unknown = 0;
  let i = from;
  for (; i + 4 <= to; i += 4) {
    const at = codes + i * 4;
    const a = load<i32>(table + <usize>load<u32>(at) * 4);
    const b = load<i32>(table + <usize>load<u32>(at, 4) * 4);
    const c = load<i32>(table + <usize>load<u32>(at, 8) * 4);
    const d = load<i32>(table + <usize>load<u32>(at, 12) * 4);
    const to4 = out + i * 4;
    store<i32>(to4, a);
    store<i32>(to4, b, 4);
    store<i32>(to4, c, 8);
    store<i32>(to4, d, 12);
    unknown |= a | b | c | d;
  }
  for (; i < to; i++) {
    const key = load<i32>(table + <usize>load<u32>(codes + i * 4) * 4);
    store<i32>(out + i * 4, key);
    unknown |= key;
  }
  return unknown >= 0;
}

function resolveCodes(codes: usize, validity: usize, from: i32, to: i32): i32 {
  const table = producerKeyTable();
  const limit = producerCodeLimit();
  for (let i = from; i < to; i++) {
    const code = load<u32>(codes + i * 4);
    const isPresent = validity == 0 || load<u8>(validity + i) != 0;
    let key = code < limit && isPresent ? <i32>load<u32>(table + <usize>code * 4) : -1;
    if (key < 0) {
      key = keyOfCode(isPresent ? code : <u32>NULL_CODE, i);
      if (key == TABLE_FULL) return i;
      if (key < 0) return key;
    }
    store<i32>(resolved + i * 4, key);
  }
  return to;
}

function keyOfCode(code: u32, row: i32): i32 {
  const isNull = code == <u32>NULL_CODE;
  const local = isNull ? 0 : localCode(code);
  if (local < 0) return BAD_KEY;
  store<u64>(tuple, isNull ? NULL_COMPONENT : <u64>local);
  const group = keyGroupColumn >= 0 ? groupOf(row) : isNull ? 0 : stringGroup(local);
  const key = keyOfTuple(group);
  if (key >= 0 && !isNull) bindKey(code, key);
  return key;
}

function resolveTuples(from: i32, to: i32): i32 {
  for (let i = from; i < to; i++) {
    for (let k = 0; k < keyCount; k++) {
      const column = keyColumn(k);
      const values = batchSlot + columnValues(column);
      const validity = validityOf(column);
      let component = NULL_COMPONENT;
      if (validity == 0 || load<u8>(validity + i) != 0) {
        if (columnKind(column) == COLUMN_CODE) {
          const code = load<u32>(values + i * 4);
          if (code != <u32>NULL_CODE) {
            const local = localCode(code);
            if (local < 0) return BAD_KEY;
            component = <u64>local;
          }
        } else component = canonicalBits(load<f64>(values + i * 8));
      }
      store<u64>(tuple + k * 8, component);
    }
    const key = keyOfTuple(groupOf(i));
    if (key == TABLE_FULL) return i;
    if (key < 0) return key;
    store<i32>(resolved + i * 4, key);
  }
  return to;
}

function keyOfTuple(group: i32): i32 {
  const key = findKey(tuple);
  if (key >= 0) return key;
  return <u32>group < <u32>KEY_GROUPS_MAX ? insertKey(tuple, group) : BAD_KEY;
}

function groupOf(row: i32): i32 {
  return keyGroupColumn < 0 ? 0 : load<i32>(batchSlot + keyGroupColumn + row * 4);
}
