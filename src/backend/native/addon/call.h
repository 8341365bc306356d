/** @file One call from JavaScript: its arguments, all numbers, checked one by one. The first fault is kept and
 * thrown as a JavaScript error at the end; until then nothing is computed. A tensor is asked for with the
 * number of elements the kernel will touch, so that no call reads or writes past a block.
 */
#pragma once
#include <node_api.h>

#include <cstdarg>
#include <cstdint>
#include <vector>

#include "subnormals.h"
#include "variant.h"

namespace lab {

class Call {
 public:
  Call(napi_env env, napi_callback_info info, const char* name);
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  size_t count() const { return values_.size(); }
  double number(size_t i);
  /** A whole number in 0 .. 2^48. */
  int64_t size(size_t i);
  /** A whole number in 0 .. limit - 1. */
  int choice(size_t i, int limit);
  /** The values of a tensor of at least `count` elements. */
  float* floats(size_t i, int64_t count) { return (float*)data(i, count); }
  int32_t* ints(size_t i, int64_t count) { return (int32_t*)data(i, count); }
  /** As `floats`, but handle 0 stands for none. */
  float* floats_or_null(size_t i, int64_t count);
  /** Faults when `holds` is false. */
  void require(bool holds, const char* rule);
  bool ok() const { return !failed_; }
  /** Throws the fault, if any; to be returned to JavaScript. */
  napi_value done();

 private:
  void* data(size_t i, int64_t count);
  void fail(const char* format, ...) __attribute__((format(printf, 2, 3)));
  SubnormalsAsZero mode_;
  napi_env env_;
  const char* name_;
  std::vector<double> values_;
  bool failed_ = false;
  char message_[256] = {};
};

/** The kernels in use. */
const Variant& kernels();

/** Adds the functions of this file's part to `exports`. */
void add_fused(napi_env env, napi_value exports);
void add_optimizer(napi_env env, napi_value exports);
void add_standard(napi_env env, napi_value exports);

/** Makes `function` a property of `exports`. */
void add_function(napi_env env, napi_value exports, const char* name, napi_callback function);

}  // namespace lab
