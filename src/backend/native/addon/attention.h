/** @file Causal attention, one (sequence, head) at a time in scratch memory that stays in the cache: the scores
 * of a block of queries are made, turned into probabilities and used at once. Keys after a block's last query
 * are never touched. The scale 1 / sqrt(d_head) is
 * in the copies of queries and keys. The forward pass keeps the log-sum-exp of each row; the backward pass makes the
 * probabilities anew from it (Dao et al. 2022, arXiv 2205.14135, without its tiling of keys).
 */
#pragma once
#include <cmath>

#include "gemm.h"

namespace {

/** Queries a backward block holds; a multiple of nothing in particular, 64 covers the usual context at once. */
constexpr int64_t kQueries = 64;

LAB_INLINE int64_t whole_vectors(int64_t n) { return (n + W - 1) / W * W; }

/** [rows, columns] at distance `ld`, times `scale`, to rows `to_ld` apart, the rest of each row zero. */
inline void gather_rows(const float* x, int64_t ld, int64_t rows, int64_t columns, float* to, int64_t to_ld,
                        float scale = 1.0f) {
  const int rest = (int)(columns % W);
  const vf factor = splat(scale);
  for (int64_t r = 0; r < rows; r++, x += ld, to += to_ld) {
    int64_t c = 0;
    for (; c + W <= columns; c += W) store(to + c, load(x + c) * factor);
    if (rest) store(to + c, load_n(x + c, rest) * factor);
  }
}

/** The transpose [columns, rows] of [rows, columns], rows of the result `to_ld` apart. */
inline void gather_columns(const float* x, int64_t ld, int64_t rows, int64_t columns, float* to, int64_t to_ld) {
  for (int64_t r0 = 0; r0 < rows; r0 += 16) {
    const int64_t r1 = r0 + 16 < rows ? r0 + 16 : rows;
    for (int64_t c = 0; c < columns; c++)
      for (int64_t r = r0; r < r1; r++) to[c * to_ld + r] = x[r * ld + c];
  }
}

/** `c [m, n] (+)= a' b` for operands in scratch memory, whose rows end in whole vectors: a [m, k], or [k, m]. */
template <bool TA>
LAB_INLINE void small_product(int64_t m, int64_t n, int64_t k, const float* a, int64_t lda, const float* b,
                              int64_t ldb, float* c, int64_t ldc, bool accumulate) {
  Tile t{};
  t.depth = k;
  t.lda = lda;
  t.ldb = ldb;
  t.ldc = ldc;
  t.accumulate = accumulate;
  for (int64_t j = 0; j < n; j += kPanel) {
    t.width = (int)(n - j < kPanel ? n - j : kPanel);
    const int vectors = (t.width + W - 1) / W;
    t.b = b + j;
    row_blocks(m, [&](int64_t i, int rows) {
      t.a = TA ? a + i : a + i * lda;
      t.c = c + i * ldc + j;
      cores.at[rows - 1][vectors - 1][TA](t);
    });
  }
}

/** Probabilities of a row of `count` scores in place, zero up to `padded`; gives the largest score and
 * `sum exp(s - max)`. A NaN among the scores makes the sum and so the whole row NaN. */
LAB_INLINE void softmax_row(float* s, int64_t count, int64_t padded, float* max, float* sum) {
  const vf low = splat(-__builtin_inff());
  const int rest = (int)(count % W);
  const int64_t whole = count - rest;
  vf top = low;
  for (int64_t c = 0; c < whole; c += W) top = load(s + c) > top ? load(s + c) : top;
  if (rest) {
    const vf v = first_n(load(s + whole), rest, low);
    top = v > top ? v : top;
  }
  *max = max_lanes(top);
  const vf shift = splat(*max);
  vf total{};
  for (int64_t c = 0; c < whole; c += W) {
    const vf e = exp_v(load(s + c) - shift);
    store(s + c, e);
    total += e;
  }
  if (rest) {
    const vf e = first_n(exp_v(load(s + whole) - shift), rest, vf{});
    store(s + whole, e);
    total += e;
  }
  *sum = sum_lanes(total);
  const vf inverse = splat(1.0f / *sum);
  const int64_t used = whole_vectors(count);
  for (int64_t c = 0; c < used; c += W) store(s + c, load(s + c) * inverse);
  for (int64_t c = used; c < padded; c += W) store(s + c, vf{});
}

/** `max + log sum` of `rows` rows. */
LAB_INLINE void log_sums(const float* max, const float* sum, int rows, float* lse) {
  for (int r = 0; r < rows; r += W) {
    const int n = rows - r < W ? rows - r : W;
    store_n(lse + r, load_n(max + r, n) + log_v(load_n(sum + r, n)), n);
  }
}

void attention(const Attention& t) {
  const int64_t n = t.n_ctx, e = t.d_head, d = t.n_head * e;
  const int64_t n_pad = whole_vectors(n), e_pad = whole_vectors(e);
  const float scale = 1.0f / sqrtf((float)e);
  parts(t.batch * t.n_head, [&](int64_t part) {
    const int64_t at = part / t.n_head * n * d + part % t.n_head * e;
    float* memory = (float*)lab::scratch(2, sizeof(float) * (size_t)(e * n_pad + 2 * n * e_pad + kRows * n_pad));
    if (!memory) return;
    float* keys = memory;
    float* values = keys + e * n_pad;
    float* queries = values + n * e_pad;
    float* p = queries + n * e_pad;
    gather_columns(t.k + at, d, n, e, keys, n_pad);
    gather_rows(t.v + at, d, n, e, values, e_pad);
    gather_rows(t.q + at, d, n, e, queries, e_pad, scale);
    row_blocks(n, [&](int64_t i, int rows) {
      const int64_t seen = i + rows, padded = whole_vectors(seen);
      small_product<false>(rows, seen, e, queries + i * e_pad, e_pad, keys, n_pad, p, n_pad, false);
      float max[kRows], sum[kRows];
      for (int r = 0; r < rows; r++) softmax_row(p + r * n_pad, i + r + 1, padded, max + r, sum + r);
      log_sums(max, sum, rows, t.lse + part * n + i);
      small_product<false>(rows, e, seen, p, n_pad, values, e_pad, t.out + at + i * d, d, false);
    });
  });
}

/** `p <- exp(s - lse)` and `ds <- p (dp - sum p dp)` for the first `count` keys, zero up to `padded`. */
LAB_INLINE void score_grad_row(float* p, float* dp, int64_t count, int64_t padded, float lse) {
  const vf shift = splat(lse);
  const int rest = (int)(count % W);
  const int64_t whole = count - rest;
  vf sum{};
  for (int64_t c = 0; c < whole; c += W) {
    const vf e = exp_v(load(p + c) - shift);
    store(p + c, e);
    sum += e * load(dp + c);
  }
  if (rest) {
    const vf e = first_n(exp_v(load(p + whole) - shift), rest, vf{});
    const vf d = first_n(load(dp + whole), rest, vf{});
    store(p + whole, e);
    store(dp + whole, d);
    sum += e * d;
  }
  const vf mean = splat(sum_lanes(sum));
  const int64_t used = whole_vectors(count);
  for (int64_t c = 0; c < used; c += W) store(dp + c, load(p + c) * (load(dp + c) - mean));
  for (int64_t c = used; c < padded; c += W) {
    store(p + c, vf{});
    store(dp + c, vf{});
  }
}

void attention_grad(const Attention& t) {
  const int64_t n = t.n_ctx, e = t.d_head, d = t.n_head * e;
  const int64_t n_pad = whole_vectors(n), e_pad = whole_vectors(e);
  const int64_t block = n < kQueries ? n : kQueries;
  const float scale = 1.0f / sqrtf((float)e);
  parts(t.batch * t.n_head, [&](int64_t part) {
    const int64_t at = part / t.n_head * n * d + part % t.n_head * e;
    const int64_t size = 2 * e * n_pad + 5 * n * e_pad + 2 * block * n_pad;
    float* memory = (float*)lab::scratch(2, sizeof(float) * (size_t)size);
    if (!memory) return;
    float* keys_t = memory;
    float* values_t = keys_t + e * n_pad;
    float* keys = values_t + e * n_pad;
    float* queries = keys + n * e_pad;
    float* dy = queries + n * e_pad;
    float* dk = dy + n * e_pad;
    float* dv = dk + n * e_pad;
    float* p = dv + n * e_pad;
    float* ds = p + block * n_pad;
    gather_columns(t.k + at, d, n, e, keys_t, n_pad);
    gather_columns(t.v + at, d, n, e, values_t, n_pad);
    gather_rows(t.k + at, d, n, e, keys, e_pad, scale);
    gather_rows(t.q + at, d, n, e, queries, e_pad, scale);
    gather_rows(t.dy + at, d, n, e, dy, e_pad);
    for (int64_t i0 = 0; i0 < n; i0 += block) {
      const int64_t i1 = i0 + block < n ? i0 + block : n;
      const int64_t padded = whole_vectors(i1);
      row_blocks(i1 - i0, [&](int64_t i, int rows) {
        const int64_t row = i0 + i, seen = row + rows;
        float* pb = p + i * n_pad;
        float* db = ds + i * n_pad;
        small_product<false>(rows, seen, e, queries + row * e_pad, e_pad, keys_t, n_pad, pb, n_pad, false);
        small_product<false>(rows, seen, e, dy + row * e_pad, e_pad, values_t, n_pad, db, n_pad, false);
        for (int r = 0; r < rows; r++)
          score_grad_row(pb + r * n_pad, db + r * n_pad, row + r + 1, padded, t.lse[part * n + row + r]);
        small_product<false>(rows, e, seen, db, n_pad, keys, e_pad, t.dq + at + row * d, d, false);
      });
      // Keys of this block are first seen in it; earlier ones add to what earlier blocks gave them.
      row_blocks(i1, [&](int64_t j, int rows) {
        const int64_t from = j > i0 ? j : i0;
        const bool is_new = j >= i0;
        const float* pj = p + (from - i0) * n_pad + j;
        const float* dj = ds + (from - i0) * n_pad + j;
        if (!is_new && j + rows > i0) {
          for (int64_t x = (i0 - j) * e_pad; x < rows * e_pad; x++) dk[j * e_pad + x] = dv[j * e_pad + x] = 0;
        }
        small_product<true>(rows, e, i1 - from, dj, n_pad, queries + from * e_pad, e_pad, dk + j * e_pad, e_pad, !is_new);
        small_product<true>(rows, e, i1 - from, pj, n_pad, dy + from * e_pad, e_pad, dv + j * e_pad, e_pad, !is_new);
      });
    }
    for (int64_t r = 0; r < n; r++) {
      __builtin_memcpy(t.dk + at + r * d, dk + r * e_pad, sizeof(float) * (size_t)e);
      __builtin_memcpy(t.dv + at + r * d, dv + r * e_pad, sizeof(float) * (size_t)e);
    }
  });
}

}  // namespace
