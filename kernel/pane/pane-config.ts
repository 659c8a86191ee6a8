/**
 * What of the config block the pane kernel has beyond the slice kernel: window, time domain, accumulation, evictor, trigger.
 *
 * Read once by `configure`, after the fields that both kernels have; every other file of pane/ reads these values.
 *
 * Invariant: after `readPaneConfig` answered true, columns exist, durations are whole milliseconds and the trigger is a tree.
 */
import {
  CLOSING_ALWAYS, CONFIG_ACCUMULATION, CONFIG_CLOSE_COLUMN, CONFIG_CLOSING, CONFIG_END_COLUMN, CONFIG_EVICTOR, CONFIG_EVICTOR_COLUMN,
  CONFIG_EVICTOR_LIMIT, CONFIG_GAP_COLUMN, CONFIG_LENGTH_MAX_MS, CONFIG_MORE_COLUMN, CONFIG_OPEN_COLUMN, CONFIG_PANE_FLAGS,
  CONFIG_START_COLUMN, CONFIG_TIME_DOMAIN, CONFIG_TRIGGER_BYTES, CONFIG_TRIGGER_COUNT, CONFIG_TRIGGERS, CONFIG_WINDOW_KIND, EVICT_AFTER,
  EVICT_DELTA, EVICT_NONE, FLAG_EMIT_UNCHANGED, FLAG_EMPTY_PANES, FLAG_KEEP_RECORDS, FLAG_OPERATIONS, FLAG_PARTIAL, MODE_RETRACTING, TIME_PROCESSING,
  TRIGGER_ANY, TRIGGER_FULL, TRIGGER_OR_FINALLY, TRIGGER_REPEATEDLY, TRIGGER_WATERMARK, TRIGGERS_MAX, WINDOW_ALIGNED, WINDOW_AROUND, WINDOW_ASSIGNED, WINDOW_BY_RECORD, WINDOW_COUNT, WINDOW_CUMULATE,
  WINDOW_GLOBAL, WINDOW_SESSION, WINDOW_STATE,
} from "../layout";
import { columnCount, configBlock, isDuration, latenessMs, offsetMs, sizeMs, slideMs, TIME_MAX_MS } from "../config";

const COUNT_MAX: f64 = 4294967296;

export let windowKind: i32 = 0;
export let isProcessingTime: bool = false;
export let accumulation: i32 = 0;
export let emitsUnchanged: bool = false;
export let emitsEmptyPanes: bool = false;
export let keepsRecords: bool = false;
export let firesPartial: bool = false;
export let tellsOperations: bool = false;
export let closing: i32 = 0;
export let evictor: i32 = 0; // EVICT_* without EVICT_AFTER
export let evictsAfter: bool = false;
export let evictorColumn: i32 = 0;
export let evictorLimit: f64 = 0;
export let startColumn: i32 = 0;
export let endColumn: i32 = 0;
export let moreColumn: i32 = 0;
export let gapColumn: i32 = 0;
export let openColumn: i32 = 0;
export let closeColumn: i32 = 0;
export let lengthMaxMs: f64 = 0;
export let triggerCount: i32 = 0;

/** Whether windows merge: sessions. */
export let isMerging: bool = false;
/** Whether records are kept for each key, and windows take theirs from there when they fire. */
export let keepsKeyRecords: bool = false;
/** Whether a window's accumulators are made from its records when it fires, instead of record by record. */
export let accumulatesAtFiring: bool = false;

function i32At(offset: i32): i32 {
  return load<i32>(configBlock() + offset);
}
function f64At(offset: i32): f64 {
  return load<f64>(configBlock() + offset);
}

/** A node of the trigger: CONFIG_TRIGGERS of layout.ts. */
export function triggerNode(node: i32): usize {
  return configBlock() + CONFIG_TRIGGERS + node * CONFIG_TRIGGER_BYTES;
}

export function readPaneConfig(): bool {
  windowKind = i32At(CONFIG_WINDOW_KIND);
  const domain = i32At(CONFIG_TIME_DOMAIN);
  isProcessingTime = domain == TIME_PROCESSING;
  accumulation = i32At(CONFIG_ACCUMULATION);
  const flags = i32At(CONFIG_PANE_FLAGS);
  emitsUnchanged = (flags & FLAG_EMIT_UNCHANGED) != 0;
  emitsEmptyPanes = (flags & FLAG_EMPTY_PANES) != 0;
  firesPartial = (flags & FLAG_PARTIAL) != 0;
  tellsOperations = (flags & FLAG_OPERATIONS) != 0;
  closing = i32At(CONFIG_CLOSING);
  evictor = i32At(CONFIG_EVICTOR) & ~EVICT_AFTER;
  evictsAfter = (i32At(CONFIG_EVICTOR) & EVICT_AFTER) != 0;
  evictorColumn = i32At(CONFIG_EVICTOR_COLUMN);
  evictorLimit = f64At(CONFIG_EVICTOR_LIMIT);
  startColumn = i32At(CONFIG_START_COLUMN);
  endColumn = i32At(CONFIG_END_COLUMN);
  moreColumn = i32At(CONFIG_MORE_COLUMN);
  gapColumn = i32At(CONFIG_GAP_COLUMN);
  openColumn = i32At(CONFIG_OPEN_COLUMN);
  closeColumn = i32At(CONFIG_CLOSE_COLUMN);
  lengthMaxMs = f64At(CONFIG_LENGTH_MAX_MS);
  triggerCount = i32At(CONFIG_TRIGGER_COUNT);
  isMerging = windowKind == WINDOW_SESSION;
  keepsKeyRecords = windowKind == WINDOW_AROUND || windowKind == WINDOW_BY_RECORD;
  const isCut = windowKind == WINDOW_SESSION && lengthMaxMs != Infinity && !isProcessingTime;
  keepsRecords = !keepsKeyRecords && ((flags & FLAG_KEEP_RECORDS) != 0 || evictor != EVICT_NONE || isCut);
  accumulatesAtFiring = keepsKeyRecords || evictor != EVICT_NONE || isCut;
  if (!isWord(domain, TIME_PROCESSING) || !isWord(accumulation, MODE_RETRACTING) || !isWord(closing, CLOSING_ALWAYS)) return false;
  if (!(latenessMs >= 0) || (Math.floor(latenessMs) != latenessMs && latenessMs != Infinity)) return false;
  return isWindowValid() && isEvictorValid() && isTriggerValid();
}

function isWord(value: i32, last: i32): bool {
  return value >= 0 && value <= last;
}

function isColumn(column: i32): bool {
  return <u32>column < <u32>columnCount;
}

function isLength(ms: f64): bool {
  return ms == 0 || isDuration(ms);
}

function isCount(n: f64): bool {
  return n >= 1 && n <= COUNT_MAX && Math.floor(n) == n;
}

function isWindowValid(): bool {
  if (lengthMaxMs != Infinity && !isDuration(lengthMaxMs)) return false;
  switch (windowKind) {
    case WINDOW_ALIGNED:
    case WINDOW_CUMULATE:
      if (!(Math.abs(offsetMs) <= TIME_MAX_MS) || Math.floor(offsetMs) != offsetMs) return false;
      return isDuration(sizeMs) && isDuration(slideMs);
    case WINDOW_SESSION:
      return gapColumn == -1 ? isDuration(sizeMs) : isColumn(gapColumn);
    case WINDOW_COUNT:
      return isCount(sizeMs) && isCount(slideMs);
    case WINDOW_GLOBAL:
      return true;
    case WINDOW_ASSIGNED:
      return isColumn(startColumn) && isColumn(endColumn) && isColumn(moreColumn);
    case WINDOW_AROUND:
      return isLength(sizeMs) && isLength(slideMs);
    case WINDOW_BY_RECORD:
      return isLength(sizeMs);
    case WINDOW_STATE:
      return isColumn(openColumn) && isColumn(closeColumn);
    default:
      return false;
  }
}

function isEvictorValid(): bool {
  if (evictor == EVICT_NONE) return true;
  if (!isWord(evictor, EVICT_DELTA) || keepsKeyRecords || evictorLimit != evictorLimit) return false;
  return evictor != EVICT_DELTA || isColumn(evictorColumn);
}

function hasChildren(kind: i32, first: i32): bool {
  if (kind < TRIGGER_ANY && kind != TRIGGER_WATERMARK) return first == -1;
  if (kind > TRIGGER_OR_FINALLY) return first == -1;
  if (first < 0 || first >= triggerCount) return false;
  const hasSecond = load<i32>(triggerNode(first), 8) != -1;
  if (kind == TRIGGER_WATERMARK || kind == TRIGGER_OR_FINALLY) return hasSecond;
  return kind != TRIGGER_REPEATEDLY || !hasSecond;
}

// Children come after their parent, so following them ends.
function isTriggerValid(): bool {
  if (triggerCount < 1 || triggerCount > TRIGGERS_MAX) return false;
  for (let n = 0; n < triggerCount; n++) {
    const node = triggerNode(n);
    if (!isWord(load<i32>(node), TRIGGER_FULL)) return false;
    const child = load<i32>(node, 4);
    const sibling = load<i32>(node, 8);
    if (!hasChildren(load<i32>(node), child)) return false;
    if ((child != -1 && (child <= n || child >= triggerCount)) || (sibling != -1 && (sibling <= n || sibling >= triggerCount))) return false;
  }
  return true;
}
