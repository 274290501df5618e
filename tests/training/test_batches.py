"""Which examples make up each batch, and in which order."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minibert.training.batches import (
    SORTED_TOGETHER,
    batches_of,
    bucket_batches,
    count_steps,
    micro_batches,
    random_batches,
    sorted_batches,
    token_batches,
)
from minibert.training.settings import GlueSettings

MAX_LENGTH = 40
LENGTHS = np.random.default_rng(7).integers(3, MAX_LENGTH + 1, 1234)
every_way = pytest.mark.parametrize("batching", ["random", "bucket", "tokens"])


def asked(**changes):
    return GlueSettings(task="sst-2", **{"batch_size": 8, "max_length": MAX_LENGTH, **changes})


def seeded(seed=0):
    return np.random.default_rng(seed)


def padding(lengths, batches):
    """Share of the places in these batches that no token fills."""
    places = sum(len(rows) * lengths[rows].max() for rows in batches)
    return 1 - lengths.sum() / places


@every_way
@settings(max_examples=40, deadline=None)
@given(
    lengths=st.lists(st.integers(1, MAX_LENGTH), min_size=1, max_size=130),
    batch_size=st.integers(1, 9),
    epoch=st.integers(1, 3),
)
def test_every_example_occurs_once(batching, lengths, batch_size, epoch):
    lengths, wanted = np.array(lengths), asked(batching=batching, batch_size=batch_size)

    batches = batches_of(lengths, wanted, epoch)

    assert sorted(row for rows in batches for row in rows) == list(range(len(lengths)))
    if batching == "tokens":
        assert max(lengths[rows].sum() for rows in batches) <= batch_size * MAX_LENGTH
    else:
        sizes = sorted((len(rows) for rows in batches), reverse=True)
        assert set(sizes[:-1]) <= {batch_size}
        assert 1 <= sizes[-1] <= batch_size


@every_way
def test_the_order_is_a_function_of_seed_and_epoch_alone(batching):
    wanted = asked(batching=batching, seed=3)
    later = batches_of(LENGTHS, wanted, 2)  # nobody has asked for epoch 1

    first = batches_of(LENGTHS, wanted, 1)
    np.random.default_rng().permutation(5)

    assert batches_of(LENGTHS, wanted, 2) == later
    assert first != later
    assert batches_of(LENGTHS, asked(batching=batching, seed=4), 1) != first
    assert batches_of(LENGTHS, asked(batching=batching, seed=2), 2) != first  # 2 + 2 = 3 + 1


@every_way
def test_the_steps_of_a_run_are_those_of_its_epochs(batching):
    wanted = asked(batching=batching, epochs=3)

    steps = [len(batches_of(LENGTHS, wanted, epoch)) for epoch in (1, 2, 3)]

    assert count_steps(LENGTHS, wanted) == sum(steps)


def test_random_batches_have_no_order():
    first = [row for rows in random_batches(1000, 10, seeded()) for row in rows]

    assert abs(np.corrcoef(first, range(1000))[0, 1]) < 0.1
    assert abs(np.corrcoef(first[:-1], first[1:])[0, 1]) < 0.1


def test_buckets_hold_texts_of_like_length_in_random_order():
    batches = bucket_batches(LENGTHS, 8, seeded())
    widths = [LENGTHS[rows].max() for rows in batches]

    assert padding(LENGTHS, batches) < 0.05
    assert padding(LENGTHS, random_batches(len(LENGTHS), 8, seeded())) > 0.35
    assert abs(np.corrcoef(widths[:-1], widths[1:])[0, 1]) < 0.2  # no run from short to long


def test_an_example_meets_others_in_the_next_epoch():
    same = np.full(1000, 20)
    both = [{frozenset(rows) for rows in bucket_batches(same, 8, seeded(n))} for n in (0, 1)]

    assert not both[0] & both[1]


def test_a_bucket_is_sorted_within_fifty_batches_not_over_all():
    """Else the batches would be the same in every epoch."""
    lengths = np.arange(2 * SORTED_TOGETHER * 4)
    batches = bucket_batches(lengths, 4, seeded())

    # With all sorted together, each batch would be four in a row.
    assert np.mean([max(rows) - min(rows) for rows in batches]) > 4


def test_a_token_budget_is_filled_with_as_many_texts_as_fit():
    """Room for 2 * 10 tokens, none of which is padding; the shortest come first."""
    lengths = np.array([4] * 9 + [10] * 4)

    batches = token_batches(lengths, 2, 10, seeded())

    assert sorted(sorted(lengths[rows].tolist()) for rows in batches) == [
        [4] * 4,
        [4] * 5,
        [10] * 2,
        [10] * 2,
    ]


def test_token_batches_need_about_the_same_room():
    batches = token_batches(LENGTHS, 8, MAX_LENGTH, seeded())
    room = np.array([LENGTHS[rows].sum() for rows in batches])
    sizes = [len(rows) for rows in batches]

    assert np.median(room) > 0.95 * 8 * MAX_LENGTH
    assert room.max() <= 8 * MAX_LENGTH
    assert min(sizes) <= 8
    assert max(sizes) > 30  # short texts
    assert padding(LENGTHS, batches) < 0.1


@pytest.mark.parametrize(
    ("count", "parts", "sizes"),
    [(8, 1, [8]), (8, 2, [4, 4]), (8, 4, [2] * 4), (7, 3, [2, 2, 3]), (2, 4, [1, 1]), (1, 1, [1])],
)
def test_a_batch_is_cut_into_nearly_equal_parts(count, parts, sizes):
    rows = list(range(100, 100 + count))

    cut = micro_batches(rows, parts)

    assert [len(part) for part in cut] == sizes
    assert [row for part in cut for row in part] == rows


def test_sorted_batches_begin_with_the_longest():
    lengths = np.array([3, 9, 5, 9, 1])

    assert list(sorted_batches(lengths, 2)) == [[1, 3], [2, 0], [4]]
