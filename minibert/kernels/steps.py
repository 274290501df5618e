"""From the formula of attention to the algorithm of the kernel, in six steps of plain PyTorch.

    naive          all scores of a sequence at once: the formula
    tiled          keys by tiles, in two walks: one for the softmax's maximum, one for the rest
    online         one walk: what was summed up under too small a maximum is shrunk afterwards
    programs       queries by tiles too, each tile by itself, of fixed size over ragged sequences
    with_dropout   every tile knows what to drop, and holds no mask
    with_backward  gradients in the same manner, from one number a query that is kept for them

Each is a function of query, key and value, (T, H, W), with T the tokens of all sequences end to
end, and of cu_seqlens (B + 1,), where they begin and end; each gives the context, (T, H, W); the
last two also drop out. They all pass the same tests, and none is quick. What comes after them is
`triton_attention`, the last step, whose names they share.

Sources: Milakov and Gimelshein 2018, "Online normalizer calculation for softmax" (online); Dao et
al. 2022, "FlashAttention" (programs, with_backward).
"""

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from minibert.kernels.random import keep_tile

QUERIES, KEYS = 32, 32  # the size of a tile


def naive(query: Tensor, key: Tensor, value: Tensor, cu_seqlens: Tensor) -> Tensor:
    """The formula: softmax(query @ key^T / sqrt(W)) @ value.

    Of a sequence of S tokens it holds S * S scores, then as many probabilities: for 4096 tokens and
    12 heads 800 MB each. To write and read those is what takes the time.
    """
    scale = query.shape[-1] ** -0.5
    contexts = []
    for start, end in pairwise(cu_seqlens.tolist()):
        queries, keys, values = (x[start:end].transpose(0, 1) for x in (query, key, value))
        scores = queries @ keys.transpose(1, 2) * scale  # (H, S, S)
        probs = torch.softmax(scores, -1)
        contexts.append((probs @ values).transpose(0, 1))
    return torch.cat(contexts)


def tiled(query: Tensor, key: Tensor, value: Tensor, cu_seqlens: Tensor) -> Tensor:
    """The same, holding the scores of some keys at a time: (H, S, KEYS).

    A softmax divides by a sum that is known only at the end. But to divide the sum of the values
    then does as well as to divide each probability now. The largest score, which is subtracted so
    that no exponential overflows, is looked for in a walk of its own.
    """
    scale = query.shape[-1] ** -0.5
    contexts = []
    for start, end in pairwise(cu_seqlens.tolist()):
        queries, keys, values = (x[start:end].transpose(0, 1) for x in (query, key, value))
        maximum = torch.full_like(queries[..., 0], -torch.inf)  # (H, S)
        for first_key in range(0, end - start, KEYS):
            tile = slice(first_key, first_key + KEYS)
            scores = queries @ keys[:, tile].transpose(1, 2) * scale
            maximum = torch.maximum(maximum, scores.amax(-1))

        total = torch.zeros_like(maximum)
        context = torch.zeros_like(queries)
        for first_key in range(0, end - start, KEYS):
            tile = slice(first_key, first_key + KEYS)
            scores = queries @ keys[:, tile].transpose(1, 2) * scale
            exponentials = torch.exp(scores - maximum[..., None])
            total = total + exponentials.sum(-1)
            context = context + exponentials @ values[:, tile]
        contexts.append((context / total[..., None]).transpose(0, 1))
    return torch.cat(contexts)


def online(query: Tensor, key: Tensor, value: Tensor, cu_seqlens: Tensor) -> Tensor:
    """The same in one walk: scores are computed once.

    exp(score - new) = exp(score - old) * exp(old - new): where a tile brings a larger maximum, one
    factor a query puts right all that was summed up before.
    """
    scale = query.shape[-1] ** -0.5
    contexts = []
    for start, end in pairwise(cu_seqlens.tolist()):
        queries, keys, values = (x[start:end].transpose(0, 1) for x in (query, key, value))
        maximum = torch.full_like(queries[..., 0], -torch.inf)  # (H, S)
        total = torch.zeros_like(maximum)
        context = torch.zeros_like(queries)
        for first_key in range(0, end - start, KEYS):
            tile = slice(first_key, first_key + KEYS)
            scores = queries @ keys[:, tile].transpose(1, 2) * scale
            new_maximum = torch.maximum(maximum, scores.amax(-1))
            exponentials = torch.exp(scores - new_maximum[..., None])
            shrink = torch.exp(maximum - new_maximum)
            total = total * shrink + exponentials.sum(-1)
            context = context * shrink[..., None] + exponentials @ values[:, tile]
            maximum = new_maximum
        contexts.append((context / total[..., None]).transpose(0, 1))
    return torch.cat(contexts)


def programs(query: Tensor, key: Tensor, value: Tensor, cu_seqlens: Tensor) -> Tensor:
    """The same, cut into programs that know nothing of each other, as a GPU runs them.

    Each takes QUERIES queries of one head of one sequence. Tiles have one size, whatever the
    sequence's length: the last ones reach beyond its end. There, zeros are loaded; scores of keys
    that do not exist become -inf, so that their exponential is 0; and rows of queries that do not
    exist are not stored. So a mask is never made, only compared with: `column < length`.
    """
    scale = query.shape[-1] ** -0.5
    context = torch.empty_like(query)
    for start, end in pairwise(cu_seqlens.tolist()):
        length = end - start
        for head in range(query.shape[1]):
            for first_query in range(0, length, QUERIES):
                row = first_query + torch.arange(QUERIES)
                queries = _load_rows(query[start:end, head], row)
                maximum = queries.new_full((QUERIES,), -torch.inf)
                total = queries.new_zeros(QUERIES)
                result = torch.zeros_like(queries)
                for first_key in range(0, length, KEYS):
                    column = first_key + torch.arange(KEYS)
                    keys = _load_rows(key[start:end, head], column)
                    scores = queries @ keys.T * scale
                    scores = scores.masked_fill(column >= length, -torch.inf)
                    new_maximum = torch.maximum(maximum, scores.amax(-1))
                    exponentials = torch.exp(scores - new_maximum[:, None])
                    shrink = torch.exp(maximum - new_maximum)
                    total = total * shrink + exponentials.sum(-1)
                    values = _load_rows(value[start:end, head], column)
                    result = result * shrink[:, None] + exponentials @ values
                    maximum = new_maximum
                _store_rows(context[start:end, head], row, result / total[:, None])
    return context


def with_dropout(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    cu_seqlens: Tensor,
    dropout_p: float = 0.0,
    seed: Tensor | None = None,
) -> Tensor:
    """The same, and drops out; seed (1,) as of `random.draw_seed`, None for no dropout.

    What is kept is worked out for the tile from where it lies (`random.keep_tile`). It is dropped
    from the values' sum and not from `total`: the others' probabilities must not grow by it, other
    than by the factor 1 / (1 - p) that dropout has.
    """
    scale = query.shape[-1] ** -0.5
    context = torch.empty_like(query)
    for sequence, (start, end) in enumerate(pairwise(cu_seqlens.tolist())):
        length = end - start
        for head in range(query.shape[1]):
            for first_query in range(0, length, QUERIES):
                row = first_query + torch.arange(QUERIES)
                queries = _load_rows(query[start:end, head], row)
                maximum = queries.new_full((QUERIES,), -torch.inf)
                total = queries.new_zeros(QUERIES)
                result = torch.zeros_like(queries)
                for first_key in range(0, length, KEYS):
                    column = first_key + torch.arange(KEYS)
                    keys = _load_rows(key[start:end, head], column)
                    scores = queries @ keys.T * scale
                    scores = scores.masked_fill(column >= length, -torch.inf)
                    new_maximum = torch.maximum(maximum, scores.amax(-1))
                    exponentials = torch.exp(scores - new_maximum[:, None])
                    shrink = torch.exp(maximum - new_maximum)
                    total = total * shrink + exponentials.sum(-1)
                    keep = _keep(seed, row, column, head, sequence, dropout_p)
                    values = _load_rows(value[start:end, head], column)
                    result = result * shrink[:, None] + (exponentials * keep) @ values
                    maximum = new_maximum
                result = result * _rescale(dropout_p) / total[:, None]
                _store_rows(context[start:end, head], row, result)
    return context


def with_backward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    cu_seqlens: Tensor,
    dropout_p: float = 0.0,
    seed: Tensor | None = None,
) -> Tensor:
    """The same, with gradients that hold no matrix of scores either; autograd's would hold all."""
    given = query, key, value, cu_seqlens, dropout_p, seed
    context: Tensor = WithBackward.apply(*given)  # type: ignore[no-untyped-call]
    return context


class WithBackward(torch.autograd.Function):
    """What `with_backward` computes, and how it is differentiated."""

    @staticmethod
    def forward(
        ctx: Any,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        cu_seqlens: Tensor,
        dropout_p: float,
        seed: Tensor | None,
    ) -> Tensor:
        """As `with_dropout`. Keeps, for each query, the logarithm of its softmax's denominator.

        With it a probability is there again at once: exp(score - log_sum_exp), no maximum needed.
        """
        scale = query.shape[-1] ** -0.5
        context = torch.empty_like(query)
        log_sum_exp = query.new_empty(query.shape[:2])  # (T, H)
        for sequence, (start, end) in enumerate(pairwise(cu_seqlens.tolist())):
            length = end - start
            for head in range(query.shape[1]):
                for first_query in range(0, length, QUERIES):
                    row = first_query + torch.arange(QUERIES)
                    queries = _load_rows(query[start:end, head], row)
                    maximum = queries.new_full((QUERIES,), -torch.inf)
                    total = queries.new_zeros(QUERIES)
                    result = torch.zeros_like(queries)
                    for first_key in range(0, length, KEYS):
                        column = first_key + torch.arange(KEYS)
                        keys = _load_rows(key[start:end, head], column)
                        scores = queries @ keys.T * scale
                        scores = scores.masked_fill(column >= length, -torch.inf)
                        new_maximum = torch.maximum(maximum, scores.amax(-1))
                        exponentials = torch.exp(scores - new_maximum[:, None])
                        shrink = torch.exp(maximum - new_maximum)
                        total = total * shrink + exponentials.sum(-1)
                        keep = _keep(seed, row, column, head, sequence, dropout_p)
                        values = _load_rows(value[start:end, head], column)
                        result = result * shrink[:, None] + (exponentials * keep) @ values
                        maximum = new_maximum
                    result = result * _rescale(dropout_p) / total[:, None]
                    _store_rows(context[start:end, head], row, result)
                    _store_rows(log_sum_exp[start:end, head], row, maximum + torch.log(total))
        ctx.save_for_backward(query, key, value, context, log_sum_exp, cu_seqlens, seed)
        ctx.dropout_p = dropout_p
        return context

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        """One walk by keys for the gradients of key and value, one by queries for that of query.

        With P the probabilities, M what dropout keeps, r = 1 / (1 - p), C the context and dX the
        gradient of X:

            dV = (P * M * r)^T @ dC             dP = (dC @ V^T) * M * r
            dS = P * (dP - delta)               delta = sum over keys of P * dP, one a query
            dQ = dS @ K * scale                 dK = dS^T @ Q * scale

        delta needs a whole row of P. But the sum of P * dP over keys is that of C * dC over the W
        numbers of a head, which are at hand. (C holds M * r as dP does.) Rows of queries behind the
        end add nothing: zeros are loaded for their dC and delta.
        """
        query, key, value, context, log_sum_exp, cu_seqlens, seed = ctx.saved_tensors
        scale, rescale = query.shape[-1] ** -0.5, _rescale(ctx.dropout_p)
        grad_context = grads[0]
        delta = (context * grad_context).sum(-1)  # (T, H)
        grad_query, grad_key, grad_value = (torch.empty_like(x) for x in (query, key, value))
        for sequence, (start, end) in enumerate(pairwise(cu_seqlens.tolist())):
            length = end - start
            for head in range(query.shape[1]):
                here = slice(start, end), head
                for first_key in range(0, length, KEYS):
                    column = first_key + torch.arange(KEYS)
                    keys = _load_rows(key[here], column)
                    values = _load_rows(value[here], column)
                    grad_keys, grad_values = torch.zeros_like(keys), torch.zeros_like(values)
                    for first_query in range(0, length, QUERIES):
                        row = first_query + torch.arange(QUERIES)
                        queries = _load_rows(query[here], row)
                        gradients = _load_rows(grad_context[here], row)
                        scores = (queries @ keys.T * scale).masked_fill(
                            column >= length, -torch.inf
                        )
                        probs = torch.exp(scores - _load_rows(log_sum_exp[here], row)[:, None])
                        keep = _keep(seed, row, column, head, sequence, ctx.dropout_p)
                        grad_probs = gradients @ values.T * keep * rescale
                        grad_scores = probs * (grad_probs - _load_rows(delta[here], row)[:, None])
                        grad_values += (probs * keep).T @ gradients * rescale
                        grad_keys += grad_scores.T @ queries * scale
                    _store_rows(grad_key[here], column, grad_keys)
                    _store_rows(grad_value[here], column, grad_values)

                for first_query in range(0, length, QUERIES):
                    row = first_query + torch.arange(QUERIES)
                    queries = _load_rows(query[here], row)
                    gradients = _load_rows(grad_context[here], row)
                    grad_queries = torch.zeros_like(queries)
                    for first_key in range(0, length, KEYS):
                        column = first_key + torch.arange(KEYS)
                        keys = _load_rows(key[here], column)
                        values = _load_rows(value[here], column)
                        scores = (queries @ keys.T * scale).masked_fill(
                            column >= length, -torch.inf
                        )
                        probs = torch.exp(scores - _load_rows(log_sum_exp[here], row)[:, None])
                        keep = _keep(seed, row, column, head, sequence, ctx.dropout_p)
                        grad_probs = gradients @ values.T * keep * rescale
                        grad_scores = probs * (grad_probs - _load_rows(delta[here], row)[:, None])
                        grad_queries += grad_scores @ keys * scale
                    _store_rows(grad_query[here], row, grad_queries)
        return grad_query, grad_key, grad_value, None, None, None


def _load_rows(rows: Tensor, index: Tensor) -> Tensor:
    """These rows; zeros for those behind the end."""
    there = index < len(rows)
    found = rows[index.where(there, 0)]
    return found.where(there.view(-1, *[1] * (rows.dim() - 1)), 0.0)


def _store_rows(rows: Tensor, index: Tensor, values: Tensor) -> None:
    """Write these rows; none behind the end."""
    there = index < len(rows)
    rows[index[there]] = values[there]


def _keep(
    seed: Tensor | None, row: Tensor, column: Tensor, head: int, sequence: int, dropout_p: float
) -> Tensor:
    """True where dropout keeps the probability, (queries, keys); throughout without a seed."""
    if seed is None:
        return torch.ones(len(row), len(column), dtype=torch.bool)
    places = row[:, None], column, torch.tensor(head), torch.tensor(sequence)
    return keep_tile(seed, *places, dropout_p)


def _rescale(dropout_p: float) -> float:
    """What dropout multiplies by, to make up for what it drops."""
    return 0.0 if dropout_p == 1 else 1 / (1 - dropout_p)
