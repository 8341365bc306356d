#!/bin/sh
# What the tests of the GPU backends need on a machine without a GPU: Debian's chromium, which carries a Vulkan driver in
# software, and TensorFlow's CPU library from PyPI. Each is added where it can be; the tests of the other skip with the
# reason. Usage, after npm ci: sh scripts/gpu-tests.sh
set -u
cd "$(dirname "$0")/.."
if [ -e /usr/lib/chromium/vk_swiftshader_icd.json ]; then
  echo "chromium's software Vulkan driver: there"
elif [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null; then
  { apt-get update -q -o Acquire::http::Timeout=30 && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends chromium; } \
    > /dev/null 2>&1 && echo "chromium: installed" || echo "chromium: could not be installed"
else
  echo "chromium: not there; installing it needs Debian and root"
fi
# A library that is set up stays: it may be one with CUDA.
is_set_up='process.exit(JSON.parse(require("fs").readFileSync(0)).backends.some((b) => b.name === "tensorflow" && b.is_available) ? 0 : 1)'
if node dist/cli.js doctor --json | node -e "$is_set_up"; then
  echo "TensorFlow: there"
else
  node dist/cli.js setup tensorflow --no-gpu || echo "TensorFlow: could not be set up"
fi
