/** @file The model's operations as functions of handles and sizes. Arguments are in the order of the calls in
 * the TypeScript beside this folder; formulas in `model/ops/`.
 */
#include <cmath>

#include "call.h"

namespace lab {
namespace {

/** a, b, c, m, n, k, ta, tb, accumulate, bias or 0. */
napi_value mat_mul(napi_env env, napi_callback_info info) {
  Call call(env, info, "matMul");
  Gemm g{};
  g.m = call.size(3);
  g.n = call.size(4);
  g.k = call.size(5);
  g.ta = call.choice(6, 2) == 1;
  g.tb = call.choice(7, 2) == 1;
  g.accumulate = call.choice(8, 2) == 1;
  call.require(g.m > 0 && g.n > 0 && g.k > 0, "a matrix has no elements");
  g.a = call.floats(0, g.m * g.k);
  g.b = call.floats(1, g.k * g.n);
  g.c = call.floats(2, g.m * g.n);
  g.bias = call.floats_or_null(9, g.n);
  g.lda = g.ta ? g.m : g.k;
  g.ldb = g.tb ? g.k : g.n;
  g.ldc = g.n;
  if (call.ok()) kernels().gemm(g);
  return call.done();
}

void require_ids(Call& call, const int32_t* ids, int64_t count, int64_t limit);

/** x, w, targets, loss, dx, dw, m, d, v, tw. */
napi_value head_loss(napi_env env, napi_callback_info info) {
  Call call(env, info, "headLoss");
  HeadLoss t{};
  t.m = call.size(6);
  t.d = call.size(7);
  t.v = call.size(8);
  t.tw = call.choice(9, 2) == 1;
  call.require(t.m > 0 && t.d > 0 && t.v > 0, "a matrix has no elements");
  t.x = call.floats(0, t.m * t.d);
  t.w = call.floats(1, t.d * t.v);
  t.targets = call.ints(2, t.m);
  t.loss = call.floats(3, 1);
  t.dx = call.floats(4, t.m * t.d);
  t.dw = call.floats(5, t.d * t.v);
  require_ids(call, t.targets, t.m, t.v);
  if (call.ok()) kernels().head_loss(t);
  return call.done();
}

/** The five sizes and eps from argument `i`, and the parameters after them: gains and shifts of both norms, six
 * weights, six biases or 0. Gives the elements of a matrix of rows. */
int64_t block_inputs(Call& call, size_t i, TransformerBlock& t) {
  t.batch = call.size(i);
  t.n_ctx = call.size(i + 1);
  t.n_head = call.size(i + 2);
  t.d_head = call.size(i + 3);
  t.f = call.size(i + 4);
  t.eps = (float)call.number(i + 5);
  const int64_t d = t.n_head * t.d_head, count = t.batch * t.n_ctx * d;
  call.require(count > 0 && t.f > 0, "no elements");
  for (size_t j = 0; j < 2; j++) {
    t.g[j] = call.floats(i + 6 + j, d);
    t.shift[j] = call.floats(i + 8 + j, d);
  }
  for (size_t j = 0; j < 6; j++) {
    t.w[j] = call.floats(i + 10 + j, j < 4 ? d * d : d * t.f);
    t.b[j] = call.floats_or_null(i + 16 + j, j == 4 ? t.f : d);
  }
  return count;
}

/** x, tape, y, then block_inputs. */
napi_value block(napi_env env, napi_callback_info info) {
  Call call(env, info, "block");
  TransformerBlock t{};
  const int64_t count = block_inputs(call, 3, t);
  t.x = call.floats(0, count);
  t.tape = call.floats(1, block_tape_size(t));
  t.y = call.floats(2, count);
  if (call.ok()) kernels().block(t);
  return call.done();
}

/** dy, x, tape, dx, block_inputs, then the parameters' gradients in their order. */
napi_value block_grad(napi_env env, napi_callback_info info) {
  Call call(env, info, "blockGrad");
  TransformerBlock t{};
  const int64_t count = block_inputs(call, 4, t), d = t.n_head * t.d_head;
  t.dy = call.floats(0, count);
  t.x = call.floats(1, count);
  t.tape = call.floats(2, block_tape_size(t));
  t.dx = call.floats(3, count);
  for (size_t j = 0; j < 2; j++) {
    t.dg[j] = call.floats(26 + j, d);
    t.dshift[j] = call.floats(28 + j, d);
  }
  for (size_t j = 0; j < 6; j++) {
    t.dw[j] = call.floats(30 + j, j < 4 ? d * d : d * t.f);
    t.db[j] = call.floats_or_null(36 + j, j == 4 ? t.f : d);
  }
  if (call.ok()) kernels().block_grad(t);
  return call.done();
}

/** a, b, c, batch, m, n, k, ta, tb, elements between the matrices of a, and of b. */
napi_value batch_mat_mul(napi_env env, napi_callback_info info) {
  Call call(env, info, "batchMatMul");
  Gemm g{};
  const int64_t batch = call.size(3);
  g.m = call.size(4);
  g.n = call.size(5);
  g.k = call.size(6);
  g.ta = call.choice(7, 2) == 1;
  g.tb = call.choice(8, 2) == 1;
  const int64_t step_a = call.size(9), step_b = call.size(10);
  call.require(batch > 0 && g.m > 0 && g.n > 0 && g.k > 0, "a matrix has no elements");
  const float* a = call.floats(0, (batch - 1) * step_a + g.m * g.k);
  const float* b = call.floats(1, (batch - 1) * step_b + g.k * g.n);
  float* c = call.floats(2, batch * g.m * g.n);
  g.lda = g.ta ? g.m : g.k;
  g.ldb = g.tb ? g.k : g.n;
  g.ldc = g.n;
  for (int64_t i = 0; call.ok() && i < batch; i++) {
    g.a = a + i * step_a;
    g.b = b + i * step_b;
    g.c = c + i * g.m * g.n;
    kernels().gemm(g);
  }
  return call.done();
}

/** x, y, rows, columns. */
napi_value column_sums(napi_env env, napi_callback_info info) {
  Call call(env, info, "columnSums");
  const int64_t rows = call.size(2), columns = call.size(3);
  call.require(rows > 0 && columns > 0, "no elements");
  const float* x = call.floats(0, rows * columns);
  float* y = call.floats(1, columns);
  if (call.ok()) kernels().column_sums(x, y, rows, columns);
  return call.done();
}

/** x, g, b, y, mean, rstd, m, d, eps. */
napi_value layer_norm(napi_env env, napi_callback_info info) {
  Call call(env, info, "layerNorm");
  LayerNorm t{};
  t.m = call.size(6);
  t.d = call.size(7);
  t.eps = (float)call.number(8);
  call.require(t.m > 0 && t.d > 0, "no elements");
  t.x = call.floats(0, t.m * t.d);
  t.g = call.floats(1, t.d);
  t.b = call.floats(2, t.d);
  t.y = call.floats(3, t.m * t.d);
  t.mean = call.floats(4, t.m);
  t.rstd = call.floats(5, t.m);
  if (call.ok()) kernels().layer_norm(t);
  return call.done();
}

/** dy, x, g, mean, rstd, dx, dg, db, m, d. */
napi_value layer_norm_grad(napi_env env, napi_callback_info info) {
  Call call(env, info, "layerNormGrad");
  LayerNorm t{};
  t.m = call.size(8);
  t.d = call.size(9);
  call.require(t.m > 0 && t.d > 0, "no elements");
  t.dy = call.floats(0, t.m * t.d);
  t.x = call.floats(1, t.m * t.d);
  t.g = call.floats(2, t.d);
  t.mean = call.floats(3, t.m);
  t.rstd = call.floats(4, t.m);
  t.dx = call.floats(5, t.m * t.d);
  t.dg = call.floats(6, t.d);
  t.db = call.floats(7, t.d);
  if (call.ok()) kernels().layer_norm_grad(t);
  return call.done();
}

/** x, y, count. */
napi_value gelu(napi_env env, napi_callback_info info) {
  Call call(env, info, "gelu");
  const int64_t count = call.size(2);
  const float* x = call.floats(0, count);
  float* y = call.floats(1, count);
  if (call.ok()) kernels().gelu(x, y, count);
  return call.done();
}

/** dy, x, dx, count. */
napi_value gelu_grad(napi_env env, napi_callback_info info) {
  Call call(env, info, "geluGrad");
  const int64_t count = call.size(3);
  const float* dy = call.floats(0, count);
  const float* x = call.floats(1, count);
  float* dx = call.floats(2, count);
  if (call.ok()) kernels().gelu_grad(dy, x, dx, count);
  return call.done();
}

/** The four sizes that start at argument `i`: batch, n_ctx, n_head, d_head; returns the elements of q. */
int64_t attention_sizes(Call& call, size_t i, Attention& t) {
  t.batch = call.size(i);
  t.n_ctx = call.size(i + 1);
  t.n_head = call.size(i + 2);
  t.d_head = call.size(i + 3);
  const int64_t count = t.batch * t.n_ctx * t.n_head * t.d_head;
  call.require(count > 0, "no elements");
  return count;
}

/** q, k, v, y, lse, sizes. */
napi_value attention(napi_env env, napi_callback_info info) {
  Call call(env, info, "causalAttention");
  Attention t{};
  const int64_t count = attention_sizes(call, 5, t);
  t.q = call.floats(0, count);
  t.k = call.floats(1, count);
  t.v = call.floats(2, count);
  t.out = call.floats(3, count);
  t.lse = call.floats(4, t.batch * t.n_head * t.n_ctx);
  if (call.ok()) kernels().attention(t);
  return call.done();
}

/** dy, q, k, v, lse, dq, dk, dv, sizes. */
napi_value attention_grad(napi_env env, napi_callback_info info) {
  Call call(env, info, "causalAttentionGrad");
  Attention t{};
  const int64_t count = attention_sizes(call, 8, t);
  t.dy = call.floats(0, count);
  t.q = call.floats(1, count);
  t.k = call.floats(2, count);
  t.v = call.floats(3, count);
  t.lse = call.floats(4, t.batch * t.n_head * t.n_ctx);
  t.dq = call.floats(5, count);
  t.dk = call.floats(6, count);
  t.dv = call.floats(7, count);
  if (call.ok()) kernels().attention_grad(t);
  return call.done();
}

/** Whether all ids are in 0 .. limit - 1. */
void require_ids(Call& call, const int32_t* ids, int64_t count, int64_t limit) {
  for (int64_t i = 0; call.ok() && i < count; i++)
    call.require(ids[i] >= 0 && ids[i] < limit, "a token id is outside the vocabulary");
}

/** tokens, wte, wpe, x, m, vocab_size, n_ctx, d. */
napi_value embedding(napi_env env, napi_callback_info info) {
  Call call(env, info, "embedding");
  const int64_t m = call.size(4), vocab = call.size(5), n_ctx = call.size(6), d = call.size(7);
  call.require(n_ctx > 0, "n_ctx is 0");
  const int32_t* tokens = call.ints(0, m);
  const float* wte = call.floats(1, vocab * d);
  const float* wpe = call.floats(2, n_ctx * d);
  float* x = call.floats(3, m * d);
  require_ids(call, tokens, m, vocab);
  for (int64_t r = 0; call.ok() && r < m; r++) {
    const float* from = wte + tokens[r] * d;
    const float* position = wpe + r % n_ctx * d;
    for (int64_t c = 0; c < d; c++) x[r * d + c] = from[c] + position[c];
  }
  return call.done();
}

/** dx, tokens, dwte, dwpe, m, vocab_size, n_ctx, d. */
napi_value embedding_grad(napi_env env, napi_callback_info info) {
  Call call(env, info, "embeddingGrad");
  const int64_t m = call.size(4), vocab = call.size(5), n_ctx = call.size(6), d = call.size(7);
  call.require(n_ctx > 0, "n_ctx is 0");
  const float* dx = call.floats(0, m * d);
  const int32_t* tokens = call.ints(1, m);
  float* dwte = call.floats(2, vocab * d);
  float* dwpe = call.floats(3, n_ctx * d);
  require_ids(call, tokens, m, vocab);
  if (!call.ok()) return call.done();
  for (int64_t i = 0; i < vocab * d; i++) dwte[i] = 0;
  for (int64_t i = 0; i < n_ctx * d; i++) dwpe[i] = 0;
  for (int64_t r = 0; r < m; r++) {
    float* to = dwte + tokens[r] * d;
    float* position = dwpe + r % n_ctx * d;
    for (int64_t c = 0; c < d; c++) {
      to[c] += dx[r * d + c];
      position[c] += dx[r * d + c];
    }
  }
  return call.done();
}

/** logits, targets, loss, lse, m, v. */
napi_value cross_entropy(napi_env env, napi_callback_info info) {
  Call call(env, info, "crossEntropy");
  CrossEntropy t{};
  t.m = call.size(4);
  t.v = call.size(5);
  call.require(t.m > 0 && t.v > 0, "no elements");
  t.logits = call.floats(0, t.m * t.v);
  t.targets = call.ints(1, t.m);
  t.loss = call.floats(2, 1);
  t.lse = call.floats(3, t.m);
  require_ids(call, t.targets, t.m, t.v);
  if (call.ok()) kernels().cross_entropy(t);
  return call.done();
}

/** logits, targets, lse, dlogits, m, v. */
napi_value cross_entropy_grad(napi_env env, napi_callback_info info) {
  Call call(env, info, "crossEntropyGrad");
  CrossEntropy t{};
  t.m = call.size(4);
  t.v = call.size(5);
  call.require(t.m > 0 && t.v > 0, "no elements");
  t.logits = call.floats(0, t.m * t.v);
  t.targets = call.ints(1, t.m);
  t.lse = call.floats(2, t.m);
  t.dlogits = call.floats(3, t.m * t.v);
  require_ids(call, t.targets, t.m, t.v);
  if (call.ok()) kernels().cross_entropy_grad(t);
  return call.done();
}

}  // namespace

void add_fused(napi_env env, napi_value exports) {
  add_function(env, exports, "matMul", mat_mul);
  add_function(env, exports, "headLoss", head_loss);
  add_function(env, exports, "block", block);
  add_function(env, exports, "blockGrad", block_grad);
  add_function(env, exports, "batchMatMul", batch_mat_mul);
  add_function(env, exports, "columnSums", column_sums);
  add_function(env, exports, "layerNorm", layer_norm);
  add_function(env, exports, "layerNormGrad", layer_norm_grad);
  add_function(env, exports, "gelu", gelu);
  add_function(env, exports, "geluGrad", gelu_grad);
  add_function(env, exports, "causalAttention", attention);
  add_function(env, exports, "causalAttentionGrad", attention_grad);
  add_function(env, exports, "embedding", embedding);
  add_function(env, exports, "embeddingGrad", embedding_grad);
  add_function(env, exports, "crossEntropy", cross_entropy);
  add_function(env, exports, "crossEntropyGrad", cross_entropy_grad);
}

}  // namespace lab
