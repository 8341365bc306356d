/** @file `exp` and `log` in WGSL that let NaN through. WGSL promises nothing for NaN, and some drivers clamp the argument
 * first, which makes it a number; a diverging run must be seen as one. The test is on the bits, since compilers may take
 * `x == x` for true.
 */

/** `exp_of(x)`; `log_of(x)` for a softmax's sum, where 0 means that no score was above -infinity: NaN; and `nan()`, which
 * WGSL has no literal for. */
export const NAN_SAFE = `
var<private> nan_bits: u32 = 0x7fc00000u;
fn nan() -> f32 { return bitcast<f32>(nan_bits); }
fn is_nan(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u; }
fn exp_of(x: f32) -> f32 { return select(exp(x), x, is_nan(x)); }
fn log_of(x: f32) -> f32 { return select(log(x), nan(), is_nan(x) || x == 0.0); }`;
