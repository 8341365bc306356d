/** @file Matrix products for rows about 1,000 and widths 16 to 1,024: packed panels and a register-blocked core.
 * The columns of b are packed in panels of three vectors, the last of two or four where three do not divide them; rows
 * of a are read in place, or packed where their distance would thrash the cache. Every result is one chain of fused
 * multiply-adds over k within a block of that depth, and the blocks are added in order: bit for bit the same however
 * the work is cut.
 */
#pragma once
#include "parts.h"
#include "pool.h"
#include "functions.h"
#include "tile.h"
#include "variant.h"

namespace {

using namespace lab;

/** Rows [0, rows), kGroup at most, in even blocks of at most `most`, which divides kGroup: `visit(first, count)`.
 * Whole groups need no division, which takes as long as a tenth of a small tile. */
template <class Visit>
LAB_INLINE void row_blocks(int rows, int most, Visit visit) {
  if (rows == kGroup) {
    for (int first = 0; first < kGroup; first += most) visit(first, most);
    return;
  }
  const int blocks = (rows + most - 1) / most, count = rows / blocks, more = rows % blocks;
  for (int i = 0, first = 0; i < blocks; i++) {
    visit(first, count + (i < more ? 1 : 0));
    first += count + (i < more ? 1 : 0);
  }
}

/** The columns of a matrix in panels: `wide` ones of kVectors, then one of `tail` vectors or none. */
struct Panels {
  int64_t n, wide, tail, count;
  explicit Panels(int64_t columns) : n(columns) {
    const int64_t vectors = (n + W - 1) / W;
    wide = vectors / kVectors;
    tail = vectors % kVectors;
    if (kVectors == 3 && tail == 1 && wide > 0) {
      wide--;
      tail = 4;
    }
    count = wide + (tail > 0 ? 1 : 0);
  }
  int64_t column(int64_t j) const { return j <= wide ? j * kPanel : padded(); }
  int64_t stride(int64_t j) const { return j < wide ? kPanel : tail * W; }
  int width(int64_t j) const { return (int)(n - column(j) < stride(j) ? n - column(j) : stride(j)); }
  /** Columns of all panels, padding included. */
  int64_t padded() const { return wide * kPanel + tail * W; }
};

/** Rows k0 .. k0 + depth of b, panel after panel; what a panel lacks is zero. Goes through b row by row, as the
 * memory's prefetching likes it. */
inline void pack_b(const Gemm& g, const Panels& panels, int64_t k0, int64_t depth, float* to) {
  const int64_t rest = g.n - panels.wide * kPanel, tail = panels.tail * W;
  float* last = to + panels.wide * kPanel * depth;
  for (int64_t p = 0; p < depth; p++) {
    const float* from = g.b + (k0 + p) * g.ldb;
    float* row = to + p * kPanel;
    for (int64_t j = 0; j < panels.wide; j++, from += kPanel, row += depth * kPanel) {
      LAB_UNROLL
      for (int v = 0; v < kVectors; v++) store(row + v * W, load(from + v * W));
    }
    row = last + p * tail;
    for (int64_t c = 0; c < tail; c += W) store(row + c, rest - c < W ? load_n(from + c, (int)(rest - c)) : load(from + c));
  }
}

/** The same for one panel of the transpose of b, `width` columns from column j: in strips of 16 along k, so that a
 * strip of the panel stays in the cache while b's rows pass. */
inline void pack_b_transposed(const Gemm& g, int64_t k0, int64_t depth, int64_t j, int width, int64_t stride,
                              float* to) {
  for (int64_t p0 = 0; p0 < depth; p0 += 16) {
    const int64_t p1 = p0 + 16 < depth ? p0 + 16 : depth;
    int c = 0;
#if defined(__AVX512F__)
    if (p1 - p0 == 16) {
      for (; c + 16 <= width; c += 16) transpose_16(g.b + (j + c) * g.ldb + k0 + p0, g.ldb, to + p0 * stride + c, stride);
    }
#endif
    for (; c < width; c++) {
      const float* from = g.b + (j + c) * g.ldb + k0;
      for (int64_t p = p0; p < p1; p++) to[p * stride + c] = from[p];
    }
    for (int64_t p = p0; p < p1; p++)
      for (int64_t x = width; x < stride; x++) to[p * stride + x] = 0;
  }
}

/** Elements of a packed group of rows of a: a whole vector may be stored at its end. */
LAB_INLINE int64_t group_size(int64_t depth) { return kGroup * depth + W; }

/** Columns i0 .. i1 of a, to be read transposed, in groups: [k, kGroup]. */
inline void pack_a(const Gemm& g, int64_t i0, int64_t i1, float* to) {
  const int64_t size = group_size(g.k);
  for (int64_t p = 0; p < g.k; p++) {
    const float* from = g.a + p * g.lda;
    float* row = to + p * kGroup;
    for (int64_t i = i0; i < i1; i += kGroup, row += size) {
      const int64_t rows = i1 - i < kGroup ? i1 - i : kGroup;
      for (int64_t r = 0; r < rows; r += W) store(row + r, load(from + i + r));
    }
  }
}

struct GemmPlan {
  const Gemm* g;
  Panels panels;
  const float* packed_b = nullptr;
  int64_t depth = 0;
  /** For a transposed a. */
  bool pack_a = false;
  /** For a transposed a: all panels for a group of rows, then the next, where a block of b fits the cache. */
  bool rows_first = false;
  explicit GemmPlan(const Gemm& product) : g(&product), panels(product.n) {}
};

/** Vectors that GELU takes side by side. */
constexpr int kGeluTogether = LAB_WIDTH == 16 ? 4 : 2;

/** What GELU asks of finished rows, while they are in the cache (variant.h). */
inline void finish_gelu(const Gemm& g, int64_t i0, int64_t i1, int64_t first, int64_t last) {
  if (!g.gelu && !g.before_gelu) return;
  typedef Many<kGeluTogether> Vectors;
  const auto part = [&](float* c, float* y, const float* h, int n) {
    if (!h) return store_n(y, gelu_v(load_n(c, n)), n);
    vf value, slope;
    gelu_both_v(load_n(h, n), &value, &slope);
    store_n(c, load_n(c, n) * slope, n);
    if (y) store_n(y, value, n);
  };
  for (int64_t i = i0; i < i1; i++) {
    float* c = g.c + i * g.ldc;
    float* y = g.gelu ? g.gelu + i * g.ldc : nullptr;
    const float* h = g.before_gelu ? g.before_gelu + i * g.ldc : nullptr;
    int64_t j = first;
    for (; j + kGeluTogether * W <= last; j += kGeluTogether * W) {
      const Vectors x = make_many<kGeluTogether>([&](int v) { return load((h ? h : c) + j + v * W); });
      Vectors value, slope;
      if (h) {
        gelu_both_v(x, &value, &slope);
        LAB_UNROLL
        for (int v = 0; v < kGeluTogether; v++) store(c + j + v * W, load(c + j + v * W) * slope.v[v]);
      } else value = gelu_v(x);
      if (!y) continue;
      LAB_UNROLL
      for (int v = 0; v < kGeluTogether; v++) store(y + j + v * W, value.v[v]);
    }
    for (; j < last; j += W) part(c + j, y ? y + j : y, h ? h + j : h, (int)(last - j < W ? last - j : W));
  }
}

/** Rows [i0, i1) and panels [j0, j1) of the product. */
inline void gemm_part(const GemmPlan& plan, int64_t i0, int64_t i1, int64_t j0, int64_t j1) {
  const Gemm& g = *plan.g;
  const Panels& panels = plan.panels;
  float* packed_a = nullptr;
  if (plan.pack_a) {
    const int64_t groups = (i1 - i0 + kGroup - 1) / kGroup;
    packed_a = (float*)lab::scratch(1, sizeof(float) * (size_t)(groups * group_size(plan.depth)));
    if (!packed_a) return;
  }
  Tile t;
  t.ldc = g.ldc;
  int64_t depth = 0, k0 = 0;
  bool is_last = false;
  const auto start_block = [&](int64_t from) {
    k0 = from;
    depth = g.k - k0 < plan.depth ? g.k - k0 : plan.depth;
    is_last = k0 + depth == g.k;
    t.depth = depth;
    t.accumulate = g.accumulate || k0 > 0;
    t.lda = packed_a ? kGroup : g.lda;
  };
  // The tiles of one panel in rows i .. i + rows, a group at most.
  const auto tiles = [&](int64_t j, int64_t i, int rows) {
    const int64_t column = panels.column(j);
    t.width = panels.width(j);
    const int vectors = (t.width + W - 1) / W;
    t.ldb = plan.packed_b ? panels.stride(j) : g.ldb;
    t.b = plan.packed_b ? plan.packed_b + k0 * panels.padded() + column * depth : g.b + k0 * g.ldb + column;
    t.bias = is_last && g.bias ? g.bias + column : nullptr;
    const float* a = packed_a ? packed_a + (i - i0) / kGroup * group_size(depth)
                     : g.ta ? g.a + k0 * g.lda + i
                            : g.a + i * g.lda + k0;
    row_blocks(rows, tile_rows(vectors), [&](int r, int count) {
      t.a = a + (g.ta ? r : r * t.lda);
      t.c = g.c + (i + r) * g.ldc + column;
      t.residual = is_last && g.residual ? g.residual + (i + r) * g.ldc + column : nullptr;
      cores.at[count - 1][vectors - 1][g.ta ? 1 : 0](t);
    });
  };
  const auto rows_at = [&](int64_t i) { return (int)(i1 - i < kGroup ? i1 - i : kGroup); };
  const auto end_of = [&](int64_t j) { return panels.column(j) < g.n ? panels.column(j) : g.n; };
  if (g.ta) {
    start_block(0);
    if (packed_a) pack_a(g, i0, i1, packed_a);
    if (plan.rows_first) {
      for (int64_t i = i0; i < i1; i += kGroup)
        for (int64_t j = j0; j < j1; j++) tiles(j, i, rows_at(i));
    } else {
      for (int64_t j = j0; j < j1; j++)
        for (int64_t i = i0; i < i1; i += kGroup) tiles(j, i, rows_at(i));
    }
    finish_gelu(g, i0, i1, panels.column(j0), end_of(j1));
    return;
  }
  // As many panels together as fit the cache; within them results come out row by row.
  for (int64_t first = j0, last; first < j1; first = last) {
    for (last = first + 1; last < j1 && (panels.column(last + 1) - panels.column(first)) * g.k <= kInnerCache;) last++;
    for (int64_t i = i0; i < i1; i += kGroup) {
      for (int64_t from = 0; from < g.k; from += plan.depth) {
        start_block(from);
        for (int64_t j = first; j < last; j++) tiles(j, i, rows_at(i));
      }
      finish_gelu(g, i, i + rows_at(i), panels.column(first), end_of(last));
    }
  }
}

/** Chooses how to compute and packs b where that helps, into scratch memory `slot`; false when memory is out. */
bool prepare(GemmPlan& plan, int slot) {
  const Gemm& g = *plan.g;
  const Panels& panels = plan.panels;
  const bool is_whole = !g.tb && g.n % W == 0;
  bool in_place;
  if (g.ta) {
    plan.depth = g.k;
    plan.pack_a = g.m * g.n > 16384;
    in_place = is_whole && g.n < 512;
  } else {
    plan.depth = g.k <= 1024 ? g.k : 512;
    // A product of one panel, or of few rows, reads b in place.
    in_place = is_whole && (panels.count == 1 || g.m <= 2 * kRows);
  }
  if (!in_place) {
    float* packed = (float*)lab::scratch(slot, sizeof(float) * (size_t)(panels.padded() * g.k));
    if (!packed) return false;
    plan.packed_b = packed;
    const int64_t blocks = (g.k + plan.depth - 1) / plan.depth;
    parts(g.tb ? blocks * panels.count : blocks, [&](int64_t part) {
      const int64_t k0 = (g.tb ? part / panels.count : part) * plan.depth;
      const int64_t depth = g.k - k0 < plan.depth ? g.k - k0 : plan.depth;
      float* block = packed + k0 * panels.padded();
      if (!g.tb) return pack_b(g, panels, k0, depth, block);
      const int64_t j = part % panels.count, column = panels.column(j);
      pack_b_transposed(g, k0, depth, column, panels.width(j), panels.stride(j), block + column * depth);
    });
  }
  plan.rows_first = (g.k < plan.depth ? g.k : plan.depth) * g.n <= kInnerCache;
  return true;
}

/** Computes a prepared product. */
void execute(const GemmPlan& plan) {
  const Gemm& g = *plan.g;
  const Panels& panels = plan.panels;
  const int64_t row_parts = (g.m + kChunk - 1) / kChunk;
  const int64_t spare = lab::num_threads() / row_parts;
  const int64_t column_parts = spare < 1 ? 1 : spare > panels.count ? panels.count : spare;
  parts(row_parts * column_parts, [&](int64_t part) {
    const int64_t i0 = part / column_parts * kChunk, c = part % column_parts;
    const int64_t i1 = i0 + kChunk < g.m ? i0 + kChunk : g.m;
    gemm_part(plan, i0, i1, panels.count * c / column_parts, panels.count * (c + 1) / column_parts);
  });
}

/** Rows that a sum over rows takes in one chain, as measured at the shapes of models of d_model 32 to 256. */
LAB_INLINE int64_t chain_depth(const Gemm& g) {
  return g.depth ? g.depth : g.m <= 64 && g.n <= 64 ? 256 : 96;
}

void gemm(const Gemm& g) {
  if (!g.ta) {
    GemmPlan plan(g);
    if (prepare(plan, 0)) execute(plan);
    return;
  }
  // Block after block, so that what is packed of b stays in the cache.
  const int64_t depth = chain_depth(g);
  for (int64_t k0 = 0; k0 < g.k; k0 += depth) {
    Gemm block = g;
    block.k = g.k - k0 < depth ? g.k - k0 : depth;
    block.a = g.a + k0 * g.lda;
    block.b = g.tb ? g.b + k0 : g.b + k0 * g.ldb;
    block.accumulate = g.accumulate || k0 > 0;
    block.bias = k0 + depth < g.k ? nullptr : g.bias;
    block.residual = k0 + depth < g.k ? nullptr : g.residual;
    GemmPlan plan(block);
    if (!prepare(plan, 0)) return;
    execute(plan);
  }
}

}  // namespace
