/** @file Kernels that go row by row: LayerNorm, softmax, cross-entropy, sums over rows, each with its backward.
 * Sums over rows are made in pieces of kRowsAPiece, added in order: the same for any number of threads.
 */
#pragma once
#include <cmath>

#include "parts.h"
#include "pool.h"
#include "functions.h"
#include "variant.h"

namespace {

using namespace lab;

constexpr int64_t kRowsAPiece = 64;

/** `f(column, width)` over a row in vectors, the last with what is left. */
template <class F>
LAB_INLINE void columns(int64_t d, F f) {
  int64_t c = 0;
  for (; c + W <= d; c += W) f(c, W);
  if (c < d) f(c, (int)(d - c));
}

LAB_INLINE vf load_part(const float* p, int n) { return n == W ? load(p) : load_n(p, n); }
LAB_INLINE void store_part(float* p, vf v, int n) {
  if (n == W) store(p, v);
  else store_n(p, v, n);
}

void layer_norm(const LayerNorm& t) {
  const int64_t d = t.d;
  pieces(t.m, kRowsAPiece, [&](int64_t first, int64_t last) {
    for (int64_t r = first; r < last; r++) {
      const float* x = t.x + r * d;
      float* y = t.y + r * d;
      vf sum{};
      columns(d, [&](int64_t c, int n) { sum += load_part(x + c, n); });
      const float mean = sum_lanes(sum) / (float)d;
      const vf mu = splat(mean);
      vf square{};
      columns(d, [&](int64_t c, int n) {
        vf e = load_part(x + c, n) - mu;
        if (n < W) e = first_n(e, n, vf{});
        square += e * e;
      });
      const float rstd = 1.0f / sqrtf(sum_lanes(square) / (float)d + t.eps);
      const vf scale = splat(rstd);
      columns(d, [&](int64_t c, int n) {
        const vf h = (load_part(x + c, n) - mu) * scale;
        store_part(y + c, h * load_part(t.g + c, n) + load_part(t.b + c, n), n);
      });
      t.mean[r] = mean;
      t.rstd[r] = rstd;
    }
  });
}

/** Adds the rows of `partial` [count, d] in order, to what `out` holds where that is asked for. */
inline void add_pieces(const float* partial, int64_t count, int64_t stride, int64_t d, float* out, bool accumulate) {
  columns(d, [&](int64_t c, int n) {
    vf sum = load_part(partial + c, n);
    if (accumulate) sum += load_part(out + c, n);
    for (int64_t i = 1; i < count; i++) sum += load_part(partial + i * stride + c, n);
    store_part(out + c, sum, n);
  });
}

void layer_norm_grad(const LayerNorm& t) {
  const int64_t d = t.d, piece = t.piece ? t.piece : kRowsAPiece, count = (t.m + piece - 1) / piece;
  const int64_t stride = (d + W - 1) / W * W;
  float* partial = (float*)scratch(3, sizeof(float) * (size_t)(2 * count * stride));
  if (!partial) return;
  pieces(t.m, piece, [&](int64_t first, int64_t last) {
    float* gains = partial + first / piece * 2 * stride;
    float* biases = gains + stride;
    for (int64_t c = 0; c < 2 * stride; c += W) store(gains + c, vf{});
    for (int64_t r = first; r < last; r++) {
      const float* x = t.x + r * d;
      const float* dy = t.dy + r * d;
      float* dx = t.dx + r * d;
      const vf mu = splat(t.mean[r]), scale = splat(t.rstd[r]);
      vf sum{}, dot{};
      columns(d, [&](int64_t c, int n) {
        const vf dyv = load_part(dy + c, n);
        const vf h = (load_part(x + c, n) - mu) * scale;
        const vf e = dyv * load_part(t.g + c, n);
        // Kept rounded, so that a row of one element, or of equal ones, has a gradient of exactly 0.
        store_part(dx + c, e, n);
        sum += e;
        dot += e * h;
        store(gains + c, load(gains + c) + dyv * h);
        store(biases + c, load(biases + c) + dyv);
      });
      const vf mean_e = splat(sum_lanes(sum) / (float)d), mean_eh = splat(sum_lanes(dot) / (float)d);
      columns(d, [&](int64_t c, int n) {
        const vf h = (load_part(x + c, n) - mu) * scale;
        vf out = scale * (load_part(dx + c, n) - mean_e - h * mean_eh);
        if (t.residual) out += load_part(t.residual + r * d + c, n);
        store_part(dx + c, out, n);
      });
    }
  });
  add_pieces(partial, count, 2 * stride, d, t.dg, t.accumulate);
  add_pieces(partial + stride, count, 2 * stride, d, t.db, t.accumulate);
}

void column_sums(const float* x, float* y, int64_t rows, int64_t d) {
  const int64_t count = (rows + kRowsAPiece - 1) / kRowsAPiece, stride = (d + W - 1) / W * W;
  float* partial = (float*)scratch(3, sizeof(float) * (size_t)(count * stride));
  if (!partial) return;
  pieces(rows, kRowsAPiece, [&](int64_t first, int64_t last) {
    float* to = partial + first / kRowsAPiece * stride;
    columns(d, [&](int64_t c, int n) {
      vf sum = load_part(x + first * d + c, n);
      for (int64_t r = first + 1; r < last; r++) sum += load_part(x + r * d + c, n);
      store_part(to + c, sum, n);
    });
  });
  add_pieces(partial, count, stride, d, y, false);
}

/** Largest element of a row, and the sum of exp(x - largest), which is NaN if any element is. */
LAB_INLINE void row_max_sum(const float* x, int64_t d, float* max, float* sum) {
  const vf low = splat(-__builtin_inff());
  vf top = low;
  columns(d, [&](int64_t c, int n) {
    const vf v = n < W ? first_n(load_n(x + c, n), n, low) : load(x + c);
    top = v > top ? v : top;
  });
  *max = max_lanes(top);
  const vf shift = splat(*max);
  vf total{};
  columns(d, [&](int64_t c, int n) {
    const vf e = exp_v(load_part(x + c, n) - shift);
    total += n < W ? first_n(e, n, vf{}) : e;
  });
  *sum = sum_lanes(total);
}

/** The same, with `exp(x - largest)` in place of x. */
LAB_INLINE void row_exp(float* x, int64_t d, float* max, float* sum) {
  const vf low = splat(-__builtin_inff());
  vf top = low;
  columns(d, [&](int64_t c, int n) {
    const vf v = n < W ? first_n(load_n(x + c, n), n, low) : load(x + c);
    top = v > top ? v : top;
  });
  *max = max_lanes(top);
  const vf shift = splat(*max);
  vf total{};
  columns(d, [&](int64_t c, int n) {
    const vf e = exp_v(load_part(x + c, n) - shift);
    store_part(x + c, e, n);
    total += n < W ? first_n(e, n, vf{}) : e;
  });
  *sum = sum_lanes(total);
}

void softmax(const float* x, float* y, int64_t rows, int64_t d, bool is_log) {
  pieces(rows, kRowsAPiece, [&](int64_t first, int64_t last) {
    for (int64_t r = first; r < last; r++) {
      float max, sum;
      row_max_sum(x + r * d, d, &max, &sum);
      const vf shift = splat(is_log ? max + logf(sum) : max), factor = splat(1.0f / sum);
      columns(d, [&](int64_t c, int n) {
        const vf v = load_part(x + r * d + c, n) - shift;
        store_part(y + r * d + c, is_log ? v : exp_v(v) * factor, n);
      });
    }
  });
}

void cross_entropy(const CrossEntropy& t) {
  const int64_t count = (t.m + kRowsAPiece - 1) / kRowsAPiece;
  double* partial = (double*)scratch(3, sizeof(double) * (size_t)count);
  if (!partial) return;
  pieces(t.m, kRowsAPiece, [&](int64_t first, int64_t last) {
    double total = 0;
    for (int64_t r = first; r < last; r++) {
      float max, sum;
      row_max_sum(t.logits + r * t.v, t.v, &max, &sum);
      const double log_sum = log((double)sum);
      total += (double)max + log_sum - (double)t.logits[r * t.v + t.targets[r]];
      t.lse[r] = (float)((double)max + log_sum);
    }
    partial[first / kRowsAPiece] = total;
  });
  double total = 0;
  for (int64_t i = 0; i < count; i++) total += partial[i];
  *t.loss = (float)(total / (double)t.m);
}

void cross_entropy_grad(const CrossEntropy& t) {
  const float weight = 1.0f / (float)t.m;
  const vf factor = splat(weight);
  pieces(t.m, kRowsAPiece, [&](int64_t first, int64_t last) {
    for (int64_t r = first; r < last; r++) {
      const vf shift = splat(t.lse[r]);
      float* dz = t.dlogits + r * t.v;
      columns(t.v, [&](int64_t c, int n) {
        store_part(dz + c, exp_v(load_part(t.logits + r * t.v + c, n) - shift) * factor, n);
      });
      dz[t.targets[r]] -= weight;
    }
  });
}

}  // namespace
