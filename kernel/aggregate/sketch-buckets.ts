/**
 * Buckets of DDSketch (Masson, Rim & Lee, VLDB 2019): the number of a positive value's bucket, and a value for a bucket.
 *
 * Bucket numbers grow by the logarithm of the value, taken from the bits of the float: the exponent, and a cubic through the
 * fraction that rises nowhere slower than needed (as in DataDog's sketches). So no logarithm is computed, and numbers are the same
 * on all machines, at the price of one bucket in a hundred more.
 *
 * Before it, aggregate/quantile-sketch takes signs, zeros and infinities away; after it, aggregate/sketch-store counts by bucket.
 *
 * Invariant: the value of a bucket is within the accuracy of every value that is in it.
 */
const A: f64 = 0.17142857142857143; // 6/35
const B: f64 = -0.6;
const C: f64 = 1.4285714285714286; // 10/7, the least slope in terms of the logarithm
const NORMAL_MIN: f64 = 2.2250738585072014e-308;

/** Fits the buckets to a relative accuracy: buckets for each doubling. */
export function bucketsPerDoubling(accuracy: f64): f64 {
  // ln γ = ln((1 + a) / (1 − a)) = 2 artanh a
  let logarithm: f64 = 0;
  let power = accuracy;
  for (let k: f64 = 1; power > 1e-18; k += 2) {
    logarithm += power / k;
    power *= accuracy * accuracy;
  }
  return 1 / (C * 2 * logarithm);
}

/** Values nearer to 0 have no bucket and count as 0. */
export function hasBucket(magnitude: f64): bool {
  return magnitude >= NORMAL_MIN;
}

/** Number of the bucket of a normal positive finite value. */
export function bucketOf(magnitude: f64, perDoubling: f64): i32 {
  const bits = reinterpret<u64>(magnitude);
  const exponent = <f64>(<i32>(bits >> 52) - 1023);
  const s = reinterpret<f64>((bits & 0x000fffffffffffff) | 0x3ff0000000000000) - 1;
  return <i32>Math.floor((exponent + ((A * s + B) * s + C) * s) * perDoubling);
}

/** A value no further than the accuracy from every value of the bucket. */
export function valueOfBucket(bucket: i32, perDoubling: f64, accuracy: f64): f64 {
  const position = <f64>bucket / perDoubling;
  const exponent = Math.floor(position);
  const wanted = position - exponent;
  let s = wanted;
  for (let i = 0; i < 8; i++) s -= (((A * s + B) * s + C) * s - wanted) / ((3 * A * s + 2 * B) * s + C);
  const lower = 1 + max<f64>(0, min<f64>(1, s));
  const power = <i32>exponent;
  // The lowest bucket may begin below the normal values.
  const scale = reinterpret<f64>(<u64>(max(-1022, min(1023, power)) + 1023) << 52);
  const value = lower * (1 + accuracy) * scale;
  return power < -1022 ? NORMAL_MIN : value;
}
