"""Chapter 11, When it does not learn.

Copy this file, fill it in, and run: minibert check 11 my_11.py

All of torch's arithmetic is yours to use, but no function that does the whole exercise (such as
torch.softmax for a `softmax`): the grader refuses it, and says so. Each file stands alone: copy
what you need of your earlier files into it.
"""


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


def diagnose(last_loss: float, dev_loss: float, moved: float, shared: int, classes: int) -> str:
    """What is the matter with a run: the first of these that is so.

    "leakage"            dev texts stand in the training set
    "body stands still"  the body's weights moved by less than 0.0001 of their length
    "rate too high"      the training loss is above 1.2 times what guessing costs
    "look at a batch"    the training loss is above 0.95 times what guessing costs
    "learnt by heart"    the dev loss is above what guessing costs
    "healthy"            none of these

    Guessing costs the natural logarithm of the number of classes.

    last_loss, dev_loss: of training and the dev set, at the end; moved: how far the body went, as
    a share of its length; shared: how many dev texts stand in the training set.

    >>> diagnose(0.02, 1.9, 0.03, 0, 3)
    'learnt by heart'
    >>> diagnose(0.69, 0.69, 0.0, 0, 2)
    'body stands still'

    3 points, difficulty 2 of 5, about 15 minutes.
    """
    raise NotImplementedError
