#!/bin/sh
# The tests of sweeps on Slurm, on a cluster that they start on this machine and stop again: two nodes with a configuration,
# state and ports of their own in a temporary folder. Installs Debian's packages first, where they are missing and can be
# added; no service is started by that. Usage, after npm ci: sh scripts/slurm-tests.sh
set -eu
cd "$(dirname "$0")/.."
PATH="$PATH:/usr/sbin:/sbin"
is_there() { command -v slurmctld > /dev/null && command -v slurmd > /dev/null && command -v sbatch > /dev/null; }
if is_there; then
  echo "Slurm: there"
elif [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null; then
  export DEBIAN_FRONTEND=noninteractive
  { apt-get update -q -o Acquire::http::Timeout=30 \
    && apt-get install -y -q --no-install-recommends slurmctld slurmd slurm-client; } > /dev/null 2>&1 || true
  is_there && echo "Slurm: installed" || echo "Slurm: could not be installed; the tests skip"
else
  echo "Slurm: not there; installing it needs Debian and root; the tests skip"
fi
exec npx vitest run test/e2e/slurm.test.ts
