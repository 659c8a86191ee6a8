/**
 * Blocks of linear memory for everything the kernel keeps between calls.
 *
 * Everybody in state/ takes blocks here and gives them back with the size they asked for. Sizes are rounded to classes,
 * four to a doubling; a freed block waits in the list of its class. Fresh memory comes from the end, and the end grows
 * up to the limit of the config.
 *
 * Invariant: a block is a multiple of 64 bytes at a multiple of 64, so that no 32-byte row crosses a line of cache.
 */
import { PAGE_BYTES } from "../layout";

const CLASSES = 128;
const BLOCK_BYTES_MAX: u32 = 1 << 30;
const REUSE_CLASSES = 3; // a block up to 1.75 times too large is better reused than left

let heads: usize = 0; // CLASSES x pointer of the first free block
let top: usize = 0;
let pageLimit: i32 = 0;
let usedBytes: f64 = 0;
let classNumber: i32 = 0; // answers of `classify`
let classBytes: u32 = 0;

/** Begins an empty arena at `start`; false when not even its lists fit. */
export function beginArena(start: usize, pagesMax: i32): bool {
  top = start;
  pageLimit = pagesMax;
  usedBytes = 0;
  heads = 0;
  heads = takeFresh(CLASSES * 4);
  if (heads == 0) return false;
  memory.fill(heads, 0, CLASSES * 4);
  return true;
}

/** Bytes of state in use. */
export function arenaBytes(): f64 {
  return usedBytes;
}

/** A block of at least `bytes`, with whatever it held before; 0 when the limit is reached. */
export function allocate(bytes: usize): usize {
  if (bytes > BLOCK_BYTES_MAX) return 0;
  classify(<u32>bytes);
  const size = classBytes;
  for (let c = classNumber, last = c + REUSE_CLASSES; c <= last; c++) {
    // A block of a larger class is given back under the smaller one: it has shrunk for good, by less than half.
    const block = <usize>load<u32>(heads + c * 4);
    if (block == 0) continue;
    store<u32>(heads + c * 4, load<u32>(block));
    usedBytes += size;
    return block;
  }
  const fresh = takeFresh(size);
  if (fresh != 0) usedBytes += size;
  return fresh;
}

/** Bytes of `count` things; too many for any block when the product is. */
export function bytesOf(count: i32, each: i32): usize {
  const bytes = <u64>count * <u64>each;
  return bytes > BLOCK_BYTES_MAX ? <usize>BLOCK_BYTES_MAX + 1 : <usize>bytes;
}

/** Gives back a block taken with `allocate(bytes)`; nothing when `ptr` is 0. */
export function release(ptr: usize, bytes: usize): void {
  if (ptr == 0) return;
  classify(<u32>bytes);
  usedBytes -= classBytes;
  store<u32>(ptr, load<u32>(heads + classNumber * 4));
  store<u32>(heads + classNumber * 4, <u32>ptr);
}

/** A larger block with the first `used` bytes of the old one, which is given back; 0 (and the old one kept) at the limit. */
export function reallocate(ptr: usize, bytes: usize, used: usize, newBytes: usize): usize {
  const block = allocate(newBytes);
  if (block == 0) return 0;
  memory.copy(block, ptr, used);
  release(ptr, bytes);
  return block;
}

function classify(bytes: u32): void {
  const size = max<u32>((bytes + 63) & ~63, 64);
  let power: u32 = 31 - clz(size);
  let shift: u32 = power < 8 ? 6 : power - 2;
  let step: u32 = (size - (<u32>1 << power) + (<u32>1 << shift) - 1) >> shift;
  if (step == <u32>1 << (power - shift)) {
    power++;
    step = 0;
    shift = power < 8 ? 6 : power - 2;
  }
  classNumber = <i32>((power - 6) * 4 + step);
  classBytes = (<u32>1 << power) + (step << shift);
}

function takeFresh(bytes: u32): usize {
  const end = <u64>top + bytes;
  const pagesNeeded = <i32>((end + PAGE_BYTES - 1) / PAGE_BYTES);
  const pages = memory.size();
  if (pagesNeeded > min(pageLimit, 65535)) return 0;
  if (pagesNeeded > pages) {
    // An eighth more than needed, so that growing is rare; where that is refused, exactly what is needed.
    const wanted = min(max(pagesNeeded, pages + (pages >> 3)), min(pageLimit, 65535));
    if (memory.grow(wanted - pages) < 0 && memory.grow(pagesNeeded - pages) < 0) return 0;
  }
  const block = top;
  top = <usize>end;
  return block;
}
