#!/usr/bin/env bash
# Make the hash-locked requirement files again from pyproject.toml (needs uv). The files hold no index address.
set -euo pipefail
cd "$(dirname "$0")/.."

# What mlflow-skinny asks for and its client never imports when it talks to a server or a file: tests/contracts runs
# without these, a quarter of its packages.
UNUSED=(databricks-sdk google-auth pyasn1 pyasn1-modules gitpython gitdb smmap uvicorn h11 python-dotenv cloudpickle)
# What it imports for a file alone; the lock `sqlite` has it.
FOR_A_FILE=(sqlalchemy alembic mako markupsafe cryptography cffi pycparser)

lock() {
  local name=$1
  shift
  uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate \
    --python-version 3.11 --output-file "python/locks/$name.txt" "$@"
}
without() { printf -- '--no-emit-package %s ' "$@"; }

lock cli pyproject.toml --extra cli $(without "${UNUSED[@]}")
lock traffic --group traffic
lock gate pyproject.toml
lock registry pyproject.toml --extra registry $(without duckdb "${UNUSED[@]}" "${FOR_A_FILE[@]}")
lock sqlite --group sqlite --constraint python/locks/cli.txt
lock validate pyproject.toml --extra validate --constraint python/locks/cli.txt $(without duckdb)
lock torch pyproject.toml --extra torch
lock dev pyproject.toml --extra cli --extra torch --group dev

# Over `dev`, whose packages it shares. CatBoost draws no plots here, and nobody talks to a hub.
mapfile -t DEV < <(grep -oE '^[a-z0-9.-]+==' python/locks/dev.txt | tr -d '=' | sort -u)
lock zoo --group zoo --constraint python/locks/dev.txt $(without "${DEV[@]}" plotly graphviz narwhals)
