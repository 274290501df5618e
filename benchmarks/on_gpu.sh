#!/usr/bin/env bash
# What needs a GPU, in two calls of less than ten minutes each. Results go to the folder named first.
#
#     benchmarks/on_gpu.sh results kernels    their tests, their errors, their times; other tiles
#     benchmarks/on_gpu.sh results train      steps of BERT-base beside transformers' model
set -uo pipefail
cd "$(dirname "$0")/.."
out=$1
mkdir -p "$out"
export PYTHONPATH=$PWD PYTHONUNBUFFERED=1 HF_HUB_OFFLINE=1
nvidia-smi --query-gpu=name,driver_version,clocks.sm --format=csv
if [ "$2" = kernels ]; then
    timeout 180 python3 -m pytest -q -n 0 -m gpu tests/kernels 2>&1 | tee "$out/tests.txt" | tail -n 40
    timeout 270 python3 -W ignore benchmarks/attention_gpu.py --check --seconds 240 \
        --output "$out/attention_gpu.json" 2>&1 | tee "$out/attention_gpu.txt"
    timeout 130 python3 -W ignore benchmarks/attention_gpu.py --tune 64 --seconds 110 \
        --output "$out/tiles.json" 2>&1 | tee "$out/tiles.txt"
else
    timeout 590 python3 -W ignore benchmarks/train_gpu.py --seconds 480 \
        --output "$out/train_gpu.json" 2>&1 | tee "$out/train_gpu.txt"
fi
