/** @file Causal attention, one (sequence, head) at a time in scratch memory that stays in the cache: the scores
 * of a block of queries are made, turned into probabilities and used at once. Keys after a block's last query
 * are never touched. The scale 1 / sqrt(d_head) is
 * in the copies of queries and keys. The forward pass keeps the log-sum-exp of each row; the backward pass makes the
 * probabilities anew from it (Dao et al. 2022, arXiv 2205.14135, without its tiling of keys).
 */
#pragma once
#include <cmath>
#include <type_traits>

#include "gemm.h"

namespace {

/** Queries or keys that go together: the rows of the widest tile. */
constexpr int kBlock = tile_rows(kVectors);
/** Queries a backward block holds: about 64 covers the usual context at once. */
constexpr int64_t kQueries = 64 / kBlock * kBlock;

/** Rows of scores that go through exp side by side. */
constexpr int kTogether = LAB_WIDTH == 16 ? 4 : 2;

/** Blocks of kBlock rows in first .. last: `visit(row, count)`. */
template <class Visit>
LAB_INLINE void blocks(int64_t first, int64_t last, Visit visit) {
  for (int64_t i = first; i < last; i += kBlock) visit(i, (int)(last - i < kBlock ? last - i : kBlock));
}

LAB_INLINE int64_t whole_vectors(int64_t n) { return (n + W - 1) / W * W; }

/** Copies `count` floats times `scale`. */
LAB_INLINE void copy_row(const float* x, int64_t count, float* to, float scale) {
  int64_t c = 0;
  for (; c + W <= count; c += W) store(to + c, load(x + c) * splat(scale));
  if (c < count) store_n(to + c, load_n(x + c, (int)(count - c)) * splat(scale), (int)(count - c));
}

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
    int64_t c = 0;
#if defined(__AVX512F__)
    if (r1 - r0 == 16)
      for (; c + 16 <= columns; c += 16) transpose_16(x + r0 * ld + c, ld, to + c * to_ld + r0, to_ld);
#endif
    for (; c < columns; c++)
      for (int64_t r = r0; r < r1; r++) to[c * to_ld + r] = x[r * ld + c];
  }
}

/** `c [m, n] (+)= a' b` for a block of rows and operands in scratch memory, whose rows end in whole vectors: a [m, k],
 * or [k, m]. */
template <bool TA>
LAB_INLINE void small_product(int m, int64_t n, int64_t k, const float* a, int64_t lda, const float* b, int64_t ldb,
                              float* c, int64_t ldc, bool accumulate) {
  Tile t{};
  t.depth = k;
  t.a = a;
  t.lda = lda;
  t.ldb = ldb;
  t.ldc = ldc;
  t.accumulate = accumulate;
  for (int64_t j = 0; j < n; j += t.width) {
    // Panels of three vectors, or two and two for four: what the rows of a block leave registers for.
    const int64_t left = n - j;
    t.width = (int)(left <= kPanel ? left : kVectors == 3 && left <= 4 * W ? 2 * W : kPanel);
    t.b = b + j;
    t.c = c + j;
    cores.at[m - 1][(t.width + W - 1) / W - 1][TA](t);
  }
}

/** Calls `visit` with groups of kTogether rows of a block, then with single ones: `visit(rows, first)`, rows a constant. */
template <class Visit>
LAB_INLINE void row_groups(int rows, Visit visit) {
  int r = 0;
  for (; r + kTogether <= rows; r += kTogether) visit(std::integral_constant<int, kTogether>{}, r);
  for (; r < rows; r++) visit(std::integral_constant<int, 1>{}, r);
}

/** Vectors at `x`, one of each of R rows; beyond the first `count + r` elements of row r, what is in `other`. */
template <int R>
LAB_INLINE Many<R> load_rows(const float* x, int64_t ld, int64_t count, float other) {
  const Many<R> v = make_many<R>([&](int r) { return load(x + r * ld); });
  if (count >= W) return v;
  return make_many<R>([&](int r) { return first_n(v.v[r], (int)count + r, splat(other)); });
}

/** Beyond the first `count + r` elements of row r zero. */
template <int R>
LAB_INLINE Many<R> cut_rows(Many<R> v, int64_t count) {
  if (count >= W) return v;
  return make_many<R>([&](int r) { return first_n(v.v[r], (int)count + r, vf{}); });
}

template <int R>
LAB_INLINE void store_rows(float* x, int64_t ld, Many<R> v) {
  LAB_UNROLL
  for (int r = 0; r < R; r++) store(x + r * ld, v.v[r]);
}

/** `exp(s - max)` in place for a block of rows, row r of its first `count + r` scores, zero up to `padded`; and each
 * row's largest score and sum. A NaN among the scores makes the sum and so the whole row NaN. */
LAB_INLINE void exp_rows(float* scores, int64_t ld, int rows, int64_t count, int64_t padded, float* max, float* sum) {
  constexpr float kLow = -__builtin_inff();
  row_groups(rows, [&](auto constant, int first) {
    constexpr int R = decltype(constant)::value;
    float* s = scores + first * ld;
    const int64_t seen = count + first;
    Many<R> top = make_many<R>([&](int) { return splat(kLow); });
    for (int64_t c = 0; c < padded; c += W)
      top = each_of([](vf x, vf y) { return x > y ? x : y; }, load_rows<R>(s + c, ld, seen - c, kLow), top);
    const Many<R> shift = each_of([](vf x) { return splat(max_lanes(x)); }, top);
    Many<R> total{};
    for (int64_t c = 0; c < padded; c += W) {
      const Many<R> e = cut_rows(exp_v(load_rows<R>(s + c, ld, W, 0) - shift), seen - c);
      store_rows(s + c, ld, e);
      total = total + e;
    }
    LAB_UNROLL
    for (int r = 0; r < R; r++) {
      max[first + r] = shift.v[r][0];
      sum[first + r] = sum_lanes(total.v[r]);
    }
  });
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
    float* memory = (float*)lab::scratch(2, sizeof(float) * (size_t)(e * n_pad + 2 * n * e_pad + kBlock * n_pad));
    if (!memory) return;
    float* keys = memory;
    float* values = keys + e * n_pad;
    float* queries = values + n * e_pad;
    float* p = queries + n * e_pad;
    gather_columns(t.k + at, d, n, e, keys, n_pad);
    gather_rows(t.v + at, d, n, e, values, e_pad);
    gather_rows(t.q + at, d, n, e, queries, e_pad, scale);
    blocks(0, n, [&](int64_t i, int rows) {
      const int64_t seen = i + rows, padded = whole_vectors(seen);
      small_product<false>(rows, padded, e, queries + i * e_pad, e_pad, keys, n_pad, p, n_pad, false);
      float max[kBlock + W], sum[kBlock + W];
      exp_rows(p, n_pad, rows, i + 1, padded, max, sum);
      log_sums(max, sum, rows, t.lse + part * n + i);
      float* y = queries + i * e_pad;
      small_product<false>(rows, e_pad, seen, p, n_pad, values, e_pad, y, e_pad, false);
      for (int r = 0; r < rows; r++) copy_row(y + r * e_pad, e, t.out + at + (i + r) * d, 1.0f / sum[r]);
    });
  });
}

/** `p <- exp(s - lse)` and `ds <- p (dp - sum p dp)` for a block of rows, row r's first `count + r` keys, zero up to
 * `padded`. */
LAB_INLINE void score_grad_rows(float* scores, float* gradients, int64_t ld, int rows, int64_t count, int64_t padded,
                                const float* lse) {
  row_groups(rows, [&](auto constant, int first) {
    constexpr int R = decltype(constant)::value;
    float* p = scores + first * ld;
    float* dp = gradients + first * ld;
    const int64_t seen = count + first, used = whole_vectors(seen + R - 1);
    const Many<R> shift = make_many<R>([&](int r) { return splat(lse[first + r]); });
    Many<R> sum{};
    for (int64_t c = 0; c < used; c += W) {
      const Many<R> e = cut_rows(exp_v(load_rows<R>(p + c, ld, W, 0) - shift), seen - c);
      store_rows(p + c, ld, e);
      sum = sum + e * load_rows<R>(dp + c, ld, seen - c, 0);
    }
    const Many<R> mean = each_of([](vf x) { return splat(sum_lanes(x)); }, sum);
    for (int64_t c = 0; c < used; c += W) {
      const Many<R> e = load_rows<R>(p + c, ld, W, 0);
      store_rows(dp + c, ld, e * (load_rows<R>(dp + c, ld, seen - c, 0) - mean));
    }
    const Many<R> zero{};
    for (int64_t c = used; c < padded; c += W) {
      store_rows(p + c, ld, zero);
      store_rows(dp + c, ld, zero);
    }
  });
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
      blocks(i0, i1, [&](int64_t row, int rows) {
        const int64_t i = row - i0, seen = row + rows;
        float* pb = p + i * n_pad;
        float* db = ds + i * n_pad;
        small_product<false>(rows, whole_vectors(seen), e, queries + row * e_pad, e_pad, keys_t, n_pad, pb, n_pad, false);
        small_product<false>(rows, whole_vectors(seen), e, dy + row * e_pad, e_pad, values_t, n_pad, db, n_pad, false);
        score_grad_rows(pb, db, n_pad, rows, row + 1, padded, t.lse + part * n + row);
        small_product<false>(rows, e, seen, db, n_pad, keys, e_pad, t.dq + at + row * d, d, false);
      });
      // Keys of this block are first seen in it; earlier ones add to what earlier blocks gave them.
      blocks(0, i1, [&](int64_t j, int rows) {
        const int64_t from = j > i0 ? j : i0;
        const bool is_new = j >= i0;
        const float* pj = p + (from - i0) * n_pad + j;
        const float* dj = ds + (from - i0) * n_pad + j;
        small_product<true>(rows, e_pad, i1 - from, dj, n_pad, queries + from * e_pad, e_pad, dk + j * e_pad, e_pad, !is_new);
        small_product<true>(rows, e_pad, i1 - from, pj, n_pad, dy + from * e_pad, e_pad, dv + j * e_pad, e_pad, !is_new);
      });
    }
    for (int64_t r = 0; r < n; r++) {
      copy_row(dk + r * e_pad, e, t.dk + at + r * d, 1.0f);
      copy_row(dv + r * e_pad, e, t.dv + at + r * d, 1.0f);
    }
  });
}

}  // namespace
