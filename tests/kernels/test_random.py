"""Random numbers by place: Philox as published, and what dropout keeps by it."""

import math

import pytest
import torch

from minibert.kernels import keep_mask, random

CPU = torch.device("cpu")


def words(*values):
    return tuple(torch.tensor([value]) for value in values)


@pytest.mark.parametrize(
    ("rounds", "word", "expected"),
    [
        (7, 0x00000000, (0x5F6FB709, 0x0D893F64, 0x4F121F81, 0x4F730A48)),
        (7, 0xFFFFFFFF, (0x5207DDC2, 0x45165E59, 0x4D8EE751, 0x8C52F662)),
        (10, 0x00000000, (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        (10, 0xFFFFFFFF, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    ],
)
def test_known_answers(monkeypatch, rounds, word, expected):
    """Those that come with Random123, the authors' own code; counter and key all of one word."""
    monkeypatch.setattr(random, "ROUNDS", rounds)
    seed = torch.tensor([word << 32 | word if word < 2**31 else -1])
    assert random.philox(seed, words(word, word, word, word)) == words(*expected)


def test_each_coordinate_and_the_whole_seed_count():
    """Also above 32 bits in all: no place has the mask of another that is 2**32 elements away."""
    length, far = 64, 2**16

    def keep(seed=1, query=0, key=0, head=0, sequence=0):
        place = torch.arange(length)
        return random.keep_tile(
            torch.tensor([seed]), query + place[:, None], key + place, *words(head, sequence), 0.5
        )

    others = [
        keep(seed=2), keep(seed=1 + 2**32), keep(query=far), keep(key=far), keep(head=1),
        keep(sequence=1), keep(query=far, key=far), keep(query=2**20), keep(sequence=far),
    ]  # fmt: skip
    masks = [keep(), *others]
    for index, first in enumerate(masks):
        for second in masks[:index]:
            same = (first == second).double().mean()
            assert abs(same - 0.5) < 4 * math.sqrt(0.25 / length**2)
    # Nor are they shifted copies: of the place next to a far one, all is its own.
    assert torch.equal(keep(key=32)[:, :32], keep()[:, 32:])
    assert torch.equal(keep(query=32)[:32], keep()[32:])


@pytest.mark.parametrize("dropout_p", [0.0, 0.1, 0.5, 0.9, 1.0])
def test_the_rate_is_right(dropout_p):
    """In all, and for each of the eight places that one call of Philox serves."""
    keep = keep_mask(random.draw_seed(CPU), 3, 4, 160, dropout_p)
    assert keep.shape == (3, 4, 160, 160)
    by_key = keep.double().mean((0, 1, 2)).view(-1, 32)
    spread = 4 * math.sqrt(dropout_p * (1 - dropout_p) / keep.numel())
    assert abs(keep.double().mean() - (1 - dropout_p)) <= spread
    assert (by_key.mean(0) - (1 - dropout_p)).abs().max() <= spread * math.sqrt(32)
    assert abs(random.threshold(dropout_p) / 65536 - dropout_p) <= 2**-17


def test_neighbours_are_independent():
    keep = keep_mask(random.draw_seed(CPU), 4, 4, 128, 0.5).double() - 0.5
    for shifts in ((0, 1), (0, 8), (1, 0), (1, 1), (8, 0)):
        other = keep.roll(shifts, (2, 3))
        assert abs((keep * other).mean() * 4) <= 4 / math.sqrt(keep.numel())


def test_a_longer_padding_changes_no_mask():
    seed = random.draw_seed(CPU)
    assert torch.equal(
        keep_mask(seed, 2, 3, 50, 0.3), keep_mask(seed, 4, 5, 90, 0.3)[:2, :3, :50, :50]
    )


def test_the_seed_comes_from_torchs_generator():
    torch.manual_seed(3)
    first, second = random.draw_seed(CPU), random.draw_seed(CPU)
    torch.manual_seed(3)
    assert torch.equal(random.draw_seed(CPU), first)
    assert not torch.equal(first, second)
