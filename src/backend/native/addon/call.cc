/** @file Reading and checking of a call's arguments. */
#include "call.h"

#include <cmath>
#include <cstdio>

#include "pool.h"

namespace lab {

Call::Call(napi_env env, napi_callback_info info, const char* name) : env_(env), name_(name) {
  constexpr size_t kUsual = 32;
  napi_value few[kUsual];
  size_t count = kUsual;
  napi_get_cb_info(env, info, &count, few, nullptr, nullptr);
  std::vector<napi_value> many;
  napi_value* arguments = few;
  if (count > kUsual) {
    many.resize(count);
    arguments = many.data();
    napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr);
  }
  values_.resize(count);
  for (size_t i = 0; i < count; i++)
    if (napi_get_value_double(env, arguments[i], &values_[i]) != napi_ok) fail("argument %zu is not a number", i);
}

void Call::fail(const char* format, ...) {
  if (failed_) return;
  failed_ = true;
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(message_, sizeof message_, format, arguments);
  va_end(arguments);
}

double Call::number(size_t i) {
  if (i < values_.size()) return values_[i];
  fail("argument %zu is missing", i);
  return 0;
}

int64_t Call::size(size_t i) {
  const double x = number(i);
  if (x >= 0 && x <= 281474976710656.0 && x == std::floor(x)) return (int64_t)x;
  fail("argument %zu is %g, not a size", i, x);
  return 0;
}

int Call::choice(size_t i, int limit) {
  const int64_t x = size(i);
  if (x < limit) return (int)x;
  fail("argument %zu is %lld, not below %d", i, (long long)x, limit);
  return 0;
}

void* Call::data(size_t i, int64_t count) {
  const int64_t handle = size(i);
  const int64_t held = handle <= INT32_MAX ? pool_count((int32_t)handle) : -1;
  if (held < 0) {
    fail("argument %zu: tensor %lld is not in use", i, (long long)handle);
    return nullptr;
  }
  if (count < 0 || held < count) {
    fail("argument %zu: tensor of %lld elements where %lld are needed", i, (long long)held, (long long)count);
    return nullptr;
  }
  return pool_data((int32_t)handle);
}

float* Call::floats_or_null(size_t i, int64_t count) { return size(i) == 0 ? nullptr : floats(i, count); }

void Call::require(bool holds, const char* rule) {
  if (!holds) fail("%s", rule);
}

napi_value Call::done() {
  if (ok() && take_failure()) fail("out of memory for scratch space");
  if (failed_) {
    char text[320];
    snprintf(text, sizeof text, "native kernel %s: %s", name_, message_);
    napi_throw_error(env_, nullptr, text);
  }
  return nullptr;
}

void add_function(napi_env env, napi_value exports, const char* name, napi_callback function) {
  napi_value value;
  if (napi_create_function(env, name, NAPI_AUTO_LENGTH, function, nullptr, &value) == napi_ok)
    napi_set_named_property(env, exports, name, value);
}

}  // namespace lab
