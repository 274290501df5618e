#!/usr/bin/env bash
# Everything that needs a GPU, in one go of less than ten minutes: the kernels' tests, their errors,
# their times; then the tiles, if time is left. Results go to the folder named, or to $OUT.
#
#     benchmarks/on_gpu.sh results-of-today
set -uo pipefail
cd "$(dirname "$0")/.."
out=${1:-${OUT:-benchmarks/results}}
mkdir -p "$out"
export PYTHONPATH=$PWD PYTHONUNBUFFERED=1 HF_HUB_OFFLINE=1
nvidia-smi --query-gpu=name,driver_version,clocks.sm --format=csv
timeout 180 python3 -m pytest -q -n 0 -m gpu tests/kernels 2>&1 | tee "$out/tests.txt" | tail -n 40
timeout 270 python3 -W ignore benchmarks/attention_gpu.py --check --seconds 240 \
    --output "$out/attention_gpu.json" 2>&1 | tee "$out/attention_gpu.txt"
timeout 130 python3 -W ignore benchmarks/attention_gpu.py --tune 64 --seconds 110 \
    --output "$out/tiles.json" 2>&1 | tee "$out/tiles.txt"
