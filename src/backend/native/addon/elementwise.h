/** @file Kernels that go element by element: GELU, AdamW, the sum of squares, and tfjs's unary and binary ones.
 * They work in pieces of kPiece elements and on whole vectors: tensors end in padding (pool.h).
 */
#pragma once
#include <cmath>

#include "parts.h"
#include "pool.h"
#include "functions.h"
#include "variant.h"

namespace {

using namespace lab;

constexpr int64_t kPiece = 16384;

template <class F>
LAB_INLINE void vectors(int64_t count, F f) {
  pieces(count, kPiece, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; i += W) f(i);
  });
}

void gelu(const float* x, float* y, int64_t count) {
  vectors(count, [&](int64_t i) {
    store(y + i, gelu_v(load(x + i)));
  });
}

void gelu_grad(const float* dy, const float* x, float* dx, int64_t count) {
  vectors(count, [&](int64_t i) {
    store(dx + i, load(dy + i) * gelu_slope_v(load(x + i)));
  });
}

/** In float within 64 vectors, in double beyond: the rounding error stays that of a short sum. */
double square_sum(const float* x, int64_t count) {
  const int64_t size = 64 * W, number = (count + size - 1) / size;
  double* partial = (double*)scratch(3, sizeof(double) * (size_t)(number + 1));
  if (!partial) return 0;
  pieces(count, size, [&](int64_t first, int64_t last) {
    vf sum{};
    for (int64_t i = first; i < last; i += W) {
      const vf v = last - i < W ? load_n(x + i, (int)(last - i)) : load(x + i);
      sum += v * v;
    }
    partial[first / size] = (double)sum_lanes(sum);
  });
  double total = 0;
  for (int64_t i = 0; i < number; i++) total += partial[i];
  return total;
}

void adamw(const AdamW& h, const Slot* slots, int64_t count) {
  const vf beta1 = splat(h.beta1), rest1 = splat(1.0f - h.beta1), beta2 = splat(h.beta2), rest2 = splat(1.0f - h.beta2);
  const vf eps = splat(h.eps), rate = splat(h.rate), correction2 = splat(h.correction2), clip = splat(h.clip);
  for (int64_t s = 0; s < count; s++) {
    const Slot& t = slots[s];
    const vf keep = splat(t.keep);
    vectors(t.count, [&](int64_t i) {
      const vf g = load(t.g + i) * clip;
      const vf m = beta1 * load(t.m + i) + rest1 * g;
      const vf v = beta2 * load(t.v + i) + rest2 * (g * g);
      const vf p = load(t.p + i) * keep - rate * m / (sqrt_v(v * correction2) + eps);
      store(t.m + i, m);
      store(t.v + i, v);
      store(t.p + i, p);
    });
  }
}

template <class F>
LAB_INLINE void map(const float* x, float* y, int64_t count, F f) {
  vectors(count, [&](int64_t i) { store(y + i, f(load(x + i))); });
}

template <class F>
LAB_INLINE void map_lanes(const float* x, float* y, int64_t count, F f) {
  pieces(count, kPiece, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; i++) y[i] = f(x[i]);
  });
}

void unary(Unary op, const float* x, float* y, int64_t count) {
  switch (op) {
    case kNeg: return map(x, y, count, [](vf v) { return -v; });
    case kAbs: return map_lanes(x, y, count, [](float v) { return fabsf(v); });
    case kSquare: return map(x, y, count, [](vf v) { return v * v; });
    case kSqrt: return map(x, y, count, [](vf v) { return sqrt_v(v); });
    case kRsqrt: return map(x, y, count, [](vf v) { return splat(1.0f) / sqrt_v(v); });
    case kExp: return map(x, y, count, [](vf v) { return exp_v(v); });
    case kLog: return map(x, y, count, [](vf v) { return log_v(v); });
    case kSigmoid: return map(x, y, count, [](vf v) { return sigmoid_v(v); });
    case kTanh: return map_lanes(x, y, count, [](float v) { return tanhf(v); });
    case kRelu: return map(x, y, count, [](vf v) { return v < vf{} ? vf{} : v; });
    case kReciprocal: return map(x, y, count, [](vf v) { return splat(1.0f) / v; });
    case kFloor: return map_lanes(x, y, count, [](float v) { return floorf(v); });
    case kIsNan: return map(x, y, count, [](vf v) { return (vf)((v != v) & 1); });
  }
}

template <class F>
LAB_INLINE void combine(const float* a, int64_t a_step, const float* b, int64_t b_step, float* y, int64_t count, F f) {
  const vf a0 = splat(a[0]), b0 = splat(b[0]);
  vectors(count, [&](int64_t i) { store(y + i, f(a_step ? load(a + i) : a0, b_step ? load(b + i) : b0)); });
}

/** Comparisons give the integers 0 and 1: the storage of booleans. */
LAB_INLINE vf truth(vi mask) { return (vf)(mask & 1); }

void binary(Binary op, const float* a, int64_t sa, const float* b, int64_t sb, float* y, int64_t n) {
  switch (op) {
    case kAdd: return combine(a, sa, b, sb, y, n, [](vf u, vf v) { return u + v; });
    case kSub: return combine(a, sa, b, sb, y, n, [](vf u, vf v) { return u - v; });
    case kMul: return combine(a, sa, b, sb, y, n, [](vf u, vf v) { return u * v; });
    case kDiv: return combine(a, sa, b, sb, y, n, [](vf u, vf v) { return u / v; });
    case kMax: return combine(a, sa, b, sb, y, n, [](vf u, vf v) { return v == v ? max_nan(u, v) : v; });
    case kMin: return combine(a, sa, b, sb, y, n, [](vf u, vf v) { return v == v ? -max_nan(-u, -v) : v; });
    case kSquaredDiff: return combine(a, sa, b, sb, y, n, [](vf u, vf v) { return (u - v) * (u - v); });
    case kEqual: return combine(a, sa, b, sb, y, n, [](vf u, vf v) { return truth(u == v); });
    case kNotEqual: return combine(a, sa, b, sb, y, n, [](vf u, vf v) { return truth(u != v); });
    case kLess: return combine(a, sa, b, sb, y, n, [](vf u, vf v) { return truth(u < v); });
    case kLessEqual: return combine(a, sa, b, sb, y, n, [](vf u, vf v) { return truth(u <= v); });
    case kGreater: return combine(a, sa, b, sb, y, n, [](vf u, vf v) { return truth(u > v); });
    case kGreaterEqual: return combine(a, sa, b, sb, y, n, [](vf u, vf v) { return truth(u >= v); });
    case kPow:
      return pieces(n, kPiece, [&](int64_t first, int64_t last) {
        for (int64_t i = first; i < last; i++) y[i] = powf(a[i * sa], b[i * sb]);
      });
  }
}

/** Reduces the middle of [outer, size, inner], in order along it where inner > 1. */
void reduce(Reduction op, const float* x, float* y, int64_t outer, int64_t size, int64_t inner) {
  const float nan = __builtin_nanf("");
  parts(outer, [&](int64_t o) {
    const float* from = x + o * size * inner;
    if (op == kSum || op == kMean) {
      const double weight = op == kMean ? 1.0 / (double)size : 1.0;
      for (int64_t c = 0; c < inner; c++) {
        double sum = 0;
        for (int64_t i = 0; i < size; i++) sum += (double)from[i * inner + c];
        y[o * inner + c] = (float)(sum * weight);
      }
      return;
    }
    const float sign = op == kMaximum ? 1.0f : -1.0f;
    for (int64_t c = 0; c < inner; c++) {
      float best = -__builtin_inff();
      for (int64_t i = 0; i < size; i++) {
        const float v = sign * from[i * inner + c];
        best = v != v || best != best ? nan : v > best ? v : best;
      }
      y[o * inner + c] = sign * best;
    }
  });
}

}  // namespace
