/** @file Products that follow each other, a few rows at a time, so that what one makes is in the cache when the next
 * reads it: the two of an MLP with GELU between them, and the three that share their input; each with its backward.
 * Weights are packed once. Sums over rows add a block of rows after the other, of a size that the shape alone decides.
 */
#pragma once
#include "gemm.h"
#include "rows.h"

namespace {

/** Rows that go through all products together where rows are `width` wide in all: they stay in the second-level cache. */
LAB_INLINE int64_t block_rows(int64_t width) { return width <= 1024 ? kChunk : kChunk / 2; }

/** Calls `visit(first, count, is_first)` for rows 0 .. m: one block at a time, or for each thread one. */
template <class Visit>
LAB_INLINE void spans(int64_t m, int64_t rows, Visit visit) {
  const int64_t threads = lab::num_threads();
  const int64_t span = threads > 1 ? threads * kChunk : rows;
  for (int64_t first = 0; first < m; first += span) visit(first, m - first < span ? m - first : span);
}

/** `c = a b' + ...` where the rows of a and c pass block by block: b is packed in scratch memory `slot`. */
class RowProduct {
 public:
  RowProduct(int64_t n, int64_t k, const float* b, bool tb, int slot) : plan_(g_) {
    g_.tb = tb;
    g_.m = kChunk;  // large enough for packing
    g_.n = n;
    g_.k = k;
    g_.b = b;
    g_.lda = k;
    g_.ldb = tb ? k : n;
    g_.ldc = n;
    plan_.panels = Panels(n);
    is_ready_ = prepare(plan_, slot);
  }
  RowProduct(const RowProduct&) = delete;
  RowProduct& operator=(const RowProduct&) = delete;
  bool is_ready() const { return is_ready_; }
  /** Rows of a and c, and the rest as in Gemm. */
  Gemm& rows(int64_t m, const float* a, float* c) {
    g_.m = m;
    g_.a = a;
    g_.c = c;
    g_.residual = nullptr;
    g_.accumulate = false;
    g_.gelu = nullptr;
    g_.before_gelu = nullptr;
    return g_;
  }
  void run() { execute(plan_); }

 private:
  Gemm g_{};
  GemmPlan plan_;
  bool is_ready_;
};

/** `dw [k, n] (+)= x' dy` over a span of rows, in blocks of `depth` rows. */
inline void add_weight_grad(const float* x, int64_t k, const float* dy, int64_t n, int64_t rows, int64_t depth,
                            bool accumulate, float* dw) {
  Gemm g{};
  g.ta = true;
  g.accumulate = accumulate;
  g.m = k;
  g.n = n;
  g.k = rows;
  g.a = x;
  g.lda = k;
  g.b = dy;
  g.ldb = n;
  g.c = dw;
  g.ldc = n;
  g.depth = depth;
  gemm(g);
}

/** `db [n] (+)= ` the sums of `rows` rows of dy, by blocks of `depth`. */
inline void add_bias_grad(const float* dy, int64_t n, int64_t rows, int64_t depth, bool accumulate, float* db) {
  float* sums = (float*)lab::scratch(8, sizeof(float) * (size_t)n);
  if (!sums || !db) return;
  for (int64_t first = 0; first < rows; first += depth) {
    column_sums(dy + first * n, sums, rows - first < depth ? rows - first : depth, n);
    for (int64_t c = 0; c < n; c++) db[c] = accumulate || first > 0 ? db[c] + sums[c] : sums[c];
  }
}

void mlp(const Mlp& t) {
  const int64_t d = t.d, f = t.f, rows = block_rows(f);
  RowProduct fc(f, d, t.w_fc, false, 4), proj(d, f, t.w_proj, false, 5);
  const int64_t span = lab::num_threads() > 1 ? lab::num_threads() * kChunk : rows;
  float* active = (float*)lab::scratch(7, sizeof(float) * (size_t)(span * f));
  if (!fc.is_ready() || !proj.is_ready() || !active) return;
  spans(t.m, rows, [&](int64_t first, int64_t count) {
    Gemm& inner = fc.rows(count, t.x + first * d, t.hidden + first * f);
    inner.bias = t.b_fc;
    inner.gelu = active;
    fc.run();
    Gemm& outer = proj.rows(count, active, t.y + first * d);
    outer.bias = t.b_proj;
    outer.residual = t.residual + first * d;
    proj.run();
  });
}

void mlp_grad(const Mlp& t) {
  const int64_t d = t.d, f = t.f, rows = block_rows(f);
  RowProduct proj(f, d, t.w_proj, true, 4), fc(d, f, t.w_fc, true, 5);
  const int64_t span = lab::num_threads() > 1 ? lab::num_threads() * kChunk : rows;
  float* active = (float*)lab::scratch(7, sizeof(float) * (size_t)(2 * span * f));
  if (!fc.is_ready() || !proj.is_ready() || !active) return;
  float* dhidden = active + span * f;
  spans(t.m, rows, [&](int64_t first, int64_t count) {
    const float* x = t.x + first * d;
    const float* dy = t.dy + first * d;
    Gemm& outer = proj.rows(count, dy, dhidden);
    outer.before_gelu = t.hidden + first * f;
    outer.gelu = active;
    proj.run();
    add_weight_grad(active, f, dy, d, count, rows, first > 0, t.dw_proj);
    fc.rows(count, dhidden, t.dx + first * d);
    fc.run();
    add_weight_grad(x, d, dhidden, f, count, rows, first > 0, t.dw_fc);
    add_bias_grad(dy, d, count, rows, first > 0, t.db_proj);
    add_bias_grad(dhidden, f, count, rows, first > 0, t.db_fc);
  });
}

void projections(const Projections& t) {
  RowProduct q(t.n, t.k, t.w[0], false, 4), k(t.n, t.k, t.w[1], false, 5), v(t.n, t.k, t.w[2], false, 6);
  RowProduct* products[] = {&q, &k, &v};
  for (RowProduct* product : products)
    if (!product->is_ready()) return;
  spans(t.m, kChunk, [&](int64_t first, int64_t count) {
    for (int i = 0; i < 3; i++) {
      products[i]->rows(count, t.x + first * t.k, t.y[i] + first * t.n).bias = t.b[i];
      products[i]->run();
    }
  });
}

void projections_grad(const Projections& t) {
  RowProduct q(t.k, t.n, t.w[0], true, 4), k(t.k, t.n, t.w[1], true, 5), v(t.k, t.n, t.w[2], true, 6);
  RowProduct* products[] = {&q, &k, &v};
  for (RowProduct* product : products)
    if (!product->is_ready()) return;
  spans(t.m, kChunk, [&](int64_t first, int64_t count) {
    for (int i = 0; i < 3; i++) {
      const float* dy = t.dy[i] + first * t.n;
      products[i]->rows(count, dy, t.dx + first * t.k).accumulate = i > 0;
      products[i]->run();
      add_weight_grad(t.x + first * t.k, t.k, dy, t.n, count, kChunk, first > 0, t.dw[i]);
      add_bias_grad(dy, t.n, count, kChunk, first > 0, t.db[i]);
    }
  });
}

}  // namespace
