/** @file A transformer block, forward and backward, a few sequences at a time: what one of its operations makes is in
 * the cache when the next reads it, and the whole is one call. Formulas in `model/block.ts`.
 */
#pragma once
#include <initializer_list>

#include "attention.h"
#include "row-products.h"

namespace {

/** Rows of the sequences that go through a block together. */
LAB_INLINE int64_t block_unit(int64_t n_ctx) { return (kRowsTogether + n_ctx - 1) / n_ctx * n_ctx; }

/** Rows of a weight's gradient that are summed in one chain: a unit's in even parts. */
LAB_INLINE int64_t chain_rows(int64_t unit) {
  const int64_t count = (unit + kRowsTogether * 2 - 1) / (kRowsTogether * 2);
  return (unit + count - 1) / count;
}

/** What the forward pass keeps: the rows of ln_1, q, k, v, attention, the middle of the block, ln_2, the MLP before
 * GELU, then a number or n_head a row. */
struct BlockTape {
  float *ln_1, *q, *k, *v, *mixed, *middle, *ln_2, *hidden, *lse, *mean_1, *rstd_1, *mean_2, *rstd_2;
  explicit BlockTape(const TransformerBlock& t) {
    const int64_t m = t.batch * t.n_ctx, d = t.n_head * t.d_head;
    float* at = t.tape;
    for (float** part : {&ln_1, &q, &k, &v, &mixed, &middle, &ln_2}) {
      *part = at;
      at += m * d;
    }
    hidden = at;
    lse = hidden + m * t.f;
    mean_1 = lse + m * t.n_head;
    rstd_1 = mean_1 + m;
    mean_2 = rstd_1 + m;
    rstd_2 = mean_2 + m;
  }
};

/** The attention of `rows` rows from row `first`. */
LAB_INLINE Attention attention_of(const TransformerBlock& t, const BlockTape& tape, int64_t first, int64_t rows) {
  const int64_t at = first * t.n_head * t.d_head;
  Attention a{};
  a.batch = rows / t.n_ctx;
  a.n_ctx = t.n_ctx;
  a.n_head = t.n_head;
  a.d_head = t.d_head;
  a.q = tape.q + at;
  a.k = tape.k + at;
  a.v = tape.v + at;
  a.out = tape.mixed + at;
  a.lse = tape.lse + first * t.n_head;
  return a;
}

void block(const TransformerBlock& t) {
  const int64_t m = t.batch * t.n_ctx, d = t.n_head * t.d_head, f = t.f, span = span_rows(block_unit(t.n_ctx));
  const BlockTape tape(t);
  const float* const* w = t.w;
  RowProduct q(d, d, w[0], false, 4), k(d, d, w[1], false, 5), v(d, d, w[2], false, 6), mix(d, d, w[3], false, 10);
  RowProduct fc(f, d, w[4], false, 11), proj(d, f, w[5], false, 12);
  float* active = (float*)lab::scratch(7, sizeof(float) * (size_t)(span * f));
  for (const RowProduct* product : {&q, &k, &v, &mix, &fc, &proj})
    if (!product->is_ready()) return;
  if (!active) return;
  each_rows(m, span, [&](int64_t first, int64_t rows) {
    const int64_t at = first * d;
    LayerNorm norm{};
    norm.m = rows;
    norm.d = d;
    norm.eps = t.eps;
    norm.x = t.x + at;
    norm.g = t.g[0];
    norm.b = t.shift[0];
    norm.y = tape.ln_1 + at;
    norm.mean = tape.mean_1 + first;
    norm.rstd = tape.rstd_1 + first;
    layer_norm(norm);
    q.rows(rows, norm.y, tape.q + at, t.b[0]).run();
    k.rows(rows, norm.y, tape.k + at, t.b[1]).run();
    v.rows(rows, norm.y, tape.v + at, t.b[2]).run();
    attention(attention_of(t, tape, first, rows));
    mix.rows(rows, tape.mixed + at, tape.middle + at, t.b[3]).residual(t.x + at).run();
    norm.x = tape.middle + at;
    norm.g = t.g[1];
    norm.b = t.shift[1];
    norm.y = tape.ln_2 + at;
    norm.mean = tape.mean_2 + first;
    norm.rstd = tape.rstd_2 + first;
    layer_norm(norm);
    fc.rows(rows, norm.y, tape.hidden + first * f, t.b[4]).gelu(active).run();
    proj.rows(rows, active, t.y + at, t.b[5]).residual(tape.middle + at).run();
  });
}

/** Gradients of the weight and bias of layer `i` of a span of rows, one unit after the other. */
inline void add_layer_grad(const TransformerBlock& t, int i, int64_t first, int64_t rows, const float* x, int64_t k,
                           const float* dy, int64_t n) {
  const int64_t unit = block_unit(t.n_ctx);
  each_rows(rows, unit, [&](int64_t from, int64_t count) {
    const bool accumulate = first + from > 0;
    add_weight_grad(x + from * k, k, dy + from * n, n, count, chain_rows(unit), accumulate, t.dw[i]);
    add_bias_grad(dy + from * n, n, count, accumulate, t.db[i]);
  });
}

void block_grad(const TransformerBlock& t) {
  const int64_t m = t.batch * t.n_ctx, d = t.n_head * t.d_head, f = t.f;
  const int64_t unit = block_unit(t.n_ctx), span = span_rows(unit);
  const BlockTape tape(t);
  const float* const* w = t.w;
  RowProduct q(d, d, w[0], true, 4), k(d, d, w[1], true, 5), v(d, d, w[2], true, 6), mix(d, d, w[3], true, 10);
  RowProduct fc(d, f, w[4], true, 11), proj(f, d, w[5], true, 12);
  float* memory = (float*)lab::scratch(7, sizeof(float) * (size_t)(span * (2 * f + 5 * d)));
  for (const RowProduct* product : {&q, &k, &v, &mix, &fc, &proj})
    if (!product->is_ready()) return;
  if (!memory) return;
  float* active = memory;
  float* dhidden = active + span * f;
  float* inner = dhidden + span * f;
  float* dmiddle = inner + span * d;
  float* dq = dmiddle + span * d;
  float* dk = dq + span * d;
  float* dv = dk + span * d;
  each_rows(m, span, [&](int64_t first, int64_t rows) {
    const int64_t at = first * d;
    const float* dy = t.dy + at;
    proj.rows(rows, dy, dhidden).gelu(active).before_gelu(tape.hidden + first * f).run();
    add_layer_grad(t, 5, first, rows, active, f, dy, d);
    fc.rows(rows, dhidden, inner).run();
    add_layer_grad(t, 4, first, rows, tape.ln_2 + at, d, dhidden, f);
    LayerNorm norm{};
    norm.m = rows;
    norm.d = d;
    norm.piece = unit;
    norm.accumulate = first > 0;
    norm.x = tape.middle + at;
    norm.g = t.g[1];
    norm.dy = inner;
    norm.mean = tape.mean_2 + first;
    norm.rstd = tape.rstd_2 + first;
    norm.residual = dy;
    norm.dx = dmiddle;
    norm.dg = t.dg[1];
    norm.db = t.dshift[1];
    layer_norm_grad(norm);
    mix.rows(rows, dmiddle, inner).run();
    add_layer_grad(t, 3, first, rows, tape.mixed + at, d, dmiddle, d);
    Attention a = attention_of(t, tape, first, rows);
    a.dy = inner;
    a.dq = dq;
    a.dk = dk;
    a.dv = dv;
    attention_grad(a);
    q.rows(rows, dq, inner).run();
    add_layer_grad(t, 0, first, rows, tape.ln_1 + at, d, dq, d);
    k.rows(rows, dk, inner).accumulate().run();
    add_layer_grad(t, 1, first, rows, tape.ln_1 + at, d, dk, d);
    v.rows(rows, dv, inner).accumulate().run();
    add_layer_grad(t, 2, first, rows, tape.ln_1 + at, d, dv, d);
    norm.x = t.x + at;
    norm.g = t.g[0];
    norm.mean = tape.mean_1 + first;
    norm.rstd = tape.rstd_1 + first;
    norm.residual = dmiddle;
    norm.dx = t.dx + at;
    norm.dg = t.dg[0];
    norm.db = t.dshift[0];
    layer_norm_grad(norm);
  });
}

}  // namespace
