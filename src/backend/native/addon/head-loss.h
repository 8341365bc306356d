/** @file The output layer with its loss and both their gradients: logits are made a few rows at a time and never whole.
 */
#pragma once
#include "row-products.h"

namespace {

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
  const int64_t span = span_rows(kRowsTogether);
  RowProduct head(t.v, t.d, t.w, t.tw, 4), back(t.d, t.v, t.w, !t.tw, 5);
  float* z = (float*)lab::scratch(7, sizeof(float) * (size_t)(span * t.v));
  const int64_t count = (t.m + kPieceRows - 1) / kPieceRows;
  double* losses = (double*)lab::scratch(9, sizeof(double) * (size_t)count);
  if (!head.is_ready() || !back.is_ready() || !z || !losses) return;
  each_rows(t.m, span, [&](int64_t first, int64_t rows) {
    const float* x = t.x + first * t.d;
    head.rows(rows, x, z).run();
    pieces(rows, kPieceRows, [&](int64_t from, int64_t to) {
      const int64_t at = first + from;
      losses[at / kPieceRows] = loss_rows(z + from * t.v, t.targets + at, to - from, t.v, 1.0f / (float)t.m);
    });
    back.rows(rows, z, t.dx + first * t.d).run();
    if (t.tw) add_weight_grad(z, t.v, x, t.d, rows, kRowsTogether, first > 0, t.dw);
    else add_weight_grad(x, t.d, z, t.v, rows, kRowsTogether, first > 0, t.dw);
  });
  double total = 0;
  for (int64_t i = 0; i < count; i++) total += losses[i];
  *t.loss = (float)(total / (double)t.m);
}

}  // namespace
