/** @file The Node-API module: memory by handle, the choice of instruction set, threads, and all kernels.
 * Typed arrays cross the border in write and read only; every kernel takes numbers.
 */
#include <cstring>

#include "call.h"
#include "pool.h"
#include "threads.h"

namespace lab {
namespace {

const Variant* chosen = &kPortable;

struct Candidate {
  const Variant* variant;
  bool is_supported;
};

/** Fastest first. */
std::vector<Candidate> candidates() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  const bool has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool has_avx512 = has_avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                          __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
  return {{&kAvx512, has_avx512}, {&kAvx2, has_avx2}, {&kPortable, true}};
#elif defined(__aarch64__)
  return {{&kNeon, true}};
#else
  return {{&kPortable, true}};
#endif
}

napi_value string_of(napi_env env, const char* text) {
  napi_value value;
  napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &value);
  return value;
}

/** Names of the instruction sets this machine can run, fastest first. */
napi_value instruction_sets(napi_env env, napi_callback_info) {
  napi_value list;
  napi_create_array(env, &list);
  uint32_t at = 0;
  for (const Candidate& c : candidates())
    if (c.is_supported) napi_set_element(env, list, at++, string_of(env, c.variant->name));
  return list;
}

/** Switches to the instruction set of that name; throws where the machine lacks it. */
napi_value use_instruction_set(napi_env env, napi_callback_info info) {
  size_t count = 1, length = 0;
  napi_value argument;
  char name[32] = {};
  napi_get_cb_info(env, info, &count, &argument, nullptr, nullptr);
  if (count == 1) napi_get_value_string_utf8(env, argument, name, sizeof name, &length);
  for (const Candidate& c : candidates()) {
    if (!c.is_supported || std::strcmp(c.variant->name, name) != 0) continue;
    chosen = c.variant;
    return nullptr;
  }
  napi_throw_error(env, nullptr, "this machine does not have the instruction set asked for");
  return nullptr;
}

/** count -> handle. */
napi_value allocate(napi_env env, napi_callback_info info) {
  Call call(env, info, "allocate");
  const int64_t count = call.size(0);
  const int32_t handle = call.ok() ? pool_allocate(count) : 0;
  call.require(handle != 0, "out of memory");
  if (!call.ok()) return call.done();
  napi_value value;
  napi_create_int32(env, handle, &value);
  return value;
}

napi_value release(napi_env env, napi_callback_info info) {
  Call call(env, info, "release");
  const int64_t handle = call.size(0);
  if (call.ok()) call.require(handle <= INT32_MAX && pool_release((int32_t)handle), "that tensor is not in use");
  return call.done();
}

/** Copies between the block `handle` and a typed array of 4-byte elements that must have its size. */
napi_value transfer(napi_env env, napi_callback_info info, bool is_write) {
  size_t count = 2, length = 0;
  napi_value arguments[2];
  napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr);
  double handle = 0;
  napi_typedarray_type type;
  void* values = nullptr;
  const bool is_read = count == 2 && napi_get_value_double(env, arguments[0], &handle) == napi_ok &&
                       napi_get_typedarray_info(env, arguments[1], &type, &length, &values, nullptr, nullptr) == napi_ok;
  const int32_t block = is_read && handle > 0 && handle <= INT32_MAX ? (int32_t)handle : 0;
  if (pool_count(block) != (int64_t)length || (type != napi_float32_array && type != napi_int32_array)) {
    napi_throw_error(env, nullptr, "native memory: the typed array does not have the tensor's size, or it is disposed");
    return nullptr;
  }
  if (length == 0) return nullptr;
  if (is_write) std::memcpy(pool_data(block), values, length * 4);
  else std::memcpy(values, pool_data(block), length * 4);
  return nullptr;
}

napi_value write(napi_env env, napi_callback_info info) { return transfer(env, info, true); }
napi_value read(napi_env env, napi_callback_info info) { return transfer(env, info, false); }

/** [bytes in use, bytes kept for reuse, tensors in use]. */
napi_value memory(napi_env env, napi_callback_info) {
  const PoolUse use = pool_use();
  const int64_t numbers[] = {use.live_bytes, use.free_bytes, use.num_live};
  napi_value list;
  napi_create_array(env, &list);
  for (uint32_t i = 0; i < 3; i++) {
    napi_value value;
    napi_create_int64(env, numbers[i], &value);
    napi_set_element(env, list, i, value);
  }
  return list;
}

napi_value use_threads(napi_env env, napi_callback_info info) {
  Call call(env, info, "useThreads");
  const int64_t count = call.size(0);
  call.require(count >= 1 && count <= 256, "the number of threads must be in 1 .. 256");
  if (call.ok()) set_threads((int)count);
  return call.done();
}

/** seconds -> billions of float operations a second in a pure multiply-add loop. */
napi_value fma_peak(napi_env env, napi_callback_info info) {
  Call call(env, info, "fmaPeak");
  const double seconds = call.number(0);
  call.require(seconds > 0 && seconds < 60, "the time must be in 0 .. 60 s");
  if (!call.ok()) return call.done();
  napi_value value;
  napi_create_double(env, kernels().fma_peak(seconds), &value);
  return value;
}

napi_value start(napi_env env, napi_value exports) {
  for (const Candidate& c : candidates()) {
    if (!c.is_supported) continue;
    chosen = c.variant;
    break;
  }
  add_function(env, exports, "instructionSets", instruction_sets);
  add_function(env, exports, "useInstructionSet", use_instruction_set);
  add_function(env, exports, "allocate", allocate);
  add_function(env, exports, "release", release);
  add_function(env, exports, "write", write);
  add_function(env, exports, "read", read);
  add_function(env, exports, "memory", memory);
  add_function(env, exports, "useThreads", use_threads);
  add_function(env, exports, "fmaPeak", fma_peak);
  add_fused(env, exports);
  add_optimizer(env, exports);
  add_standard(env, exports);
  return exports;
}

}  // namespace

const Variant& kernels() { return *chosen; }

}  // namespace lab

NAPI_MODULE_INIT() { return lab::start(env, exports); }
