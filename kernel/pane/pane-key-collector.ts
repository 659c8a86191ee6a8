/**
 * Dropping of keys under which nothing is kept, when the key table is full.
 *
 * Called by the operator between two records, when no pane waits. Keys that stay are renumbered, and the table is doubled when more
 * than an eighth of it stays: keys that come and go are dear to insert again.
 *
 * Invariant: keys keep their order.
 */
import { allocate, release } from "../state/arena";
import { compactKeys, keyCapacity, keyRows, resize } from "../state/key-table";
import { isKeyUsed, renumberKeys, reserveKeyStates } from "./window-entry";

/** False when memory is exhausted. */
export function collectPaneKeys(): bool {
  const before = keyRows;
  const kept = allocate(before);
  const renumbered = allocate(before * 4);
  if (kept == 0 || renumbered == 0) return false;
  for (let key = 0; key < before; key++) store<u8>(kept + key, u8(isKeyUsed(key)));
  compactKeys(kept, renumbered);
  renumberKeys(renumbered, before);
  release(kept, before);
  release(renumbered, before * 4);
  return (keyRows <= keyCapacity >> 3 || resize(keyCapacity * 2)) && reserveKeyStates();
}
