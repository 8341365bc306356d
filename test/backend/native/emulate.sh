#!/bin/sh
# Holds the ARM kernels, cross-compiled and run under emulation, against this machine's portable ones.
# Needs Debian's g++-aarch64-linux-gnu and qemu-user on an x86 machine. Usage: sh test/backend/native/emulate.sh
set -eu
cd "$(dirname "$0")"
for program in aarch64-linux-gnu-g++ qemu-aarch64; do
  command -v "$program" > /dev/null || { echo "skipped: $program is not installed"; exit 0; }
done
addon=../../../src/backend/native/addon
out="$(mktemp -d)"
trap 'rm -rf "$out"' EXIT
# usage: build COMPILER TABLE PROGRAM: the kernels with the flags of build.ts, this folder's program without
build() {
  "$1" -O3 -std=c++17 -ffp-contract=fast -fno-math-errno -Wno-psabi -DLAB_VARIANT="$2" -DLAB_NAME="\"$2\"" -DLAB_WIDTH=4 \
    -c "$addon/variant.cc" -o "$out/variant.o"
  "$1" -O1 -std=c++17 -static -I"$addon" emulate.cc "$addon/pool.cc" "$addon/threads.cc" "$out/variant.o" -pthread -o "$3"
}
build c++ kPortable "$out/here"
build aarch64-linux-gnu-g++ kNeon "$out/arm"
"$out/here" "$out/here.bin"
qemu-aarch64 "$out/arm" "$out/arm.bin"
"$out/here" "$out/here.bin" "$out/arm.bin"
