/** @file tfjs's standard kernels as functions of handles and sizes. Every element is 4 bytes: float32, int32, and
 * booleans as int32 0 or 1. What moves elements (transpose, slice, concat, tile, ...) is one strided copy.
 */
#include <cmath>
#include <limits>

#include "call.h"

namespace lab {
namespace {

constexpr int kMaxRank = 8;

/** op, x, y, count. */
napi_value unary(napi_env env, napi_callback_info info) {
  Call call(env, info, "unary");
  const int op = call.choice(0, kIsNan + 1);
  const int64_t count = call.size(3);
  const float* x = call.floats(1, count);
  float* y = call.floats(2, count);
  if (call.ok() && count > 0) kernels().unary((Unary)op, x, y, count);
  return call.done();
}

int32_t combine_ints(int op, int32_t a, int32_t b) {
  switch (op) {
    case kAdd: return (int32_t)((uint32_t)a + (uint32_t)b);
    case kSub: return (int32_t)((uint32_t)a - (uint32_t)b);
    case kMul: return (int32_t)((uint32_t)a * (uint32_t)b);
    case kMax: return a > b ? a : b;
    case kMin: return a < b ? a : b;
    case kSquaredDiff: {
      const uint32_t d = (uint32_t)a - (uint32_t)b;
      return (int32_t)(d * d);
    }
    case kEqual: return a == b;
    case kNotEqual: return a != b;
    case kLess: return a < b;
    case kLessEqual: return a <= b;
    case kGreater: return a > b;
    case kGreaterEqual: return a >= b;
    default: return (int32_t)std::floor((double)a / (double)b);
  }
}

/** op, is_float, a, b, y, rank, shape, strides of a, strides of b; the last stride of each is 0 or 1. */
napi_value binary(napi_env env, napi_callback_info info) {
  Call call(env, info, "binary");
  const int op = call.choice(0, kGreaterEqual + 1), rank = call.choice(5, kMaxRank + 1);
  const bool is_float = call.choice(1, 2) == 1;
  call.require(is_float || op != kPow, "powers of integers are not here");
  int64_t shape[kMaxRank] = {}, sa[kMaxRank] = {}, sb[kMaxRank] = {}, total = 1, end_a = 1, end_b = 1;
  for (int i = 0; i < rank; i++) {
    shape[i] = call.size(6 + (size_t)i);
    sa[i] = call.size(6 + (size_t)(rank + i));
    sb[i] = call.size(6 + (size_t)(2 * rank + i));
    total *= shape[i];
    end_a += (shape[i] - 1) * sa[i];
    end_b += (shape[i] - 1) * sb[i];
  }
  call.require(rank > 0 && sa[rank - 1] <= 1 && sb[rank - 1] <= 1, "the last stride must be 0 or 1");
  const float* a = call.floats(2, total ? end_a : 0);
  const float* b = call.floats(3, total ? end_b : 0);
  float* y = call.floats(4, total);
  if (!call.ok() || total == 0) return call.done();
  const int64_t inner = shape[rank - 1], step_a = sa[rank - 1], step_b = sb[rank - 1];
  int64_t at[kMaxRank] = {}, offset_a = 0, offset_b = 0;
  for (int64_t row = 0; row < total; row += inner) {
    if (is_float) {
      kernels().binary((Binary)op, a + offset_a, step_a, b + offset_b, step_b, y + row, inner);
    } else {
      const int32_t* ia = (const int32_t*)a + offset_a;
      const int32_t* ib = (const int32_t*)b + offset_b;
      for (int64_t i = 0; i < inner; i++) ((int32_t*)y)[row + i] = combine_ints(op, ia[i * step_a], ib[i * step_b]);
    }
    for (int i = rank - 2; i >= 0; i--) {
      offset_a += sa[i];
      offset_b += sb[i];
      if (++at[i] < shape[i]) break;
      offset_a -= shape[i] * sa[i];
      offset_b -= shape[i] * sb[i];
      at[i] = 0;
    }
  }
  return call.done();
}

/** op, is_float, x, y, outer, size, inner. */
napi_value reduce(napi_env env, napi_callback_info info) {
  Call call(env, info, "reduce");
  const int op = call.choice(0, kMinimum + 1);
  const bool is_float = call.choice(1, 2) == 1;
  const int64_t outer = call.size(4), size = call.size(5), inner = call.size(6);
  const float* x = call.floats(2, outer * size * inner);
  float* y = call.floats(3, outer * inner);
  call.require(is_float || op != kMean, "means are of floats");
  call.require(size > 0, "nothing to reduce");
  if (!call.ok()) return call.done();
  if (is_float) {
    kernels().reduce((Reduction)op, x, y, outer, size, inner);
    return call.done();
  }
  const int32_t* from = (const int32_t*)x;
  const int combine = op == kSum ? kAdd : op == kMaximum ? kMax : kMin;
  for (int64_t o = 0; o < outer; o++)
    for (int64_t c = 0; c < inner; c++) {
      int32_t value = from[o * size * inner + c];
      for (int64_t i = 1; i < size; i++) value = combine_ints(combine, value, from[(o * size + i) * inner + c]);
      ((int32_t*)y)[o * inner + c] = value;
    }
  return call.done();
}

/** is_float, is_min, x, y, outer, size, inner: place of the first largest (or smallest) element. */
napi_value arg_max(napi_env env, napi_callback_info info) {
  Call call(env, info, "argMax");
  const bool is_float = call.choice(0, 2) == 1, is_min = call.choice(1, 2) == 1;
  const int64_t outer = call.size(4), size = call.size(5), inner = call.size(6);
  const float* x = call.floats(2, outer * size * inner);
  int32_t* y = call.ints(3, outer * inner);
  call.require(size > 0, "nothing to reduce");
  for (int64_t o = 0; call.ok() && o < outer; o++)
    for (int64_t c = 0; c < inner; c++) {
      int64_t best = 0;
      double top = -std::numeric_limits<double>::infinity();
      for (int64_t i = 0; i < size; i++) {
        const int64_t at = (o * size + i) * inner + c;
        const double value = is_float ? (double)x[at] : (double)((const int32_t*)x)[at];
        const double signed_value = is_min ? -value : value;
        if (signed_value > top) {
          top = signed_value;
          best = i;
        }
      }
      y[o * inner + c] = (int32_t)best;
    }
  return call.done();
}

/** x, y, first of x, first of y, rank, shape, strides of x, strides of y. */
napi_value copy(napi_env env, napi_callback_info info) {
  Call call(env, info, "copy");
  const int rank = call.choice(4, kMaxRank + 1);
  int64_t shape[kMaxRank] = {}, sx[kMaxRank] = {}, sy[kMaxRank] = {}, total = 1;
  int64_t first_x = call.size(2), first_y = call.size(3), end_x = first_x + 1, end_y = first_y + 1;
  for (int i = 0; i < rank; i++) {
    shape[i] = call.size(5 + (size_t)i);
    sx[i] = call.size(5 + (size_t)(rank + i));
    sy[i] = call.size(5 + (size_t)(2 * rank + i));
    total *= shape[i];
    end_x += (shape[i] - 1) * sx[i];
    end_y += (shape[i] - 1) * sy[i];
  }
  call.require(rank > 0, "rank is 0");
  const int32_t* x = call.ints(0, total ? end_x : 0);
  int32_t* y = call.ints(1, total ? end_y : 0);
  if (!call.ok() || total == 0) return call.done();
  const int64_t inner = shape[rank - 1], step_x = sx[rank - 1], step_y = sy[rank - 1];
  int64_t at[kMaxRank] = {};
  for (int64_t row = 0; row < total; row += inner) {
    const int32_t* from = x + first_x;
    int32_t* to = y + first_y;
    if (step_x == 1 && step_y == 1) {
      for (int64_t i = 0; i < inner; i++) to[i] = from[i];
    } else {
      for (int64_t i = 0; i < inner; i++) to[i * step_y] = from[i * step_x];
    }
    for (int i = rank - 2; i >= 0; i--) {
      first_x += sx[i];
      first_y += sy[i];
      if (++at[i] < shape[i]) break;
      first_x -= shape[i] * sx[i];
      first_y -= shape[i] * sy[i];
      at[i] = 0;
    }
  }
  return call.done();
}

/** x, y, rows, columns, is_log. */
napi_value softmax(napi_env env, napi_callback_info info) {
  Call call(env, info, "softmax");
  const int64_t rows = call.size(2), columns = call.size(3);
  const bool is_log = call.choice(4, 2) == 1;
  call.require(columns > 0, "a row has no elements");
  const float* x = call.floats(0, rows * columns);
  float* y = call.floats(1, rows * columns);
  if (call.ok()) kernels().softmax(x, y, rows, columns, is_log);
  return call.done();
}

/** y, is_float, value, step, count: value, value + step, ... */
napi_value range(napi_env env, napi_callback_info info) {
  Call call(env, info, "range");
  const bool is_float = call.choice(1, 2) == 1;
  const double value = call.number(2), step = call.number(3);
  const int64_t count = call.size(4);
  float* y = call.floats(0, count);
  for (int64_t i = 0; call.ok() && i < count; i++) {
    const double v = value + (double)i * step;
    if (is_float) y[i] = (float)v;
    else ((int32_t*)y)[i] = (int32_t)(int64_t)v;
  }
  return call.done();
}

/** x, y, count, from, to: 0 int32, 1 float32, 2 bool. Floats are cut towards zero; NaN becomes 0. */
napi_value cast(napi_env env, napi_callback_info info) {
  Call call(env, info, "cast");
  const int64_t count = call.size(2);
  const int from = call.choice(3, 3), to = call.choice(4, 3);
  const float* x = call.floats(0, count);
  float* y = call.floats(1, count);
  for (int64_t i = 0; call.ok() && i < count; i++) {
    const int32_t as_int = ((const int32_t*)x)[i];
    const double v = from == 1 ? (double)x[i] : (double)as_int;
    if (to == 1) y[i] = (float)v;
    else if (to == 2) ((int32_t*)y)[i] = v != 0;
    else ((int32_t*)y)[i] = v > -2147483649.0 && v < 2147483648.0 ? (int32_t)v : 0;
  }
  return call.done();
}

/** x, indices, y, outer, size, inner, count. */
napi_value gather(napi_env env, napi_callback_info info) {
  Call call(env, info, "gather");
  const int64_t outer = call.size(3), size = call.size(4), inner = call.size(5), count = call.size(6);
  const int32_t* x = call.ints(0, outer * size * inner);
  const int32_t* indices = call.ints(1, count);
  int32_t* y = call.ints(2, outer * count * inner);
  for (int64_t i = 0; call.ok() && i < count; i++)
    call.require(indices[i] >= 0 && indices[i] < size, "an index is outside the axis");
  for (int64_t o = 0; call.ok() && o < outer; o++)
    for (int64_t i = 0; i < count; i++)
      for (int64_t c = 0; c < inner; c++) y[(o * count + i) * inner + c] = x[(o * size + indices[i]) * inner + c];
  return call.done();
}

/** x, segments, y, count, inner, number: y_s = sum of the rows of x in segment s; negative segments are dropped. */
napi_value segment_sum(napi_env env, napi_callback_info info) {
  Call call(env, info, "segmentSum");
  const int64_t count = call.size(3), inner = call.size(4), number = call.size(5);
  const float* x = call.floats(0, count * inner);
  const int32_t* segments = call.ints(1, count);
  float* y = call.floats(2, number * inner);
  for (int64_t i = 0; call.ok() && i < count; i++)
    call.require(segments[i] < number, "a segment is not below their number");
  for (int64_t i = 0; call.ok() && i < number * inner; i++) y[i] = 0;
  for (int64_t i = 0; call.ok() && i < count; i++) {
    if (segments[i] < 0) continue;
    for (int64_t c = 0; c < inner; c++) y[segments[i] * inner + c] += x[i * inner + c];
  }
  return call.done();
}

/** indices, y, count, depth, is_float, on, off. */
napi_value one_hot(napi_env env, napi_callback_info info) {
  Call call(env, info, "oneHot");
  const int64_t count = call.size(2), depth = call.size(3);
  const bool is_float = call.choice(4, 2) == 1;
  const double on = call.number(5), off = call.number(6);
  const int32_t* indices = call.ints(0, count);
  float* y = call.floats(1, count * depth);
  for (int64_t i = 0; call.ok() && i < count; i++)
    for (int64_t c = 0; c < depth; c++) {
      const double v = indices[i] == c ? on : off;
      if (is_float) y[i * depth + c] = (float)v;
      else ((int32_t*)y)[i * depth + c] = (int32_t)v;
    }
  return call.done();
}

/** condition, a, b, y, count, inner: condition i chooses between runs of `inner` elements. */
napi_value select(napi_env env, napi_callback_info info) {
  Call call(env, info, "select");
  const int64_t count = call.size(4), inner = call.size(5);
  const int32_t* condition = call.ints(0, count);
  const int32_t* a = call.ints(1, count * inner);
  const int32_t* b = call.ints(2, count * inner);
  int32_t* y = call.ints(3, count * inner);
  for (int64_t i = 0; call.ok() && i < count; i++)
    for (int64_t c = 0; c < inner; c++) y[i * inner + c] = condition[i] ? a[i * inner + c] : b[i * inner + c];
  return call.done();
}

}  // namespace

void add_standard(napi_env env, napi_value exports) {
  add_function(env, exports, "unary", unary);
  add_function(env, exports, "binary", binary);
  add_function(env, exports, "reduce", reduce);
  add_function(env, exports, "argMax", arg_max);
  add_function(env, exports, "copy", copy);
  add_function(env, exports, "softmax", softmax);
  add_function(env, exports, "range", range);
  add_function(env, exports, "cast", cast);
  add_function(env, exports, "gather", gather);
  add_function(env, exports, "segmentSum", segment_sum);
  add_function(env, exports, "oneHot", one_hot);
  add_function(env, exports, "select", select);
}

}  // namespace lab
