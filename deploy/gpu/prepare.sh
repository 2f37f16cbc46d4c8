#!/usr/bin/env bash
# Fills a directory for check.sh on a GPU host without network: the program, its home with models, ONNX
# Runtime with CUDA and NVIDIA's libraries (gigabytes; setup prints how many), and pictures.
#
#     deploy/gpu/prepare.sh target/release/livegate DIRECTORY [PICTURE...]
#
# Then copy DIRECTORY to the host (`tar`, `rsync`), and run there: bash DIRECTORY/check.sh
# The variable DEVICES names the devices to set up, by default "cpu cuda"; check.sh compares with the CPU.
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
echo "copy $directory to the host, and run there: bash $(basename "$directory")/check.sh"
