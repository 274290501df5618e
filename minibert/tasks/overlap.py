"""Windows on a text that is too long for the model, and which of them shows a word piece best.

Source: google-research/bert, `run_squad.py`.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Run(NamedTuple):
    """Word pieces of a text that follow each other."""

    first: int
    last: int  # the last of them, not the one behind


def window_runs(pieces: int, room: int, doc_stride: int) -> list[Run]:
    """The word pieces that each window takes of a text, with room for so many."""
    step = min(doc_stride, room)
    firsts = range(0, max(pieces - room, 0) + step, step)
    return [Run(first, min(first + room, pieces) - 1) for first in firsts]


def max_context(windows: Sequence[Run]) -> list[NDArray[np.bool_]]:
    """For every window, which of its word pieces it shows better than the others do.

    Of the windows that hold a piece, the one counts that has most beside it: the smaller of the
    numbers of pieces to its left and to its right, plus a hundredth of the window's length. Of
    equal ones it is the first.
    """
    if len(windows) == 1:
        return [np.ones(windows[0].last - windows[0].first + 1, dtype=bool)]
    most = np.full(windows[-1].last + 1, -1.0)
    scores = []
    for first, last in windows:
        length = last - first + 1
        left = np.arange(length)
        score = np.minimum(left, left[::-1]) + 0.01 * length
        # What is only as good as an earlier window is no better.
        scores.append(np.where(score > most[first : last + 1], score, -1.0))
        most[first : last + 1] = np.maximum(most[first : last + 1], score)
    return [
        score == most[first : last + 1]
        for score, (first, last) in zip(scores, windows, strict=True)
    ]
