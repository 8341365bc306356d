/** @file The kernels of one instruction set as a table of functions: what a translation unit compiled for it
 * offers, and the arguments they share. Matrices are row-major, `ld` is the distance of rows in elements.
 */
#pragma once
#include <cstdint>

namespace lab {

/** `c = a' b' (+ bias) (+ residual)`: a' is a [m, k], or a [k, m] transposed; b' likewise; c [m, n].
 * `accumulate` adds to what c holds. `bias` [n] and `residual` [m, n] (rows ldc apart) may be null. */
struct Gemm {
  bool ta, tb, accumulate;
  int64_t m, n, k;
  const float* a;
  int64_t lda;
  const float* b;
  int64_t ldb;
  float* c;
  int64_t ldc;
  const float* bias;
  const float* residual;
  /** Rows ldc apart, or null. With `before_gelu` h, c is multiplied by GELU's slope at h and `gelu` gets GELU of h;
   * else `gelu` gets GELU of c. */
  float* gelu;
  const float* before_gelu;
  /** For a transposed: the block of k, which decides the order of the sums; 0 lets the kernel choose. */
  int64_t depth;
};

/** `y = gelu(x w_fc + b_fc) w_proj + b_proj + r`: x, r, y [m, d]; w_fc [d, f], w_proj [f, d]; what is before GELU is
 * kept in hidden [m, f]. The backward pass has dy and gives the gradients. Biases and theirs may be null. */
struct Mlp {
  int64_t m, d, f;
  const float *x, *w_fc, *b_fc, *w_proj, *b_proj, *residual;
  float *hidden, *y;
  const float* dy;
  float *dx, *dw_fc, *db_fc, *dw_proj, *db_proj;
};

/** Mean cross-entropy of `x w` (w [d, v], or [v, d] with tw) against the targets, and its gradients: the logits
 * themselves are never whole. */
struct HeadLoss {
  int64_t m, d, v;
  bool tw;
  const float *x, *w;
  const int32_t* targets;
  float *loss, *dx, *dw;
};

/** Three linear maps of one x [m, k]: y = x w + b, each w [k, n]. The backward pass has dy and gives dw, db and the
 * sum of the three dx. Biases and theirs may be null. */
struct Projections {
  int64_t m, k, n;
  const float* x;
  const float *w[3], *b[3];
  float* y[3];
  const float* dy[3];
  float* dx;
  float *dw[3], *db[3];
};

/** Rows [batch n_ctx, n_head d_head]; lse [batch n_head n_ctx]. The backward pass also reads dy and lse. */
struct Attention {
  int64_t batch, n_ctx, n_head, d_head;
  const float *q, *k, *v, *dy;
  float *out, *lse;
  float *dq, *dk, *dv;
};

struct LayerNorm {
  int64_t m, d;
  float eps;
  const float *x, *g, *b, *dy;
  float *mean, *rstd, *y;
  float *dx, *dg, *db;
  /** Added to dx: the gradient of the residual path around the norm, or null. */
  const float* residual;
};

struct CrossEntropy {
  int64_t m, v;
  const float* logits;
  const int32_t* targets;
  float *loss, *lse, *dlogits;
};

/** One parameter of AdamW with its gradient and moments. */
struct Slot {
  float* p;
  const float* g;
  float *m, *v;
  int64_t count;
  float keep;
};

/** `rate` and `correction2` carry the bias corrections, `clip` scales the gradient. */
struct AdamW {
  float beta1, beta2, eps, rate, correction2, clip;
};

enum Unary { kNeg, kAbs, kSquare, kSqrt, kRsqrt, kExp, kLog, kSigmoid, kTanh, kRelu, kReciprocal, kFloor, kIsNan };
enum Binary {
  kAdd, kSub, kMul, kDiv, kMax, kMin, kSquaredDiff, kPow, kEqual, kNotEqual, kLess, kLessEqual, kGreater,
  kGreaterEqual
};
enum Reduction { kSum, kMean, kMaximum, kMinimum };

struct Variant {
  const char* name;
  void (*gemm)(const Gemm&);
  void (*mlp)(const Mlp&);
  void (*mlp_grad)(const Mlp&);
  void (*head_loss)(const HeadLoss&);
  void (*projections)(const Projections&);
  void (*projections_grad)(const Projections&);
  void (*attention)(const Attention&);
  void (*attention_grad)(const Attention&);
  void (*layer_norm)(const LayerNorm&);
  void (*layer_norm_grad)(const LayerNorm&);
  void (*gelu)(const float* x, float* y, int64_t count);
  void (*gelu_grad)(const float* dy, const float* x, float* dx, int64_t count);
  void (*cross_entropy)(const CrossEntropy&);
  void (*cross_entropy_grad)(const CrossEntropy&);
  void (*column_sums)(const float* x, float* y, int64_t rows, int64_t columns);
  double (*square_sum)(const float* x, int64_t count);
  void (*adamw)(const AdamW&, const Slot*, int64_t count);
  void (*softmax)(const float* x, float* y, int64_t rows, int64_t columns, bool is_log);
  void (*unary)(Unary, const float* x, float* y, int64_t count);
  /** `step` 0 repeats the first element of that operand. */
  void (*binary)(Binary, const float* a, int64_t a_step, const float* b, int64_t b_step, float* y, int64_t count);
  void (*reduce)(Reduction, const float* x, float* y, int64_t outer, int64_t size, int64_t inner);
  /** Billions of float operations a second in a loop of independent fused multiply-adds: the peak. */
  double (*fma_peak)(double seconds);
};

extern const Variant kPortable;
#if defined(__x86_64__)
extern const Variant kAvx2;
extern const Variant kAvx512;
#elif defined(__aarch64__)
extern const Variant kNeon;
#endif

}  // namespace lab
