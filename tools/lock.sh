#!/usr/bin/env bash
# Make the hash-locked requirement files again from pyproject.toml (needs uv). The files hold no index address.
set -euo pipefail
cd "$(dirname "$0")/.."
lock() {
  local name=$1
  shift
  uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate \
    --python-version 3.11 --output-file "python/locks/$name.txt" pyproject.toml "$@"
}
lock traffic
lock gate --extra gate
lock registry --extra registry
lock cli --extra cli
lock torch --extra torch
lock dev --extra cli --extra torch --group dev
