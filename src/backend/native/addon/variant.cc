/** @file The kernels compiled for one instruction set. Built once for each: LAB_VARIANT is the table's name,
 * LAB_NAME what the user sees, LAB_WIDTH the floats in a vector.
 */
#include <time.h>

#include "attention.h"
#include "block.h"
#include "elementwise.h"
#include "gemm.h"
#include "head-loss.h"
#include "rows.h"
#include "variant.h"

namespace {

double seconds_used() {
  timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double fma_peak(double seconds) {
  constexpr int kChains = 12;
  vf sum[kChains];
  for (int j = 0; j < kChains; j++) sum[j] = splat(1e-9f * (float)j);
  const vf a = splat(1.000001f), b = splat(1e-7f);
  double steps = 0;
  const double start = seconds_used();
  double used;
  do {
    for (int i = 0; i < 20000; i++) {
      LAB_UNROLL
      for (int j = 0; j < kChains; j++) sum[j] = sum[j] * a + b;
    }
    steps += 20000;
    used = seconds_used() - start;
  } while (used < seconds);
  vf total{};
  for (int j = 0; j < kChains; j++) total += sum[j];
  volatile float kept = sum_lanes(total);
  (void)kept;
  return 2.0 * W * kChains * steps / used * 1e-9;
}

}  // namespace

namespace lab {

extern const Variant LAB_VARIANT = {
    LAB_NAME,     gemm,          head_loss,          block,       block_grad, attention, attention_grad, layer_norm,
    layer_norm_grad, gelu,       gelu_grad,          cross_entropy, cross_entropy_grad, column_sums, square_sum,
    adamw,        softmax,       unary,              binary,      reduce,     fma_peak,
};

}  // namespace lab
