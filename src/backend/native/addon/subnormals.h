/** @file Numbers below 1.2e-38 as zero while kernels run. AdamW's moments of a token that is not seen for a thousand
 * steps decay to such numbers and stay there, and arithmetic on them is a hundred times as slow.
 */
#pragma once
#include <cstdint>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace lab {

/** Sets the mode of this thread, and restores it at its end: JavaScript's own arithmetic must not see it. */
class SubnormalsAsZero {
 public:
  SubnormalsAsZero() : before_(mode()) { set_mode(before_ | kAsZero); }
  ~SubnormalsAsZero() { set_mode(before_); }
  SubnormalsAsZero(const SubnormalsAsZero&) = delete;
  SubnormalsAsZero& operator=(const SubnormalsAsZero&) = delete;

 private:
#if defined(__x86_64__)
  /** Results to zero and operands as zero. */
  static constexpr uint64_t kAsZero = 0x8040;
  static uint64_t mode() { return _mm_getcsr(); }
  static void set_mode(uint64_t mode) { _mm_setcsr((unsigned)mode); }
#elif defined(__aarch64__)
  static constexpr uint64_t kAsZero = 1u << 24;
  static uint64_t mode() {
    uint64_t mode;
    __asm__ volatile("mrs %0, fpcr" : "=r"(mode));
    return mode;
  }
  static void set_mode(uint64_t mode) { __asm__ volatile("msr fpcr, %0" : : "r"(mode)); }
#else
  static constexpr uint64_t kAsZero = 0;
  static uint64_t mode() { return 0; }
  static void set_mode(uint64_t) {}
#endif
  uint64_t before_;
};

}  // namespace lab
