"""Seconds and memory for loading bert-base: minibert beside `transformers` and a bare read.

    python benchmarks/load_checkpoint.py --output benchmarks/results/load_checkpoint.json

The weights are random, in a temporary folder, and their files in the page cache. Every measurement
is a process of its own, forked from one that has imported everything, so that none finds memory
that another one left. The sides take turns within every round; the median over the rounds counts.

`transformers` maps the file and reads nothing until a weight is looked at; minibert reads it, as
its model shall outlive the file, and compute the same to the last bit wherever in the file a weight
lies. So there are two times: until the model is there, and until every weight of it has been summed
once. Memory is the process's peak beyond what it began with, pages of
mapped files included, in multiples of the weights.
"""

import argparse
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import torch
from common import in_a_process_of_its_own, machine, write_result
from transformers import BertModel as TheirModel

from minibert import BertConfig, BertModel
from minibert.checkpoint import checksum, load_table, open_checkpoint
from minibert.checkpoint.disk import write_atomically
from minibert.checkpoint.names import theirs_google
from minibert.checkpoint.tensorflow import write_bundle

SIZES = {"tiny": BertConfig.tiny(), "base": BertConfig.base(), "large": BertConfig.large()}


def write_files(config: BertConfig, folder: Path) -> None:
    model = BertModel(config)
    model.save_pretrained(folder / "huggingface")
    tensors = {}
    for name, value in model.state_dict().items():
        google, transposed = theirs_google(name)
        tensors[google] = value.T if transposed else value
    (folder / "tensorflow").mkdir()
    write_bundle(folder / "tensorflow" / "bert_model.ckpt", tensors)
    text = (folder / "huggingface" / "config.json").read_text(encoding="utf-8")
    write_atomically(folder / "tensorflow" / "bert_config.json", text)


def read_and_copy(path: Path) -> tuple[bytes, bytearray]:
    octets = path.read_bytes()
    return octets, bytearray(octets)


def from_tensorflow(folder: Path, verify: bool, wheel: bool = True) -> dict[str, torch.Tensor]:
    if not wheel:
        checksum._implementation = lambda: checksum.crc32c_numpy
    return load_table(open_checkpoint(folder, verify=verify)).tensors()


def sides(folder: Path) -> dict[str, Callable[[], object]]:
    """{name: what is done}; of models, the weights are summed afterwards."""
    huggingface, tensorflow = folder / "huggingface", folder / "tensorflow"
    found = {
        "read the file and copy it": partial(read_and_copy, huggingface / "model.safetensors"),
        "minibert": partial(BertModel.from_pretrained, huggingface),
        "transformers": partial(TheirModel.from_pretrained, huggingface),
        "minibert, TensorFlow, not verified": partial(from_tensorflow, tensorflow, False),
        "minibert, TensorFlow, by NumPy": partial(from_tensorflow, tensorflow, True, False),
    }
    if find_spec("crc32c"):
        found["minibert, TensorFlow, by crc32c"] = partial(from_tensorflow, tensorflow, True)
    return found


def weights_of(loaded: object) -> list[torch.Tensor]:
    if isinstance(loaded, torch.nn.Module):
        return list(loaded.parameters())
    return list(loaded.values()) if isinstance(loaded, dict) else []


def measure(work: Callable[[], object]) -> tuple[float, float, float]:
    """Seconds until `work` is done, and until its weights are summed; peak of memory in bytes."""
    before, started = peak(), time.perf_counter()
    loaded = work()
    done = time.perf_counter() - started
    with torch.no_grad():
        for weight in weights_of(loaded):
            weight.sum()
    summed = time.perf_counter() - started
    return done, summed, peak() - before


def peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--size", choices=SIZES, default="base")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        in_a_process_of_its_own(partial(write_files, SIZES[args.size], folder))
        weights = (folder / "huggingface" / "model.safetensors").stat().st_size
        measured = {side: [] for side in sides(folder)}
        for number in range(args.rounds + 1):
            for side, work in sides(folder).items():
                found = in_a_process_of_its_own(partial(measure, work))
                if number:  # the first round fills the page cache
                    measured[side].append(found)

    rows = {}
    for side, found in measured.items():
        loaded, summed, memory = (statistics.median(column) for column in zip(*found, strict=True))
        rows[side] = {"seconds": loaded, "seconds_summed": summed, "memory": memory / weights}
    bare = rows["read the file and copy it"]["seconds"]
    print(f"{weights / 1e6:,.0f} MB of weights, median of {args.rounds}")
    print(f"{'':36}{'seconds':>9}{'to bare':>9}{'summed':>9}{'memory':>9}")
    for side, row in rows.items():
        print(
            f"{side:36}{row['seconds']:9.3f}{row['seconds'] / bare:8.2f}x"
            f"{row['seconds_summed']:9.3f}{row['memory']:8.2f}x"
        )
    result = {
        "size": args.size,
        "weights_bytes": weights,
        "rounds": args.rounds,
        "rows": rows,
        **machine(),
    }
    write_result(args.output, result)


if __name__ == "__main__":
    main()
