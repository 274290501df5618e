"""Chapter 4: heads cut out and laid side by side, the mask, and self-attention as a whole."""

from collections.abc import Callable

import torch
from torch import Generator, Tensor
from torch.nn.functional import linear

from minibert.course import drawing
from minibert.course.drawing import holes, normal, number, right_padded, sizes, whole
from minibert.course.exercise import Exercise, Probe
from minibert.model import functional
from minibert.model.functional import merge_heads, split_heads

PAGE = "04_multi_head_attention"
PROJECTIONS = ("query", "key", "value", "output")

Weights = dict[str, Tensor]
Attend = Callable[[Tensor, Tensor, Tensor, Tensor | None], Tensor]


def padding_mask(lengths: Tensor, size: int) -> Tensor:
    """(B,) lengths to (B, 1, 1, S): True for the first `lengths[b]` of the S places."""
    return (torch.arange(size) < lengths[:, None])[:, None, None, :]


def self_attention(hidden: Tensor, weights: Weights, heads: int, mask: Tensor | None) -> Tensor:
    """Project, cut into heads, attend, lay side by side, project: (B, S, D) -> (B, S, D)."""
    return through(hidden, weights, heads, mask)


def through(
    hidden: Tensor,
    weights: Weights,
    heads: int,
    mask: Tensor | None,
    attend: Attend = functional.scaled_dot_product_attention,
    split: Callable[[Tensor, int], Tensor] = split_heads,
    merge: Callable[[Tensor], Tensor] = merge_heads,
) -> Tensor:
    """Self-attention; each step of it may be another."""
    query, key, value = (split(project(hidden, weights, name), heads) for name in PROJECTIONS[:3])
    return project(merge(attend(query, key, value, mask)), weights, "output")


def project(hidden: Tensor, weights: Weights, name: str) -> Tensor:
    """The linear layer of that name."""
    return linear(hidden, weights[f"{name}.weight"], weights[f"{name}.bias"])


def split_heads_probes(generator: Generator) -> list[Probe]:
    """Sizes that can be told apart, and sizes that cannot."""
    batch, size, heads, width = sizes(generator, 4)
    x = normal(generator, batch, size, heads * width)
    return [
        Probe("float64, with gradients", (x, heads), gradients=(0,)),
        Probe("float32", (x.float(), heads)),
        Probe("one head", (x, 1)),
        Probe("heads of width one", (normal(generator, 2, 5, 3), 3)),
        Probe("as many heads as tokens", (normal(generator, 2, 3, 12), 3)),
        Probe("one sequence of one token", (x[:1, :1], heads)),
    ]


def merge_heads_probes(generator: Generator) -> list[Probe]:
    """As for `split_heads`; the input is laid out in memory once like this, once like that."""
    batch, heads, size, width = sizes(generator, 4)
    x = normal(generator, batch, heads, size, width)
    turned = normal(generator, batch, size, heads, width).transpose(1, 2)
    return [
        Probe("float64, with gradients", (x,), gradients=(0,)),
        Probe("float32", (x.float(),)),
        Probe("straight from split_heads", (turned,)),
        Probe("one head", (x[:, :1],)),
        Probe("as many heads as tokens", (normal(generator, 2, 3, 3, 4),)),
        Probe("one sequence of one token", (x[:1, :, :1],)),
    ]


def padding_mask_probes(generator: Generator) -> list[Probe]:
    """Full, empty, and all shorter than the size."""
    size = number(generator, 6, 10)
    lengths = whole(generator, 1, size, 4)
    return [
        Probe("any lengths", (lengths, size)),
        Probe("a full and an empty one", (torch.tensor([size, 0, 1]), size)),
        Probe("all shorter than the size", (torch.tensor([2, 3]), size)),
        Probe("one sequence", (lengths[:1], size)),
        Probe("as many sequences as places", (torch.tensor([1, 3, 2]), 3)),
    ]


def self_attention_probes(generator: Generator) -> list[Probe]:
    """Biases that are not zero, a width that is a square, masks with holes, and none left."""
    batch, size, heads, width = sizes(generator, 4)
    probes = []
    for name, dtype in (("float64", torch.float64), ("float32", torch.float32)):
        weights = projections(generator, heads * width, dtype)
        hidden = normal(generator, batch, size, heads * width, dtype=dtype)
        probes.append(Probe(f"{name}, no mask", (hidden, weights, heads, None), gradients=(0,)))
    hidden, weights = probes[0].arguments[:2]
    torn, empty = holes(generator, batch, 1, 1, size), holes(generator, batch, 1, 1, size)
    empty[0] = False
    padding = right_padded(generator, batch, size)
    return [
        *probes,
        Probe("padding", (hidden, weights, heads, padding), gradients=(0,)),
        Probe("holes", (hidden, weights, heads, torn), gradients=(0,)),
        Probe("a sequence with no key left", (hidden, weights, heads, empty), gradients=(0,)),
        Probe("one head", (hidden, weights, 1, torn)),
        Probe("one token", (hidden[:, :1], weights, heads, None)),
    ]


def projections(generator: Generator, width: int, dtype: torch.dtype) -> Weights:
    """Weights and biases of the four linear layers."""
    weights: Weights = {}
    for name in PROJECTIONS:
        weights |= drawing.linear(generator, name, width, width, dtype)
    return weights


EXERCISES = (
    Exercise(
        name="split_heads",
        title="Cut the hidden states into heads",
        points=2,
        difficulty=2,
        minutes=8,
        reference=split_heads,
        probes=split_heads_probes,
        hints=(
            "Head 0 gets the first W of the D numbers of every token, head 1 the next W.",
            "Two steps: the last dimension D becomes (H, W); then tokens and heads change places.",
            "x.unflatten(-1, (heads, -1)).transpose(1, 2). A view straight to (B, H, S, W) has the "
            "same shape, and the numbers in the wrong places.",
        ),
        page=f"{PAGE}: A head is a slice",
        forbidden=("minibert.model.functional.split_heads",),
    ),
    Exercise(
        name="merge_heads",
        title="Lay the heads side by side again",
        points=2,
        difficulty=2,
        minutes=6,
        reference=merge_heads,
        probes=merge_heads_probes,
        hints=(
            "It undoes split_heads, the last step first.",
            "A transposition leaves the memory as it is: `reshape` and `flatten` then copy, `view` "
            "refuses.",
        ),
        page=f"{PAGE}: A head is a slice",
        forbidden=("minibert.model.functional.merge_heads",),
    ),
    Exercise(
        name="padding_mask",
        title="From lengths to a mask",
        points=2,
        difficulty=1,
        minutes=6,
        reference=padding_mask,
        probes=padding_mask_probes,
        hints=(
            "torch.arange(size) holds the places. Which of them are below the length?",
            "Comparing (S,) with lengths[:, None], (B, 1), gives (B, S); two dimensions are still "
            "missing: [:, None, None, :].",
        ),
        page=f"{PAGE}: The mask of a batch",
    ),
    Exercise(
        name="self_attention",
        title="Multi-head self-attention",
        points=5,
        difficulty=3,
        minutes=20,
        reference=self_attention,
        probes=self_attention_probes,
        hints=(
            "Five steps: project to query, key and value; cut each into heads; attend; lay the "
            "heads side by side; project to the output.",
            "A linear layer keeps its weight as (out, in): hidden @ weight.T + bias.",
            "All the rest you have written: split_heads, scaled_dot_product_attention, "
            "merge_heads. The root is that of W = D / H.",
        ),
        page=f"{PAGE}: A head is a slice",
        forbidden=(
            "minibert.model.attention.multi_head",
            "aten.multi_head_attention_forward",
            "aten.scaled_dot_product_attention",
        ),
        tolerance=1e-7,
    ),
)
