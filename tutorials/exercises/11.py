"""Chapter 11, When it does not learn. Copy it, fill it in, and run: minibert check 11 my_11.py"""


def expected_first_loss(classes: int) -> float:
    """The cross-entropy of a head that knows nothing: every class has the same probability.

    >>> round(expected_first_loss(2), 4)
    0.6931
    >>> expected_first_loss(1)
    0.0

    1 point, difficulty 1 of 5, about 5 minutes.
    """
    raise NotImplementedError


def leaked(train: list[str], dev: list[str]) -> list[int]:
    """The places, counted from 0, of the dev texts that stand in the training set too.

    Two texts are the same if they differ only in case (compare them after .lower()) and in blanks:
    any white space counts as one blank, and none at the ends. Dots and accents count.

    >>> leaked(["A fine film.", "Dull"], ["Not bad.", " a  FINE film.", "dull!"])
    [1]

    2 points, difficulty 1 of 5, about 10 minutes.
    """
    raise NotImplementedError


def share_truncated(lengths: list[int], max_length: int) -> float:
    """The share of texts that are too long for max_length, and lose their ends.

    lengths: word pieces of each text, without [CLS] and [SEP], for which there must be room as
    well. Of no texts the share is 0.

    >>> share_truncated([5, 6, 7, 20], 8)
    0.5

    1 point, difficulty 1 of 5, about 5 minutes.
    """
    raise NotImplementedError


def diagnose(
    first_loss: float, last_loss: float, dev_loss: float, accuracy: float, classes: int
) -> str:
    """What is the matter with a run, by the first of these signs that it shows.

    "rate too high"    the last training loss is more than 1.1 times the first one
    "learns nothing"   the last training loss is above 0.95 of what guessing costs
    "labels mixed up"  the accuracy is below half of what guessing brings
    "overfitting"      the dev loss is above what guessing costs
    "leakage"          the dev loss is below a third of the last training loss
    "healthy"          none of these

    Guessing costs the logarithm of the number of classes, and brings one in so many.

    first_loss, last_loss: in training; dev_loss, accuracy (0 to 1): on the dev set, at the end.

    >>> diagnose(1.1, 0.02, 1.9, 0.7, 3)
    'overfitting'
    >>> diagnose(1.1, 0.02, 1.9, 0.1, 3)
    'labels mixed up'

    3 points, difficulty 2 of 5, about 15 minutes.
    """
    raise NotImplementedError
