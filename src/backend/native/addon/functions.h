/** @file Elementary functions of vectors: exponential, logarithm, sigmoid, GELU. Those that training spends its time
 * in take one vector or several side by side (simd.h).
 */
#pragma once
#include "simd.h"

namespace {

/** `x` in `low .. high`; NaN stays NaN. */
LAB_INLINE vf clamp_v(vf x, float low, float high) {
#if defined(__AVX512F__)
  // min and max return their second operand where one is NaN.
  return (vf)_mm512_max_ps((__m512)splat(low), _mm512_min_ps((__m512)splat(high), (__m512)x));
#else
  x = x > splat(high) ? splat(high) : x;
  return x < splat(low) ? splat(low) : x;
#endif
}

/** The nearest whole number, for |x| < 2^22. */
LAB_INLINE vf round_v(vf x) {
#if defined(__AVX512F__)
  return (vf)_mm512_roundscale_ps((__m512)x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
#else
  const vf magic = splat(12582912.0f);
  return (x + magic) - magic;
#endif
}

/** `exp(x)` to about 2 units in the last place: `2^n e^r`, |r| <= ln 2 / 2, e^r by a polynomial of degree 6
 * (Cephes' coefficients). Above 88.7 infinity, below -87.3 zero (AVX-512: subnormal), NaN stays NaN. */
template <class X>
LAB_INLINE X exp_v(X x) {
#if defined(__AVX512F__)
  constexpr float kLow = -104.0f, kHigh = 89.0f;
#else
  constexpr float kLow = -87.33654f, kHigh = 88.72283f;
#endif
  const X y = each_of([](vf v) { return clamp_v(v, kLow, kHigh); }, x);
  const X n = each_of(round_v, y * splat(1.44269504f));
  X r = y - n * splat(0.693359375f);
  r = r - n * splat(-2.12194440e-4f);
  X p = r * splat(1.9875691500e-4f) + splat(1.3981999507e-3f);
  p = p * r + splat(8.3334519073e-3f);
  p = p * r + splat(4.1665795894e-2f);
  p = p * r + splat(1.6666665459e-1f);
  p = p * r + splat(5.0000001201e-1f);
  p = p * (r * r) + (r + splat(1.0f));
#if defined(__AVX512F__)
  return each_of([](vf q, vf e) { return (vf)_mm512_scalef_ps((__m512)q, (__m512)e); }, p, n);
#else
  return each_of(
      [](vf q, vf e, vf from) {
        // Two factors, so that e = 128 does not overflow the exponent; a NaN has a meaningless e and stays NaN.
        const vi whole = __builtin_convertvector(e == e ? e : vf{}, vi);
        const vi half = whole >> 1;
        const vf first = bits_to_float((half + 127) << 23);
        const vf second = bits_to_float((whole - half + 127) << 23);
        const vf result = from > splat(kHigh) ? splat(__builtin_inff()) : q * first * second;
        return from < splat(kLow) ? vf{} : result;
      },
      p, n, x);
#endif
}

/** `1 / x` for finite x of ordinary size, to about 1 unit in the last place. */
LAB_INLINE vf reciprocal_v(vf x) {
#if defined(__AVX512F__)
  const vf y = (vf)_mm512_rcp14_ps((__m512)x);
  return y + y * (splat(1.0f) - x * y);
#else
  return splat(1.0f) / x;
#endif
}

template <int N>
LAB_INLINE Many<N> reciprocal_v(Many<N> x) {
#if defined(__AVX512F__)
  const Many<N> y = make_many<N>([&](int i) { return (vf)_mm512_rcp14_ps((__m512)x.v[i]); });
  const Many<N> rest = make_many<N>([&](int i) { return splat(1.0f) - x.v[i] * y.v[i]; });
  return y + y * rest;
#else
  return make_many<N>([&](int i) { return splat(1.0f) / x.v[i]; });
#endif
}

/** `1 / (1 + exp(-x))`; 0 below -80, where it is less than 2e-35. */
LAB_INLINE vf sigmoid_v(vf x) {
  const vi is_low = x < splat(-80.0f);
  const vf y = reciprocal_v(splat(1.0f) + exp_v(is_low ? vf{} : -x));
  return is_low ? vf{} : y;
}

/** Natural logarithm: `x = 2^e m`, sqrt(1/2) <= m < sqrt(2), log m by a polynomial of degree 9 in m - 1 (Cephes).
 * log 0 = -infinity, of a negative number NaN. */
LAB_INLINE vf log_v(vf x) {
  const vf tiny = splat(1.17549435e-38f);
  const vi is_small = x < tiny;
  const vf scaled = is_small ? x * splat(8388608.0f) : x;
  const vi bits = (vi)scaled;
  vi e = ((bits >> 23) & 0xff) - 126;
  e = is_small ? e - 23 : e;
  vf m = bits_to_float((bits & 0x007fffff) | 0x3f000000);
  const vi below = m < splat(0.707106781f);
  e = below ? e - 1 : e;
  m = below ? m + m : m;
  m = m - splat(1.0f);
  const vf z = m * m;
  vf p = splat(7.0376836292e-2f);
  p = p * m + splat(-1.1514610310e-1f);
  p = p * m + splat(1.1676998740e-1f);
  p = p * m + splat(-1.2420140846e-1f);
  p = p * m + splat(1.4249322787e-1f);
  p = p * m + splat(-1.6668057665e-1f);
  p = p * m + splat(2.0000714765e-1f);
  p = p * m + splat(-2.4999993993e-1f);
  p = p * m + splat(3.3333331174e-1f);
  const vf ef = __builtin_convertvector(e, vf);
  vf y = p * m * z + ef * splat(-2.12194440e-4f) - splat(0.5f) * z;
  vf result = m + y + ef * splat(0.693359375f);
  const vf inf = splat(__builtin_inff());
  result = x == inf ? inf : result;
  result = x == vf{} ? -inf : result;
  result = (x < vf{} || x != x) ? splat(__builtin_nanf("")) : result;
  return result;
}

/** 2 sqrt(2 / pi), and the cubic term of the tanh form. */
constexpr float kGeluScale = 1.5957691216f, kGeluCubic = 0.044715f;

/** `1 / (1 + 2^t)` to about 3 units in the last place; 0 above t = 115, where it is less than 3e-35; NaN stays NaN.
 * `complement` is 1 less that, without cancellation. `2^t = 2^n 2^r`, |r| <= 1/2, 2^r = 1 + r q(r), q of degree 5
 * through the Chebyshev points. */
template <class X>
LAB_INLINE X gate_v(X t, X* complement) {
  t = each_of([](vf v) { return clamp_v(v, -126.0f, 126.0f); }, t);
  const X n = each_of(round_v, t);
  const X r = t - n;
  X p = r * splat(0.000154531629f) + splat(0.00133908634f);
  p = p * r + splat(0.00961808256f);
  p = p * r + splat(0.0555035711f);
  p = p * r + splat(0.240226508f);
  p = p * r + splat(0.693147188f);
  p = p * r + splat(1.0f);
  p = each_of(
      [](vf q, vf e) {
#if defined(__AVX512F__)
        return (vf)_mm512_scalef_ps((__m512)q, (__m512)e);
#else
        return q * bits_to_float((__builtin_convertvector(e == e ? e : vf{}, vi) + 127) << 23);
#endif
      },
      p, n);
  X s = reciprocal_v(p + splat(1.0f));
  s = each_of([](vf gate, vf from) { return from > splat(115.0f) ? vf{} : gate; }, s, t);
  *complement = p * s;
  return s;
}

/** `sigmoid(2u)`, u GELU's cubic, from x and its square. The constants carry -log2 e. */
template <class X>
LAB_INLINE X gelu_gate(X x, X square, X* complement) {
  constexpr float kLog2e = 1.44269504f;
  return gate_v(x * (square * splat(-kLog2e * kGeluScale * kGeluCubic) + splat(-kLog2e * kGeluScale)), complement);
}

/** GELU in its tanh form, as `x sigmoid(2u)` (model/ops/gelu.ts). */
template <class X>
LAB_INLINE X gelu_v(X x) {
  X complement;
  return x * gelu_gate(x, x * x, &complement);
}

/** GELU and its derivative. */
template <class X>
LAB_INLINE void gelu_both_v(X x, X* value, X* slope) {
  const X square = x * x;
  X complement;
  const X s = gelu_gate(x, square, &complement);
  const X inner = x * (square * splat(3 * kGeluCubic * kGeluScale) + splat(kGeluScale));
  *value = x * s;
  *slope = s * (inner * complement + splat(1.0f));
}

LAB_INLINE vf gelu_slope_v(vf x) {
  vf value, slope;
  gelu_both_v(x, &value, &slope);
  return slope;
}

}  // namespace
