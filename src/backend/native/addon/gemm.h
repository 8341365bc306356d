/** @file Matrix products for rows about 1,000 and widths 16 to 1,024: packed panels and a register-blocked core.
 * The core computes kRows x (kVectors W) results in registers over one block of k. The columns of b are packed
 * in panels of that width, zero-padded; rows of a are read in place, or packed where their distance would
 * thrash the cache. Every result is one chain of fused multiply-adds over k within a block of that depth, and the
 * blocks are added in order: bit for bit the same however the work is cut.
 */
#pragma once
#include "parts.h"
#include "pool.h"
#include "simd.h"
#include "variant.h"

namespace {

using namespace lab;

/** Registers: kRows kVectors sums, kVectors of b, one of a. */
#if LAB_WIDTH == 16
constexpr int kRows = 12, kVectors = 2;
#elif LAB_WIDTH == 8
constexpr int kRows = 6, kVectors = 2;
#elif defined(__aarch64__)
constexpr int kRows = 8, kVectors = 3;
#else
constexpr int kRows = 4, kVectors = 2;
#endif
constexpr int64_t kPanel = kVectors * W;
/** Rows of a that go through all panels of b together. */
constexpr int64_t kChunk = 16 * kRows;

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

template <int R, int V>
LAB_INLINE void finish(vf (&sum)[R][V], const Tile& t) {
  const int last = t.width - (V - 1) * W;
  LAB_UNROLL
  for (int r = 0; r < R; r++) {
    LAB_UNROLL
    for (int v = 0; v < V; v++) {
      float* c = t.c + r * t.ldc + v * W;
      vf x = sum[r][v];
      if (v < V - 1 || last == W) {
        if (t.accumulate) x = load(c) + x;
        if (t.bias) x = x + load(t.bias + v * W);
        if (t.residual) x = x + load(t.residual + r * t.ldc + v * W);
        store(c, x);
      } else {
        if (t.accumulate) x = load_n(c, last) + x;
        if (t.bias) x = x + load_n(t.bias + v * W, last);
        if (t.residual) x = x + load_n(t.residual + r * t.ldc + v * W, last);
        store_n(c, x, last);
      }
    }
  }
}

template <int R, int V, bool TA>
void core(const Tile& t) {
  vf sum[R][V] = {};
  const float* b = t.b;
  const int64_t lda = t.lda, ldb = t.ldb;
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
  Core at[kRows][kVectors][2];
  template <int R, int V>
  constexpr void fill() {
    at[R - 1][V - 1][0] = core<R, V, false>;
    at[R - 1][V - 1][1] = core<R, V, true>;
    if constexpr (R > 1) fill<R - 1, V>();
    else if constexpr (V > 1) fill<kRows, V - 1>();
  }
  constexpr Cores() : at() { fill<kRows, kVectors>(); }
};
constexpr Cores cores{};

/** Rows [0, rows) in even blocks of at most kRows: `visit(first, count)`. */
template <class Visit>
LAB_INLINE void row_blocks(int64_t rows, Visit visit) {
  const int64_t blocks = (rows + kRows - 1) / kRows;
  int64_t first = 0;
  for (int64_t i = 0; i < blocks; i++) {
    const int64_t count = rows / blocks + (i < rows % blocks ? 1 : 0);
    visit(first, (int)count);
    first += count;
  }
}

/** One panel of b (or of its transpose): rows k0 .. k0 + depth, columns j .. j + width, at distance kPanel. */
inline void pack_panel(const Gemm& g, int64_t k0, int64_t depth, int64_t j, int width, float* to) {
  if (!g.tb) {
    const float* from = g.b + k0 * g.ldb + j;
    if (width == kPanel) {
      for (int64_t p = 0; p < depth; p++, from += g.ldb, to += kPanel)
        for (int v = 0; v < kVectors; v++) store(to + v * W, load(from + v * W));
      return;
    }
    for (int64_t p = 0; p < depth; p++, from += g.ldb, to += kPanel) {
      for (int c = 0; c < width; c++) to[c] = from[c];
      for (int c = width; c < kPanel; c++) to[c] = 0;
    }
    return;
  }
  // Transposed, in strips of 16 along k: a strip of the panel stays in the cache while b's rows pass.
  for (int64_t p0 = 0; p0 < depth; p0 += 16) {
    const int64_t p1 = p0 + 16 < depth ? p0 + 16 : depth;
    for (int c = 0; c < width; c++) {
      const float* from = g.b + (j + c) * g.ldb + k0;
      for (int64_t p = p0; p < p1; p++) to[p * kPanel + c] = from[p];
    }
    for (int64_t p = p0; p < p1; p++)
      for (int c = width; c < kPanel; c++) to[p * kPanel + c] = 0;
  }
}

/** Columns of a [k, m] (`ta`) or rows of a [m, k] next to each other, for one block of rows. Copies whole vectors:
 * what is past the block is overwritten by the next, or is padding. */
inline void pack_rows(const Gemm& g, int64_t k0, int64_t depth, int64_t i, int rows, float* to) {
  if (g.ta) {
    const float* from = g.a + k0 * g.lda + i;
    for (int64_t p = 0; p < depth; p++, from += g.lda, to += kRows)
      for (int r = 0; r < rows; r += W) store(to + r, load(from + r));
    return;
  }
  for (int r = 0; r < rows; r++)
    __builtin_memcpy(to + r * depth, g.a + (i + r) * g.lda + k0, sizeof(float) * (size_t)depth);
}

struct GemmPlan {
  const Gemm* g;
  const float* packed_b;
  int64_t panels, depth;
  bool pack_a;
};

/** Rows [i0, i1) and panels [j0, j1) of the product. */
inline void gemm_part(const GemmPlan& plan, int64_t i0, int64_t i1, int64_t j0, int64_t j1) {
  const Gemm& g = *plan.g;
  float* packed_a = nullptr;
  if (plan.pack_a) {
    packed_a = (float*)lab::scratch(1, sizeof(float) * (size_t)((i1 - i0 + kRows) * plan.depth * 2));
    if (!packed_a) return;
  }
  for (int64_t k0 = 0; k0 < g.k; k0 += plan.depth) {
    const int64_t depth = g.k - k0 < plan.depth ? g.k - k0 : plan.depth;
    const bool is_last = k0 + depth == g.k;
    const int64_t block = kRows * depth;
    if (packed_a) {
      int64_t b = 0;
      row_blocks(i1 - i0, [&](int64_t i, int rows) { pack_rows(g, k0, depth, i0 + i, rows, packed_a + block * b++); });
    }
    for (int64_t j = j0; j < j1; j++) {
      const int64_t column = j * kPanel;
      const int width = (int)(g.n - column < kPanel ? g.n - column : kPanel);
      const int vectors = (width + W - 1) / W;
      Tile t;
      t.depth = depth;
      t.width = width;
      t.b = plan.packed_b ? plan.packed_b + (k0 * plan.panels + j * depth) * kPanel : g.b + k0 * g.ldb + column;
      t.ldb = plan.packed_b ? kPanel : g.ldb;
      t.ldc = g.ldc;
      t.accumulate = g.accumulate || k0 > 0;
      t.bias = is_last && g.bias ? g.bias + column : nullptr;
      int64_t b = 0;
      row_blocks(i1 - i0, [&](int64_t i, int rows) {
        const int64_t row = i0 + i;
        if (packed_a) {
          t.a = packed_a + block * b++;
          t.lda = g.ta ? kRows : depth;
        } else {
          t.a = g.ta ? g.a + k0 * g.lda + row : g.a + row * g.lda + k0;
          t.lda = g.lda;
        }
        t.c = g.c + row * g.ldc + column;
        t.residual = is_last && g.residual ? g.residual + row * g.ldc + column : nullptr;
        cores.at[rows - 1][vectors - 1][g.ta ? 1 : 0](t);
      });
    }
  }
}

void gemm(const Gemm& g) {
  GemmPlan plan;
  plan.g = &g;
  plan.panels = (g.n + kPanel - 1) / kPanel;
  plan.packed_b = nullptr;
  const bool is_whole = !g.tb && g.n % W == 0;
  bool in_place;
  if (g.ta) {
    // Sums over rows: the depth and who is packed, as measured at the shapes of models of d_model 32 to 256.
    plan.depth = g.n >= 1024 ? 512 : g.n <= 64 || g.m >= 1024 ? 256 : 128;
    plan.pack_a = g.n >= 256 || (g.n >= 128 && g.m >= 256);
    in_place = is_whole && (g.n <= 64 || (g.m <= 128 && g.n <= 256));
  } else {
    plan.depth = 256;
    // Rows a multiple of 4 KiB apart share one set of the cache.
    plan.pack_a = g.lda % 1024 == 0 && g.n >= 2 * kPanel;
    // A product of one panel, or of few rows, reads b in place.
    in_place = is_whole && (g.ldb <= kPanel || g.m <= 2 * kRows);
  }
#ifdef LAB_TUNE
  plan.depth = tune_depth; plan.pack_a = tune_pack_a; in_place = tune_in_place && !g.tb;
#endif
  if (!in_place) {
    float* packed = (float*)lab::scratch(0, sizeof(float) * (size_t)(plan.panels * kPanel * g.k));
    if (!packed) return;
    plan.packed_b = packed;
    parts(plan.panels, [&](int64_t j) {
      const int width = (int)(g.n - j * kPanel < kPanel ? g.n - j * kPanel : kPanel);
      for (int64_t k0 = 0; k0 < g.k; k0 += plan.depth) {
        const int64_t depth = g.k - k0 < plan.depth ? g.k - k0 : plan.depth;
        pack_panel(g, k0, depth, j * kPanel, width, packed + (k0 * plan.panels + j * depth) * kPanel);
      }
    });
  }
  const int64_t row_parts = (g.m + kChunk - 1) / kChunk;
  const int64_t spare = lab::num_threads() / row_parts;
  const int64_t column_parts = spare < 1 ? 1 : spare > plan.panels ? plan.panels : spare;
  parts(row_parts * column_parts, [&](int64_t part) {
    const int64_t r = part / column_parts, c = part % column_parts;
    gemm_part(plan, g.m * r / row_parts, g.m * (r + 1) / row_parts, plan.panels * c / column_parts,
              plan.panels * (c + 1) / column_parts);
  });
}

}  // namespace
