/**
 * Results of a row: a cell and a validity byte for each aggregate, texts and lists in the blobs.
 *
 * Before it, a window fires; after it, pane/ writes cells and blobs to the output ring. Forms of cells are drawn in layout.ts.
 *
 * Invariant: a list is always there, be it empty; of everything else nothing is given for a window without values.
 */
import {
  FN_ANY, FN_ARG_MAX, FN_ARG_MIN, FN_COLLECT, FN_CONCAT, FN_CORRELATION, FN_COUNT_DISTINCT, FN_COUNT_DISTINCT_APPROXIMATE, FN_DELTA,
  FN_EVERY, FN_EWMA, FN_HISTOGRAM, FN_LINEAR_SLOPE, FN_MODE, FN_RATE, FN_RECORDS, FN_SUM_COMPENSATED, FN_SUM_OF_PRODUCTS,
  FN_TIME_WEIGHTED_MEAN, FN_TOP_FREQUENT, FN_TOP_LARGEST,
} from "../layout";
import { aggregateCount, aggregateFunction, aggregateValue } from "../config";
import { blobBytes, closeBlob } from "../batch/blob-buffer";
import { basicOffset, endsOffset } from "../state/accumulator-row";
import { allocate } from "../state/arena";
import { stringBytes } from "../state/dictionary";
import { writeResults } from "./accumulator";
import { isTextValue, parameterA, parameterB } from "./aggregate-config";
import { hasResult, secondResult, slopeResult } from "./co-moments";
import { distinctCount, modeCell, writeMostFrequent } from "./distinct-counts";
import { extremeCell } from "./extremes";
import { writeHistogram } from "./histogram";
import { estimate } from "./hyper-log-log";
import { blockA, blockB, blockOfAggregate, blockOffset } from "./pane-blocks";
import { perDoublingOf, quantile } from "./quantile-sketch";
import { orderSamples } from "./sample-list";
import { ewma, hasSampleResult, rate, timeWeightedMean, writeSamples } from "./sample-results";
import { writeLargest } from "./top-list";
import { appendPlainText, oneNaN } from "./value-cell";

let rowList: usize = 0; // u32, the row: aggregate/accumulator takes many

export function configureResults(): bool {
  rowList = allocate(4);
  return rowList != 0;
}

/** Writes the results of all aggregates; false when memory is exhausted. Cells of FN_RECORDS and FN_HANDLE are left null. */
export function writePaneResults(row: usize, cells: usize, validity: usize): bool {
  store<u32>(rowList, <u32>row);
  for (let a = 0; a < aggregateCount; a++, cells += 8, validity++) {
    const fn = aggregateFunction(a);
    if (fn <= FN_SUM_COMPENSATED) {
      writeResults(fn, aggregateValue(a), rowList, 1, cells, validity);
    } else if (!writeResult(a, fn, row, cells, validity)) return false;
  }
  return true;
}

function writeResult(a: i32, fn: i32, row: usize, cell: usize, validity: usize): bool {
  store<u64>(cell, 0);
  store<u8>(validity, 0);
  if (fn >= FN_RECORDS) return true;
  const value = aggregateValue(a);
  const basic = row + basicOffset(value);
  const b = blockOfAggregate(a);
  const block = b < 0 ? 0 : row + blockOffset(b);
  const isText = isTextValue(value);
  if (fn == FN_COLLECT || fn == FN_CONCAT || fn == FN_HISTOGRAM || fn == FN_TOP_FREQUENT || fn == FN_TOP_LARGEST) {
    const offset = blobBytes();
    if (!writeList(a, fn, b, block, isText)) return false;
    closeBlob(cell, offset, blobBytes() - offset);
    store<u8>(validity, 1);
    return true;
  }
  if (fn == FN_MODE || fn == FN_ARG_MIN || fn == FN_ARG_MAX) {
    return writeValue(fn == FN_MODE ? modeCell(block, isText) : extremeCell(fn, block), isText, cell, validity);
  }
  if (fn >= FN_SUM_OF_PRODUCTS && fn <= FN_CORRELATION) return writeNumber(secondResult(fn, block), hasResult, cell, validity);
  if (fn == FN_LINEAR_SLOPE) return writeNumber(slopeResult(block), hasResult, cell, validity);
  if (fn == FN_COUNT_DISTINCT) return writeNumber(distinctCount(block), true, cell, validity);
  if (fn == FN_COUNT_DISTINCT_APPROXIMATE) return writeNumber(estimate(block, <i32>blockA(b)), true, cell, validity);
  if (fn == FN_TIME_WEIGHTED_MEAN || fn == FN_RATE || fn == FN_EWMA) return writeSampled(a, fn, block, cell, validity);
  const isThere = load<f64>(basic, 8) > 0;
  if (fn == FN_ANY) return writeNumber(f64(-load<f64>(basic, 24) > 0), isThere, cell, validity);
  if (fn == FN_EVERY) return writeNumber(f64(load<f64>(basic, 16) > 0), isThere, cell, validity);
  if (fn == FN_DELTA) {
    const ends = row + endsOffset(value);
    return writeNumber(load<f64>(ends, 24) - load<f64>(ends, 8), isThere, cell, validity);
  }
  return writeNumber(quantile(block, parameterA(a), perDoublingOf(b), parameterB(a)), isThere, cell, validity);
}

function writeNumber(value: f64, isThere: bool, cell: usize, validity: usize): bool {
  store<f64>(cell, isThere ? oneNaN(value) : 0);
  store<u8>(validity, u8(isThere));
  return true;
}

function writeValue(from: usize, isText: bool, cell: usize, validity: usize): bool {
  if (from == 0) return true;
  store<u8>(validity, 1);
  if (!isText) {
    store<f64>(cell, oneNaN(load<f64>(from)));
    return true;
  }
  const offset = blobBytes();
  if (!appendPlainText(<u32>load<u64>(from))) return false;
  closeBlob(cell, offset, stringBytes(<u32>load<u64>(from)));
  return true;
}

function writeList(a: i32, fn: i32, b: i32, block: usize, isText: bool): bool {
  if (fn == FN_HISTOGRAM) return writeHistogram(block, <i32>blockB(b));
  if (fn == FN_TOP_FREQUENT) return writeMostFrequent(block, <i32>parameterA(a), isText);
  if (fn == FN_TOP_LARGEST) return writeLargest(block, isText);
  return orderSamples(block, blockB(b) != 0) && writeSamples(block, blockA(b), isText);
}

function writeSampled(a: i32, fn: i32, block: usize, cell: usize, validity: usize): bool {
  if (!orderSamples(block, true)) return false;
  const result = fn == FN_EWMA ? ewma(block, parameterA(a)) : fn == FN_RATE ? rate(block) : timeWeightedMean(block);
  return writeNumber(result, hasSampleResult, cell, validity);
}
