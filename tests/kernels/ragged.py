"""What the kernels' tests share: ragged examples, the formula over them, and errors."""

from itertools import accumulate, pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from minibert.kernels.availability import INTERPRETED
from minibert.model import functional

# Triton's interpreter is for the CPU here, though it would take tensors of a GPU as well.
DEVICE = torch.device("cpu" if INTERPRETED or not torch.cuda.is_available() else "cuda")


class Example(NamedTuple):
    """Packed query, key and value, (T, H, W) each, and a gradient for the context."""

    query: Tensor
    key: Tensor
    value: Tensor
    gradient: Tensor
    cu_seqlens: Tensor
    longest: int

    @property
    def inputs(self):
        return self.query, self.key, self.value


def example(lengths, heads=2, width=16, dtype=torch.float64, device=DEVICE, seed=0):
    """Sequences of these lengths, with numbers drawn as float64 and rounded to `dtype`."""
    generator = torch.Generator().manual_seed(seed)
    shape = (4, sum(lengths), heads, width)
    numbers = torch.randn(shape, generator=generator, dtype=torch.float64).to(device, dtype)
    ends = torch.tensor([*accumulate(lengths, initial=0)], dtype=torch.int32, device=device)
    return Example(*numbers, ends, max(lengths))


def explicit(query, key, value, cu_seqlens, dropout_p=0.0, keep_mask=None, bias=None, scale=None):
    """`functional`'s attention, sequence by sequence. keep_mask and bias (B, H, S, S) or None."""
    if scale is not None:
        query = query * scale * query.shape[-1] ** 0.5
    contexts = []
    for sequence, (start, end) in enumerate(pairwise(cu_seqlens.tolist())):
        queries, keys, values = (x[start:end].transpose(0, 1)[None] for x in (query, key, value))
        length = slice(end - start)
        keep = None if keep_mask is None else keep_mask[sequence, None, :, length, length]
        if bias is None:
            context = functional.scaled_dot_product_attention(
                queries, keys, values, dropout_p=dropout_p, keep_mask=keep
            )
        else:  # what `functional` does, but for the bias
            added = bias[sequence, None, :, length, length]
            scores = functional.attention_scores(queries, keys) + added
            probs = functional.masked_softmax(scores, added > -torch.inf)
            context = probs @ values
        contexts.append(context[0].transpose(0, 1))
    return torch.cat(contexts)


def results(function, example, dtype=None):
    """[context, gradients of query, key and value], computed in `dtype` (None: as given)."""
    inputs = [x.to(dtype or x.dtype).detach().requires_grad_() for x in example.inputs]
    context = function(*inputs)
    return [context, *torch.autograd.grad(context, inputs, example.gradient.to(context.dtype))]


def errors(found, exact):
    return [float((x.double() - y).abs().max().detach()) if x.numel() else 0.0
            for x, y in zip(found, exact, strict=True)]  # fmt: skip


def largest_score(example, scale):
    """Of any query and key of one head, before a bias."""
    scores = torch.einsum("qhw,khw->hqk", example.query, example.key)
    return float(scores.abs().max()) * scale


def assert_as_exact_as(ours, naive, exact, exponent=1.0):
    """DESIGN section 4: an error of at most 3 times the naive way's and 2 ulp of the largest.

    exponent: how large the scores come. The backward pass takes probabilities from scores and a
    log-sum-exp of that size, which are rounded: their exponential is so many ulp off. The naive way
    keeps its probabilities. In float64, where nothing is more exact than that way: 1e-12 of the
    largest.
    """
    dtype = ours[0].dtype
    floor = 1e-12 if dtype == torch.float64 else (1 + max(exponent, 1)) * torch.finfo(dtype).eps
    names = ("context", "query", "key", "value")
    for name, found, allowed, right in zip(
        names, errors(ours, exact), errors(naive, exact), exact, strict=True
    ):
        largest = float(right.detach().abs().max()) if right.numel() else 0.0
        assert found <= 3 * allowed + floor * largest, (name, found, allowed, largest)
