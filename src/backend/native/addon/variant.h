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

/** Mean cross-entropy of `x w` (w [d, v], or [v, d] with tw) against the targets, and its gradients: the logits
 * themselves are never whole. */
struct HeadLoss {
  int64_t m, d, v;
  bool tw;
  const float *x, *w;
  const int32_t* targets;
  float *loss, *dx, *dw;
};

/** Rows [batch n_ctx, n_head d_head]; lse [batch n_head n_ctx]. The backward pass also reads dy and lse. */
struct Attention {
  int64_t batch, n_ctx, n_head, d_head;
  const float *q, *k, *v, *dy;
  float *out, *lse;
  float *dq, *dk, *dv;
};

/** A transformer block of rows [batch n_ctx, n_head d_head], its MLP f wide. Layers in the order c_q, c_k, c_v, c_proj,
 * the MLP's c_fc and c_proj; norms (gain g, shift) ln_1, ln_2. Biases and theirs may be null. The forward pass fills
 * `tape` (of `block_tape_size` elements); the backward pass reads it, x and dy. */
struct TransformerBlock {
  int64_t batch, n_ctx, n_head, d_head, f;
  float eps;
  const float *x, *g[2], *shift[2], *w[6], *b[6];
  float *tape, *y;
  const float* dy;
  float *dx, *dg[2], *dshift[2], *dw[6], *db[6];
};

inline int64_t block_tape_size(const TransformerBlock& t) {
  return t.batch * t.n_ctx * (7 * t.n_head * t.d_head + t.f + t.n_head + 4);
}

struct LayerNorm {
  int64_t m, d;
  float eps;
  const float *x, *g, *b, *dy;
  float *mean, *rstd, *y;
  float *dx, *dg, *db;
  /** Added to dx: the gradient of the residual path around the norm, or null. */
  const float* residual;
  /** Whether dg and db add to what they hold; rows whose sums are made in one go, 0 for the kernel's choice. */
  bool accumulate;
  int64_t piece;
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
  void (*head_loss)(const HeadLoss&);
  void (*block)(const TransformerBlock&);
  void (*block_grad)(const TransformerBlock&);
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

#if defined(__x86_64__)
extern const Variant kAvx2;
extern const Variant kAvx512;
#endif
/** Of the compiler's own vectors: NEON's on ARM, where they always are. */
#if defined(__aarch64__)
extern const Variant kNeon;
#else
extern const Variant kPortable;
#endif

}  // namespace lab
