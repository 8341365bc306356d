/** @file Products whose rows pass a few at a time, so that what one makes is in the cache when the next reads it.
 * Weights are packed once. Gradients of weights add one unit of rows after the other, of a size that the shapes alone
 * decide: the same bits for any number of threads.
 */
#pragma once
#include "gemm.h"
#include "rows.h"

namespace {

/** Rows that go through all products together: with what they make they stay in the second-level cache. Of 48 to 384
 * rows, as fast as any at d_model 32 to 256. */
constexpr int64_t kRowsTogether = 4 * kGroup;

/** Rows of one turn, in whole units: for several threads enough for all. */
LAB_INLINE int64_t span_rows(int64_t unit) {
  return lab::num_threads() > 1 ? (lab::num_threads() * kChunk + unit - 1) / unit * unit : unit;
}

/** Calls `visit(first, count)` for rows `first .. first + count`, `most` at a time. */
template <class Visit>
LAB_INLINE void each_rows(int64_t rows, int64_t most, Visit visit) {
  for (int64_t first = 0; first < rows; first += most) visit(first, rows - first < most ? rows - first : most);
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
  /** The next rows of a and c; what else the product does follows, as in Gemm. */
  RowProduct& rows(int64_t m, const float* a, float* c, const float* bias = nullptr) {
    g_.m = m;
    g_.a = a;
    g_.c = c;
    g_.bias = bias;
    g_.residual = nullptr;
    g_.accumulate = false;
    g_.gelu = nullptr;
    g_.before_gelu = nullptr;
    return *this;
  }
  RowProduct& residual(const float* r) {
    g_.residual = r;
    return *this;
  }
  RowProduct& accumulate() {
    g_.accumulate = true;
    return *this;
  }
  RowProduct& gelu(float* y) {
    g_.gelu = y;
    return *this;
  }
  RowProduct& before_gelu(const float* h) {
    g_.before_gelu = h;
    return *this;
  }
  void run() { execute(plan_); }

 private:
  Gemm g_{};
  GemmPlan plan_;
  bool is_ready_;
};

/** `dw [k, n] (+)= x' dy` over some rows, `depth` after the other. */
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

/** `db [n] (+)= ` the sums of the rows of dy. */
inline void add_bias_grad(const float* dy, int64_t n, int64_t rows, bool accumulate, float* db) {
  float* sums = (float*)lab::scratch(8, sizeof(float) * (size_t)n);
  if (!sums || !db) return;
  column_sums(dy, sums, rows, n);
  for (int64_t c = 0; c < n; c++) db[c] = accumulate ? db[c] + sums[c] : sums[c];
}

}  // namespace
