"""Fused attention as a function of PyTorch: checks, seed, launches, and the law of its gradient.

The two operators below are registered with torch, which then knows their results' shapes without
running them and never looks inside: `torch.compile` takes them as they are, without breaking its
graph, and a CUDA graph can capture them.
"""

from typing import Any

import torch
import triton
from torch import Tensor
from triton import language as tl

from minibert.errors import ConfigError
from minibert.kernels import triton_attention
from minibert.kernels.availability import why_not
from minibert.kernels.random import draw_seed, threshold
from minibert.kernels.tiles import Tile, tiles_for

_DELTA_ROWS = 64  # of a program of `delta_kernel`
_WIDE = {  # what products are summed up in
    torch.float16: tl.float32,
    torch.bfloat16: tl.float32,
    torch.float32: tl.float32,
    torch.float64: tl.float64,
}


def fused_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    cu_seqlens: Tensor,
    max_seqlen: int,
    dropout_p: float = 0.0,
    scale: float | None = None,
    bias: Tensor | None = None,
    lengths: Tensor | None = None,
) -> Tensor:
    """Attention within each of the sequences that lie end to end; never holds a matrix of scores.

    Formula: dropout(softmax(query @ key^T * scale + bias)) @ value, for each sequence and head

    query, key, value (T, H, W) -> context (T, H, W); W is 16, 32, 64 or 128. Sequence i owns the
    rows cu_seqlens[i] to cu_seqlens[i + 1], and may own none; cu_seqlens (B + 1,) of int32 or int64
    rises from 0 to T, and no step is larger than max_seqlen. scale is 1 / sqrt(W) if not given.

    lengths (B,): how many of its rows a sequence really uses, from the first; the others neither
    attend nor are attended to, and their context is 0. A padded batch is that: rows (B, S) end to
    end, and cu_seqlens 0, S, 2 S, ...

    bias: what is added to the scores, of a shape that broadcasts to (B, H, max_seqlen, max_seqlen),
    such as (H, S, S) for relative positions or (B, 1, 1, S) for keys to hide with -inf. It is a
    constant: there is no gradient for it. A query all of whose keys are hidden gets context 0.

    dropout_p: which probabilities are dropped hangs on a seed from torch's generator and on the
    place alone; `random.keep_mask` tells. Source: see `triton_attention`.

    Under autocast, computes in autocast's dtype. float32 is multiplied as float32, not TF32, unless
    `torch.set_float32_matmul_precision` allows that. Raises `ConfigError` where shapes do not fit
    or the kernels cannot run.
    """
    device = query.device.type
    if torch.is_autocast_enabled(device):
        low = torch.get_autocast_dtype(device)
        query, key, value = query.to(low), key.to(low), value.to(low)
    _check(query, key, value, cu_seqlens, max_seqlen, dropout_p, scale, bias, lengths)
    width = query.shape[-1]
    hindrance = why_not(query.device, query.dtype, width)
    if hindrance:
        raise ConfigError(f"fused attention cannot run here: {hindrance}")
    context, _ = _forward(
        query.contiguous(),
        key.contiguous(),
        value.contiguous(),
        cu_seqlens,
        lengths,
        bias,
        draw_seed(query.device) if dropout_p > 0 else None,
        max_seqlen,
        dropout_p,
        width**-0.5 if scale is None else scale,
    )
    return context


def _check(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    cu_seqlens: Tensor,
    max_seqlen: int,
    dropout_p: float,
    scale: float | None,
    bias: Tensor | None,
    lengths: Tensor | None,
) -> None:
    if query.dim() != 3 or query.shape != key.shape or query.shape != value.shape:
        raise ConfigError(
            "query, key and value must share one shape (tokens, heads, width), not "
            f"{tuple(query.shape)}, {tuple(key.shape)} and {tuple(value.shape)}"
        )
    if not query.dtype == key.dtype == value.dtype:
        raise ConfigError(
            "query, key and value must share one dtype, not "
            f"{query.dtype}, {key.dtype} and {value.dtype}"
        )
    for name, tensor in (("cu_seqlens", cu_seqlens), ("lengths", lengths)):
        if tensor is not None and (
            tensor.dim() != 1 or tensor.dtype not in (torch.int32, torch.int64)
        ):
            raise ConfigError(f"{name} must be a row of whole numbers, int32 or int64")
    if lengths is not None and len(lengths) != len(cu_seqlens) - 1:
        raise ConfigError(f"{len(lengths)} lengths for {len(cu_seqlens) - 1} sequences")
    if not 0 <= dropout_p <= 1:
        raise ConfigError(f"dropout_p {dropout_p} is no probability")
    if scale is not None and scale <= 0:
        raise ConfigError(f"scale must be above 0, not {scale}")
    if bias is not None:
        _check_bias(bias, (len(cu_seqlens) - 1, query.shape[1], max_seqlen, max_seqlen))


def _check_bias(bias: Tensor, shape: tuple[int, int, int, int]) -> None:
    if bias.requires_grad:
        raise ConfigError("bias is a constant here and gets no gradient: detach it")
    sizes = zip(reversed(bias.shape), reversed(shape), strict=False)
    if bias.dim() > 4 or any(size not in (1, wanted) for size, wanted in sizes):
        raise ConfigError(
            f"bias {tuple(bias.shape)} does not broadcast to (sequences, heads, max_seqlen, "
            f"max_seqlen), here {shape}"
        )


@torch.library.custom_op("minibert::fused_attention", mutates_args=())
def _forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    cu_seqlens: Tensor,
    lengths: Tensor | None,
    bias: Tensor | None,
    seed: Tensor | None,
    max_seqlen: int,
    dropout_p: float,
    scale: float,
) -> tuple[Tensor, Tensor]:
    """The context (T, H, W) and the logarithms (base 2) of the softmax's denominators (H, T)."""
    tokens, heads, _ = query.shape
    context, log_sum_exp = _forward_shapes(query)
    if not tokens:
        return context, log_sum_exp
    tile = tiles_for(query.element_size(), query.shape[-1], max_seqlen).forward
    sequences = len(cu_seqlens) - 1
    where = cu_seqlens, lengths, seed, bias, *_strides(bias, sequences, heads, max_seqlen)
    blocks = triton.cdiv(max_seqlen, tile.queries)
    with torch.cuda.device_of(query):
        triton_attention.forward_kernel[(blocks * heads * sequences,)](
            query, key, value, context, log_sum_exp, *where, tokens, heads, blocks,
            **_constants(query, bias, dropout_p, scale, tile),
        )  # fmt: skip
    return context, log_sum_exp


@torch.library.custom_op("minibert::fused_attention_backward", mutates_args=())
def _backward(
    grad_context: Tensor,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    context: Tensor,
    log_sum_exp: Tensor,
    cu_seqlens: Tensor,
    lengths: Tensor | None,
    bias: Tensor | None,
    seed: Tensor | None,
    max_seqlen: int,
    dropout_p: float,
    scale: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """The gradients of query, key and value, (T, H, W) each."""
    tokens, heads, width = query.shape
    gradients = [torch.empty_like(tensor) for tensor in (query, key, value)]
    grad_query, grad_key, grad_value = gradients
    if not tokens:
        return grad_query, grad_key, grad_value
    delta = torch.empty_like(log_sum_exp)
    tiles = tiles_for(query.element_size(), width, max_seqlen)
    sequences = len(cu_seqlens) - 1
    where = cu_seqlens, lengths, seed, bias, *_strides(bias, sequences, heads, max_seqlen)
    with torch.cuda.device_of(query):
        triton_attention.delta_kernel[(triton.cdiv(tokens * heads, _DELTA_ROWS),)](
            context,
            grad_context,
            delta,
            tokens,
            heads,
            WIDTH=width,
            ROWS=_DELTA_ROWS,
            WIDE=_WIDE[query.dtype],
        )
        given = query, key, value, grad_context, log_sum_exp, delta
        blocks = triton.cdiv(max_seqlen, tiles.key_value.keys)
        triton_attention.key_value_kernel[(blocks * heads * sequences,)](
            *given, grad_key, grad_value, *where, tokens, heads, blocks,
            **_constants(query, bias, dropout_p, scale, tiles.key_value),
        )  # fmt: skip
        blocks = triton.cdiv(max_seqlen, tiles.query.queries)
        triton_attention.query_kernel[(blocks * heads * sequences,)](
            *given, grad_query, *where, tokens, heads, blocks,
            **_constants(query, bias, dropout_p, scale, tiles.query),
        )  # fmt: skip
    return grad_query, grad_key, grad_value


@_forward.register_fake
def _forward_shapes(query: Tensor, *given: object) -> tuple[Tensor, Tensor]:
    tokens, heads, _ = query.shape
    wide = torch.promote_types(query.dtype, torch.float32)
    return torch.empty_like(query), query.new_empty(heads, tokens, dtype=wide)


@_backward.register_fake
def _backward_shapes(grad_context: Tensor, *given: object) -> tuple[Tensor, Tensor, Tensor]:
    return (
        torch.empty_like(grad_context),
        torch.empty_like(grad_context),
        torch.empty_like(grad_context),
    )


def _keep_for_backward(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    *tensors, ctx.max_seqlen, ctx.dropout_p, ctx.scale = inputs
    query, key, value, *where = tensors
    ctx.save_for_backward(query, key, value, *output, *where)


def _differentiate(ctx: Any, grad_context: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
    gradients = _backward(
        grad_context.contiguous(), *ctx.saved_tensors, ctx.max_seqlen, ctx.dropout_p, ctx.scale
    )
    return *gradients, *[None] * 7


_forward.register_autograd(_differentiate, setup_context=_keep_for_backward)


def _strides(bias: Tensor | None, sequences: int, heads: int, max_seqlen: int) -> tuple[int, ...]:
    """How far apart a bias's numbers lie, from one sequence, head, query and key to the next."""
    if bias is None:
        return 0, 0, 0, 0
    return bias.expand(sequences, heads, max_seqlen, max_seqlen).stride()


def _constants(
    query: Tensor, bias: Tensor | None, dropout_p: float, scale: float, tile: Tile
) -> dict[str, Any]:
    """What a kernel is compiled for."""
    allowed = query.dtype == torch.float32 and torch.get_float32_matmul_precision() != "highest"
    return {
        "WIDTH": query.shape[-1],
        "QUERIES": tile.queries,
        "KEYS": tile.keys,
        "SCALE": scale,
        "PER_QUERY": bias is not None and bias.dim() > 1 and bias.shape[-2] > 1,
        "THRESHOLD": threshold(dropout_p),
        "RESCALE": 0.0 if dropout_p == 1 else 1 / (1 - dropout_p),
        "PRECISION": "tf32" if allowed else "ieee",
        "WIDE": _WIDE[query.dtype],
        "num_warps": tile.warps,
        "num_stages": tile.stages,
    }
