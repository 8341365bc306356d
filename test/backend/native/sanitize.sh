#!/bin/sh
# Runs the kernels' tests with the C++ compiled under AddressSanitizer and UndefinedBehaviorSanitizer.
# Leaks are not looked for: Node itself keeps memory to the end. Usage: sh test/backend/native/sanitize.sh
set -eu
cd "$(dirname "$0")/../../.."
compiler="${CXX:-c++}"
export SCALING_LAB_NATIVE_FLAGS='-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer -O1 -g'
export ASAN_OPTIONS='detect_leaks=0:abort_on_error=1'
export UBSAN_OPTIONS='print_stacktrace=1:halt_on_error=1'
# Node is not instrumented, so the sanitizers' runtime must be loaded before it.
asan="$("$compiler" -print-file-name=libasan.so)"
ubsan="$("$compiler" -print-file-name=libubsan.so)"
export LD_PRELOAD="$asan:$ubsan"
exec node node_modules/vitest/vitest.mjs run test/backend/native test/model -t native --test-timeout 600000 --hook-timeout 600000 "$@"
