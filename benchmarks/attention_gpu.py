"""Attention on a GPU: minibert's fused kernels beside the formula and torch's, in TFLOP/s.

    python benchmarks/attention_gpu.py --check --output benchmarks/results/attention_gpu.json

--check first holds every way to compute it against float64; the exit status says whether ours is
right. Then all are timed, forward and backward, over the same number of tokens: in sequences of one
length after the other, and in ragged ones as GLUE and SQuAD have them. Torch's kernels get what
suits them: batches (B, H, S, W) where lengths are equal; ragged ones padded with a mask (made
beforehand, not timed), or as jagged nested tensors. What counts is the arithmetic on real tokens:
4 W S^2 a head forward, 2.5 times that backward. A way that is absent, refuses or fails has a row
that says so.

--tune instead times our kernels with other tiles than those in `minibert/kernels/tiles.py`.
"""

import argparse
import math
import multiprocessing
import os
import statistics
import time
from collections.abc import Callable
from functools import cache
from itertools import accumulate, product
from pathlib import Path
from typing import NamedTuple

import torch
from common import machine, write_result
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import scaled_dot_product_attention

from minibert.kernels import fused, fused_attention, keep_mask, tiles
from minibert.kernels.availability import INTERPRETED, why_not
from minibert.kernels.random import draw_seed
from minibert.kernels.tiles import Tile, Tiles
from minibert.model import functional

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
HIDDEN = 2048  # H * W, whatever the width, as in the papers on FlashAttention
MODES = ("forward", "backward", "both")
WORK = {"forward": 1.0, "backward": 2.5, "both": 3.5}  # in products of the size of the forward pass


class Case(NamedTuple):
    """What is to be computed."""

    name: str
    lengths: tuple[int, ...]
    width: int
    dropout_p: float = 0.0
    hidden: int = HIDDEN
    dtype: torch.dtype = torch.bfloat16

    @property
    def heads(self) -> int:
        return self.hidden // self.width

    @property
    def operations(self) -> float:
        """Of the forward pass."""
        return 4.0 * self.hidden * sum(length**2 for length in self.lengths)

    @property
    def uniform(self) -> bool:
        return len(set(self.lengths)) == 1


class Given(NamedTuple):
    """A case with its numbers."""

    case: Case
    packed: tuple[Tensor, Tensor, Tensor]  # query, key and value, (T, H, W)
    gradient: Tensor  # (T, H, W)
    cu_seqlens: Tensor


class Work(NamedTuple):
    """One way to compute it, ready to run."""

    inputs: tuple[Tensor, ...]  # leaves
    run: Callable[..., Tensor]
    gradient: Tensor  # of what `run` gives
    packed: Callable[[Tensor], Tensor]  # from such a shape to (T, H, W)


class Refused(Exception):
    """A way cannot do this; says why."""


def draw(case: Case) -> Given:
    torch.manual_seed(0)
    shape = (sum(case.lengths), case.heads, case.width)
    query, key, value, gradient = (
        torch.randn(shape, device=DEVICE, dtype=case.dtype) for _ in range(4)
    )
    ends = torch.tensor([*accumulate(case.lengths, initial=0)], dtype=torch.int32, device=DEVICE)
    return Given(case, (query, key, value), gradient, ends)


def leaves(tensors: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return tuple(x.detach().requires_grad_() for x in tensors)


# The ways


def ours(given: Given) -> Work:
    case = given.case
    hindrance = why_not(DEVICE, case.dtype, case.width)
    if hindrance:
        raise Refused(hindrance)

    def run(*inputs: Tensor) -> Tensor:
        return fused_attention(*inputs, given.cu_seqlens, max(case.lengths), case.dropout_p)

    return Work(leaves(given.packed), run, given.gradient, lambda x: x)


def in_rows(given: Given, attend: Callable[..., Tensor], takes_mask: bool) -> Work:
    """Tensors (B, H, S, W), padded where lengths differ; `attend` gets a mask then, else None."""
    case = given.case
    length = max(case.lengths)
    real = torch.arange(length) < torch.tensor(case.lengths)[:, None]
    real = real.to(DEVICE)
    if not case.uniform and not takes_mask:
        raise Refused("takes no mask, and lengths differ")

    def rows(x: Tensor) -> Tensor:
        padded = x.new_zeros(len(case.lengths), length, case.heads, case.width)
        padded[real] = x
        return padded.transpose(1, 2)

    mask = None if case.uniform else real[:, None, None, :]
    run = lambda *inputs: attend(*inputs, mask)  # noqa: E731
    inputs = leaves(tuple(rows(x) for x in given.packed))
    return Work(inputs, run, rows(given.gradient), lambda x: x.transpose(1, 2)[real])


def formula(given: Given) -> Work:
    case = given.case
    scores = case.heads * len(case.lengths) * max(case.lengths) ** 2
    if scores > 2**31:
        raise Refused("its scores are too many for memory")

    def attend(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
        return functional.scaled_dot_product_attention(query, key, value, mask, case.dropout_p)

    return in_rows(given, attend, takes_mask=True)


def sdpa(backend: SDPBackend, takes_mask: bool) -> Callable[[Given], Work]:
    def way(given: Given) -> Work:
        def attend(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
            with sdpa_kernel(backend):
                return scaled_dot_product_attention(query, key, value, mask, given.case.dropout_p)

        return in_rows(given, attend, takes_mask)

    return way


def flash_nested(given: Given) -> Work:
    """SDPA's flash kernel over jagged nested tensors: packed, as ours."""
    case = given.case
    if case.uniform:
        raise Refused("the same kernel as sdpa flash where lengths are equal")
    longest, shortest = max(case.lengths), min(case.lengths)

    def run(*inputs: Tensor) -> Tensor:
        nested = [
            torch.nested.nested_tensor_from_jagged(
                x, given.cu_seqlens, min_seqlen=shortest, max_seqlen=longest
            ).transpose(1, 2)
            for x in inputs
        ]
        with sdpa_kernel(SDPBackend.FLASH_ATTENTION):
            context = scaled_dot_product_attention(*nested, dropout_p=case.dropout_p)
        return context.transpose(1, 2).values()

    return Work(leaves(given.packed), run, given.gradient, lambda x: x)


def varlen(given: Given) -> Work:
    """torch's own packed attention; it has no dropout."""
    from torch.nn.attention.varlen import varlen_attn

    case = given.case
    if case.dropout_p:
        raise Refused("has no dropout")
    longest = max(case.lengths)

    def run(*inputs: Tensor) -> Tensor:
        return varlen_attn(*inputs, given.cu_seqlens, given.cu_seqlens, longest, longest)

    return Work(leaves(given.packed), run, given.gradient, lambda x: x)


@cache
def compiled_flex() -> Callable[..., Tensor]:
    from torch.nn.attention.flex_attention import flex_attention

    return torch.compile(flex_attention, dynamic=False)


def flex(given: Given) -> Work:
    """FlexAttention, compiled; ragged by a mask of blocks over the packed tokens. No dropout."""
    from torch.nn.attention.flex_attention import create_block_mask

    case = given.case
    if case.dropout_p:
        raise Refused("has no dropout")
    if case.width != 64 or case.name not in ("uniform 512", "SQuAD-like"):
        raise Refused("left out: each shape takes long to compile")
    if case.uniform:
        return in_rows(given, lambda *inputs: compiled_flex()(*inputs[:3]), takes_mask=False)
    lengths = torch.tensor(case.lengths, device=DEVICE)
    document = torch.arange(len(lengths), device=DEVICE).repeat_interleave(lengths)

    def same(batch: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        return document[query] == document[key]

    tokens = len(document)
    blocks = create_block_mask(same, None, None, tokens, tokens, device=DEVICE)

    def run(*inputs: Tensor) -> Tensor:
        rows = [x.transpose(0, 1)[None] for x in inputs]
        return compiled_flex()(*rows, block_mask=blocks)[0].transpose(0, 1)

    return Work(leaves(given.packed), run, given.gradient, lambda x: x)


WAYS: dict[str, Callable[[Given], Work]] = {
    "minibert fused": ours,
    "formula": formula,
    "sdpa flash": sdpa(SDPBackend.FLASH_ATTENTION, takes_mask=False),
    "sdpa flash, nested": flash_nested,
    "sdpa efficient": sdpa(SDPBackend.EFFICIENT_ATTENTION, takes_mask=True),
    "sdpa cudnn": sdpa(SDPBackend.CUDNN_ATTENTION, takes_mask=True),
    "flex": flex,
    "varlen_attn": varlen,
}


def compile_ahead(jobs: list[tuple[Case, Tiles]]) -> None:
    """Compile our kernels for these, side by side: Triton keeps them on disk for this process."""
    workers = min(12, os.cpu_count() or 1)
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        pool.map(compile_one, jobs, chunksize=1)


def compile_one(job: tuple[Case, Tiles]) -> None:
    """In another process: run both passes once, on a single sequence and a single head."""
    case, chosen = job
    tiles.TABLE[case.dtype.itemsize, case.width] = chosen
    small = case._replace(lengths=(max(case.lengths),), hidden=case.width)
    try:
        work = ours(draw(small))
        torch.autograd.grad(work.run(*work.inputs), work.inputs, work.gradient)
    except Exception as error:
        print(f"{chosen}: {brief(error)}")


# Right before fast


def relative_errors(way: Callable[[Given], Work], given: Given, exact: list[Tensor]) -> list[float]:
    """|found - exact| / |exact| of the context and of the gradients of query, key and value."""
    work = way(given)
    context = work.run(*work.inputs)
    found = [context, *torch.autograd.grad(context, work.inputs, work.gradient)]
    return [
        float((work.packed(x).double() - right).norm() / right.norm())
        for x, right in zip(found, exact, strict=True)
    ]


def in_float64(given: Given, keep: Tensor | None) -> list[Tensor]:
    """The formula's context and gradients, from the same numbers as float64."""
    wide = given._replace(packed=tuple(x.double() for x in given.packed))

    def attend(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
        return functional.scaled_dot_product_attention(
            query, key, value, mask, given.case.dropout_p, keep
        )

    work = in_rows(wide._replace(gradient=given.gradient.double()), attend, takes_mask=True)
    context = work.run(*work.inputs)
    found = [context, *torch.autograd.grad(context, work.inputs, work.gradient)]
    return [work.packed(x) for x in found]


def cases_to_check(tiny: bool) -> list[Case]:
    """Small ones, in all precisions."""
    uniform, ragged = ((48,) * 2, (40, 7, 1, 48)) if tiny else ((512,) * 4, (500, 77, 1, 384, 129))
    dtypes = (torch.float32,) if tiny else (torch.bfloat16, torch.float16, torch.float32)
    widths, hidden = ((16,), 32) if tiny else ((32, 64, 128), 256)
    return [
        Case(name, lengths, width, dropout_p, hidden, dtype)
        for dtype, width, dropout_p in product(dtypes, widths, (0.0, 0.1))
        for name, lengths in (("uniform", uniform), ("ragged", ragged))
    ]


def check(tiny: bool) -> tuple[list[dict[str, object]], list[str]]:
    """Errors against float64 as rows, and where ours has more than 3 times the formula's."""
    rows: list[dict[str, object]] = []
    wrong: list[str] = []
    names = ("context", "query", "key", "value")
    print(f"{'relative error against float64':50}", *(f"{name:>9}" for name in names))
    for case in cases_to_check(tiny):
        given, keep, others = draw(case), None, WAYS
        if case.dropout_p:  # ours is known, and the formula takes it; the others draw their own
            others = {"minibert fused": ours}
            torch.manual_seed(1)
            place = len(case.lengths), case.heads, max(case.lengths)
            keep = keep_mask(draw_seed(DEVICE), *place, case.dropout_p)
        exact = in_float64(given, keep)
        formulas: list[float] = []
        ways = {"formula": with_mask(keep)} | others | {"formula": with_mask(keep)}
        for name, way in ways.items():  # the formula is the first
            dtype = str(case.dtype).removeprefix("torch.")
            label = f"{case.name}, {dtype}, {case.width} wide, p {case.dropout_p}  {name}"
            row: dict[str, object] = {"way": name, **described(case)}
            torch.manual_seed(1)
            try:
                errors = relative_errors(way, given, exact)
                row["errors"] = dict(zip(names, errors, strict=True))
                print(f"{label:50}", *(f"{error:9.1e}" for error in errors))
            except Exception as error:
                errors = [math.inf] * 4
                row["failed"] = brief(error)
                print(f"{label:50} {row['failed']}")
            rows.append(row)
            formulas = formulas or errors
            if name == "minibert fused" and not all(
                found <= 3 * allowed + 1e-6 for found, allowed in zip(errors, formulas, strict=True)
            ):
                wrong.append(label)
    return rows, wrong


def with_mask(keep: Tensor | None) -> Callable[[Given], Work]:
    """The formula in the case's precision, dropping what ours drops."""

    def way(given: Given) -> Work:
        def attend(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
            return functional.scaled_dot_product_attention(
                query, key, value, mask, given.case.dropout_p, keep
            )

        return in_rows(given, attend, takes_mask=True)

    return way


# Time and memory


def milliseconds(work: Callable[[], object]) -> float:
    """The median of a call: of replays of a CUDA graph where it can be captured, else by events."""
    if DEVICE.type == "cpu":
        started = time.perf_counter()
        work()
        return 1000 * (time.perf_counter() - started)
    from triton.testing import do_bench, do_bench_cudagraph

    try:
        return do_bench_cudagraph(work, rep=10, return_mode="median")
    except Exception:
        torch.cuda.synchronize()
        return do_bench(work, warmup=10, rep=50, return_mode="median")


def measure(way: Callable[[Given], Work], given: Given) -> dict[str, object]:
    """Milliseconds and TFLOP/s of each mode; megabytes that both passes take beside the inputs."""
    work = way(given)

    def forward() -> Tensor:
        return work.run(*work.inputs)

    def both() -> tuple[Tensor, ...]:
        return torch.autograd.grad(forward(), work.inputs, work.gradient)

    if DEVICE.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
    both()
    row: dict[str, object] = {}
    if DEVICE.type == "cuda":
        row["megabytes"] = round((torch.cuda.max_memory_allocated() - before) / 2**20)
    taken = {"forward": milliseconds(forward), "both": milliseconds(both)}
    # A backward pass alone cannot be captured: it runs where its forward pass has run.
    taken["backward"] = taken["both"] - taken["forward"]
    for mode in MODES:
        row[mode] = {
            "milliseconds": round(taken[mode], 4),
            "teraflops": round(WORK[mode] * given.case.operations / taken[mode] / 1e9, 1),
        }
    return row


def described(case: Case) -> dict[str, object]:
    return {
        "case": case.name, "sequences": len(case.lengths), "longest": max(case.lengths),
        "tokens": sum(case.lengths), "heads": case.heads, "width": case.width,
        "dropout": case.dropout_p, "dtype": str(case.dtype).removeprefix("torch."),
    }  # fmt: skip


def brief(error: Exception) -> str:
    kind = "" if isinstance(error, Refused) else f"{type(error).__name__}: "
    text = " ".join(str(error).split())
    return f"{kind}{text[:90]}"


def glue_lengths(sequences: int) -> tuple[int, ...]:
    """Ragged as pairs of sentences are: most near 40 word pieces, a few up to 128."""
    generator = torch.Generator().manual_seed(0)
    drawn = torch.randn(sequences, generator=generator).mul(0.45).add(3.7).exp()
    return tuple(drawn.long().clamp(8, 128).tolist())


def squad_lengths(sequences: int) -> tuple[int, ...]:
    """Windows of up to 384 word pieces, of which the most are not full."""
    generator = torch.Generator().manual_seed(0)
    drawn = torch.randn(sequences, generator=generator).mul(0.4).add(5.1).exp()
    return tuple(drawn.long().clamp(40, 384).tolist())


def cases(tiny: bool) -> list[Case]:
    """Those that matter most come first: time may run out."""
    if tiny:
        return [Case("uniform", (40,), 16, 0.1, 16, torch.float32),
                Case("ragged", (9, 40), 16, 0.0, 16, torch.float32)]  # fmt: skip
    tokens = 16_384
    found = []
    for width, dropout_p in product((64, 128, 32), (0.0, 0.1)):
        lengths = (512, 1024, 2048, 4096, 128, 16_384)
        found += [
            Case(f"uniform {length}", (length,) * (tokens // length), width, dropout_p)
            for length in lengths
        ]
        if width == 64:  # BERT-base's heads, and batches as one trains with
            found += [
                Case("GLUE-like", glue_lengths(256), width, dropout_p, 768),
                Case("SQuAD-like", squad_lengths(64), width, dropout_p, 768),
            ]
    return found


def ceilings() -> dict[str, float]:
    """What the device does at best here: a product in bfloat16, a copy; on random numbers."""
    if DEVICE.type == "cpu":
        return {}
    square = torch.randn(2, 8192, 8192, device=DEVICE, dtype=torch.bfloat16)
    large = torch.randn(2**29, device=DEVICE, dtype=torch.bfloat16)
    product_ms = milliseconds(lambda: square[0] @ square[1])
    copy_ms = milliseconds(lambda: large.clone())
    return {
        "matmul_teraflops": round(2 * 8192**3 / product_ms / 1e9, 1),
        "copy_terabytes": round(2 * large.nbytes / copy_ms / 1e9, 2),
    }


def compare(result: dict[str, object], output: Path | None, tiny: bool, deadline: float) -> None:
    """Fill result["rows"], print them; all is written after every case, lest a cut loses it."""
    rows: list[dict[str, object]] = []
    result["rows"] = rows
    print(f"\n{'TFLOP/s':42}{'forward':>9}{'backward':>9}{'both':>9}{'MB':>7}")
    for case in cases(tiny):
        if time.monotonic() > deadline:
            print("out of time; the rest is left out")
            result["cut_off"] = True
            break
        given = draw(case)
        for name, way in WAYS.items():
            label = f"{case.name}, {case.width} wide, p {case.dropout_p}  {name}"
            row = {"way": name, **described(case)}
            try:
                row |= measure(way, given)
                speeds = [row[mode]["teraflops"] for mode in MODES]
                print(
                    f"{label:50}", *(f"{x:8.1f}" for x in speeds), f"{row.get('megabytes', ''):>6}"
                )
            except Exception as error:
                row["failed"] = brief(error)
                print(f"{label:50} {brief(error)}")
            rows.append(row)
            if DEVICE.type == "cuda":
                torch.cuda.empty_cache()
        write_result(output, result)


# Tiles


FORWARD = (
    Tile(128, 64, 4, 3), Tile(128, 64, 8, 3), Tile(128, 128, 8, 2), Tile(128, 128, 8, 3),
    Tile(64, 64, 4, 3), Tile(64, 128, 4, 3), Tile(128, 32, 4, 4), Tile(128, 64, 4, 2),
)  # fmt: skip
KEY_VALUE = (
    Tile(64, 128, 8, 3), Tile(64, 128, 8, 2), Tile(32, 128, 4, 3), Tile(32, 128, 8, 3),
    Tile(64, 64, 4, 3), Tile(64, 64, 4, 2), Tile(32, 64, 4, 3), Tile(128, 128, 8, 2),
)  # fmt: skip
QUERY = (
    Tile(128, 64, 8, 3), Tile(128, 64, 8, 2), Tile(128, 32, 4, 3), Tile(128, 128, 8, 2),
    Tile(64, 64, 4, 3), Tile(64, 64, 4, 2), Tile(64, 32, 4, 4), Tile(64, 128, 4, 2),
)  # fmt: skip


def candidates(width: int) -> list[Tiles]:
    """The table's tiles, with one kernel's changed at a time."""
    usual = tiles.TABLE[2, width]
    return [
        usual,
        *(usual._replace(forward=tile) for tile in FORWARD),
        *(usual._replace(key_value=tile) for tile in KEY_VALUE),
        *(usual._replace(query=tile) for tile in QUERY),
    ]


def time_tiles(case: Case, changed: Tiles) -> dict[str, object]:
    tiles.TABLE[2, case.width] = changed
    given = draw(case)
    seed = draw_seed(DEVICE) if case.dropout_p else None
    where = given.cu_seqlens, None, None, seed, max(case.lengths), case.dropout_p, case.width**-0.5
    kept = fused._forward(*given.packed, *where)
    forward = milliseconds(lambda: fused._forward(*given.packed, *where))
    backward = milliseconds(lambda: fused._backward(given.gradient, *given.packed, *kept, *where))
    return {"forward": round(forward, 4), "backward": round(backward, 4)}


def tune(widths: list[int], output: Path | None, deadline: float) -> None:
    """Milliseconds with each candidate, the fastest first."""
    jobs = [
        (Case("tune", (1024,) * 16, width, dropout_p), changed)
        for width in widths
        for dropout_p in (0.0, 0.1)
        for changed in candidates(width)
    ]
    compile_ahead(jobs)
    rows: list[dict[str, object]] = []
    result = {"tiles": rows, **machine()}
    for case, changed in jobs:
        if time.monotonic() > deadline:
            print("out of time; the rest is left out")
            break
        row = {"width": case.width, "dropout": case.dropout_p, "tiles": changed}
        try:
            row |= time_tiles(case, changed)
        except Exception as error:
            row["failed"] = brief(error)
            print(f"{case.width} wide, p {case.dropout_p}, {changed}: {row['failed']}")
        rows.append(row)
        write_result(output, result)
    for width, dropout_p, mode in product(widths, (0.0, 0.1), ("forward", "backward")):
        done = [r for r in rows if (r["width"], r["dropout"]) == (width, dropout_p) and mode in r]
        print(f"\n{width} wide, p {dropout_p}, {mode}: milliseconds, and the tiles")
        for row in sorted(done, key=lambda row: row[mode])[:6]:
            print(f"{row[mode]:9.4f}", *(tuple(tile) for tile in row["tiles"]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true", help="errors first")
    parser.add_argument("--tune", type=int, nargs="*", metavar="WIDTH", help="time tiles instead")
    parser.add_argument("--tiny", action="store_true", help="see whether it runs at all")
    parser.add_argument("--seconds", type=float, default=400, help="begin nothing new after these")
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()
    if DEVICE.type == "cpu" and not (INTERPRETED and args.tiny):
        raise SystemExit("this needs a GPU (or TRITON_INTERPRET=1 and --tiny)")
    deadline = time.monotonic() + args.seconds
    if args.tune is not None:
        tune(args.tune or [64, 128, 32], args.output, deadline)
        return
    wanted = cases(args.tiny) + (cases_to_check(args.tiny) if args.check else [])
    kinds = {(c.dtype, c.width, c.dropout_p, max(c.lengths) > 128): c for c in wanted}
    compile_ahead([(c, tiles.TABLE[c.dtype.itemsize, c.width]) for c in kinds.values()])
    result: dict[str, object] = {"ceilings": ceilings(), **machine()}
    print(result)
    wrong: list[str] = []
    if args.check:
        result["errors"], wrong = check(args.tiny)
        result["wrong"] = wrong
        write_result(args.output, result)
    compare(result, args.output, args.tiny, deadline)
    speeds = [
        row["both"]["teraflops"]
        for row in result["rows"]
        if row["way"] == "minibert fused" and "both" in row
    ]
    if speeds:
        print(f"minibert, forward and backward: median {statistics.median(speeds):.1f} TFLOP/s")
    if wrong:
        raise SystemExit(f"what is fast there is wrong: {'; '.join(wrong)}")


if __name__ == "__main__":
    main()
