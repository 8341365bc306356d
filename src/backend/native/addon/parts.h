/** @file `parts(count, f)`: f(0) .. f(count - 1) on all threads; and the fixed cutting of long work. */
#pragma once
#include "threads.h"

namespace {

template <class F>
inline void parts(int64_t count, F f) {
  lab::parallel(count, [](void* context, int64_t i) { (*(F*)context)(i); }, &f);
}

/** `f(first, last)` over [0, size) in pieces of `piece`, whatever the number of threads. */
template <class F>
inline void pieces(int64_t size, int64_t piece, F f) {
  parts((size + piece - 1) / piece, [&](int64_t i) {
    const int64_t first = i * piece;
    f(first, first + piece < size ? first + piece : size);
  });
}

}  // namespace
