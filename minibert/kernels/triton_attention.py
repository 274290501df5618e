"""The kernels, in Triton: attention over packed sequences, forward and backward.

Each program (a block of threads) computes one tile of the result from one head of one sequence:

    forward_kernel           some queries, against all keys in turn   -> context, log_sum_exp
    delta_kernel             some rows                                -> delta
    key_value_kernel         some keys, against all queries in turn   -> gradients of key, value
    query_kernel             some queries, against all keys in turn   -> gradient of query

No two programs write to the same place, so nothing is added up in an order that chance decides:
gradients are the same to the bit each time. The price is that the backward pass computes the
scores twice. `steps.py` comes to this in small steps, in PyTorch; the names are the same.

Tensors: query, key, value, context and their gradients (T, H, W), contiguous; log_sum_exp and delta
(H, T). Sequence i owns the rows cu_seqlens[i] to cu_seqlens[i + 1], of which lengths[i] hold tokens
(all, without `lengths`); what lies behind gets zeros. bias, if any, is broadcast to (B, H, S, S) by
strides of 0. Exponentials are taken to base 2, the only one that the hardware knows:
exp(x) = exp2(x * log2(e)), and log2(e) disappears in the scale. An input that is None and all names
in capitals are constants of the compiled kernel; `if` on them costs nothing.

Sources: Dao 2023, "FlashAttention-2", algorithms 1 and 2; Milakov and Gimelshein 2018, "Online
normalizer calculation for softmax".
"""

import triton
import triton.language as tl

LOG2_E = tl.constexpr(1.4426950408889634)
# Where the running maximum starts. Unlike -inf it can be subtracted from -inf: exp2(-inf - LOWEST)
# is 0, not NaN, so that rows without any attendable key come to 0 without being asked for.
LOWEST = tl.constexpr(-1.0e30)
MINUS_INFINITY = tl.constexpr(float("-inf"))
PHILOX_ROUNDS = tl.constexpr(7)  # `random.ROUNDS`
# Numbers that change from batch to batch. Left alone, Triton would compile anew for each that
# happens to be 1 or a multiple of 16.
VARYING = ["tokens", "heads", "blocks", "sequence_stride", "head_stride", "query_stride"]


@triton.jit
def place(blocks, heads):
    """Which tile this program computes: the number of the block, the head, the sequence.

    Blocks of one head of one sequence run side by side: they read the same keys, from the cache.
    """
    program = tl.program_id(0)
    return program % blocks, program // blocks % heads, program // blocks // heads


@triton.jit
def span(cu_seqlens, lengths, sequence):
    """Where a sequence starts, how many tokens it has, and how many rows are its own."""
    start = tl.load(cu_seqlens + sequence).to(tl.int64)
    room = (tl.load(cu_seqlens + sequence + 1) - start).to(tl.int32)
    length = room if lengths is None else tl.load(lengths + sequence).to(tl.int32)
    return start, length, room


@triton.jit
def load_rows(tensor, row, length, row_stride, WIDTH: tl.constexpr, CHECKED: tl.constexpr):
    """Rows of one head, (rows, W); zeros behind the sequence's end, if that is to be CHECKED."""
    pointers = tensor + row[:, None] * row_stride + tl.arange(0, WIDTH)[None, :]
    there = (row < length)[:, None] if CHECKED else None
    return tl.load(pointers, mask=there, other=0.0 if CHECKED else None)


@triton.jit
def store_rows(tensor, rows, row, room, row_stride, WIDTH: tl.constexpr):
    """The inverse of `load_rows`, as far as the sequence's own rows go."""
    pointers = tensor + row[:, None] * row_stride + tl.arange(0, WIDTH)[None, :]
    tl.store(pointers, rows.to(tensor.dtype.element_ty), mask=(row < room)[:, None])


@triton.jit
def add_bias(
    scores, bias, query, key, length, query_stride, key_stride, SCALE: tl.constexpr,
    PER_QUERY: tl.constexpr,
):  # fmt: skip
    """Scores that are yet to be scaled, plus the bias divided by the scale.

    query (rows, 1) and key (1, columns), or the other way round for transposed scores. A bias that
    is the same for all queries (PER_QUERY is False) is read once a key.
    """
    if PER_QUERY:
        there = (query < length) & (key < length)
        offset = query.to(tl.int64) * query_stride + key * key_stride
        added = tl.load(bias + offset, mask=there, other=0.0)
    else:
        added = tl.load(bias + key * key_stride, mask=key < length, other=0.0)
    return scores + added.to(scores.dtype) * (1 / SCALE)


@triton.jit
def keep_tile(seed, query, first_key, head, sequence, KEYS: tl.constexpr, THRESHOLD: tl.constexpr):
    """What dropout keeps of these queries (rows,) and KEYS keys from first_key: (rows, KEYS).

    See `random.keep_tile`: the same numbers, four words of two elements from each call.
    """
    call = first_key // 8 + tl.arange(0, KEYS // 8)
    word0, word1, word2, word3 = tl.philox(
        seed, query[:, None], call[None, :], head, sequence, PHILOX_ROUNDS
    )
    # The last dimensions become [word // 2, word % 2], then also [half].
    words = tl.join(tl.join(word0, word2), tl.join(word1, word3))
    keep = tl.join((words & 0xFFFF) >= THRESHOLD, (words >> 16) >= THRESHOLD)
    # 32 keys in a row are word * 8 + call * 2 + half.
    keep = keep.reshape(query.shape[0], KEYS // 32, 4, 4, 2).permute(0, 1, 3, 2, 4)
    return keep.reshape(query.shape[0], KEYS)


# Forward


@triton.jit
def attend_to_tile(
    context, maximum, total, queries, query, first_key, length, key, value, row_stride,
    seed, head, sequence, bias, query_stride, key_stride,
    WIDTH: tl.constexpr, KEYS: tl.constexpr, SCALE: tl.constexpr, PER_QUERY: tl.constexpr,
    THRESHOLD: tl.constexpr, PRECISION: tl.constexpr, WIDE: tl.constexpr, LAST: tl.constexpr,
):  # fmt: skip
    """Let the queries see KEYS more keys; returns the three running results.

    `maximum` of all scores so far, `total` of their exponentials relative to it, and `context`, the
    values weighted with those. A new maximum makes the old ones too large: they shrink to fit.
    """
    column = first_key + tl.arange(0, KEYS)
    keys = load_rows(key, column, length, row_stride, WIDTH, LAST)
    scores = tl.dot(queries, tl.trans(keys), input_precision=PRECISION, out_dtype=WIDE)
    if bias is not None:
        scores = add_bias(
            scores, bias, query[:, None], column[None, :], length, query_stride, key_stride,
            SCALE, PER_QUERY,
        )  # fmt: skip
    if LAST:  # all tiles before it are full
        scores = tl.where((column < length)[None, :], scores, MINUS_INFINITY)
    new_maximum = tl.maximum(maximum, tl.max(scores, 1) * (SCALE * LOG2_E))
    # Scaling and subtracting are one instruction here; that is why scores come unscaled.
    exponentials = tl.exp2(scores * (SCALE * LOG2_E) - new_maximum[:, None])
    shrink = tl.exp2(maximum - new_maximum)
    total = total * shrink + tl.sum(exponentials, 1)
    if seed is not None:  # after the sum: dropout takes away probability, and leaves the rest
        keep = keep_tile(seed, query, first_key, head, sequence, KEYS, THRESHOLD)
        exponentials = tl.where(keep, exponentials, 0.0)
    values = load_rows(value, column, length, row_stride, WIDTH, LAST)
    context = tl.dot(
        exponentials.to(values.dtype), values, context * shrink[:, None],
        input_precision=PRECISION, out_dtype=WIDE,
    )  # fmt: skip
    return context, new_maximum, total


@triton.jit(do_not_specialize=VARYING)
def forward_kernel(
    query, key, value, context, log_sum_exp, cu_seqlens, lengths, seed, bias,
    sequence_stride, head_stride, query_stride, key_stride, tokens, heads, blocks,
    WIDTH: tl.constexpr, QUERIES: tl.constexpr, KEYS: tl.constexpr, SCALE: tl.constexpr,
    PER_QUERY: tl.constexpr, THRESHOLD: tl.constexpr, RESCALE: tl.constexpr,
    PRECISION: tl.constexpr, WIDE: tl.constexpr,
):  # fmt: skip
    """The context of QUERIES queries, and the logarithm (base 2) of their softmax's denominator."""
    block, head, sequence = place(blocks, heads)
    start, length, room = span(cu_seqlens, lengths, sequence)
    if block * QUERIES >= room:
        return
    row = block * QUERIES + tl.arange(0, QUERIES)
    row_stride = heads * WIDTH
    origin = start * row_stride + head * WIDTH
    if seed is not None:
        seed = tl.load(seed)
    if bias is not None:
        bias += sequence.to(tl.int64) * sequence_stride + head.to(tl.int64) * head_stride

    queries = load_rows(query + origin, row, length, row_stride, WIDTH, True)
    maximum = tl.full([QUERIES], LOWEST, WIDE)
    total = tl.zeros([QUERIES], WIDE)
    result = tl.zeros([QUERIES, WIDTH], WIDE)
    if block * QUERIES >= length:
        length = 0  # nothing but padding here
    full = length // KEYS * KEYS
    for first_key in range(0, full, KEYS):
        result, maximum, total = attend_to_tile(
            result, maximum, total, queries, row, first_key, length, key + origin, value + origin,
            row_stride, seed, head, sequence, bias, query_stride, key_stride,
            WIDTH, KEYS, SCALE, PER_QUERY, THRESHOLD, PRECISION, WIDE, False,
        )  # fmt: skip
    if full < length:
        result, maximum, total = attend_to_tile(
            result, maximum, total, queries, row, full, length, key + origin, value + origin,
            row_stride, seed, head, sequence, bias, query_stride, key_stride,
            WIDTH, KEYS, SCALE, PER_QUERY, THRESHOLD, PRECISION, WIDE, True,
        )  # fmt: skip
    total = tl.where(total > 0, total, 1.0)  # 0: no key could be attended to, and result is 0
    result = tl.where((row < length)[:, None], result * (RESCALE / total)[:, None], 0.0)
    store_rows(context + origin, result, row, room, row_stride, WIDTH)
    normaliser = tl.where(row < length, maximum + tl.log2(total), 0.0)
    rows = head.to(tl.int64) * tokens + start
    tl.store(log_sum_exp + rows + row, normaliser, mask=row < room)


# Backward


@triton.jit(do_not_specialize=["tokens", "heads"])
def delta_kernel(
    context, grad_context, delta, tokens, heads,
    WIDTH: tl.constexpr, ROWS: tl.constexpr, WIDE: tl.constexpr,
):  # fmt: skip
    """Each row's sum of context times its gradient.

    It is also the sum over keys of probability times its gradient, which the softmax's gradient
    subtracts; but this way it takes W products, not S.
    """
    row = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)
    pointers = row[:, None] * WIDTH + tl.arange(0, WIDTH)[None, :]
    there = row < tokens * heads
    result = tl.load(context + pointers, mask=there[:, None], other=0.0).to(WIDE)
    gradient = tl.load(grad_context + pointers, mask=there[:, None], other=0.0).to(WIDE)
    tl.store(delta + row % heads * tokens + row // heads, tl.sum(result * gradient, 1), mask=there)


@triton.jit
def key_value_tile(
    grad_keys, grad_values, keys, values, column, first_key, first_query, length,
    query, grad_context, log_sum_exp, delta, row_stride,
    seed, head, sequence, bias, query_stride, key_stride,
    WIDTH: tl.constexpr, QUERIES: tl.constexpr, KEYS: tl.constexpr, SCALE: tl.constexpr,
    PER_QUERY: tl.constexpr, THRESHOLD: tl.constexpr, RESCALE: tl.constexpr,
    PRECISION: tl.constexpr, WIDE: tl.constexpr, LAST: tl.constexpr,
):  # fmt: skip
    """What QUERIES queries add to the gradients of the keys and values.

    Scores stand transposed here, (keys, queries), as computed, because to transpose the result of
    one product for the next has given wrong gradients on Hopper GPUs (Triton 3.4 and later). Rows
    of keys behind the end may come to anything, even NaN; they end as rows that are thrown away.
    """
    row = first_query + tl.arange(0, QUERIES)
    queries = load_rows(query, row, length, row_stride, WIDTH, LAST)
    scores = tl.dot(keys, tl.trans(queries), input_precision=PRECISION, out_dtype=WIDE)
    if bias is not None:
        scores = add_bias(
            scores, bias, row[None, :], column[:, None], length, query_stride, key_stride,
            SCALE, PER_QUERY,
        )  # fmt: skip
    if LAST:
        scores = tl.where((row < length)[None, :], scores, MINUS_INFINITY)
        normaliser = tl.load(log_sum_exp + row, mask=row < length, other=0.0)
        subtracted = tl.load(delta + row, mask=row < length, other=0.0)
    else:
        normaliser = tl.load(log_sum_exp + row)
        subtracted = tl.load(delta + row)
    probs = tl.exp2(scores * (SCALE * LOG2_E) - normaliser[None, :])

    gradients = load_rows(grad_context, row, length, row_stride, WIDTH, LAST)
    grad_probs = tl.dot(values, tl.trans(gradients), input_precision=PRECISION, out_dtype=WIDE)
    kept = probs
    if seed is not None:
        keep = keep_tile(seed, row, first_key, head, sequence, KEYS, THRESHOLD)
        keep = tl.trans(keep)
        kept = tl.where(keep, probs, 0.0)
        grad_probs = tl.where(keep, grad_probs, 0.0) * RESCALE
    grad_values = tl.dot(
        kept.to(gradients.dtype), gradients, grad_values,
        input_precision=PRECISION, out_dtype=WIDE,
    )  # fmt: skip
    grad_scores = probs * (grad_probs - subtracted[None, :])
    grad_keys = tl.dot(
        grad_scores.to(queries.dtype), queries, grad_keys,
        input_precision=PRECISION, out_dtype=WIDE,
    )  # fmt: skip
    return grad_keys, grad_values


@triton.jit(do_not_specialize=VARYING)
def key_value_kernel(
    query, key, value, grad_context, log_sum_exp, delta, grad_key, grad_value,
    cu_seqlens, lengths, seed, bias,
    sequence_stride, head_stride, query_stride, key_stride, tokens, heads, blocks,
    WIDTH: tl.constexpr, QUERIES: tl.constexpr, KEYS: tl.constexpr, SCALE: tl.constexpr,
    PER_QUERY: tl.constexpr, THRESHOLD: tl.constexpr, RESCALE: tl.constexpr,
    PRECISION: tl.constexpr, WIDE: tl.constexpr,
):  # fmt: skip
    """The gradients of KEYS keys and their values."""
    block, head, sequence = place(blocks, heads)
    start, length, room = span(cu_seqlens, lengths, sequence)
    first_key = block * KEYS
    if first_key >= room:
        return
    column = first_key + tl.arange(0, KEYS)
    row_stride = heads * WIDTH
    origin = start * row_stride + head * WIDTH
    rows = head.to(tl.int64) * tokens + start
    if seed is not None:
        seed = tl.load(seed)
    if bias is not None:
        bias += sequence.to(tl.int64) * sequence_stride + head.to(tl.int64) * head_stride

    keys = load_rows(key + origin, column, length, row_stride, WIDTH, True)
    values = load_rows(value + origin, column, length, row_stride, WIDTH, True)
    grad_keys = tl.zeros([KEYS, WIDTH], WIDE)
    grad_values = tl.zeros([KEYS, WIDTH], WIDE)
    seen_by = length
    if first_key >= length:
        seen_by = 0  # nothing but padding here
    full = seen_by // QUERIES * QUERIES
    for first_query in range(0, full, QUERIES):
        grad_keys, grad_values = key_value_tile(
            grad_keys, grad_values, keys, values, column, first_key, first_query, length,
            query + origin, grad_context + origin, log_sum_exp + rows, delta + rows, row_stride,
            seed, head, sequence, bias, query_stride, key_stride,
            WIDTH, QUERIES, KEYS, SCALE, PER_QUERY, THRESHOLD, RESCALE, PRECISION, WIDE, False,
        )  # fmt: skip
    if full < seen_by:
        grad_keys, grad_values = key_value_tile(
            grad_keys, grad_values, keys, values, column, first_key, full, length,
            query + origin, grad_context + origin, log_sum_exp + rows, delta + rows, row_stride,
            seed, head, sequence, bias, query_stride, key_stride,
            WIDTH, QUERIES, KEYS, SCALE, PER_QUERY, THRESHOLD, RESCALE, PRECISION, WIDE, True,
        )  # fmt: skip
    there = (column < length)[:, None]
    grad_keys = tl.where(there, grad_keys * SCALE, 0.0)
    grad_values = tl.where(there, grad_values * RESCALE, 0.0)
    store_rows(grad_key + origin, grad_keys, column, room, row_stride, WIDTH)
    store_rows(grad_value + origin, grad_values, column, room, row_stride, WIDTH)


@triton.jit
def query_tile(
    grad_queries, queries, gradients, normaliser, subtracted, query, first_key, length,
    key, value, row_stride, seed, head, sequence, bias, query_stride, key_stride,
    WIDTH: tl.constexpr, KEYS: tl.constexpr, SCALE: tl.constexpr, PER_QUERY: tl.constexpr,
    THRESHOLD: tl.constexpr, RESCALE: tl.constexpr, PRECISION: tl.constexpr, WIDE: tl.constexpr,
    LAST: tl.constexpr,
):  # fmt: skip
    """What KEYS keys add to the gradient of the queries."""
    column = first_key + tl.arange(0, KEYS)
    keys = load_rows(key, column, length, row_stride, WIDTH, LAST)
    scores = tl.dot(queries, tl.trans(keys), input_precision=PRECISION, out_dtype=WIDE)
    if bias is not None:
        scores = add_bias(
            scores, bias, query[:, None], column[None, :], length, query_stride, key_stride,
            SCALE, PER_QUERY,
        )  # fmt: skip
    if LAST:
        scores = tl.where((column < length)[None, :], scores, MINUS_INFINITY)
    probs = tl.exp2(scores * (SCALE * LOG2_E) - normaliser[:, None])

    values = load_rows(value, column, length, row_stride, WIDTH, LAST)
    grad_probs = tl.dot(gradients, tl.trans(values), input_precision=PRECISION, out_dtype=WIDE)
    if seed is not None:
        keep = keep_tile(seed, query, first_key, head, sequence, KEYS, THRESHOLD)
        grad_probs = tl.where(keep, grad_probs, 0.0) * RESCALE
    grad_scores = probs * (grad_probs - subtracted[:, None])
    return tl.dot(
        grad_scores.to(keys.dtype), keys, grad_queries,
        input_precision=PRECISION, out_dtype=WIDE,
    )  # fmt: skip


@triton.jit(do_not_specialize=VARYING)
def query_kernel(
    query, key, value, grad_context, log_sum_exp, delta, grad_query,
    cu_seqlens, lengths, seed, bias,
    sequence_stride, head_stride, query_stride, key_stride, tokens, heads, blocks,
    WIDTH: tl.constexpr, QUERIES: tl.constexpr, KEYS: tl.constexpr, SCALE: tl.constexpr,
    PER_QUERY: tl.constexpr, THRESHOLD: tl.constexpr, RESCALE: tl.constexpr,
    PRECISION: tl.constexpr, WIDE: tl.constexpr,
):  # fmt: skip
    """The gradient of QUERIES queries."""
    block, head, sequence = place(blocks, heads)
    start, length, room = span(cu_seqlens, lengths, sequence)
    if block * QUERIES >= room:
        return
    row = block * QUERIES + tl.arange(0, QUERIES)
    row_stride = heads * WIDTH
    origin = start * row_stride + head * WIDTH
    rows = head.to(tl.int64) * tokens + start
    if seed is not None:
        seed = tl.load(seed)
    if bias is not None:
        bias += sequence.to(tl.int64) * sequence_stride + head.to(tl.int64) * head_stride

    queries = load_rows(query + origin, row, length, row_stride, WIDTH, True)
    gradients = load_rows(grad_context + origin, row, length, row_stride, WIDTH, True)
    normaliser = tl.load(log_sum_exp + rows + row, mask=row < length, other=0.0)
    subtracted = tl.load(delta + rows + row, mask=row < length, other=0.0)
    result = tl.zeros([QUERIES, WIDTH], WIDE)
    if block * QUERIES >= length:
        length = 0  # nothing but padding here
    full = length // KEYS * KEYS
    for first_key in range(0, full, KEYS):
        result = query_tile(
            result, queries, gradients, normaliser, subtracted, row, first_key, length,
            key + origin, value + origin, row_stride,
            seed, head, sequence, bias, query_stride, key_stride,
            WIDTH, KEYS, SCALE, PER_QUERY, THRESHOLD, RESCALE, PRECISION, WIDE, False,
        )  # fmt: skip
    if full < length:
        result = query_tile(
            result, queries, gradients, normaliser, subtracted, row, full, length,
            key + origin, value + origin, row_stride,
            seed, head, sequence, bias, query_stride, key_stride,
            WIDTH, KEYS, SCALE, PER_QUERY, THRESHOLD, RESCALE, PRECISION, WIDE, True,
        )  # fmt: skip
    result = tl.where((row < length)[:, None], result * SCALE, 0.0)
    store_rows(grad_query + origin, result, row, room, row_stride, WIDTH)
