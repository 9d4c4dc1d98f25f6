#!/usr/bin/env bash
# Runs a command with Node 22 first on the PATH. Where the machine's Node is another one it comes from the npm package
# node@22, installed once into the cache folder; nothing outside the repository is touched.
set -euo pipefail
cd "$(dirname "$0")/../.."
if [ "$(node -p 'process.versions.node.split(".")[0]')" != 22 ]; then
  home=.cache/node22
  if [ ! -x "$home/node_modules/node/bin/node" ]; then
    echo "installing Node 22 from the npm package node@22 …"
    mkdir -p "$home"
    npm install --prefix "$home" --no-save --no-fund --no-audit --loglevel=error node@22.23.3
  fi
  PATH="$PWD/$home/node_modules/node/bin:$PATH"
  export PATH
fi
echo "Node $(node --version)"
exec "$@"
