/** @file Global gradient norm and AdamW over all parameters in one call. Arguments are in the order of the calls in the
 * TypeScript beside this folder; formulas in `model/ops/adamw.ts`.
 */
#include <cmath>

#include "call.h"

namespace lab {
namespace {

/** norm, then each gradient and its count. */
napi_value global_norm(napi_env env, napi_callback_info info) {
  Call call(env, info, "globalNorm");
  float* norm = call.floats(0, 1);
  double total = 0;
  for (size_t i = 1; call.ok() && i + 1 < call.count(); i += 2) {
    const int64_t count = call.size(i + 1);
    const float* g = call.floats(i, count);
    if (call.ok()) total += kernels().square_sum(g, count);
  }
  if (call.ok()) *norm = (float)std::sqrt(total);
  return call.done();
}

/** norm, learning_rate, beta1, beta2, eps, grad_clip, step; then p, g, m, v, count, decay for each parameter. */
napi_value adamw(napi_env env, napi_callback_info info) {
  Call call(env, info, "adamw");
  const float* norm = call.floats(0, 1);
  const double rate = call.number(1), beta1 = call.number(2), beta2 = call.number(3);
  const double limit = call.number(5), step = call.number(6);
  std::vector<Slot> slots;
  for (size_t i = 7; call.ok() && i + 5 < call.count(); i += 6) {
    Slot s{};
    s.count = call.size(i + 4);
    s.p = call.floats(i, s.count);
    s.g = call.floats(i + 1, s.count);
    s.m = call.floats(i + 2, s.count);
    s.v = call.floats(i + 3, s.count);
    s.keep = (float)(1 - rate * call.number(i + 5));
    slots.push_back(s);
  }
  if (!call.ok()) return call.done();
  AdamW h{};
  h.beta1 = (float)beta1;
  h.beta2 = (float)beta2;
  h.eps = (float)call.number(4);
  h.rate = (float)(rate / (1 - std::pow(beta1, step)));
  h.correction2 = (float)(1 / (1 - std::pow(beta2, step)));
  // A NaN norm clips nothing here: the gradients carry their NaN themselves.
  h.clip = limit > 0 && *norm > limit ? (float)(limit / (double)*norm) : 1.0f;
  kernels().adamw(h, slots.data(), (int64_t)slots.size());
  return call.done();
}

}  // namespace

void add_optimizer(napi_env env, napi_value exports) {
  add_function(env, exports, "globalNorm", global_norm);
  add_function(env, exports, "adamw", adamw);
}

}  // namespace lab
