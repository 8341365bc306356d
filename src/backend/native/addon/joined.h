/** @file Products that follow each other, a few rows at a time, so that what one makes is in the cache when the next
 * reads it: the two of an MLP with GELU between them and the three that share their input, each with its backward;
 * the output layer with its loss and both their gradients.
 * Weights are packed once. Sums over rows add a block of rows after the other, of a size that the shape alone decides.
 */
#pragma once
#include "gemm.h"
#include "rows.h"

namespace {

/** Rows that go through all products together: with what they make they stay in the second-level cache. Of 48 to 384
 * rows, as fast as any at d_model 32 to 256. */
constexpr int64_t kRowsTogether = 4 * kGroup;

/** Rows of one turn: for several threads enough for all. */
LAB_INLINE int64_t span_rows() { return lab::num_threads() > 1 ? lab::num_threads() * kChunk : kRowsTogether; }

/** Calls `visit(first, count)` for rows 0 .. m, some at a time. */
template <class Visit>
LAB_INLINE void spans(int64_t m, Visit visit) {
  const int64_t span = span_rows();
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

/** `dw [k, n] (+)= x' dy` over a span of rows, kRowsTogether after the other. */
inline void add_weight_grad(const float* x, int64_t k, const float* dy, int64_t n, int64_t rows,
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
  g.depth = kRowsTogether;
  gemm(g);
}

/** `db [n] (+)= ` the sums of the rows of dy, kRowsTogether after the other. */
inline void add_bias_grad(const float* dy, int64_t n, int64_t rows, bool accumulate, float* db) {
  float* sums = (float*)lab::scratch(8, sizeof(float) * (size_t)n);
  if (!sums || !db) return;
  for (int64_t first = 0; first < rows; first += kRowsTogether) {
    column_sums(dy + first * n, sums, rows - first < kRowsTogether ? rows - first : kRowsTogether, n);
    for (int64_t c = 0; c < n; c++) db[c] = accumulate || first > 0 ? db[c] + sums[c] : sums[c];
  }
}

void mlp(const Mlp& t) {
  const int64_t d = t.d, f = t.f;
  RowProduct fc(f, d, t.w_fc, false, 4), proj(d, f, t.w_proj, false, 5);
  const int64_t span = span_rows();
  float* active = (float*)lab::scratch(7, sizeof(float) * (size_t)(span * f));
  if (!fc.is_ready() || !proj.is_ready() || !active) return;
  spans(t.m, [&](int64_t first, int64_t count) {
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
  const int64_t d = t.d, f = t.f;
  RowProduct proj(f, d, t.w_proj, true, 4), fc(d, f, t.w_fc, true, 5);
  const int64_t span = span_rows();
  float* active = (float*)lab::scratch(7, sizeof(float) * (size_t)(2 * span * f));
  if (!fc.is_ready() || !proj.is_ready() || !active) return;
  float* dhidden = active + span * f;
  spans(t.m, [&](int64_t first, int64_t count) {
    const float* x = t.x + first * d;
    const float* dy = t.dy + first * d;
    Gemm& outer = proj.rows(count, dy, dhidden);
    outer.before_gelu = t.hidden + first * f;
    outer.gelu = active;
    proj.run();
    add_weight_grad(active, f, dy, d, count, first > 0, t.dw_proj);
    fc.rows(count, dhidden, t.dx + first * d);
    fc.run();
    add_weight_grad(x, d, dhidden, f, count, first > 0, t.dw_fc);
    add_bias_grad(dy, d, count, first > 0, t.db_proj);
    add_bias_grad(dhidden, f, count, first > 0, t.db_fc);
  });
}

/** Rows of logits to `(softmax - onehot) weight` in place; gives their losses' sum. */
inline double loss_rows(float* z, const int32_t* targets, int64_t rows, int64_t v, float weight) {
  double total = 0;
  for (int64_t r = 0; r < rows; r++, z += v) {
    const double at_target = (double)z[targets[r]];
    float max, sum;
    row_exp(z, v, &max, &sum);
    const vf factor = splat(weight / sum);
    columns(v, [&](int64_t c, int n) { store_part(z + c, load_part(z + c, n) * factor, n); });
    z[targets[r]] -= weight;
    total += (double)max + log((double)sum) - at_target;
  }
  return total;
}

void head_loss(const HeadLoss& t) {
  constexpr int64_t kPieceRows = kRowsTogether / 2;
  RowProduct head(t.v, t.d, t.w, t.tw, 4), back(t.d, t.v, t.w, !t.tw, 5);
  float* z = (float*)lab::scratch(7, sizeof(float) * (size_t)(span_rows() * t.v));
  const int64_t count = (t.m + kPieceRows - 1) / kPieceRows;
  double* losses = (double*)lab::scratch(9, sizeof(double) * (size_t)count);
  if (!head.is_ready() || !back.is_ready() || !z || !losses) return;
  spans(t.m, [&](int64_t first, int64_t rows) {
    const float* x = t.x + first * t.d;
    head.rows(rows, x, z);
    head.run();
    pieces(rows, kPieceRows, [&](int64_t from, int64_t to) {
      const int64_t at = first + from;
      losses[at / kPieceRows] = loss_rows(z + from * t.v, t.targets + at, to - from, t.v, 1.0f / (float)t.m);
    });
    back.rows(rows, z, t.dx + first * t.d);
    back.run();
    if (t.tw) add_weight_grad(z, t.v, x, t.d, rows, first > 0, t.dw);
    else add_weight_grad(x, t.d, z, t.v, rows, first > 0, t.dw);
  });
  double total = 0;
  for (int64_t i = 0; i < count; i++) total += losses[i];
  *t.loss = (float)(total / (double)t.m);
}

void projections(const Projections& t) {
  RowProduct q(t.n, t.k, t.w[0], false, 4), k(t.n, t.k, t.w[1], false, 5), v(t.n, t.k, t.w[2], false, 6);
  RowProduct* products[] = {&q, &k, &v};
  for (RowProduct* product : products)
    if (!product->is_ready()) return;
  spans(t.m, [&](int64_t first, int64_t count) {
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
  spans(t.m, [&](int64_t first, int64_t count) {
    for (int i = 0; i < 3; i++) {
      const float* dy = t.dy[i] + first * t.n;
      products[i]->rows(count, dy, t.dx + first * t.k).accumulate = i > 0;
      products[i]->run();
      add_weight_grad(t.x + first * t.k, t.k, dy, t.n, count, first > 0, t.dw[i]);
      add_bias_grad(dy, t.n, count, first > 0, t.db[i]);
    }
  });
}

}  // namespace
