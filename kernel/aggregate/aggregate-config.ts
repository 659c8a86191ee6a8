/**
 * What of the config block says how the pane kernel aggregates: second columns, parameters, numbers.
 *
 * Before it, config.ts has read what both kernels share; after it, aggregate/pane-row lays out rows by these values.
 *
 * Invariant: after `areAggregatesValid` answered true, every aggregate has the value, the second column and the parameters it needs.
 */
import {
  COLUMN_CODE, COLUMN_F64, CONFIG_NUMBERS, CONFIG_PARAMETER_BYTES, CONFIG_PARAMETERS, CONFIG_SECONDS, FN_ARG_MAX, FN_ARG_MIN, FN_COLLECT,
  FN_CONCAT, FN_CORRELATION, FN_COUNT, FN_COUNT_DISTINCT, FN_COUNT_DISTINCT_APPROXIMATE, FN_COUNT_ROWS, FN_DELTA, FN_EVERY, FN_EWMA,
  FN_FIRST, FN_HISTOGRAM, FN_LAST, FN_HANDLE, FN_LINEAR_SLOPE, FN_MODE, FN_QUANTILE, FN_RECORDS, FN_STDDEV_POPULATION, FN_SUM_COMPENSATED,
  FN_SUM_OF_PRODUCTS, FN_TOP_FREQUENT, FN_TOP_LARGEST, FN_VARIANCE_SAMPLE, NUMBERS_MAX, PART_BASIC, PART_COMPENSATED, PART_COUNTS,
  PART_ENDS, PART_EXTREMES, PART_HISTOGRAM, PART_LARGEST, PART_MOMENTS, PART_REGISTERS, PART_SAMPLES, PART_SECOND, PART_SKETCH, PART_TIMES,
  RESULT_NUMBER, RESULT_NUMBER_PAIRS, RESULT_NUMBERS, RESULT_RECORDS, RESULT_TEXT, RESULT_TEXT_PAIRS, RESULT_TEXTS,
} from "../layout";
import {
  aggregateCount, aggregateFunction, aggregateValue, columnCount, columnKind, configBlock, valueColumn, valueCount, valueParts,
} from "../config";

export const TOP_MAX = 1000;
const BOUNDS_MAX = 255;
const PRECISION_MIN = 4;
const PRECISION_MAX = 16;
const ACCURACY_MIN: f64 = 0.0001;
const ACCURACY_MAX: f64 = 0.5;
const LIMIT_MAX: f64 = 2147483647;

/** Column that goes with the values, −1: none. */
export function valueSecond(value: i32): i32 {
  return load<i32>(configBlock() + CONFIG_SECONDS + value * 4);
}
export function isTextValue(value: i32): bool {
  return columnKind(valueColumn(value)) == COLUMN_CODE;
}
export function parameterA(aggregate: i32): f64 {
  return load<f64>(configBlock() + CONFIG_PARAMETERS + aggregate * CONFIG_PARAMETER_BYTES);
}
export function parameterB(aggregate: i32): f64 {
  return load<f64>(configBlock() + CONFIG_PARAMETERS + aggregate * CONFIG_PARAMETER_BYTES, 8);
}
/** Where the numbers begin that parameters point into. */
export function numberPtr(index: i32): usize {
  return configBlock() + CONFIG_NUMBERS + index * 8;
}

/** Which part of a row a function reads. */
export function partOf(fn: i32): i32 {
  if (fn >= FN_VARIANCE_SAMPLE && fn <= FN_STDDEV_POPULATION) return PART_MOMENTS;
  if (fn == FN_FIRST || fn == FN_LAST || fn == FN_DELTA) return PART_ENDS;
  if (fn == FN_SUM_COMPENSATED) return PART_COMPENSATED;
  if (fn <= FN_EVERY) return PART_BASIC;
  if (fn == FN_COUNT_DISTINCT || fn == FN_TOP_FREQUENT || fn == FN_MODE) return PART_COUNTS;
  if (fn == FN_COUNT_DISTINCT_APPROXIMATE) return PART_REGISTERS;
  if (fn == FN_QUANTILE) return PART_SKETCH;
  if (fn == FN_HISTOGRAM) return PART_HISTOGRAM;
  if (fn == FN_TOP_LARGEST) return PART_LARGEST;
  if (fn == FN_ARG_MIN || fn == FN_ARG_MAX) return PART_EXTREMES;
  if (fn >= FN_SUM_OF_PRODUCTS && fn <= FN_CORRELATION) return PART_SECOND;
  return fn == FN_LINEAR_SLOPE ? PART_TIMES : PART_SAMPLES;
}

/** How the cells of an aggregate's results are to be read: RESULT_* of layout.ts. */
export function resultForm(aggregate: i32): i32 {
  const fn = aggregateFunction(aggregate);
  if (fn == FN_RECORDS) return RESULT_RECORDS;
  if (fn == FN_HISTOGRAM) return RESULT_NUMBERS;
  const isList = fn == FN_COLLECT || fn == FN_CONCAT;
  const isPairs = fn == FN_TOP_FREQUENT || fn == FN_TOP_LARGEST;
  if (!isList && !isPairs && fn != FN_MODE && fn != FN_ARG_MIN && fn != FN_ARG_MAX) return RESULT_NUMBER;
  const isText = isTextValue(aggregateValue(aggregate));
  if (isList) return isText ? RESULT_TEXTS : RESULT_NUMBERS;
  if (isPairs) return isText ? RESULT_TEXT_PAIRS : RESULT_NUMBER_PAIRS;
  return isText ? RESULT_TEXT : RESULT_NUMBER;
}

/** Checks values, functions and parameters. Counts, columns and rings are in order. */
export function areAggregatesValid(): bool {
  for (let v = 0; v < valueCount; v++) {
    const second = valueSecond(v);
    if (second != -1 && (<u32>second >= <u32>columnCount || columnKind(second) != COLUMN_F64)) return false;
  }
  for (let a = 0; a < aggregateCount; a++) {
    const fn = aggregateFunction(a);
    if (fn < FN_COUNT_ROWS || fn > FN_HANDLE) return false;
    if (fn == FN_COUNT_ROWS || fn >= FN_RECORDS) continue;
    const value = aggregateValue(a);
    if (<u32>value >= <u32>valueCount || (valueParts(value) & partOf(fn)) == 0) return false;
    if (isTextValue(value) && !takesText(fn)) return false;
    if (needsSecond(fn) && valueSecond(value) < 0) return false;
    if (!areParametersValid(fn, parameterA(a), parameterB(a))) return false;
  }
  return true;
}

function takesText(fn: i32): bool {
  if (fn == FN_COUNT || fn == FN_COUNT_DISTINCT || fn == FN_COUNT_DISTINCT_APPROXIMATE || fn == FN_MODE) return true;
  if (fn == FN_TOP_FREQUENT || fn == FN_TOP_LARGEST || fn == FN_COLLECT || fn == FN_CONCAT) return true;
  return fn == FN_ARG_MIN || fn == FN_ARG_MAX;
}

function needsSecond(fn: i32): bool {
  return fn == FN_TOP_LARGEST || fn == FN_ARG_MIN || fn == FN_ARG_MAX || (fn >= FN_SUM_OF_PRODUCTS && fn <= FN_CORRELATION);
}

function isInteger(value: f64, least: f64, most: f64): bool {
  return value >= least && value <= most && Math.floor(value) == value;
}

function areParametersValid(fn: i32, a: f64, b: f64): bool {
  if (fn == FN_COUNT_DISTINCT_APPROXIMATE) return isInteger(a, PRECISION_MIN, PRECISION_MAX);
  if (fn == FN_QUANTILE) return a >= 0 && a <= 1 && b >= ACCURACY_MIN && b <= ACCURACY_MAX;
  if (fn == FN_TOP_FREQUENT || fn == FN_TOP_LARGEST) return isInteger(a, 1, TOP_MAX);
  if (fn == FN_COLLECT || fn == FN_CONCAT) return (isInteger(a, 1, LIMIT_MAX) || a == Infinity) && (b == 0 || b == 1);
  if (fn == FN_EWMA) return a > 0 && a < Infinity;
  if (fn == FN_HISTOGRAM) return isInteger(b, 1, BOUNDS_MAX) && isInteger(a, 0, NUMBERS_MAX - b) && isAscending(numberPtr(<i32>a), <i32>b);
  return true;
}

function isAscending(numbers: usize, count: i32): bool {
  for (let i = 0; i < count; i++) {
    const number = load<f64>(numbers + i * 8);
    if (number != number || (i > 0 && !(number > load<f64>(numbers + i * 8 - 8)))) return false;
  }
  return true;
}
