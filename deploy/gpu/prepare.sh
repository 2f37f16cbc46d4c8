#!/usr/bin/env bash
# Fills a directory with all that check.sh needs on a GPU host without network: the program, its home with the models, ONNX Runtime
# with CUDA and NVIDIA's libraries (gigabytes: setup says how many), and pictures.
#
#     deploy/gpu/prepare.sh target/release/livegate DIRECTORY [PICTURE...]
#
# Then bring DIRECTORY to the host (a stick, `tar`, `rsync`), and there: bash DIRECTORY/check.sh
# What to set up is DEVICES, "cpu cuda" unless it is said; the CPU is what the device is compared with.
set -euo pipefail
if [ $# -lt 2 ]; then
    sed -n '2,8s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
binary=$1 directory=$2
shift 2
devices=()
for device in ${DEVICES:-cpu cuda}; do devices+=(--device "$device"); done
mkdir -p "$directory/pictures"
install -m 755 "$binary" "$directory/livegate"
"$directory/livegate" setup --home "$directory/home" --bring-cuda "${devices[@]}"
here=$(cd "$(dirname "$0")" && pwd)
cp "$here/check.sh" "$here/check.py" "$directory/"
for picture in "$@"; do cp "$picture" "$directory/pictures/"; done
du -sh "$directory"
echo "bring $directory to the host; there: bash $(basename "$directory")/check.sh"
