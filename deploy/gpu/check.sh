#!/usr/bin/env bash
# On a GPU host, from the directory that prepare.sh has filled, without network: whether every pack answers on the device what it
# answers on the CPU, and how fast. Writes gpu-check.json and gpu-check.txt into the working directory.
#
#     bash DIRECTORY/check.sh [--device cuda|tensorrt] [--seconds 10] [--out DIR]
#
# Exits with 0 if everything agrees and nothing failed, 1 if not, 2 if it could not be found out. Needs Python 3, and nothing of it
# but what comes with it.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
if ! command -v python3 > /dev/null; then
    echo "check.sh: python3 is missing; any version from 3.8 does" >&2
    exit 2
fi
exec python3 "$here/check.py" "$@"
