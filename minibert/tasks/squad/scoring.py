"""How good answers are: exact match and F1 of words, as SQuAD's own evaluation has them.

Answers are compared without case, punctuation, articles and surplus blanks. Where several answers
are right, the one that fits best counts. The answer to a question without one is "".

Source: the rules of the evaluation scripts of SQuAD 1.1 and 2.0. They differ only for answers of
which the comparison leaves nothing, such as a full stop; here those of 2.0 hold for both.
"""

import re
import string
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from minibert.errors import DataError
from minibert.tasks.nodes import Node, load_json
from minibert.tasks.squad.reading import Question
from minibert.tasks.squad.spans import Predictions

PUNCTUATION = str.maketrans("", "", string.punctuation)  # of ASCII; others stay
ARTICLE = re.compile(r"\b(?:a|an|the)\b")


class Score(NamedTuple):
    """How well one question is answered."""

    question: Question
    prediction: str
    gold: str  # the right answer that fits best; "" where there is none
    exact: float  # 1 or 0
    f1: float  # 0 to 1


class Threshold(NamedTuple):
    """Answers whose odds are at most `threshold` are given; their mean score would be `score`."""

    score: float  # 0 to 100
    threshold: float


def normalize(text: str) -> str:
    """What is left of an answer for comparison."""
    return " ".join(ARTICLE.sub(" ", text.lower().translate(PUNCTUATION)).split())


def gold_texts(question: Question) -> list[str]:
    """The right answers, each once; [""] if there are none."""
    texts = dict.fromkeys(answer.text for answer in question.answers if normalize(answer.text))
    return list(texts) or [""]


def f1(prediction: str, gold: str) -> float:
    """Harmonic mean of the shares of words that the two have in common; given normalized."""
    if not prediction or not gold:
        return float(prediction == gold)
    ours, theirs = prediction.split(), gold.split()
    common = (Counter(ours) & Counter(theirs)).total()
    return 2 * common / (len(ours) + len(theirs))


def score(question: Question, prediction: str) -> Score:
    """The score of one answer; `gold` is the one with the best F1, the first of equals."""
    given = normalize(prediction)
    golds = {text: normalize(text) for text in gold_texts(question)}
    shares = {text: f1(given, gold) for text, gold in golds.items()}
    nearest = max(shares, key=shares.__getitem__)
    return Score(question, prediction, nearest, float(given in golds.values()), shares[nearest])


def score_all(questions: Sequence[Question], predictions: Mapping[str, str]) -> list[Score]:
    """The scores in the order of the questions. Raises `DataError` unless the ids are the same."""
    _check_ids(questions, predictions, "predictions")
    return [score(question, predictions[question.id]) for question in questions]


def metrics(
    scores: Sequence[Score], null_odds: Mapping[str, float] | None = None
) -> dict[str, float]:
    """exact and f1, 0 to 100; where some questions have no answer also of both kinds apart.

    With null_odds the best that another threshold would have given, and that threshold: as far as
    the answers are there, for a question answered with "" has no other. Raises `DataError`.
    """
    exact, shares = (
        np.array(column) for column in ([s.exact for s in scores], [s.f1 for s in scores])
    )
    answerable = np.array([bool(score.question.answers) for score in scores])
    found = {"exact": 100 * exact.mean(), "f1": 100 * shares.mean()}
    if not answerable.all():
        for kind, rows in (("HasAns", answerable), ("NoAns", ~answerable)):
            if rows.any():
                found[f"{kind}_exact"] = 100 * exact[rows].mean()
                found[f"{kind}_f1"] = 100 * shares[rows].mean()
    if null_odds is not None:
        questions = [score.question for score in scores]
        _check_ids(questions, null_odds, "null odds")
        odds = np.array([null_odds[question.id] for question in questions])
        for name, values in (("exact", exact), ("f1", shares)):
            best = best_threshold(values, answerable, odds)
            found[f"best_{name}"], found[f"best_{name}_threshold"] = best
    return {name: float(value) for name, value in found.items()}


def best_threshold(
    scores: NDArray[np.float64], answerable: NDArray[np.bool_], odds: NDArray[np.floating]
) -> Threshold:
    """At which odds of no answer to stop answering; (Q,) each.

    scores: of the best answer to each question, as if all were answered. With a threshold below all
    odds none is. Of equally good thresholds it is the smallest. Questions of equal odds stay
    together: no threshold parts them (the official script does).
    """
    order = np.argsort(odds, kind="stable")
    gains = (scores - ~answerable)[order]  # of answering: what it scores, less what "" would
    totals = (~answerable).sum() + np.concatenate([[0.0], np.cumsum(gains)])
    thresholds = np.concatenate([[np.nextafter(odds[order[0]], -np.inf)], odds[order]])
    parts = np.append(np.diff(thresholds) > 0, True)  # the last of each group of equal odds
    best = int(np.argmax(np.where(parts, totals, -np.inf)))
    return Threshold(float(100 * totals[best] / len(odds)), float(thresholds[best]))


def tuned_threshold(predictions: Predictions) -> Threshold:
    """The threshold under which the predictions have the best F1; for the dev set."""
    scores = score_all(predictions.questions, predictions.texts(None))
    answerable = np.array([bool(question.answers) for question in predictions.questions])
    return best_threshold(np.array([one.f1 for one in scores]), answerable, predictions.odds)


def read_predictions(path: Path) -> dict[str, str]:
    """A file of predictions: an object of texts by question id. Raises `DataError`."""
    return {id: node.text() for id, node in _fields(path)}


def read_null_odds(path: Path) -> dict[str, float]:
    """A file of null odds: an object of numbers by question id. Raises `DataError`."""
    return {id: node.number() for id, node in _fields(path)}


def _fields(path: Path) -> list[tuple[str, Node]]:
    top = Node(load_json(path), str(path))
    if not isinstance(top.value, dict):
        raise top.fault("must be an object with the questions' ids as its fields")
    return [(id, top.field(id)) for id in top.value]


def _check_ids(questions: Sequence[Question], given: Mapping[str, object], what: str) -> None:
    ids = {question.id for question in questions}
    missing = [id for id in ids if id not in given]
    unknown = [id for id in given if id not in ids]
    faults = [
        f"{len(some)} {fault}, such as {', '.join(sorted(some)[:3])}"
        for some, fault in ((missing, "questions have none"), (unknown, "ids are unknown"))
        if some
    ]
    if faults:
        raise DataError(f"the {what} do not belong to these questions: {'; '.join(faults)}")
