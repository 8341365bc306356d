/** @file Blocks by handle, free lists by size class, scratch buffers by thread. */
#include "pool.h"

#include <atomic>
#include <cstdlib>
#include <vector>

namespace lab {
namespace {

struct Block {
  void* data = nullptr;
  int64_t count = -1;
  int size_class = 0;
};

constexpr int kClasses = 4 * 48;
std::vector<Block> blocks(1);
std::vector<int32_t> free_handles;
std::vector<void*> free_blocks[kClasses];
PoolUse use{0, 0, 0};
int64_t peak_live_bytes = 0;

/** Bytes of class 4 o + q: 64 * 2^o * (4 + q) / 4, at a multiple of 64. */
size_t class_bytes(int size_class) {
  const size_t base = kAlignment << (size_class / 4);
  const size_t bytes = base + base / 4 * (size_t)(size_class % 4);
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

int class_of(size_t bytes) {
  int size_class = 0;
  while (size_class < kClasses - 1 && class_bytes(size_class) < bytes) size_class++;
  return size_class;
}

void* aligned(size_t bytes) {
  void* data = nullptr;
  return posix_memalign(&data, kAlignment, bytes) == 0 ? data : nullptr;
}

void release_free_blocks() {
  for (auto& list : free_blocks) {
    for (void* data : list) free(data);
    list.clear();
  }
  use.free_bytes = 0;
}

/** A new block. What is kept for reuse goes first where it outweighs half of what was ever in use at once:
 * models of many sizes in turn do not add up. */
void* new_block(size_t bytes) {
  if (use.free_bytes > 0 && use.live_bytes + use.free_bytes + (int64_t)bytes > peak_live_bytes + peak_live_bytes / 2)
    release_free_blocks();
  void* data = aligned(bytes + kPadding);
  if (data) return data;
  release_free_blocks();
  return aligned(bytes + kPadding);
}

}  // namespace

int32_t pool_allocate(int64_t count) {
  const size_t wanted = (size_t)(count > 0 ? count : 1) * 4;
  const int size_class = class_of(wanted);
  const size_t bytes = class_bytes(size_class);
  if (bytes < wanted) return 0;
  void* data;
  auto& list = free_blocks[size_class];
  if (list.empty()) {
    data = new_block(bytes);
    if (!data) return 0;
  } else {
    data = list.back();
    list.pop_back();
    use.free_bytes -= (int64_t)bytes;
  }
  int32_t handle;
  if (free_handles.empty()) {
    handle = (int32_t)blocks.size();
    blocks.emplace_back();
  } else {
    handle = free_handles.back();
    free_handles.pop_back();
  }
  blocks[(size_t)handle] = Block{data, count, size_class};
  use.live_bytes += (int64_t)bytes;
  use.num_live++;
  if (use.live_bytes > peak_live_bytes) peak_live_bytes = use.live_bytes;
  return handle;
}

bool pool_release(int32_t handle) {
  if (pool_count(handle) < 0) return false;
  Block& block = blocks[(size_t)handle];
  free_blocks[block.size_class].push_back(block.data);
  const int64_t bytes = (int64_t)class_bytes(block.size_class);
  use.live_bytes -= bytes;
  use.free_bytes += bytes;
  use.num_live--;
  block = Block{};
  free_handles.push_back(handle);
  return true;
}

void* pool_data(int32_t handle) {
  return handle > 0 && (size_t)handle < blocks.size() ? blocks[(size_t)handle].data : nullptr;
}

int64_t pool_count(int32_t handle) {
  return handle > 0 && (size_t)handle < blocks.size() ? blocks[(size_t)handle].count : -1;
}

PoolUse pool_use() { return use; }

namespace {
struct Scratch {
  void* data[16] = {};
  size_t bytes[16] = {};
  ~Scratch() {
    for (void* p : data) free(p);
  }
};
thread_local Scratch buffers;
std::atomic<bool> has_failed{false};
}  // namespace

void* scratch(int slot, size_t bytes) {
  if (buffers.bytes[slot] >= bytes) return buffers.data[slot];
  free(buffers.data[slot]);
  buffers.bytes[slot] = 0;
  buffers.data[slot] = aligned(bytes + kPadding);
  if (buffers.data[slot]) buffers.bytes[slot] = bytes;
  else has_failed.store(true);
  return buffers.data[slot];
}

bool take_failure() { return has_failed.exchange(false); }

}  // namespace lab
