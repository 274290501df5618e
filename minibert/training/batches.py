"""Which examples make up each batch, and in which order.

The order is a pure function of seed and epoch: a run can go on at any batch of any epoch without a
generator's state. What one optimizer step sees is a batch; where it is too much for the memory, it
is cut into micro-batches.
"""

import math
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from minibert.training.settings import Settings

Lengths = NDArray[np.int64]
SORTED_TOGETHER = 50  # batches' worth of examples that are sorted by length among themselves


def batches_of(lengths: Lengths, settings: Settings, epoch: int) -> list[list[int]]:
    """All batches of an epoch, counted from 1, in their order; every example occurs once."""
    generator = np.random.default_rng((settings.seed, epoch))
    if settings.batching == "random":
        return random_batches(len(lengths), settings.batch_size, generator)
    if settings.batching == "bucket":
        return bucket_batches(lengths, settings.batch_size, generator)
    return token_batches(lengths, settings.batch_size, settings.max_length, generator)


def count_steps(lengths: Lengths, settings: Settings) -> int:
    """Optimizer steps of the whole run; by the token, epochs differ and must be looked at."""
    if settings.batching == "tokens":
        epochs = range(1, settings.epochs + 1)
        return sum(len(batches_of(lengths, settings, epoch)) for epoch in epochs)
    return settings.epochs * math.ceil(len(lengths) / settings.batch_size)


def micro_batches(rows: list[int], parts: int) -> list[list[int]]:
    """A batch cut into so many parts of nearly equal size; fewer if there are too few examples."""
    parts = min(parts, len(rows))
    ends = [len(rows) * part // parts for part in range(parts + 1)]
    return [rows[start:end] for start, end in pairwise(ends)]


def random_batches(count: int, batch_size: int, generator: Generator) -> list[list[int]]:
    """In random order, each batch as likely as any other; the last may be smaller."""
    return _cut(generator.permutation(count).tolist(), batch_size)


def bucket_batches(lengths: Lengths, batch_size: int, generator: Generator) -> list[list[int]]:
    """Texts of like length together, batches in random order.

    The examples are shuffled, cut into chunks of fifty batches, sorted within each, and cut into
    batches: so one and the same example meets others in every epoch. One batch may be smaller.
    """
    batches = []
    for chunk in _sorted_chunks(lengths, batch_size, generator):
        batches += _cut(chunk, batch_size)
    return [batches[place] for place in generator.permutation(len(batches))]


def token_batches(
    lengths: Lengths, batch_size: int, max_length: int, generator: Generator
) -> list[list[int]]:
    """As `bucket_batches`, but each batch takes as many examples as there is room for.

    The room is batch_size * max_length tokens: batch_size texts of the greatest length, or more
    shorter ones. All batches then need about the same memory and time.
    """
    batches = []
    for chunk in _sorted_chunks(lengths, batch_size, generator):
        batch: list[int] = []
        for row in chunk:
            if batch and lengths[batch].sum() + lengths[row] > batch_size * max_length:
                batches.append(batch)
                batch = []
            batch.append(row)
        batches.append(batch)
    return [batches[place] for place in generator.permutation(len(batches))]


def sorted_batches(lengths: Lengths, batch_size: int) -> Iterator[list[int]]:
    """Every example once, longest first: too little memory shows at once."""
    yield from _cut(np.argsort(-lengths, kind="stable").tolist(), batch_size)


def _sorted_chunks(lengths: Lengths, batch_size: int, generator: Generator) -> Iterator[list[int]]:
    order = generator.permutation(len(lengths))
    for start in range(0, len(order), SORTED_TOGETHER * batch_size):
        chunk = order[start : start + SORTED_TOGETHER * batch_size]
        yield chunk[np.argsort(lengths[chunk], kind="stable")].tolist()


def _cut(rows: list[int], size: int) -> list[list[int]]:
    return [rows[start : start + size] for start in range(0, len(rows), size)]
