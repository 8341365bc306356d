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

/** N vectors that go through a function side by side: what one waits for, the others fill. A chain of twenty dependent
 * operations on one vector after the other keeps the multipliers half idle. */
template <int N>
struct Many {
  vf v[N];
};

template <int N, class F>
LAB_INLINE Many<N> make_many(F f) {
  Many<N> y;
  LAB_UNROLL
  for (int i = 0; i < N; i++) y.v[i] = f(i);
  return y;
}

template <int N>
LAB_INLINE Many<N> operator+(Many<N> a, Many<N> b) { return make_many<N>([&](int i) { return a.v[i] + b.v[i]; }); }
template <int N>
LAB_INLINE Many<N> operator-(Many<N> a, Many<N> b) { return make_many<N>([&](int i) { return a.v[i] - b.v[i]; }); }
template <int N>
LAB_INLINE Many<N> operator*(Many<N> a, Many<N> b) { return make_many<N>([&](int i) { return a.v[i] * b.v[i]; }); }
template <int N>
LAB_INLINE Many<N> operator+(Many<N> a, vf b) { return make_many<N>([&](int i) { return a.v[i] + b; }); }
template <int N>
LAB_INLINE Many<N> operator-(Many<N> a, vf b) { return make_many<N>([&](int i) { return a.v[i] - b; }); }
template <int N>
LAB_INLINE Many<N> operator*(Many<N> a, vf b) { return make_many<N>([&](int i) { return a.v[i] * b; }); }

/** `f` of one vector, or of each. */
template <class F, class... More>
LAB_INLINE vf each_of(F f, vf x, More... more) { return f(x, more...); }
template <class F, int N, class... More>
LAB_INLINE Many<N> each_of(F f, Many<N> x, More... more) {
  return make_many<N>([&](int i) { return f(x.v[i], more.v[i]...); });
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

}  // namespace
