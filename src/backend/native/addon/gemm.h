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
/** Elements of a block of b that the second-level cache holds beside the rest. */
constexpr int64_t kInnerCache = 131072;
/** Rows of a that go through all panels of b together. */
constexpr int64_t kChunk = 16 * kRows;

/** One call of the core: `a` at row stride `lda` (or, transposed, its column stride), `width` columns of c.
 * `next` is where the rows of the next call begin, to be fetched meanwhile; null where they are near already. */
struct Tile {
  int64_t depth;
  const float* a;
  const float* next;
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
    // A line of the next rows for each step: R rows of 16 floats in every R steps, which is at least all of them.
    const float* next = t.next ? t.next : t.a;
    const int64_t next_lda = t.next ? lda : 0;
    int row = 0;
    int64_t ahead = 0;
    for (int64_t p = 0; p < t.depth; p++) {
      __builtin_prefetch(next + ahead);
      ahead += next_lda;
      if (++row == R) {
        row = 0;
        ahead += next_lda ? 16 - R * next_lda : 0;
      }
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

/** Rows k0 .. k0 + depth of b in panels of kPanel columns, `depth kPanel` apart; the last padded with zeros. Goes
 * through b row by row, as the memory's prefetching likes it. */
inline void pack_b(const Gemm& g, int64_t k0, int64_t depth, int64_t panels, float* to) {
  const int64_t whole = g.n / kPanel;
  const int rest = (int)(g.n - whole * kPanel);
  for (int64_t p = 0; p < depth; p++) {
    const float* from = g.b + (k0 + p) * g.ldb;
    float* row = to + p * kPanel;
    for (int64_t j = 0; j < whole; j++, from += kPanel, row += depth * kPanel) {
      LAB_UNROLL
      for (int v = 0; v < kVectors; v++) store(row + v * W, load(from + v * W));
    }
    if (whole == panels) continue;
    for (int c = 0; c < rest; c++) row[c] = from[c];
    for (int c = rest; c < kPanel; c++) row[c] = 0;
  }
}

/** The same for one panel of the transpose of b, `width` columns from column j: in strips of 16 along k, so that a
 * strip of the panel stays in the cache while b's rows pass. */
inline void pack_b_transposed(const Gemm& g, int64_t k0, int64_t depth, int64_t j, int width, float* to) {
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

/** Elements of a packed block of rows of a: a whole vector may be stored at its end. */
LAB_INLINE int64_t block_size(int64_t depth) { return kRows * depth + W; }

/** Rows i0 .. i1 of a' in blocks of at most kRows: [depth, kRows] where a is transposed, else [rows, depth]. */
inline void pack_a(const Gemm& g, int64_t k0, int64_t depth, int64_t i0, int64_t i1, float* to) {
  const int64_t size = block_size(depth);
  if (g.ta) {
    for (int64_t p = 0; p < depth; p++) {
      const float* from = g.a + (k0 + p) * g.lda + i0;
      float* row = to + p * kRows;
      row_blocks(i1 - i0, [&](int64_t i, int rows) {
        for (int r = 0; r < rows; r += W) store(row + r, load(from + i + r));
        row += size;
      });
    }
    return;
  }
  row_blocks(i1 - i0, [&](int64_t i, int rows) {
    for (int r = 0; r < rows; r++)
      __builtin_memcpy(to + r * depth, g.a + (i0 + i + r) * g.lda + k0, sizeof(float) * (size_t)depth);
    to += size;
  });
}

struct GemmPlan {
  const Gemm* g;
  const float* packed_b;
  int64_t panels, depth;
  bool pack_a;
  /** All panels for a block of rows, then the next: where b's block is small, results come out row by row. */
  bool rows_first;
};

/** GELU of finished rows while they are in the cache, or its gradient in place. */
inline void finish_gelu(const Gemm& g, int64_t i0, int64_t i1, int64_t first, int64_t last) {
  if (!g.gelu && !g.before_gelu) return;
  for (int64_t i = i0; i < i1; i++) {
    for (int64_t j = first; j < last; j += W) {
      const int n = (int)(last - j < W ? last - j : W);
      const int64_t at = i * g.ldc + j;
      const vf c = load_n(g.c + at, n);
      if (g.gelu) store_n(g.gelu + at, gelu_v(c), n);
      else store_n(g.c + at, c * gelu_slope_v(load_n(g.before_gelu + at, n)), n);
    }
  }
}

/** Rows [i0, i1) and panels [j0, j1) of the product. */
inline void gemm_part(const GemmPlan& plan, int64_t i0, int64_t i1, int64_t j0, int64_t j1) {
  const Gemm& g = *plan.g;
  float* packed_a = nullptr;
  if (plan.pack_a) {
    packed_a = (float*)lab::scratch(1, sizeof(float) * (size_t)(((i1 - i0 + kRows - 1) / kRows) * block_size(plan.depth)));
    if (!packed_a) return;
  }
  for (int64_t k0 = 0; k0 < g.k; k0 += plan.depth) {
    const int64_t depth = g.k - k0 < plan.depth ? g.k - k0 : plan.depth;
    const bool is_last = k0 + depth == g.k;
    const int64_t block = block_size(depth);
    if (packed_a) pack_a(g, k0, depth, i0, i1, packed_a);
    Tile t;
    t.depth = depth;
    t.ldb = plan.packed_b ? kPanel : g.ldb;
    t.ldc = g.ldc;
    t.lda = packed_a ? (g.ta ? kRows : depth) : g.lda;
    t.accumulate = g.accumulate || k0 > 0;
    const auto tile = [&](int64_t j, int64_t index, int64_t i, int rows, bool is_first) {
      const int64_t column = j * kPanel, row = i0 + i;
      t.width = (int)(g.n - column < kPanel ? g.n - column : kPanel);
      t.b = plan.packed_b ? plan.packed_b + (k0 * plan.panels + j * depth) * kPanel : g.b + k0 * g.ldb + column;
      t.a = packed_a ? packed_a + block * index : g.ta ? g.a + k0 * g.lda + row : g.a + row * g.lda + k0;
      t.c = g.c + row * g.ldc + column;
      t.next = is_first && !g.ta && !packed_a && i + rows < i1 - i0 ? t.a + rows * g.lda : nullptr;
      t.bias = is_last && g.bias ? g.bias + column : nullptr;
      t.residual = is_last && g.residual ? g.residual + row * g.ldc + column : nullptr;
      cores.at[rows - 1][(t.width + W - 1) / W - 1][g.ta ? 1 : 0](t);
    };
    if (plan.rows_first) {
      int64_t index = 0;
      row_blocks(i1 - i0, [&](int64_t i, int rows) {
        for (int64_t j = j0; j < j1; j++) tile(j, index, i, rows, j == j0);
        index++;
      });
      continue;
    }
    for (int64_t j = j0; j < j1; j++) {
      int64_t index = 0;
      row_blocks(i1 - i0, [&](int64_t i, int rows) { tile(j, index++, i, rows, j == j0); });
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
    // Sums over rows: depth and packing as measured at the shapes of models of d_model 32 to 256.
    plan.depth = g.n >= 1024 ? 1024 : g.n >= 512 ? 512 : g.n <= 128 ? 256 : 128;
    plan.pack_a = g.m >= 128 && g.n >= 128;
    in_place = is_whole && (g.n <= 64 || (g.n <= 256 && g.m <= 512));
  } else {
    plan.depth = 256;
    // Rows a multiple of 4 KiB apart share one set of the cache.
    plan.pack_a = g.lda % 1024 == 0 && g.n >= 2 * kPanel;
    // A product of one panel, or of few rows, reads b in place.
    in_place = is_whole && (g.ldb <= kPanel || g.m <= 2 * kRows);
  }
  if (!in_place) {
    float* packed = (float*)lab::scratch(0, sizeof(float) * (size_t)(plan.panels * kPanel * g.k));
    if (!packed) return;
    plan.packed_b = packed;
    const int64_t blocks = (g.k + plan.depth - 1) / plan.depth;
    parts(g.tb ? blocks * plan.panels : blocks, [&](int64_t part) {
      const int64_t k0 = (g.tb ? part / plan.panels : part) * plan.depth;
      const int64_t depth = g.k - k0 < plan.depth ? g.k - k0 : plan.depth;
      float* block = packed + k0 * plan.panels * kPanel;
      if (!g.tb) return pack_b(g, k0, depth, plan.panels, block);
      const int64_t j = part % plan.panels;
      const int width = (int)(g.n - j * kPanel < kPanel ? g.n - j * kPanel : kPanel);
      pack_b_transposed(g, k0, depth, j * kPanel, width, block + j * depth * kPanel);
    });
  }
  plan.rows_first = (g.k < plan.depth ? g.k : plan.depth) * g.n <= kInnerCache;
  const int64_t row_parts = (g.m + kChunk - 1) / kChunk;
  const int64_t spare = lab::num_threads() / row_parts;
  const int64_t column_parts = spare < 1 ? 1 : spare > plan.panels ? plan.panels : spare;
  parts(row_parts * column_parts, [&](int64_t part) {
    const int64_t r = part / column_parts, c = part % column_parts;
    const int64_t i0 = g.m * r / row_parts, i1 = g.m * (r + 1) / row_parts;
    const int64_t j0 = plan.panels * c / column_parts, j1 = plan.panels * (c + 1) / column_parts;
    gemm_part(plan, i0, i1, j0, j1);
    finish_gelu(g, i0, i1, j0 * kPanel, j1 * kPanel < g.n ? j1 * kPanel : g.n);
  });
}

}  // namespace
