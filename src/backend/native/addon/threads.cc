/** @file A fixed crew of threads that take parts from a shared counter. Waiting threads spin for some
 * microseconds, since kernels follow each other closely, then sleep.
 */
#include "threads.h"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

namespace lab {
namespace {

constexpr int kSpins = 20000;

struct Job {
  void (*part)(void*, int64_t);
  void* context;
  int64_t parts;
};

std::vector<std::thread> crew;
std::mutex mutex;
std::condition_variable wake;
std::atomic<uint64_t> generation{0};
std::atomic<int64_t> next_part{0};
std::atomic<int> at_work{0};
std::atomic<bool> stopping{false};
Job job;

void take_parts() {
  for (;;) {
    const int64_t i = next_part.fetch_add(1, std::memory_order_relaxed);
    if (i >= job.parts) return;
    job.part(job.context, i);
  }
}

void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

void work() {
  uint64_t seen = 0;
  for (;;) {
    for (int spin = 0; spin < kSpins && generation.load(std::memory_order_acquire) == seen; spin++) pause();
    if (generation.load(std::memory_order_acquire) == seen) {
      std::unique_lock<std::mutex> lock(mutex);
      wake.wait(lock, [&] { return generation.load(std::memory_order_acquire) != seen; });
    }
    seen = generation.load(std::memory_order_acquire);
    if (stopping.load()) return;
    take_parts();
    at_work.fetch_sub(1, std::memory_order_release);
  }
}

void announce() {
  {
    std::lock_guard<std::mutex> lock(mutex);
    generation.fetch_add(1, std::memory_order_release);
  }
  wake.notify_all();
}

void dismiss() {
  if (crew.empty()) return;
  stopping.store(true);
  announce();
  for (auto& thread : crew) thread.join();
  crew.clear();
  stopping.store(false);
  generation.store(0);
}

/** The crew must be gone before its condition variable is. */
struct AtExit {
  ~AtExit() { dismiss(); }
} at_exit;

}  // namespace

void set_threads(int count) {
  dismiss();
  for (int i = 1; i < count; i++) crew.emplace_back(work);
}

int num_threads() { return (int)crew.size() + 1; }

void parallel(int64_t parts, void (*part)(void*, int64_t), void* context) {
  if (crew.empty() || parts <= 1) {
    for (int64_t i = 0; i < parts; i++) part(context, i);
    return;
  }
  job = Job{part, context, parts};
  next_part.store(0);
  at_work.store((int)crew.size());
  announce();
  take_parts();
  while (at_work.load(std::memory_order_acquire) > 0) pause();
}

}  // namespace lab
