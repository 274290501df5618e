"""Where the operations of a BERT-base layer stand under the machine's two roofs.

    python benchmarks/roofline.py --output benchmarks/results/roofline_cpu.json \\
        --picture docs/pictures/roofline_cpu.png

How fast an operation can be is limited by how fast numbers are computed (the flat roof) and how
fast they are fetched from memory (the slope): an operation that computes little with each byte
stands under the slope, where a better kernel helps less than not going to memory at all.

Both roofs are measured: a product of large square matrices, and a sum of arrays that fit into no
cache. An operation's place is reckoned, its height measured. Counted are the operations of its
formula and the bytes of its inputs and outputs, once each; before it is timed, other things are
brought into the caches. All is in the numbers that minibert computes in on the machine by default.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from common import machine, write_result
from torch import Tensor
from torch.nn import functional

from minibert import BertConfig
from minibert.model.functional import cheap_noise
from minibert.tasks.reports.pictures import BLUE, GREY, RED, new_figure, save, tidy
from minibert.training.precision import DTYPES, choose_precision


class Operation(NamedTuple):
    """One of a layer's operations in training, on a packed batch."""

    name: str
    run: Callable[[], object]
    operations: float
    bytes: float
    products: bool  # of matrices: else element by element, or row by row


def size(*tensors: Tensor) -> float:
    """Their bytes."""
    return float(sum(tensor.numel() * tensor.element_size() for tensor in tensors))


def operations_of_a_layer(
    config: BertConfig, texts: int, length: int, device: str, low: torch.dtype
) -> list[Operation]:
    """With the precisions that autocast to `low` gives them."""
    torch.manual_seed(0)
    hidden, inner, heads = config.hidden_size, config.intermediate_size, config.num_attention_heads
    width, tokens = hidden // heads, texts * length

    def draw(*shape: int, dtype: torch.dtype = low) -> Tensor:
        return torch.randn(shape, device=device).to(dtype)

    x, up = draw(tokens, hidden), draw(inner, hidden)
    y, square = draw(tokens, inner), draw(hidden, hidden)
    wide, other = (draw(tokens, hidden, dtype=torch.float32) for _ in range(2))
    norm = torch.ones(hidden, device=device)
    query = draw(texts * heads, length, width, dtype=torch.float32 if device == "cpu" else low)
    probs = draw(texts * heads, length, length, dtype=query.dtype)
    weights = torch.randn(7_000_000, device=device)  # about as many as a layer has
    weights.grad = torch.randn_like(weights)
    adam = torch.optim.AdamW([weights], lr=1e-5, fused=True)
    adam.step()
    one = x.numel()
    scores = 2 * texts * heads * length**2 * width

    def dropped() -> Tensor:
        return x * cheap_noise(x, 0.1) if device == "cpu" else functional.dropout(x, 0.1)

    found = [
        Operation(
            "query", lambda: functional.linear(x, square), 2 * tokens * hidden**2,
            size(x, square, x), True,
        ),
        Operation(
            "feed-forward", lambda: functional.linear(x, up), 2 * tokens * hidden * inner,
            size(x, up, y), True,
        ),
        Operation(
            "feed-forward, gradient of the weights", lambda: y.t() @ x,
            2 * tokens * hidden * inner, size(x, y, up), True,
        ),
        Operation(
            "scores", lambda: query @ query.transpose(1, 2), scores, size(query, query, probs), True
        ),
        Operation("context", lambda: probs @ query, scores, size(probs, query, query), True),
        Operation(
            "softmax", lambda: probs.softmax(-1), 5 * probs.numel(), size(probs, probs), False
        ),
        Operation("GELU", lambda: functional.gelu(y), 10 * y.numel(), size(y, y), False),
        Operation(
            "LayerNorm", lambda: functional.layer_norm(wide, (hidden,), norm, norm), 8 * one,
            size(wide, wide), False,
        ),
        Operation("residual sum", lambda: wide + other, one, 3 * size(wide), False),
        Operation("dropout", dropped, 2 * one, size(x, x), False),
        Operation("AdamW", adam.step, 15 * weights.numel(), 7 * size(weights), False),
    ]  # fmt: skip
    if low != torch.float32:
        count = weights.numel()
        cast = Operation("weights to bfloat16", lambda: weights.to(low), count, 6 * count, False)
        found.append(cast)
    return found


def seconds(run: Callable[[], object], device: str, times: int = 9) -> float:
    """The least of several times, each with cold caches."""
    elsewhere = torch.ones(2**26, device=device)  # 256 MiB

    def wait() -> None:
        if device == "cuda":
            torch.cuda.synchronize()

    run()
    found = []
    for _ in range(times):
        elsewhere.add_(1)
        wait()
        started = time.perf_counter()
        run()
        wait()
        found.append(time.perf_counter() - started)
    return min(found)


def roofs(device: str, side: int, numbers: int, names: set[str]) -> dict[str, float]:
    """Operations a second of products in each of these precisions; bytes a second of memory."""
    found = {}
    for name in sorted(names):
        one = torch.randn(side, side, device=device).to(DTYPES[name])
        found[name] = 2 * side**3 / seconds(lambda one=one: one @ one, device)
    a, b = (torch.ones(numbers, device=device) for _ in range(2))
    out = torch.empty_like(a)
    found["bytes"] = size(a, b, out) / seconds(lambda: torch.add(a, b, out=out), device)
    return found


# Where the names of operations stand that come to lie side by side, in points from their dots.
NUDGED = {
    "AdamW": (-42, -3),
    "LayerNorm": (6, 3),
    "GELU": (6, -9),
    "context": (6, 3),
    "scores": (6, -10),
}
# Above the flat roof, which they all touch: how many times as high.
STACKED = {"query": 1.15, "feed-forward": 1.5, "feed-forward, gradient of the weights": 1.95}


def draw_picture(result: dict[str, Any], path: Path) -> None:
    """Both axes by powers of ten."""
    figure = new_figure(9, 5.6)
    panel = figure.add_subplot()
    tidy(panel)
    high, memory = result["roofs"], result["roofs"]["bytes"]
    left, right = 0.05, 4000.0
    for name in sorted(high.keys() & DTYPES.keys()):
        colour = BLUE if name == result["precision"] else GREY
        corner = high[name] / memory
        panel.plot(
            [left, corner, right], [left * memory / 1e9, *[high[name] / 1e9] * 2], color=colour
        )
        panel.annotate(
            f"products in {name}: {high[name] / 1e9:,.0f}", (right, high[name] / 1e9), ha="right",
            xytext=(0, -14), textcoords="offset points", color=colour, fontsize=9,
        )  # fmt: skip
    corner = high[result["precision"]] / memory
    panel.annotate(
        f"memory: {memory / 1e9:,.0f} GB/s", (corner / 4, corner / 4 * memory / 1e9), ha="right",
        xytext=(-8, 4), textcoords="offset points", color=BLUE, fontsize=9,
    )  # fmt: skip
    for row in result["operations"]:
        at = row["operations"] / row["bytes"], row["rate"] / 1e9
        panel.plot(*at, "o", color=BLUE if row["products"] else RED)
        if row["name"] in STACKED:
            height = STACKED[row["name"]] * high[result["precision"]] / 1e9
            panel.annotate(
                row["name"], at, xytext=(60, height), ha="right", fontsize=9, color="0.25",
                arrowprops={"arrowstyle": "-", "color": "0.7", "relpos": (1, 0.5)},
            )  # fmt: skip
            continue
        panel.annotate(
            row["name"], at, xytext=NUDGED.get(row["name"], (6, -3)), textcoords="offset points",
            fontsize=9, color="0.25",
        )  # fmt: skip
    panel.set(
        xscale="log", yscale="log",
        xlim=(left, right), ylim=(None, 3 * high[result["precision"]] / 1e9),
        xlabel="operations for each byte of inputs and outputs",
        ylabel="billion operations a second",
        title=f"A layer of BERT-base in training: {result['texts']} texts of {result['length']} "
        f"word pieces, {result['processor']}, {result['threads']} threads",
    )  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    save(figure, path)


def table(rows: list[dict[str, Any]]) -> str:
    """What a page shows of the operations."""
    lines = [
        "| | operations for each byte | billion operations a second | of the roof | ms |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        lines.append(
            f"| {row['name']} | {row['operations'] / row['bytes']:.1f} | {row['rate'] / 1e9:.1f} | "
            f"{100 * row['of_the_roof']:.0f} % | {1000 * row['seconds']:.1f} |"
        )
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--texts", type=int, default=32)
    parser.add_argument("--length", type=int, default=50)
    parser.add_argument("--quick", action="store_true", help="to try it: small, and not true")
    parser.add_argument("--output", type=Path)
    parser.add_argument("--picture", type=Path)
    args = parser.parse_args()
    config = BertConfig.tiny() if args.quick else BertConfig.base()
    side, numbers = (256, 10**6) if args.quick else (2048, 2 * 10**7)
    precision = choose_precision("auto", torch.device(args.device)).name
    result = {
        "roofs": roofs(args.device, side, numbers, {"float32", precision}),
        "texts": args.texts,
        "length": args.length,
        "device": args.device,
        "precision": precision,
        "operations": [],
        **machine(),
    }
    for operation in operations_of_a_layer(
        config, args.texts, args.length, args.device, DTYPES[precision]
    ):
        taken = seconds(operation.run, args.device)
        rate = operation.operations / taken
        density = operation.operations / operation.bytes
        roof = min(result["roofs"][precision], density * result["roofs"]["bytes"])
        row = operation._asdict() | {"seconds": taken, "rate": rate, "of_the_roof": rate / roof}
        row.pop("run")
        result["operations"].append(row)
    print(table(result["operations"]))
    write_result(args.output, result)
    if args.picture:
        draw_picture(result, args.picture)


if __name__ == "__main__":
    main()
