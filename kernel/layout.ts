/**
 * THE bytes: every offset, size, opcode and status that the kernel (AssemblyScript) and the runtime (TypeScript) share.
 *
 * This file is both languages. It imports nothing and uses only their common subset: integer constants without
 * annotation and small i32 functions with `+ - * & | ~ << >>>` whose results stay below 2^31.
 *
 * Invariant: LAYOUT_VERSION changes whenever a constant below changes its meaning; the wasm exports it and the runtime
 * refuses another one.
 */

export const LAYOUT_VERSION = 3;

export const CACHE_LINE_BYTES = 64;
export const PAGE_BYTES = 65536;

/**
 * The memory of one kernel: what the runtime lays out before `configure`, then the kernel's own state.
 *
 *     0        64         1024      8192        ...          stateOffset
 *     ┌────────┬──────────┬─────────┬───────────┬────────────┬─────────────
 *     │ unused │ doorbell │ config  │ input ring│ output ring│ state, grows
 *     └────────┴──────────┴─────────┴───────────┴────────────┴─────────────
 *
 * Rings lie below the initial size, so views of them stay valid when the kernel grows its memory.
 */
export const DOORBELL_OFFSET = CACHE_LINE_BYTES; // i32 counter, i32 waiting; used by JavaScript alone
export const CONFIG_OFFSET = 1024;
export const RINGS_OFFSET = 8192;

/**
 * Ring of slots: one producer, one consumer.
 *
 *     0         64        128                192       bytes
 *     ┌─────────┬─────────┬──────────────────┬─────────┬─────────┬───
 *     │  tail   │  head   │ geometry         │ slot 0  │ slot 1  │ ...
 *     └─────────┴─────────┴──────────────────┴─────────┴─────────┴───
 *      producer  consumer  written once
 *
 * tail and head are free-running positions (modulo 2^32); slot index = position & (slotCount - 1).
 * Invariant: 0 <= tail - head <= slotCount, a power of two. A line of cache each, so the threads do not contend.
 * A slot is published by an atomic store of tail after its bytes, and released by an atomic store of head.
 */
export const RING_TAIL_OFFSET = 0; // i32, the producer stores to publish
export const RING_HEAD_OFFSET = RING_TAIL_OFFSET + CACHE_LINE_BYTES; // i32, the consumer stores to release
export const RING_SLOT_COUNT_OFFSET = RING_HEAD_OFFSET + CACHE_LINE_BYTES; // i32
export const RING_SLOT_BYTES_OFFSET = RING_SLOT_COUNT_OFFSET + 4; // i32, a multiple of 64
export const RING_SLOTS_OFFSET = RING_SLOT_COUNT_OFFSET + CACHE_LINE_BYTES;

export function ringBytes(slotCount: i32, slotBytes: i32): i32 {
  return RING_SLOTS_OFFSET + slotCount * slotBytes;
}

/**
 * Slot: whatever flows. Header, then columns or bytes by kind.
 *
 *     0      4          8             16       20         24             32               36
 *     ┌──────┬──────────┬─────────────┬────────┬──────────┬──────────────┬────────────────┬────────────┐
 *     │ kind │ rowCount │ watermarkMs │ epoch  │ nullMask │ checkpointId │ payloadBytes   │ generation │
 *     └──────┴──────────┴─────────────┴────────┴──────────┴──────────────┴────────────────┴────────────┘
 *     40: processingTimeMs
 */
export const SLOT_KIND_OFFSET = 0; // i32, SLOT_*
export const SLOT_ROW_COUNT_OFFSET = SLOT_KIND_OFFSET + 4; // i32
export const SLOT_WATERMARK_OFFSET = SLOT_ROW_COUNT_OFFSET + 4; // f64 ms, the watermark that holds AFTER the rows of this slot, passed on even if it does not advance; NaN: none
export const SLOT_EPOCH_OFFSET = SLOT_WATERMARK_OFFSET + 8; // i32, a consumer refuses slots of another epoch
export const SLOT_NULL_MASK_OFFSET = SLOT_EPOCH_OFFSET + 4; // i32, bit c: data column c has validity bytes in this slot (else no nulls)
export const SLOT_CHECKPOINT_OFFSET = SLOT_NULL_MASK_OFFSET + 4; // f64, checkpointId of a barrier
export const SLOT_PAYLOAD_BYTES_OFFSET = SLOT_CHECKPOINT_OFFSET + 8; // i32, bytes used after the header by dictionary entries
export const SLOT_GENERATION_OFFSET = SLOT_PAYLOAD_BYTES_OFFSET + 4; // i32, dictionary generation of the codes in this slot
export const SLOT_PROCESSING_TIME_OFFSET = SLOT_GENERATION_OFFSET + 4; // f64 ms; with rows: the host's clock when they are processed; without: the last millisecond that is over; NaN: not told. Read by the pane kernel alone
export const SLOT_HEADER_BYTES = 64;

export const SLOT_BATCH = 1; // input: rows of columns, then the watermark of the header. 0 rows: a watermark only
export const SLOT_DICTIONARY = 2; // new dictionary entries, before the first batch that uses them
export const SLOT_BARRIER = 3; // checkpoint barrier: covers all slots before it
export const SLOT_END = 4; // nothing follows
export const SLOT_RESULT = 5; // output: fired panes, then the watermark of the header
export const SLOT_LATE = 6; // output: rows dropped as late, columns as in SLOT_BATCH
export const SLOT_BLOB = 7; // output: bytes that cells of the next result slot point into
export const SLOT_OPERATIONS = 8; // output: a piece of the stream of operations on accumulators outside the kernel

/**
 * Dictionary entry: what a u32 code stands for. Entries follow each other, each padded to 8 bytes.
 *
 *     0      4          8            12        bytes
 *     ┌──────┬──────────┬────────────┬──────────────────┐
 *     │ code │ keyGroup │ byteLength │ UTF-8 ...  │ pad │
 *     └──────┴──────────┴────────────┴──────────────────┘
 *
 * keyGroup is that of the key when the string alone is the key, else 0. An input slot with another generation than the one before
 * starts a new dictionary: all earlier codes of that ring are void.
 */
export const ENTRY_CODE_OFFSET = 0;
export const ENTRY_KEY_GROUP_OFFSET = ENTRY_CODE_OFFSET + 4;
export const ENTRY_BYTE_LENGTH_OFFSET = ENTRY_KEY_GROUP_OFFSET + 4;
export const ENTRY_BYTES_OFFSET = ENTRY_BYTE_LENGTH_OFFSET + 4;

export function entryBytes(byteLength: i32): i32 {
  return (ENTRY_BYTES_OFFSET + byteLength + 7) & ~7;
}

export const NULL_CODE = 0xffffffff; // u32 code column: the value is null

/**
 * Input slot (SLOT_BATCH), columns by the config's offsets: timestamp f64, keyGroup u32 (only when keys are hashed),
 * then the data columns (f64 or u32 code) and, for each, validity bytes (1: present, 0: null).
 *
 * Result slot (SLOT_RESULT): every column is 8 bytes a row, column-major, each `resultRowsMax` rows long:
 *
 *     0            1          2     3 ...              3 + keyCount ...
 *     ┌────────────┬──────────┬──────┬──────────────────┬─────────────────────┬─────────────────────────────┐
 *     │windowStart │windowEnd │ pane │ keys             │ aggregates          │ validity bytes of all columns│
 *     └────────────┴──────────┴──────┴──────────────────┴─────────────────────┴─────────────────────────────┘
 *
 * windowStart, windowEnd: f64 ms. pane: f64, index * 4 + timing. Key: f64 of a number, or the kernel's own u32 code (as f64) of a string.
 * Validity is written for keys and aggregates; of the others it is not read.
 */
export const RESULT_WINDOW_START = 0;
export const RESULT_WINDOW_END = 1;
export const RESULT_PANE = 2;
export const RESULT_FIRST_KEY = 3;

/**
 * Result slots of the pane kernel have one column more before the keys: change + 4 if the pane is its window's last.
 *
 * A cell whose result is text or a list holds two u32, offset and length in bytes, of the payloads of the SLOT_BLOB slots since the
 * result slot before, one after the other. What lies there, by RESULT_*:
 *
 *     RESULT_TEXT           UTF-8
 *     RESULT_NUMBERS        f64 each
 *     RESULT_TEXTS          each: i32 byteLength, i32 0, UTF-8, padded to 8
 *     RESULT_NUMBER_PAIRS   each: f64 value, f64 number
 *     RESULT_TEXT_PAIRS     each: f64 number, i32 byteLength, i32 0, UTF-8, padded to 8
 *     RESULT_RECORDS        each: f64 timestamp, then for each data column of the input slot: i32 form, i32 byteLength, payload padded to 8
 *
 * form of a record's cell: 0 null (no payload), 1 number (f64), 2 text (UTF-8).
 */
export const RESULT_CHANGE = 3;
export const PANE_RESULT_FIRST_KEY = 4;

export const RESULT_NUMBER = 0;
export const RESULT_TEXT = 1;
export const RESULT_NUMBERS = 2;
export const RESULT_TEXTS = 3;
export const RESULT_NUMBER_PAIRS = 4;
export const RESULT_TEXT_PAIRS = 5;
export const RESULT_RECORDS = 6;

/**
 * Operations on accumulators that the kernel does not keep: custom aggregates, which are functions of the coordinator's side. They come in
 * the order in which they happen, before and after the results they belong to; the payloads of SLOT_OPERATIONS slots are one stream of bytes.
 *
 *     0            4      8        16                  24
 *     ┌────────────┬──────┬────────┬───────────────────┬──────────────────────────────────────────┐
 *     │ byteLength │ kind │ handle │ handle of another │ ADD: one record, as RESULT_RECORDS has it │
 *     └────────────┴──────┴────────┴───────────────────┴──────────────────────────────────────────┘
 *
 * A handle names a window's accumulators: key group · 2^38 + a number no other window of the group has had. FN_HANDLE gives it as result.
 * MERGE: those of the other are added to these, and are gone. DROP: they are gone; an ADD may begin them anew.
 */
export const OPERATION_BYTES_OFFSET = 0; // i32, of the operation, a multiple of 8
export const OPERATION_KIND_OFFSET = OPERATION_BYTES_OFFSET + 4; // i32, OPERATION_*
export const OPERATION_HANDLE_OFFSET = OPERATION_KIND_OFFSET + 4; // f64
export const OPERATION_OTHER_OFFSET = OPERATION_HANDLE_OFFSET + 8; // f64
export const OPERATION_RECORD_OFFSET = OPERATION_OTHER_OFFSET + 8;
export const OPERATION_ADD = 1;
export const OPERATION_MERGE = 2;
export const OPERATION_DROP = 3;
export const HANDLES_A_GROUP = 274877906944; // 2^38

export const CELL_NULL = 0;
export const CELL_NUMBER = 1;
export const CELL_TEXT = 2;

export const CHANGE_INSERT = 0; // +I
export const CHANGE_UPDATE_BEFORE = 1; // -U
export const CHANGE_UPDATE_AFTER = 2; // +U
export const CHANGE_DELETE = 3; // -D
export const CHANGE_LAST = 4; // added to the others when nothing follows for this window

export function resultColumnOffset(column: i32, resultRowsMax: i32): i32 {
  return SLOT_HEADER_BYTES + column * resultRowsMax * 8;
}
export function resultValidityOffset(column: i32, columnCount: i32, resultRowsMax: i32): i32 {
  return SLOT_HEADER_BYTES + columnCount * resultRowsMax * 8 + column * resultRowsMax;
}
export function resultSlotBytes(columnCount: i32, resultRowsMax: i32): i32 {
  return (SLOT_HEADER_BYTES + columnCount * resultRowsMax * 9 + 63) & ~63;
}

export const PANE_EARLY = 0;
export const PANE_ON_TIME = 1;
export const PANE_LATE = 2;

/** Config block: written by the runtime at CONFIG_OFFSET, read once by `configure`. */
export const CONFIG_LAYOUT_VERSION = 0; // i32
export const CONFIG_INPUT_RING = CONFIG_LAYOUT_VERSION + 4; // i32 offset in memory
export const CONFIG_OUTPUT_RING = CONFIG_INPUT_RING + 4; // i32
export const CONFIG_STATE = CONFIG_OUTPUT_RING + 4; // i32, where state begins, a multiple of 64
export const CONFIG_PAGES_MAX = CONFIG_STATE + 4; // i32, most pages of 64 KiB the memory may have
export const CONFIG_LATE_POLICY = CONFIG_PAGES_MAX + 4; // i32, LATE_*
export const CONFIG_EPOCH = CONFIG_LATE_POLICY + 4; // i32
export const CONFIG_TABLE_BYTES_MAX = CONFIG_EPOCH + 4; // i32, a larger slice table is replaced by a slice log (see state/window-state)
export const CONFIG_SIZE_MS = CONFIG_TABLE_BYTES_MAX + 4; // f64
export const CONFIG_SLIDE_MS = CONFIG_SIZE_MS + 8; // f64; equal to size: tumbling
export const CONFIG_OFFSET_MS = CONFIG_SLIDE_MS + 8; // f64
export const CONFIG_LATENESS_MS = CONFIG_OFFSET_MS + 8; // f64
export const CONFIG_BATCH_ROWS_MAX = CONFIG_LATENESS_MS + 8; // i32, most rows of an input slot
export const CONFIG_RESULT_ROWS_MAX = CONFIG_BATCH_ROWS_MAX + 4; // i32, rows of a result slot, a multiple of 16
export const CONFIG_TIMESTAMP_COLUMN = CONFIG_RESULT_ROWS_MAX + 4; // i32 offset in the input slot
export const CONFIG_KEY_GROUP_COLUMN = CONFIG_TIMESTAMP_COLUMN + 4; // i32 offset in the input slot, or -1: the dictionary tells
export const CONFIG_COLUMN_COUNT = CONFIG_KEY_GROUP_COLUMN + 4; // i32, data columns, at most COLUMNS_MAX
export const CONFIG_KEY_COUNT = CONFIG_COLUMN_COUNT + 4; // i32, 0: one window for all, at most KEYS_MAX
export const CONFIG_VALUE_COUNT = CONFIG_KEY_COUNT + 4; // i32, aggregated columns, at most COLUMNS_MAX
export const CONFIG_AGGREGATE_COUNT = CONFIG_VALUE_COUNT + 4; // i32, at most AGGREGATES_MAX
export const CONFIG_COLUMNS = 128; // COLUMNS_MAX x { kind i32, values offset i32, validity offset i32, unused }
export const CONFIG_COLUMN_BYTES = 16;
export const CONFIG_KEYS = 640; // KEYS_MAX x column index i32
export const CONFIG_VALUES = 704; // COLUMNS_MAX x { column index i32, parts i32 }
export const CONFIG_VALUE_BYTES = 8;
export const CONFIG_AGGREGATES = 960; // AGGREGATES_MAX x { function i32, value index i32 (-1: rows) }
export const CONFIG_AGGREGATE_BYTES = 8;

/** What the pane kernel reads beyond: second columns and parameters of aggregates, window, trigger. */
export const CONFIG_SECONDS = 1472; // COLUMNS_MAX x column index i32 of a value's second column, -1: none
export const CONFIG_PARAMETERS = 1600; // AGGREGATES_MAX x { a f64, b f64 }
export const CONFIG_PARAMETER_BYTES = 16;
export const CONFIG_NUMBERS = 2624; // NUMBERS_MAX x f64, pointed into by parameters (histogram bounds)
export const CONFIG_PANES = 4672;
export const CONFIG_WINDOW_KIND = CONFIG_PANES; // i32, WINDOW_*
export const CONFIG_TIME_DOMAIN = CONFIG_WINDOW_KIND + 4; // i32, TIME_*
export const CONFIG_ACCUMULATION = CONFIG_TIME_DOMAIN + 4; // i32, MODE_*
export const CONFIG_PANE_FLAGS = CONFIG_ACCUMULATION + 4; // i32, FLAG_* added up
export const CONFIG_CLOSING = CONFIG_PANE_FLAGS + 4; // i32, CLOSING_*
export const CONFIG_EVICTOR = CONFIG_CLOSING + 4; // i32, EVICT_*
export const CONFIG_EVICTOR_COLUMN = CONFIG_EVICTOR + 4; // i32 data column of EVICT_DELTA
export const CONFIG_START_COLUMN = CONFIG_EVICTOR_COLUMN + 4; // i32 data column of WINDOW_ASSIGNED: start, ms; null: no window
export const CONFIG_END_COLUMN = CONFIG_START_COLUMN + 4; // i32 data column: end, ms
export const CONFIG_MORE_COLUMN = CONFIG_END_COLUMN + 4; // i32 data column: 1 when the next row is the same record with another window
export const CONFIG_GAP_COLUMN = CONFIG_MORE_COLUMN + 4; // i32 data column of WINDOW_SESSION: gap of the record, ms; -1: the size for all
export const CONFIG_OPEN_COLUMN = CONFIG_GAP_COLUMN + 4; // i32 data column of WINDOW_STATE: 1 opens
export const CONFIG_CLOSE_COLUMN = CONFIG_OPEN_COLUMN + 4; // i32 data column of WINDOW_STATE: 1 closes
export const CONFIG_TRIGGER_COUNT = CONFIG_CLOSE_COLUMN + 4; // i32 nodes of the trigger; node 0 is the root
export const CONFIG_LENGTH_MAX_MS = CONFIG_TRIGGER_COUNT + 4; // f64 longest session or state window; Infinity: any
export const CONFIG_EVICTOR_LIMIT = CONFIG_LENGTH_MAX_MS + 8; // f64 count, ms or threshold
export const CONFIG_TRIGGERS = CONFIG_EVICTOR_LIMIT + 8; // TRIGGERS_MAX x { kind, first child, next sibling (-1: none), flags: i32; parameter f64; data column i32, unused }
export const CONFIG_TRIGGER_BYTES = 32;
export const CONFIG_BYTES = CONFIG_TRIGGERS + 1024;

export const TRIGGERS_MAX = 32;
export const NUMBERS_MAX = 256;

export const WINDOW_ALIGNED = 0; // tumbling and sliding: size, slide, offset
export const WINDOW_CUMULATE = 1; // size, step in slide, offset
export const WINDOW_SESSION = 2; // gap in size
export const WINDOW_COUNT = 3; // n in size, every in slide
export const WINDOW_GLOBAL = 4;
export const WINDOW_ASSIGNED = 5; // by columns start, end, more
export const WINDOW_AROUND = 6; // before in size, after in slide
export const WINDOW_BY_RECORD = 7; // difference in size
export const WINDOW_STATE = 8; // columns open, close

export const TIME_EVENT = 0;
export const TIME_PROCESSING = 1;

export const MODE_ACCUMULATING = 0;
export const MODE_DISCARDING = 1;
export const MODE_RETRACTING = 2;

export const FLAG_EMIT_UNCHANGED = 1;
export const FLAG_EMPTY_PANES = 2;
export const FLAG_KEEP_RECORDS = 4; // windows keep their records
export const FLAG_PARTIAL = 8; // count windows that are not full fire at the end of the stream
export const FLAG_OPERATIONS = 16; // records, merges and ends of windows are told as operations

export const CLOSING_NONE = 0;
export const CLOSING_IF_NON_EMPTY = 1;
export const CLOSING_ALWAYS = 2;

export const EVICT_NONE = 0;
export const EVICT_COUNT = 1;
export const EVICT_TIME = 2;
export const EVICT_DELTA = 3;
export const EVICT_AFTER = 4; // added to the others

export const TRIGGER_WATERMARK = 0; // end of the window; children: early, late (TRIGGER_NONE where absent)
export const TRIGGER_COUNT = 1; // parameter: n
export const TRIGGER_PERIODIC = 2; // processing time; parameter: interval
export const TRIGGER_DELAY = 3; // processing time; parameter: delay
export const TRIGGER_CONTINUOUS = 4; // event time; parameter: interval
export const TRIGGER_RECORD = 5; // column: 1 fires
export const TRIGGER_END = 6; // end of the stream
export const TRIGGER_ANY = 7;
export const TRIGGER_ALL = 8;
export const TRIGGER_IN_ORDER = 9;
export const TRIGGER_REPEATEDLY = 10; // one child
export const TRIGGER_OR_FINALLY = 11; // children: of, until
export const TRIGGER_NONE = 12; // never fires
export const TRIGGER_FULL = 13; // a count window that is full
export const TRIGGER_PURGE = 1; // flag: firing purges

export const COLUMNS_MAX = 32;
export const KEYS_MAX = 16;
export const AGGREGATES_MAX = 64;

export const COLUMN_F64 = 0;
export const COLUMN_CODE = 1;

export const LATE_DROP = 0;
export const LATE_OUTPUT = 1;
export const LATE_FAIL = 2;

/** Parts of an accumulator: which blocks the row of a (key, slice) has for an aggregated column. BASIC is always there. */
export const PART_BASIC = 1; // { sum, count | min, -max }: count, sum, mean, min, max
export const PART_MOMENTS = 2; // { mean, m2 }: variance, stddev; needs the count of BASIC
export const PART_COMPENSATED = 4; // { sum, compensation }: Neumaier's sum
export const PART_ENDS = 8; // { first ms, first, last ms, last }

export const FN_COUNT_ROWS = 0;
export const FN_COUNT = 1;
export const FN_SUM = 2;
export const FN_MIN = 3;
export const FN_MAX = 4;
export const FN_MEAN = 5;
export const FN_VARIANCE_SAMPLE = 6;
export const FN_VARIANCE_POPULATION = 7;
export const FN_STDDEV_SAMPLE = 8;
export const FN_STDDEV_POPULATION = 9;
export const FN_FIRST = 10;
export const FN_LAST = 11;
export const FN_SUM_COMPENSATED = 12;

/** Of the pane kernel alone. */
export const PART_SECOND = 16; // { n, Σxy, mean x, mean y, m2 x, m2 y, cxy }: two columns, both present
export const PART_EXTREMES = 32; // the value at the smallest and largest second column
export const PART_SAMPLES = 64; // list of (ms, value), in order of arrival
export const PART_COUNTS = 128; // distinct value → how often
export const PART_REGISTERS = 256; // HyperLogLog; needs the parameter of its aggregate
export const PART_SKETCH = 512; // exact values while few, then DDSketch
export const PART_HISTOGRAM = 1024; // counts between bounds
export const PART_TIMES = 2048; // co-moments of event time and value
export const PART_LARGEST = 4096; // the k values with the largest second column

export const FN_ANY = 13;
export const FN_EVERY = 14;
export const FN_COUNT_DISTINCT = 15;
export const FN_COUNT_DISTINCT_APPROXIMATE = 16; // a: precision
export const FN_QUANTILE = 17; // a: q, b: accuracy
export const FN_HISTOGRAM = 18; // a: first of its bounds in CONFIG_NUMBERS, b: number of bounds
export const FN_TOP_FREQUENT = 19; // a: k
export const FN_TOP_LARGEST = 20; // a: k
export const FN_MODE = 21;
export const FN_ARG_MIN = 22;
export const FN_ARG_MAX = 23;
export const FN_COLLECT = 24; // a: limit (Infinity: none), b: 1 by event time, 0 by arrival
export const FN_CONCAT = 25; // as FN_COLLECT, of text; the runtime joins
export const FN_SUM_OF_PRODUCTS = 26;
export const FN_COVARIANCE_SAMPLE = 27;
export const FN_COVARIANCE_POPULATION = 28;
export const FN_CORRELATION = 29;
export const FN_LINEAR_SLOPE = 30; // per second
export const FN_TIME_WEIGHTED_MEAN = 31;
export const FN_DELTA = 32;
export const FN_RATE = 33; // per second, resets counted
export const FN_EWMA = 34; // a: half-life in ms
export const FN_RECORDS = 35; // the window's records
export const FN_HANDLE = 36; // the name of the window's accumulators outside the kernel

/** What a kernel export answers. Negative: the job has failed. */
export const STATUS_IDLE = 0; // the input ring is empty
export const STATUS_PROGRESS = 1; // slots were processed; there may be more
export const STATUS_OUTPUT_FULL = 2; // the output ring is full; call again when there is room
export const STATUS_BARRIER = 3; // a barrier is at the head of the input ring: snapshot, then passBarrier
export const STATUS_END = 4; // the end was passed on; nothing follows
export const STATUS_OK = 5;
export const STATUS_STATE_LIMIT = -1; // state does not fit in pagesMax pages
export const STATUS_LATE_RECORD = -2; // LATE_FAIL and a late record came
export const STATUS_SLOT_INVALID = -3; // a slot of another epoch, kind or size
export const STATUS_SNAPSHOT_INVALID = -4; // bytes to restore are not a snapshot of this configuration
export const STATUS_CONFIG_INVALID = -5;

/** Indices of `counter(index)`, each an f64. */
export const COUNTER_RECORDS_IN = 0;
export const COUNTER_LATE_DROPPED = 1; // records whose windows are all past their lateness
export const COUNTER_LATE_UPDATES = 2; // panes fired late
export const COUNTER_RESULTS = 3; // panes fired in all
export const COUNTER_KEYS = 4;
export const COUNTER_SLICES = 5;
export const COUNTER_STATE_BYTES = 6;
export const COUNTER_WATERMARK = 7; // ms; -Infinity before the first
export const COUNTER_OUTSIDE = 8; // records that lie in no window (slide larger than size)
export const COUNTER_CLOSED = 9; // (record, window) pairs refused because the window's trigger had finished
export const COUNTER_NEXT_EVENT = 10; // watermark at which something is due next, ms; Infinity: nothing waits
export const COUNTER_NEXT_CLOCK = 11; // the same on the host's clock
export const COUNTERS = 12;

/**
 * Snapshot: sections one after the other, each for one key group, so that a job can restart with another number of
 * workers. All integers little-endian, sections padded to 8 bytes.
 *
 *     0              4      8          12           16            24        bytes
 *     ┌──────────────┬──────┬──────────┬────────────┬─────────────┬──────────────
 *     │ sectionBytes │ kind │ keyGroup │ entryCount │ position f64│ entries ...
 *     └──────────────┴──────┴──────────┴────────────┴─────────────┴──────────────
 *
 * OPERATOR: one for each worker, keyGroup -1. KEYS: the keys of a group in order of first appearance (position unused).
 * SLICE: rows of a slice (position: slice number). PANES: how often the windows' panes fired (position: window number).
 * Entries of SLICE and PANES name a key by its index in the KEYS section of their group.
 */
export const SECTION_BYTES_OFFSET = 0; // i32, with the header
export const SECTION_KIND_OFFSET = SECTION_BYTES_OFFSET + 4; // i32
export const SECTION_KEY_GROUP_OFFSET = SECTION_KIND_OFFSET + 4; // i32
export const SECTION_ENTRY_COUNT_OFFSET = SECTION_KEY_GROUP_OFFSET + 4; // i32
export const SECTION_POSITION_OFFSET = SECTION_ENTRY_COUNT_OFFSET + 4; // f64
export const SECTION_HEADER_BYTES = SECTION_POSITION_OFFSET + 8;
export const SECTION_OPERATOR = 1;
export const SECTION_KEYS = 2;
export const SECTION_SLICE = 3;
export const SECTION_PANES = 4;
export const SECTION_WINDOWS = 5; // pane kernel: windows of a key group with all they keep
export const SECTION_FUNCTIONS = 6; // accumulators outside the kernel, by the runtime: the kernel never sees it
