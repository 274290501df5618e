"""Do the forms of a linear layer's products differ in speed on this processor?

    python benchmarks/products_cpu.py --output benchmarks/results/products_cpu.json

Forward, a layer computes x @ W^T; backward, the gradient of x is g @ W, and that of W is g^T @ x.
Libraries have been faster at one of them than at another, so that it paid to copy a matrix into
another order first, or to compute query, key and value by one product of stacked weights. Both are
tried here, on a batch of 1,600 word pieces. Forms take turns; the least of several times counts.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import torch
from common import machine, write_result
from grid import PRECISIONS
from torch.nn.functional import linear

from minibert.training.precision import DTYPES

TOKENS = 1600
LAYERS = {"query": (768, 768), "feed-forward, up": (768, 3072), "feed-forward, down": (3072, 768)}


def take_turns(forms: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """{form: seconds}"""
    seconds = dict.fromkeys(forms, float("inf"))
    for _ in range(rounds + 1):  # the first warms up, and is never the fastest
        for name, form in forms.items():
            started = time.perf_counter()
            form()
            seconds[name] = min(seconds[name], time.perf_counter() - started)
    return seconds


def forms_of_a_layer(
    narrow: int, wide: int, dtype: torch.dtype
) -> dict[str, Callable[[], torch.Tensor]]:
    """Each of the three products as it is written, and as `linear` of matrices copied before."""
    x = torch.randn(TOKENS, narrow).to(dtype)
    weight = torch.randn(wide, narrow).to(dtype)
    gradient = torch.randn(TOKENS, wide).to(dtype)
    return {
        "forward: linear(x, W)": lambda: linear(x, weight),
        "gradient of x: g @ W": lambda: gradient @ weight,
        "gradient of x: linear(g, copy of W^T)": lambda: linear(gradient, weight.t().contiguous()),
        "gradient of W: g^T @ x": lambda: gradient.t() @ x,
        "gradient of W: linear(copy of g^T, copy of x^T)": lambda: linear(
            gradient.t().contiguous(), x.t().contiguous()
        ),
    }


def three_or_one(dtype: torch.dtype) -> dict[str, Callable[[], object]]:
    """Query, key and value, forward and backward."""
    x = torch.randn(TOKENS, 768).to(dtype)
    weight = torch.randn(3 * 768, 768).to(dtype)
    gradient = torch.randn(TOKENS, 3 * 768).to(dtype)
    weights, gradients = weight.chunk(3), [part.contiguous() for part in gradient.chunk(3, 1)]

    def three() -> None:
        for part, one in zip(weights, gradients, strict=True):
            linear(x, part)
            one.t() @ x
        sum(one @ part for part, one in zip(weights, gradients, strict=True))

    def one() -> None:
        linear(x, weight)
        gradient.t() @ x
        gradient @ weight

    return {"query, key, value: three products each": three, "query, key, value: one": one}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()
    torch.manual_seed(0)
    found = {}
    for name in PRECISIONS:
        dtype = DTYPES[name]
        print(f"\n{name:24}{'':50}{'ms':>8}{'10^9/s':>9}")
        found[name] = {"three or one": take_turns(three_or_one(dtype), args.rounds)}
        for layer, (narrow, wide) in LAYERS.items():
            seconds = take_turns(forms_of_a_layer(narrow, wide, dtype), args.rounds)
            found[name][layer] = seconds
            for form, taken in seconds.items():
                rate = 2 * TOKENS * narrow * wide / taken / 1e9
                print(f"{layer:24}{form:50}{1000 * taken:8.2f}{rate:9.0f}")
        for form, taken in found[name]["three or one"].items():
            print(f"{'':24}{form:50}{1000 * taken:8.2f}")
    write_result(args.output, {"seconds": found, "tokens": TOKENS, **machine()})


if __name__ == "__main__":
    main()
