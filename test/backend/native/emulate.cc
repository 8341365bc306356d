/** @file Results of one instruction set's kernels on fixed pseudo-random inputs, written to a file, and the comparison of
 * two such files: emulate.sh holds NEON, run under emulation, against this machine's kernels.
 */
#include <cmath>
#include <cstdio>
#include <vector>

#include "variant.h"

namespace {

using namespace lab;

#if defined(__aarch64__)
const Variant& variant = kNeon;
#else
const Variant& variant = kPortable;
#endif

typedef std::vector<float> Floats;
FILE* out;

/** Every result has a header: its length. */
void put(const Floats& x, int64_t count) {
  fwrite(&count, sizeof count, 1, out);
  fwrite(x.data(), sizeof(float), (size_t)count, out);
}

Floats zeros(int64_t count) { return Floats((size_t)count + 64); }

/** Numbers in -scale .. scale, the same on every machine, and the padding that tensors end in. */
Floats draw(int64_t count, float scale = 1) {
  static uint32_t state = 1;
  Floats x = zeros(count);
  for (int64_t i = 0; i < count; i++) {
    state = state * 1664525u + 1013904223u;
    x[(size_t)i] = ((float)(state >> 8) / 8388608.0f - 1) * scale;
  }
  return x;
}

/** Products of one depth in one piece: a single sum may be near 0, with the rounding of its large terms. */
void products(int64_t k) {
  Floats all;
  for (int transposed = 0; transposed < 4; transposed++) {
    for (int64_t m : {1, 7, 33, 200}) {
      for (int64_t n : {1, 17, 33, 64, 100}) {
        Gemm g{};
        g.ta = transposed & 1;
        g.tb = transposed >> 1;
        g.accumulate = (m + n) % 2;
        g.m = m;
        g.n = n;
        g.k = k;
        const Floats a = draw(m * k), b = draw(k * n), bias = draw(n);
        Floats c = draw(m * n);
        g.a = a.data();
        g.b = b.data();
        g.c = c.data();
        g.bias = bias.data();
        g.lda = g.ta ? m : k;
        g.ldb = g.tb ? k : n;
        g.ldc = n;
        variant.gemm(g);
        all.insert(all.end(), c.begin(), c.begin() + m * n);
      }
    }
  }
  put(all, (int64_t)all.size());
}

void block(int64_t batch, int64_t n_ctx, int64_t n_head, int64_t d_head, int64_t f) {
  const int64_t d = n_head * d_head, count = batch * n_ctx * d;
  TransformerBlock t{};
  t.batch = batch;
  t.n_ctx = n_ctx;
  t.n_head = n_head;
  t.d_head = d_head;
  t.f = f;
  t.eps = 1e-5f;
  std::vector<Floats> params, gradients;
  std::vector<int64_t> sizes;
  params.reserve(16);
  gradients.reserve(16);
  const auto param = [&](int64_t size, float scale, const float*& p, float*& dp) {
    params.push_back(draw(size, scale));
    gradients.push_back(zeros(size));
    sizes.push_back(size);
    p = params.back().data();
    dp = gradients.back().data();
  };
  for (int i = 0; i < 2; i++) {
    param(d, 1, t.g[i], t.dg[i]);
    param(d, 1, t.shift[i], t.dshift[i]);
  }
  for (int i = 0; i < 6; i++) {
    param(i < 4 ? d * d : d * f, 1 / sqrtf((float)d), t.w[i], t.dw[i]);
    param(i == 4 ? f : d, 1, t.b[i], t.db[i]);
  }
  const Floats x = draw(count), dy = draw(count);
  Floats tape = zeros(block_tape_size(t)), y = zeros(count), dx = zeros(count);
  t.x = x.data();
  t.dy = dy.data();
  t.tape = tape.data();
  t.y = y.data();
  t.dx = dx.data();
  variant.block(t);
  variant.block_grad(t);
  put(y, count);
  put(dx, count);
  // Gradients in one piece, on the scale of the largest: that of the keys' bias is 0 but for rounding.
  Floats all;
  for (size_t i = 0; i < gradients.size(); i++)
    all.insert(all.end(), gradients[i].begin(), gradients[i].begin() + sizes[i]);
  put(all, (int64_t)all.size());
}

void head_loss(int64_t m, int64_t d, int64_t v) {
  HeadLoss t{};
  const Floats x = draw(m * d), w = draw(d * v);
  Floats loss = zeros(1), dx = zeros(m * d), dw = zeros(d * v);
  std::vector<int32_t> targets;
  for (int64_t i = 0; i < m; i++) targets.push_back((int32_t)(i * 7 % v));
  t.m = m;
  t.d = d;
  t.v = v;
  t.x = x.data();
  t.w = w.data();
  t.targets = targets.data();
  t.loss = loss.data();
  t.dx = dx.data();
  t.dw = dw.data();
  variant.head_loss(t);
  put(loss, 1);
  put(dx, m * d);
  put(dw, d * v);
}

void elementwise() {
  constexpr int64_t kCount = 1000;
  const Floats x = draw(kCount, 8);
  Floats y = zeros(kCount);
  for (Unary op : {kExp, kSigmoid, kTanh, kReciprocal, kFloor}) {
    variant.unary(op, x.data(), y.data(), kCount);
    put(y, kCount);
  }
  variant.gelu(x.data(), y.data(), kCount);
  put(y, kCount);
  variant.softmax(x.data(), y.data(), 10, 100, false);
  put(y, kCount);
}

bool next(FILE* file, Floats& x) {
  int64_t count;
  if (fread(&count, sizeof count, 1, file) != 1) return false;
  x.resize((size_t)count);
  return fread(x.data(), sizeof(float), (size_t)count, file) == (size_t)count;
}

/** The largest difference of two files' results, relative to the largest number of its result; infinity for files of
 * different shape. */
double difference(FILE* one, FILE* other) {
  Floats a, b;
  double worst = 0;
  while (next(one, a)) {
    if (!next(other, b) || a.size() != b.size()) return INFINITY;
    double error = 0, scale = 1e-9;
    for (size_t i = 0; i < a.size(); i++) {
      if (std::isnan(a[i]) || std::isnan(b[i])) return INFINITY;
      error = fmax(error, fabs((double)a[i] - b[i]));
      scale = fmax(scale, fabs((double)a[i]));
    }
    worst = fmax(worst, error / scale);
  }
  return next(other, b) ? INFINITY : worst;
}

}  // namespace

int main(int count, char** arguments) {
  if (count == 3) {
    FILE* files[] = {fopen(arguments[1], "rb"), fopen(arguments[2], "rb")};
    if (!files[0] || !files[1]) return 1;
    // 64 roundings, as for blocks in test/model/block.test.ts: instruction sets add in different orders.
    const double worst = difference(files[0], files[1]), allowed = 64 * 0x1p-24;
    printf("largest difference %.1e of a result's largest number, allowed %.1e\n", worst, allowed);
    return worst <= allowed ? 0 : 1;
  }
  out = fopen(arguments[1], "wb");
  if (!out) return 1;
  for (int64_t k : {1, 16, 33, 600}) products(k);
  block(3, 40, 2, 8, 35);
  block(2, 64, 4, 16, 256);
  block(1, 100, 3, 7, 17);
  head_loss(70, 33, 65);
  elementwise();
  fclose(out);
  printf("%s: results written\n", variant.name);
}
