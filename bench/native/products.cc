/** @file Our matrix products against OpenBLAS's at the shapes of the ladder, in turn in one process, one thread each,
 * in CPU time: products.sh builds and runs it. OpenBLAS is opened at run time.
 */
#include <dlfcn.h>
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "variant.h"

namespace {

typedef void (*Sgemm)(int order, int ta, int tb, int m, int n, int k, float alpha, const float* a, int lda,
                      const float* b, int ldb, float beta, float* c, int ldc);

double now() {
  timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double median(std::vector<double> x) {
  std::sort(x.begin(), x.end());
  return x[x.size() / 2];
}

/** Random numbers on a cache line's boundary, as tensors are. */
float* operand(size_t count) {
  float* x = (float*)aligned_alloc(64, (count + 64 + 15) / 16 * 64);
  for (size_t i = 0; i < count; i++) x[i] = (float)(rand() % 1000) / 1000 - 0.5f;
  return x;
}

struct Shape {
  bool ta, tb;
  int m, n, k;
};

}  // namespace

int main() {
  void* library = dlopen("libopenblas.so.0", RTLD_NOW);
  Sgemm sgemm = library ? (Sgemm)dlsym(library, "cblas_sgemm") : nullptr;
  if (!sgemm) {
    fprintf(stderr, "libopenblas.so.0 is not installed: %s\n", dlerror());
    return 1;
  }
  const lab::Variant& ours = lab::kVariant;
  // Several copies of the operands, so that they come from beyond the second-level cache as in a training step.
  constexpr int kCopies = 4;
  printf("%-8s %5s %5s %5s  %8s %8s %6s  %s\n", "product", "m", "n", "k", "ours", "OpenBLAS", "ratio", "share of peak");
  double worst = 1e9;
  for (int d : {32, 64, 128, 256}) {
    std::vector<Shape> shapes;
    for (auto [in, out] : {std::pair<int, int>{d, d}, {d, 4 * d}, {4 * d, d}, {d, 256}}) {
      if (out == 256 && in == d && (d == 256 || d == 64)) continue;  // already there as d to d or d to 4 d
      shapes.push_back({false, false, 1024, out, in});
      shapes.push_back({false, true, 1024, in, out});
      shapes.push_back({true, false, in, out, 1024});
    }
    for (const Shape& s : shapes) {
      const size_t na = (size_t)s.m * s.k + 128, nb = (size_t)s.k * s.n + 128, nc = (size_t)s.m * s.n + 128;
      float* a = operand(na * kCopies);
      float* b = operand(nb * kCopies);
      float* c = operand(nc * kCopies);
      const double flops = 2.0 * s.m * s.n * s.k;
      const int repeats = std::max(2, (int)(4e7 / flops));
      std::vector<double> rates[2], peaks;
      for (int round = 0; round < 9; round++) {
        peaks.push_back(ours.fma_peak(0.005));
        for (int who = 0; who < 2; who++) {
          const double start = now();
          for (int i = 0; i < repeats; i++) {
            const float* pa = a + na * (size_t)(i % kCopies);
            const float* pb = b + nb * (size_t)(i % kCopies);
            float* pc = c + nc * (size_t)(i % kCopies);
            const int lda = s.ta ? s.m : s.k, ldb = s.tb ? s.k : s.n;
            if (who == 0)
              ours.gemm({s.ta, s.tb, false, s.m, s.n, s.k, pa, lda, pb, ldb, pc, s.n, nullptr, nullptr, nullptr, nullptr, 0});
            else
              sgemm(101, s.ta ? 112 : 111, s.tb ? 112 : 111, s.m, s.n, s.k, 1, pa, lda, pb, ldb, 0, pc, s.n);
          }
          rates[who].push_back(flops * repeats / (now() - start) * 1e-9);
        }
      }
      for (float* memory : {a, b, c}) free(memory);
      const double mine = median(rates[0]), theirs = median(rates[1]);
      worst = std::min(worst, mine / theirs);
      printf("%c%c       %5d %5d %5d  %8.1f %8.1f %6.2f  %.2f\n", s.ta ? 'T' : 'N', s.tb ? 'T' : 'N', s.m, s.n, s.k, mine,
             theirs, mine / theirs, mine / median(peaks));
      fflush(stdout);
    }
  }
  printf("smallest ratio %.2f\n", worst);
}
