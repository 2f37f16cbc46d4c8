#!/usr/bin/env bash
# Runs on a GPU host without network, from the directory that prepare.sh has filled. Compares every pack's
# scores on the device with those on the CPU, and measures throughput. Writes gpu-check.json and
# gpu-check.txt into the working directory.
#
#     bash DIRECTORY/check.sh [--device cuda|tensorrt] [--seconds 10] [--out DIR]
#
# Exits with 0 if all scores agree and no request failed, with 1 if not, and with 2 if the check could not
# be made. Needs Python 3 and no packages.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
if ! command -v python3 > /dev/null; then
    echo "check.sh: python3 is missing; any version from 3.8 does" >&2
    exit 2
fi
exec python3 "$here/check.py" "$@"
