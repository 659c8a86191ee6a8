/**
 * The output slot being filled: one at a time, of result or late rows, published when full, when another kind is due, or when
 * the input slot it comes from is done.
 *
 * Before it, firing and the late rule; after it, the output ring. Filling stops when the ring is full and goes on at the next step.
 *
 * Invariant: an empty slot is published for its watermark only.
 */
import { SLOT_RESULT, SLOT_ROW_COUNT_OFFSET, SLOT_WATERMARK_OFFSET } from "../layout";
import { claimSlot, publishSlot } from "../ring/spsc-ring";

export let openSlot: usize = 0; // 0: none
export let openRows: i32 = 0;
let openKind: i32 = 0;

export function resetSlots(): void {
  openSlot = 0;
  openRows = 0;
}

/** Makes a slot of this kind the open one; answers how many rows it has room for, 0 when the ring is full. */
export function openFor(kind: i32, rowsMax: i32): i32 {
  if (openSlot != 0 && (openKind != kind || openRows == rowsMax)) closeSlot();
  if (openSlot == 0) {
    openSlot = claimSlot(kind);
    openKind = kind;
    openRows = 0;
    if (openSlot == 0) return 0;
  }
  return rowsMax - openRows;
}

export function addRows(count: i32): void {
  openRows += count;
}

export function closeSlot(): void {
  if (openSlot != 0 && openRows > 0) publish();
  openSlot = 0;
}

/** Publishes what is open, with the watermark that holds after it unless it is NaN; false when the ring is full. */
export function finishSlots(watermarkMs: f64): bool {
  if (watermarkMs == watermarkMs) {
    if (openFor(SLOT_RESULT, i32.MAX_VALUE) == 0) return false;
    store<f64>(openSlot + SLOT_WATERMARK_OFFSET, watermarkMs);
    publish();
    openSlot = 0;
  } else closeSlot();
  return true;
}

function publish(): void {
  store<i32>(openSlot + SLOT_ROW_COUNT_OFFSET, openRows);
  publishSlot();
}
