/** @file Vectors of LAB_WIDTH floats on the compiler's vector extensions: one source for every instruction set.
 * A translation unit of kernels is compiled once for each variant with its own flags; everything is in an
 * anonymous namespace, so that the linker never merges code of one instruction set into another.
 * Tensors end in padding (pool.h), but rows do not: the last, partial vector of a row goes through
 * load_n and store_n.
 */
#pragma once
#include <cstdint>
#include <cstring>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#ifdef __clang__
#define LAB_UNROLL _Pragma("unroll")
#else
#define LAB_UNROLL _Pragma("GCC unroll 32")
#endif
#define LAB_INLINE inline __attribute__((always_inline))

namespace {

constexpr int W = LAB_WIDTH;
typedef float vf __attribute__((vector_size(LAB_WIDTH * 4)));
typedef int32_t vi __attribute__((vector_size(LAB_WIDTH * 4)));

LAB_INLINE vf load(const float* p) {
  vf v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}

LAB_INLINE void store(float* p, vf v) { __builtin_memcpy(p, &v, sizeof v); }

LAB_INLINE vf splat(float x) { return x - vf{}; }
LAB_INLINE vi splat_i(int32_t x) { return x - vi{}; }

/** The first n of W lanes, 0 < n <= W; the others become 0. */
LAB_INLINE vf load_n(const float* p, int n) {
#if defined(__AVX512F__)
  return (vf)_mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), p);
#else
  vf v{};
  __builtin_memcpy(&v, p, sizeof(float) * (size_t)n);
  return v;
#endif
}

/** Stores the first n lanes, 0 < n <= W. */
LAB_INLINE void store_n(float* p, vf v, int n) {
#if defined(__AVX512F__)
  _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), (__m512)v);
#else
  __builtin_memcpy(p, &v, sizeof(float) * (size_t)n);
#endif
}

/** 0, 1, 2, ... */
LAB_INLINE vi lanes() {
  vi v;
  for (int i = 0; i < W; i++) v[i] = i;
  return v;
}

/** `v` in the first n lanes, `other` in the rest. */
LAB_INLINE vf first_n(vf v, int n, vf other) { return lanes() < splat_i(n) ? v : other; }

/** The larger of each pair; NaN if either is NaN. */
LAB_INLINE vf max_nan(vf a, vf b) {
  const vf m = a > b ? a : b;
  return a == a ? m : a;
}

/** Folds the lanes, halves first: the same order for every row. */
template <class F>
LAB_INLINE float fold_lanes(vf v, F f) {
#if defined(__AVX512F__)
  const __m256 a = f(_mm512_castps512_ps256((__m512)v), _mm512_extractf32x8_ps((__m512)v, 1));
  const __m128 b = f(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
#elif defined(__AVX__)
  const __m128 b = f(_mm256_castps256_ps128((__m256)v), _mm256_extractf128_ps((__m256)v, 1));
#endif
#if defined(__AVX__)
  const __m128 c = f(b, _mm_movehl_ps(b, b));
  return _mm_cvtss_f32(f(c, _mm_shuffle_ps(c, c, 1)));
#else
  const float a = f(v[0], v[2]), b = f(v[1], v[3]);
  return f(a, b);
#endif
}

LAB_INLINE float sum_lanes(vf v) {
  return fold_lanes(v, [](auto a, auto b) { return a + b; });
}

/** The largest lane; a NaN among them may or may not be seen. */
LAB_INLINE float max_lanes(vf v) {
  return fold_lanes(v, [](auto a, auto b) { return a > b ? a : b; });
}

LAB_INLINE vf bits_to_float(vi v) { return (vf)v; }

/** `exp(x)` to about 2 units in the last place: `2^n e^r`, |r| <= ln 2 / 2, e^r by a polynomial of degree 6
 * (Cephes' coefficients). Above 88.7 infinity, below -87.3 zero (AVX-512: subnormal), NaN stays NaN. */
LAB_INLINE vf exp_v(vf x) {
#if defined(__AVX512F__)
  // min and max return their second operand where one is NaN.
  const vf y = (vf)_mm512_max_ps((__m512)splat(-104.0f), _mm512_min_ps((__m512)splat(89.0f), (__m512)x));
  const vf n = (vf)_mm512_roundscale_ps((__m512)(y * splat(1.44269504f)), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
#else
  const vf hi = splat(88.72283f), lo = splat(-87.33654f);
  const vf magic = splat(12582912.0f);
  vf y = x > hi ? hi : x;
  y = y < lo ? lo : y;
  const vf n = (y * splat(1.44269504f) + magic) - magic;
#endif
  vf r = y - n * splat(0.693359375f);
  r = r - n * splat(-2.12194440e-4f);
  vf p = splat(1.9875691500e-4f);
  p = p * r + splat(1.3981999507e-3f);
  p = p * r + splat(8.3334519073e-3f);
  p = p * r + splat(4.1665795894e-2f);
  p = p * r + splat(1.6666665459e-1f);
  p = p * r + splat(5.0000001201e-1f);
  p = p * (r * r) + (r + splat(1.0f));
#if defined(__AVX512F__)
  return (vf)_mm512_scalef_ps((__m512)p, (__m512)n);
#else
  // Two factors, so that n = 128 does not overflow the exponent; a NaN has a meaningless n and stays NaN.
  const vi whole = __builtin_convertvector(n == n ? n : vf{}, vi);
  const vi half = whole >> 1;
  const vf first = bits_to_float((half + 127) << 23);
  const vf second = bits_to_float((whole - half + 127) << 23);
  vf result = p * first * second;
  result = x > hi ? splat(__builtin_inff()) : result;
  return x < lo ? vf{} : result;
#endif
}

#if defined(__AVX512F__)
/** 16 rows of 16 floats, `ld` apart, turned into columns, `to_ld` apart. */
LAB_INLINE void transpose_16(const float* x, int64_t ld, float* to, int64_t to_ld) {
  __m512 a[16], b[16];
  LAB_UNROLL
  for (int i = 0; i < 16; i++) a[i] = _mm512_loadu_ps(x + i * ld);
  LAB_UNROLL
  for (int i = 0; i < 16; i += 2) {
    b[i] = _mm512_unpacklo_ps(a[i], a[i + 1]);
    b[i + 1] = _mm512_unpackhi_ps(a[i], a[i + 1]);
  }
  LAB_UNROLL
  for (int i = 0; i < 16; i += 4) {
    a[i] = _mm512_shuffle_ps(b[i], b[i + 2], 0x44);
    a[i + 1] = _mm512_shuffle_ps(b[i], b[i + 2], 0xee);
    a[i + 2] = _mm512_shuffle_ps(b[i + 1], b[i + 3], 0x44);
    a[i + 3] = _mm512_shuffle_ps(b[i + 1], b[i + 3], 0xee);
  }
  LAB_UNROLL
  for (int i = 0; i < 16; i += 8) {
    LAB_UNROLL
    for (int j = 0; j < 4; j++) {
      b[i + j] = _mm512_shuffle_f32x4(a[i + j], a[i + j + 4], 0x88);
      b[i + j + 4] = _mm512_shuffle_f32x4(a[i + j], a[i + j + 4], 0xdd);
    }
  }
  LAB_UNROLL
  for (int j = 0; j < 8; j++) {
    a[j] = _mm512_shuffle_f32x4(b[j], b[j + 8], 0x88);
    a[j + 8] = _mm512_shuffle_f32x4(b[j], b[j + 8], 0xdd);
  }
  LAB_UNROLL
  for (int j = 0; j < 16; j++) _mm512_storeu_ps(to + j * to_ld, a[j]);
}
#endif

/** `1 / x` for finite x of ordinary size, to about 1 unit in the last place. */
LAB_INLINE vf reciprocal_v(vf x) {
#if defined(__AVX512F__)
  const vf y = (vf)_mm512_rcp14_ps((__m512)x);
  return y + y * (splat(1.0f) - x * y);
#else
  return splat(1.0f) / x;
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

LAB_INLINE vf sqrt_v(vf x) {
#if defined(__AVX512F__)
  return (vf)_mm512_sqrt_ps((__m512)x);
#elif defined(__AVX__)
  return (vf)_mm256_sqrt_ps((__m256)x);
#else
  vf y;
  for (int i = 0; i < W; i++) y[i] = __builtin_sqrtf(x[i]);
  return y;
#endif
}

/** 2 sqrt(2 / pi), and the cubic term of the tanh form. */
constexpr float kGeluScale = 1.5957691216f, kGeluCubic = 0.044715f;

/** `1 / (1 + 2^t)` to about 3 units in the last place; 0 above t = 115, where it is less than 3e-35; NaN stays NaN.
 * `complement` is 1 less that, without cancellation. `2^t = 2^n 2^r`, |r| <= 1/2, 2^r = 1 + r q(r), q of degree 5
 * through the Chebyshev points. */
LAB_INLINE vf gate_v(vf t, vf* complement) {
  const vi is_high = t > splat(115.0f);
#if defined(__AVX512F__)
  // min and max return their second operand where one is NaN.
  t = (vf)_mm512_max_ps((__m512)splat(-126.0f), _mm512_min_ps((__m512)splat(126.0f), (__m512)t));
  const vf n = (vf)_mm512_roundscale_ps((__m512)t, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
#else
  const vf magic = splat(12582912.0f);
  t = t > splat(126.0f) ? splat(126.0f) : t;
  t = t < splat(-126.0f) ? splat(-126.0f) : t;
  const vf n = (t + magic) - magic;
#endif
  const vf r = t - n;
  vf p = splat(0.000154531629f);
  p = p * r + splat(0.00133908634f);
  p = p * r + splat(0.00961808256f);
  p = p * r + splat(0.0555035711f);
  p = p * r + splat(0.240226508f);
  p = p * r + splat(0.693147188f);
  p = p * r + splat(1.0f);
#if defined(__AVX512F__)
  p = (vf)_mm512_scalef_ps((__m512)p, (__m512)n);
#else
  p = p * bits_to_float((__builtin_convertvector(n == n ? n : vf{}, vi) + 127) << 23);
#endif
  const vf s = is_high ? vf{} : reciprocal_v(splat(1.0f) + p);
  *complement = p * s;
  return s;
}

/** `sigmoid(2u)`, u GELU's cubic, from x and its square. The constants carry -log2 e. */
LAB_INLINE vf gelu_gate(vf x, vf square, vf* complement) {
  constexpr float kLog2e = 1.44269504f;
  return gate_v(x * (square * splat(-kLog2e * kGeluScale * kGeluCubic) + splat(-kLog2e * kGeluScale)), complement);
}

/** GELU in its tanh form, as `x sigmoid(2u)` (model/ops/gelu.ts). */
LAB_INLINE vf gelu_v(vf x) {
  vf complement;
  return x * gelu_gate(x, x * x, &complement);
}

/** GELU and its derivative. */
LAB_INLINE void gelu_both_v(vf x, vf* value, vf* slope) {
  const vf square = x * x;
  vf complement;
  const vf s = gelu_gate(x, square, &complement);
  const vf inner = x * (square * splat(3 * kGeluCubic * kGeluScale) + splat(kGeluScale));
  *value = x * s;
  *slope = s * (inner * complement + splat(1.0f));
}

LAB_INLINE vf gelu_slope_v(vf x) {
  vf value, slope;
  gelu_both_v(x, &value, &slope);
  return slope;
}

}  // namespace
