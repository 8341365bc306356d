/** @file The register-blocked core of the matrix products (gemm.h): a tile of rows x vectors over one block of k.
 * Every result of a tile is one chain of fused multiply-adds over k; sums fill the registers beside the vectors of b.
 */
#pragma once
#include "parts.h"
#include "simd.h"
#include "variant.h"

namespace {

using namespace lab;

/** Vectors of the widest panel, and the rows of its tile and of a narrower one: rows times vectors sums, the vectors
 * of b and one of a fill the registers. Rows go in groups that both divide. */
#if LAB_WIDTH == 16 || defined(__aarch64__)
constexpr int kVectors = 3, kRowsWide = 8, kRows = 12, kGroup = 24;
#elif LAB_WIDTH == 8
constexpr int kVectors = 2, kRowsWide = 6, kRows = 6, kGroup = 24;
#else
constexpr int kVectors = 2, kRowsWide = 4, kRows = 4, kGroup = 24;
#endif
constexpr int64_t kPanel = kVectors * W;
/** Vectors of the last panel at most: four in place of three and one. */
constexpr int kMaxVectors = kVectors == 3 ? 4 : kVectors;
/** Elements of b that the second-level cache holds beside the rest. */
constexpr int64_t kInnerCache = 131072;
/** Rows of a that go through all panels of b together. */
constexpr int64_t kChunk = 8 * kGroup;

constexpr int tile_rows(int vectors) { return vectors == 4 ? kRows / 2 : vectors == 3 ? kRowsWide : kRows; }

/** One call of the core: `a` at row stride `lda` (or, transposed, its column stride), `width` columns of c. */
struct Tile {
  int64_t depth;
  const float* a;
  int64_t lda;
  const float* b;
  int64_t ldb;
  float* c;
  int64_t ldc;
  int width;
  bool accumulate;
  const float* bias;
  const float* residual;
};

/** What is rare at the end of a tile: a part of a vector, a bias. */
template <int R, int V>
__attribute__((noinline)) void finish_slowly(const float* sums, const Tile& t) {
  const int last = t.width - (V - 1) * W;
  for (int r = 0; r < R; r++) {
    for (int v = 0; v < V; v++) {
      float* c = t.c + r * t.ldc + v * W;
      const int n = v < V - 1 ? W : last;
      vf x = load(sums + (r * V + v) * W);
      if (t.accumulate) x = load_n(c, n) + x;
      if (t.bias) x = x + load_n(t.bias + v * W, n);
      if (t.residual) x = x + load_n(t.residual + r * t.ldc + v * W, n);
      store_n(c, x, n);
    }
  }
}

template <int R, int V, class F>
LAB_INLINE void store_tile(vf (&sum)[R][V], const Tile& t, F f) {
  float* c = t.c;
  const int64_t ldc = t.ldc;
  LAB_UNROLL
  for (int r = 0; r < R; r++) {
    LAB_UNROLL
    for (int v = 0; v < V; v++) store(c + v * W, f(sum[r][v], r * ldc + v * W));
    c += ldc;
  }
}

/** The choices are made once a tile, not once a vector: short products spend as long here as in their sums. */
template <int R, int V>
LAB_INLINE void finish(vf (&sum)[R][V], const Tile& t) {
  if (t.bias || t.width < V * W) {
    float sums[R * V * W];
    LAB_UNROLL
    for (int r = 0; r < R; r++)
      for (int v = 0; v < V; v++) store(sums + (r * V + v) * W, sum[r][v]);
    finish_slowly<R, V>(sums, t);
    return;
  }
  const float* c = t.c;
  const float* residual = t.residual;
  if (residual && t.accumulate)
    store_tile<R, V>(sum, t, [&](vf x, int64_t at) { return load(c + at) + x + load(residual + at); });
  else if (residual) store_tile<R, V>(sum, t, [&](vf x, int64_t at) { return x + load(residual + at); });
  else if (t.accumulate) store_tile<R, V>(sum, t, [&](vf x, int64_t at) { return load(c + at) + x; });
  else store_tile<R, V>(sum, t, [](vf x, int64_t) { return x; });
}

template <int R, int V, bool TA>
void core(const Tile& t) {
  vf sum[R][V] = {};
  const float* b = t.b;
  const int64_t lda = t.lda, ldb = t.ldb;
  LAB_UNROLL
  for (int r = 0; r < R; r++)
    for (int v = 0; v < V; v++) __builtin_prefetch(t.c + r * t.ldc + v * W, 1);
  if (TA) {
    const float* a = t.a;
    for (int64_t p = 0; p < t.depth; p++) {
      vf bv[V];
      LAB_UNROLL
      for (int v = 0; v < V; v++) bv[v] = load(b + v * W);
      LAB_UNROLL
      for (int r = 0; r < R; r++) {
        const vf av = splat(a[r]);
        LAB_UNROLL
        for (int v = 0; v < V; v++) sum[r][v] += av * bv[v];
      }
      a += lda;
      b += ldb;
    }
  } else {
    // Row r is reached as base r / 3 plus 0, 1 or 2 times lda: few registers hold all addresses.
    constexpr int G = (R + 2) / 3;
    const float* a[G];
    LAB_UNROLL
    for (int g = 0; g < G; g++) a[g] = t.a + 3 * g * lda;
    for (int64_t p = 0; p < t.depth; p++) {
      vf bv[V];
      LAB_UNROLL
      for (int v = 0; v < V; v++) bv[v] = load(b + v * W);
      LAB_UNROLL
      for (int r = 0; r < R; r++) {
        const vf av = splat(a[r / 3][(r % 3) * lda]);
        LAB_UNROLL
        for (int v = 0; v < V; v++) sum[r][v] += av * bv[v];
      }
      LAB_UNROLL
      for (int g = 0; g < G; g++) a[g]++;
      b += ldb;
    }
  }
  finish<R, V>(sum, t);
}

typedef void (*Core)(const Tile&);

/** The cores by rows, vectors and whether a is transposed. */
struct Cores {
  Core at[kRows][kMaxVectors][2];
  template <int R, int V>
  constexpr void fill() {
    at[R - 1][V - 1][0] = core<R, V, false>;
    at[R - 1][V - 1][1] = core<R, V, true>;
    if constexpr (R > 1) fill<R - 1, V>();
    else if constexpr (V > 1) fill<tile_rows(V - 1), V - 1>();
  }
  constexpr Cores() : at() { fill<tile_rows(kMaxVectors), kMaxVectors>(); }
};
constexpr Cores cores{};

}  // namespace
