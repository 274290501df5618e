"""Which examples are taken: some of them, always the same, and those held out as dev set."""

import random
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minibert.tasks.features import Example
from minibert.tasks.sources import Sources, held_out, limited


class TestLimited:
    examples = tuple(Example(f"text {number}", None, number % 2) for number in range(50))

    @pytest.mark.parametrize("limit", [None, 50, 51])
    def test_no_limit_or_a_wide_one_takes_all(self, limit):
        assert limited(list(self.examples), limit) == list(self.examples)

    @pytest.mark.parametrize("limit", [1, 7, 49])
    def test_so_many_different_ones_in_the_files_order(self, limit):
        places = [self.examples.index(some) for some in limited(list(self.examples), limit)]

        assert len(set(places)) == limit
        assert places == sorted(places)

    def test_always_the_same_whatever_was_drawn_before(self):
        random.seed(1)
        first = limited(list(self.examples), 10)
        random.seed(2)

        assert limited(list(self.examples), 10) == first

    def test_not_just_the_first(self):
        """GLUE's files are not all shuffled: the first rows could be of one kind."""
        assert limited(list(self.examples), 10) != list(self.examples[:10])


class TestHeldOut:
    @settings(max_examples=40, deadline=None, derandomize=True)
    @given(st.lists(st.integers(0, 3), max_size=60), st.floats(0.01, 0.99), st.integers(0, 9))
    def test_of_every_kind_the_same_share(self, kinds, share, seed):
        held = Counter(kinds[place] for place in held_out(kinds, share, seed))

        assert held == {k: n for k, all_ in Counter(kinds).items() if (n := round(share * all_))}

    def test_decided_by_the_seed_alone(self):
        """The very places: a run must find its dev set again, whatever the version of Python."""
        assert held_out([0, 1] * 10, 0.2, seed=0) == {2, 3, 12, 15}
        assert held_out([0, 1] * 10, 0.2, seed=1) != {2, 3, 12, 15}


def test_sources_are_found_in_a_runs_settings():
    written = {"data": None, "train": "/a.tsv", "dev": "/b.tsv", "test": None, "task": "x"}

    sources = Sources.of(written)

    assert sources == Sources(None, Path("/a.tsv"), Path("/b.tsv"), None)
    assert sources.file("dev") == Path("/b.tsv")
    assert sources.file("dev_mismatched") is None
