#!/bin/sh
# GFLOP/s of our matrix products and of OpenBLAS's (Debian: libopenblas0-pthread), one thread each, alternating.
# Usage: sh bench/native/products.sh
set -eu
cd "$(dirname "$0")"
addon=../../src/backend/native/addon
out="$(mktemp -d)"
trap 'rm -rf "$out"' EXIT
"${CXX:-c++}" -O3 -std=c++17 -march=native -mprefer-vector-width=512 -ffp-contract=fast -fno-math-errno -Wno-psabi \
  -I"$addon" -DLAB_VARIANT=kVariant -DLAB_NAME='"native"' -DLAB_WIDTH="${LAB_WIDTH:-16}" -include kvariant.h \
  products.cc "$addon"/variant.cc "$addon"/pool.cc "$addon"/threads.cc -o "$out/products" -pthread -ldl
OPENBLAS_NUM_THREADS=1 "$out/products"
