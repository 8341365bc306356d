/** @file Memory of the tensors: integer handles to blocks aligned to 64 bytes, kept and reused by size.
 * Sizes are rounded up to a quarter of an octave, so that a block serves tensors of nearly its size and a
 * training step allocates nothing after the first. Every block ends in kPadding spare bytes: kernels may load
 * and store a whole vector at a tensor's end.
 */
#pragma once
#include <cstddef>
#include <cstdint>

namespace lab {

constexpr size_t kAlignment = 64;
constexpr size_t kPadding = 256;

/** A block for `count` 4-byte elements; 0 when memory is out. Contents undefined. */
int32_t pool_allocate(int64_t count);

/** Gives a block back; false when the handle is not in use. */
bool pool_release(int32_t handle);

/** Address of a block in use, else null. */
void* pool_data(int32_t handle);

/** Elements of a block in use, else -1. */
int64_t pool_count(int32_t handle);

struct PoolUse {
  int64_t live_bytes, free_bytes, num_live;
};
PoolUse pool_use();

/** Scratch memory that grows and stays: `slot` 0 .. 15, one set for each thread. Null when memory is out: the
 * kernel then returns at once, and `take_failure` tells its caller. */
void* scratch(int slot, size_t bytes);

/** Whether a scratch allocation has failed since the last question. */
bool take_failure();

}  // namespace lab
