/**
 * Powers of two for exponential decay, without tables and the same on all machines.
 *
 * Invariant: only additions and multiplications of IEEE doubles in a fixed order; relative error below 1e-15.
 */
const LN_2: f64 = 0.6931471805599453;
const EXPONENT_MAX: f64 = 1074;

/** 1 − 2^(−x) for x ≥ 0: what is gone after x half-lives. */
export function decayed(x: f64): f64 {
  if (x <= 0.5) return -expMinus1(-x * LN_2);
  if (!(x < EXPONENT_MAX)) return 1;
  const whole = Math.floor(x + 0.5);
  const power = reinterpret<f64>((1023 - min<u64>(<u64>whole, 1022)) << 52);
  return 1 - (1 + expMinus1((whole - x) * LN_2)) * power;
}

// e^r − 1 for |r| ≤ ½ ln 2: Taylor's series; its 15th term is below 1e-18 of the first.
function expMinus1(r: f64): f64 {
  let sum = r / 14;
  for (let k: f64 = 13; k >= 2; k -= 1) sum = (1 + sum) * (r / k);
  return (1 + sum) * r;
}
