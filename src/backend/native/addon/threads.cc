/** @file A fixed crew of threads that claim parts from one counter. The counter carries the job's number, so that a
 * thread that comes late claims nothing of a job that is over: the caller waits for the parts, never for a thread
 * that the system has not given a core. Waiting threads spin for a while, since kernels follow each other closely,
 * then sleep.
 */
#include "threads.h"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "subnormals.h"

namespace lab {
namespace {

constexpr int kSpins = 2000;
/** Low half of `claims` while a job is being set up: above any number of parts. */
constexpr uint64_t kClosed = 0xffffffff;

std::vector<std::thread> crew;
std::mutex mutex;
std::condition_variable wake;
std::atomic<int> sleepers{0};
std::atomic<bool> stopping{false};

/** The job's number in the high half, the next part in the low half. */
std::atomic<uint64_t> claims{kClosed};
std::atomic<int64_t> num_parts{0}, num_done{0};
std::atomic<void (*)(void*, int64_t)> work_on{nullptr};
std::atomic<void*> context_of{nullptr};

uint64_t number_of(uint64_t claim) { return claim >> 32; }

/** What a claimed part needs stays until it is done: the caller waits for it. */
void take_parts() {
  for (;;) {
    uint64_t claim = claims.load();
    const int64_t part = (int64_t)(claim & kClosed);
    if (part >= num_parts.load()) return;
    if (!claims.compare_exchange_weak(claim, claim + 1)) continue;
    work_on.load()(context_of.load(), part);
    num_done.fetch_add(1);
  }
}

void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

void work() {
  const SubnormalsAsZero mode;
  uint64_t seen = 0;
  const auto is_idle = [&] {
    const uint64_t claim = claims.load();
    return (number_of(claim) == seen || (claim & kClosed) == kClosed) && !stopping.load();
  };
  for (;;) {
    for (int spin = 0; spin < kSpins && is_idle(); spin++) pause();
    if (is_idle()) {
      std::unique_lock<std::mutex> lock(mutex);
      sleepers.fetch_add(1);
      wake.wait(lock, [&] { return !is_idle(); });
      sleepers.fetch_sub(1);
    }
    if (stopping.load()) return;
    seen = number_of(claims.load());
    take_parts();
  }
}

void wake_sleepers() {
  if (sleepers.load() == 0) return;
  { std::lock_guard<std::mutex> lock(mutex); }
  wake.notify_all();
}

void dismiss() {
  if (crew.empty()) return;
  stopping.store(true);
  { std::lock_guard<std::mutex> lock(mutex); }
  wake.notify_all();
  for (auto& thread : crew) thread.join();
  crew.clear();
  stopping.store(false);
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
  const uint64_t number = number_of(claims.load()) + 1;
  claims.store(number << 32 | kClosed);
  num_parts.store(parts);
  num_done.store(0);
  work_on.store(part);
  context_of.store(context);
  claims.store(number << 32);
  wake_sleepers();
  take_parts();
  for (int spin = 0; num_done.load() < parts; spin++) {
    if (spin < kSpins) pause();
    else std::this_thread::yield();
  }
}

}  // namespace lab
