"""Chapter 9, Questions and answers.

Copy this file, fill it in, and run: minibert check 09 my_09.py

All of torch's arithmetic is yours to use, but no function that does the whole exercise (such as
torch.softmax for a `softmax`): the grader refuses it, and says so. Each file stands alone: copy
what you need of your earlier files into it.
"""

from torch import Tensor


def window_starts(length: int, room: int, stride: int) -> list[int]:
    """Where the windows on a long text begin.

    The first begins at 0, and each of the others `stride` word pieces behind the one before. The
    first window that holds the end of the text is the last one.

    length: word pieces of the text; room: of a window; stride: the step from window to window, at
    most the room; whole numbers from 1 on.

    >>> window_starts(10, 4, 3)
    [0, 3, 6]
    >>> window_starts(11, 4, 3)
    [0, 3, 6, 9]
    >>> window_starts(2, 4, 3)
    [0]

    2 points, difficulty 2 of 5, about 15 minutes.
    """
    raise NotImplementedError


def best_span(
    start_logits: Tensor, end_logits: Tensor, context_from: int, max_length: int
) -> tuple[int, int]:
    """The first and the last position of the answer: the span with the largest sum of logits.

    A span from start to end scores start_logits[start] + end_logits[end]. It lies in the context,
    that is context_from <= start <= end, and has at most max_length word pieces. Of equal ones that
    which begins first counts, then the shortest.

    start_logits, end_logits (S,); everything from position context_from on is context.

    >>> import torch
    >>> starts, ends = torch.tensor([9.0, 1.0, 4.0, 0.0]), torch.tensor([9.0, 5.0, 0.0, 2.0])
    >>> best_span(starts, ends, 1, 3)
    (1, 1)
    >>> best_span(starts, ends, 2, 3)
    (2, 3)

    3 points, difficulty 3 of 5, about 20 minutes.
    """
    raise NotImplementedError


def normalise(text: str) -> str:
    """What is left of an answer for comparison, by SQuAD's rules, in this order.

    Lower case; no punctuation (the marks of string.punctuation; others stay, and nothing comes in
    their place); no articles (the words a, an, the); single blanks between words and none at the
    ends.

    >>> normalise("The  Eiffel Tower!")
    'eiffel tower'
    >>> normalise("a well-known man, Theodore")
    'wellknown man theodore'

    2 points, difficulty 2 of 5, about 10 minutes.
    """
    raise NotImplementedError


def token_f1(prediction: str, golds: list[str]) -> float:
    """How much of the answer is right: F1 of words, for the gold that fits best.

    Both sides are normalised as by `normalise` and cut into words. A word counts as common as often
    as both have it. F1 is 2 * common / (words of the prediction + words of the gold). Without golds
    there is no answer, and the gold is "". If either side has no word left, the score is 1 where
    both have none, else 0.

    >>> token_f1("The Eiffel Tower", ["a tower in Paris", "the tower"])
    0.6666666666666666
    >>> token_f1("Paris", [])
    0.0
    >>> token_f1("", [])
    1.0

    3 points, difficulty 3 of 5, about 15 minutes.
    """
    raise NotImplementedError


def answer_or_null(span_score: float, null_scores: list[float], threshold: float) -> bool:
    """Whether the best span is given as the answer (True), or none at all (False).

    Every window has a score for "no answer here". The smallest of them counts: the other windows
    may just not hold the answer. None is given if that score, less the span's, is above the
    threshold; if it is just the threshold, the span is.

    span_score: of the best span in any window; null_scores: one for each window, at least one.

    >>> answer_or_null(5.0, [7.0, 4.0], 0.0)
    True
    >>> answer_or_null(5.0, [7.0, 8.0], 1.5)
    False

    1 point, difficulty 1 of 5, about 10 minutes.
    """
    raise NotImplementedError
