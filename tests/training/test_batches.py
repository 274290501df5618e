"""Which examples make up each batch."""

import numpy as np
import pytest
import torch

from minibert.training.batches import random_batches, sorted_batches


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(("count", "sizes"), [(10, [4, 4, 2]), (8, [4, 4]), (3, [3]), (1, [1])])
def test_random_batches_hold_every_example_once(count, sizes):
    batches = list(random_batches(count, 4, seeded()))

    assert [len(rows) for rows in batches] == sizes
    assert sorted(row for rows in batches for row in rows) == list(range(count))


def test_the_order_is_the_generators():
    generator = seeded()
    epochs = [list(random_batches(50, 8, generator)) for _ in range(2)]

    assert epochs[0] != epochs[1]  # each epoch has an order of its own
    assert epochs[0] != [list(range(start, min(start + 8, 50))) for start in range(0, 50, 8)]
    assert epochs[0] == list(random_batches(50, 8, seeded()))
    assert epochs[0] != list(random_batches(50, 8, seeded(1)))


def test_what_else_draws_random_numbers_does_not_matter():
    torch.manual_seed(1)
    first = list(random_batches(20, 4, seeded()))
    torch.manual_seed(2)

    assert list(random_batches(20, 4, seeded())) == first


def test_sorted_batches_begin_with_the_longest():
    lengths = np.array([3, 9, 5, 9, 1])

    assert list(sorted_batches(lengths, 2)) == [[1, 3], [2, 0], [4]]
