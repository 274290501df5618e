"""What goes wrong in chapter 9: the mistakes that people make in its exercises."""

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Callable

import torch
from torch import Tensor

from minibert.course.exercise import Mistake
from minibert.course.exercises.c09_questions_and_answers import (
    Span,
    answer_or_null,
    best_span,
    token_f1,
    window_starts,
)
from minibert.tasks.squad import scoring


def _last_one_full(length: int, room: int, stride: int) -> list[int]:
    return [min(start, max(length - room, 0)) for start in window_starts(length, room, stride)]


WINDOW_STARTS_MISTAKES = (
    Mistake(
        "windows-stride-is-overlap",
        "the stride taken for the overlap (as in the tokenizers library); here it is the step",
        lambda length, room, stride: window_starts(length, room, max(room - stride, 1)),
    ),
    Mistake(
        "windows-no-overlap",
        "a step of a whole window, whatever the stride",
        lambda length, room, stride: window_starts(length, room, room),
    ),
    Mistake(
        "windows-last-missing",
        "full windows alone: the end of the text is lost",
        lambda length, room, stride: list(range(0, max(length - room, 0) + 1, stride)),
    ),
    Mistake(
        "windows-full-alone",
        "full windows alone: the end of the text is lost, and short texts altogether",
        lambda length, room, stride: list(range(0, length - room + 1, stride)),
    ),
    Mistake(
        "windows-range-too-short",
        "range(0, length - room, stride), which stops before the last window",
        lambda length, room, stride: list(range(0, length - room, stride)),
    ),
    Mistake(
        "windows-to-the-end",
        "windows for as long as there is text: the last ones lie within others",
        lambda length, room, stride: list(range(0, length, stride)),
    ),
    Mistake(
        "windows-one-too-many",
        "one more window although the last is just full",
        lambda length, room, stride: list(range(0, max(length - room, -1) + stride + 1, stride)),
    ),
    Mistake(
        "windows-last-pushed-back",
        "the last window pushed back so that it is full",
        _last_one_full,
    ),
    Mistake(
        "windows-none-for-short-texts",
        "no window for a text much shorter than the room",
        lambda length, room, stride: list(range(0, length - room + stride, stride)),
    ),
)


def _among(
    allowed: Callable[[int, int, int, int], bool],
    score: Callable[[Tensor, Tensor], Tensor] = torch.add,
    last: bool = False,
) -> Callable[..., Span]:
    """The best of other spans, allowed(start, end, context_from, max_length), or by another score.

    last: of equal ones, not the first.
    """

    def best(starts: Tensor, ends: Tensor, context_from: int, max_length: int) -> Span:
        size = len(starts)
        spans = [
            (start, end)
            for start in range(size)
            for end in range(size)
            if allowed(start, end, context_from, max_length)
        ]
        if last:
            spans.reverse()
        return max(spans, key=lambda span: float(score(starts[span[0]], ends[span[1]])))

    return best


def _right(start: int, end: int, first: int, longest: int) -> bool:
    return first <= start <= end < start + longest


def _start_first(starts: Tensor, ends: Tensor, first: int, longest: int) -> Span:
    start = first + int(starts[first:].argmax())
    return start, start + int(ends[start : start + longest].argmax())


def _end_first(starts: Tensor, ends: Tensor, first: int, longest: int) -> Span:
    end = first + int(ends[first:].argmax())
    begin = max(first, end - longest + 1)
    return begin + int(starts[begin : end + 1].argmax()), end


def _of_probabilities(starts: Tensor, ends: Tensor, first: int, longest: int) -> Span:
    return best_span(starts.softmax(0), ends.softmax(0), first, longest)


def _counted_in_context(starts: Tensor, ends: Tensor, first: int, longest: int) -> Span:
    start, end = best_span(starts, ends, first, longest)
    return start - first, end - first


def _end_behind(starts: Tensor, ends: Tensor, first: int, longest: int) -> Span:
    start, end = best_span(starts, ends, first, longest)
    return start, end + 1


BEST_SPAN_MISTAKES = (
    Mistake(
        "span-each-by-itself",
        "the best start and the best end, each by itself",
        _among(lambda start, end, first, longest: first <= min(start, end)),
    ),
    Mistake(
        "span-anywhere",
        "the best start and the best end, each by itself, in the question as well",
        _among(lambda *place: True),
    ),
    Mistake(
        "span-backwards",
        "ends before their starts allowed",
        _among(
            lambda start, end, first, longest: (
                first <= min(start, end) and abs(end - start) < longest
            )
        ),
    ),
    Mistake(
        "span-any-length",
        "spans of any length: max_length does nothing",
        _among(lambda start, end, first, longest: first <= start <= end),
    ),
    Mistake(
        "span-one-too-long",
        "spans of max_length + 1: a span from 3 to 5 holds three word pieces",
        _among(lambda start, end, first, longest: first <= start <= end <= start + longest),
    ),
    Mistake(
        "span-one-too-short",
        "spans of max_length - 1 at most",
        _among(lambda start, end, first, longest: first <= start <= end < start + longest - 1),
    ),
    Mistake(
        "span-not-single",
        "spans of one word piece left out: the end may be the start",
        _among(lambda *place: _right(*place) and place[0] < place[1]),
    ),
    Mistake(
        "span-in-question",
        "the question searched too: only the context can answer",
        _among(lambda start, end, first, longest: start <= end < start + longest),
    ),
    Mistake(
        "span-after-first",
        "the first word piece of the context left out",
        _among(lambda *place: _right(*place) and place[0] > place[2]),
    ),
    Mistake(
        "span-start-first",
        "the best start, and then the best end that fits it: another start may do better",
        _start_first,
    ),
    Mistake(
        "span-end-first",
        "the best end, and then the best start that fits it: another end may do better",
        _end_first,
    ),
    Mistake(
        "span-sum-of-probabilities",
        "the sum of two probabilities: add the logits, which multiplies the probabilities",
        _of_probabilities,
    ),
    Mistake(
        "span-product-of-logits",
        "the product of two logits, which is large for two bad ones too",
        _among(_right, torch.mul),
    ),
    Mistake("span-last-of-equals", "the last of equally good spans", _among(_right, last=True)),
    Mistake(
        "span-counted-in-context",
        "positions counted from the context: they count from [CLS]",
        _counted_in_context,
    ),
    Mistake(
        "span-end-behind",
        "the position behind the end: the last word piece itself is meant",
        _end_behind,
    ),
)


def _without(text: str, *, lower: bool = True, marks: bool = True, articles: bool = True) -> str:
    """The comparison's steps, without some of them."""
    text = text.lower() if lower else text
    text = text.translate(scoring.PUNCTUATION) if marks else text
    text = scoring.ARTICLE.sub(" ", text) if articles else text
    return " ".join(text.split())


def _no_accents(text: str) -> str:
    decomposed = unicodedata.normalize("NFD", text)
    return "".join(c for c in decomposed if unicodedata.category(c) != "Mn")


NORMALISE_MISTAKES = (
    Mistake(
        "normalise-case",
        "upper case kept, and articles found in lower case alone",
        lambda text: _without(text, lower=False),
    ),
    Mistake(
        "normalise-case-last",
        "lower case as the last step: then The and A are no articles yet",
        lambda text: _without(text, lower=False).lower(),
    ),
    Mistake("normalise-punctuation", "punctuation kept", lambda text: _without(text, marks=False)),
    Mistake("normalise-articles", "articles kept", lambda text: _without(text, articles=False)),
    Mistake(
        "normalise-blanks",
        "surplus blanks kept",
        lambda text: scoring.ARTICLE.sub(" ", text.lower().translate(scoring.PUNCTUATION)),
    ),
    Mistake(
        "normalise-outer-blanks",
        "blanks taken away at both ends alone",
        lambda text: scoring.ARTICLE.sub(" ", text.lower().translate(scoring.PUNCTUATION)).strip(),
    ),
    Mistake(
        "normalise-no-blanks",
        "all blanks taken away: one stays between words",
        lambda text: scoring.normalize(text).replace(" ", ""),
    ),
    Mistake(
        "normalise-punctuation-to-blank",
        "a blank in place of each punctuation mark: well-known becomes one word",
        lambda text: scoring.normalize(
            text.translate(dict.fromkeys(map(ord, string.punctuation), " "))
        ),
    ),
    Mistake(
        "normalise-articles-first",
        "articles before punctuation: the-end loses its first word then",
        lambda text: scoring.normalize(scoring.ARTICLE.sub(" ", text.lower())),
    ),
    Mistake(
        "normalise-articles-in-words",
        "articles taken out of the middle of words: Theodore becomes odore",
        lambda text: " ".join(re.sub("the|an|a", " ", _without(text, articles=False)).split()),
    ),
    Mistake(
        "normalise-the-alone",
        "the alone taken away: a and an are articles too",
        lambda text: " ".join(w for w in _without(text, articles=False).split() if w != "the"),
    ),
    Mistake(
        "normalise-first-article",
        "an article taken away at the beginning alone",
        lambda text: " ".join(
            re.sub(r"^(a|an|the)\b", " ", _without(text, articles=False)).split()
        ),
    ),
    Mistake(
        "normalise-accents",
        "accents taken away: they stay",
        lambda text: _no_accents(scoring.normalize(text)),
    ),
    Mistake(
        "normalise-unicode-punctuation",
        "all of Unicode's punctuation taken away: only that of string.punctuation is",
        lambda text: " ".join(re.sub(r"[^\w\s]", "", scoring.normalize(text)).split()),
    ),
)


def _shares(prediction: str, golds: list[str]) -> list[float]:
    return [token_f1(prediction, [gold]) for gold in golds] or [token_f1(prediction, [])]


def _by_words(
    share: Callable[[Counter[str], Counter[str]], float],
) -> Callable[[str, list[str]], float]:
    """The best share of two bags of words; what has no word is compared as it should be."""

    def best(prediction: str, golds: list[str]) -> float:
        given = Counter(scoring.normalize(prediction).split())
        if not given or not golds:
            return token_f1(prediction, golds)
        return max(share(given, Counter(scoring.normalize(gold).split())) for gold in golds)

    return best


def _of_sets(given: Counter[str], gold: Counter[str]) -> float:
    return 2 * len(given.keys() & gold.keys()) / (len(given) + len(gold))


def _counted_one_way(given: Counter[str], gold: Counter[str]) -> float:
    common = sum(count for word, count in given.items() if word in gold)
    return 2 * common / (given.total() + gold.total())


def _as_written(prediction: str, golds: list[str]) -> float:
    return max(scoring.f1(prediction, gold) for gold in golds or [""])


def _of_letters(prediction: str, golds: list[str]) -> float:
    spaced = [" ".join(scoring.normalize(text).replace(" ", "")) for text in (prediction, *golds)]
    return max(scoring.f1(spaced[0], gold) for gold in spaced[1:] or [""])


def _exact(prediction: str, golds: list[str]) -> float:
    return max(float(share == 1.0) for share in _shares(prediction, golds))


TOKEN_F1_MISTAKES = (
    Mistake(
        "token-f1-sets",
        "sets of words: a word that is there twice counts twice",
        _by_words(_of_sets),
    ),
    Mistake(
        "token-f1-counted-one-way",
        "a word counted as often as the prediction has it, though the gold has it once",
        _by_words(_counted_one_way),
    ),
    Mistake(
        "token-f1-minimum",
        "the minimum over the golds; the best one counts",
        lambda prediction, golds: min(_shares(prediction, golds)),
    ),
    Mistake(
        "token-f1-mean",
        "the mean over the golds; the best one counts",
        lambda prediction, golds: sum(_shares(prediction, golds)) / max(len(golds), 1),
    ),
    Mistake(
        "token-f1-first-gold",
        "the first gold alone",
        lambda prediction, golds: token_f1(prediction, golds[:1]),
    ),
    Mistake(
        "token-f1-golds-pooled",
        "the words of all golds put together",
        lambda prediction, golds: token_f1(prediction, [" ".join(golds)]),
    ),
    Mistake("token-f1-as-written", "texts that are not normalised", _as_written),
    Mistake("token-f1-letters", "letters in place of words", _of_letters),
    Mistake("token-f1-exact", "exact match: 1 or 0", _exact),
    Mistake(
        "token-f1-precision",
        "the precision alone",
        _by_words(lambda given, gold: (given & gold).total() / given.total()),
    ),
    Mistake(
        "token-f1-recall",
        "the recall alone",
        _by_words(lambda given, gold: (given & gold).total() / gold.total()),
    ),
    Mistake(
        "token-f1-no-answer-is-wrong",
        "0 for no answer where there is none; that is right, so it is 1",
        lambda prediction, golds: token_f1(prediction, golds) if golds else 0.0,
    ),
    Mistake(
        "token-f1-no-golds",
        'a maximum over no gold at all, which raises; the right answer is "" then',
        lambda prediction, golds: max(token_f1(prediction, [gold]) for gold in golds),
    ),
)


Decision = Callable[[float, list[float], float], bool]


def _of_windows(choose: Callable[[list[float]], float]) -> Decision:
    return lambda span, nulls, threshold: answer_or_null(span, [choose(nulls)], threshold)


ANSWER_OR_NULL_MISTAKES = (
    Mistake(
        "null-maximum",
        "the largest null score: the window that is against no answer most decides",
        _of_windows(max),
    ),
    Mistake("null-mean", "the mean null score", _of_windows(lambda nulls: sum(nulls) / len(nulls))),
    Mistake("null-first-window", "the first window alone", _of_windows(lambda nulls: nulls[0])),
    Mistake("null-last-window", "the last window alone", _of_windows(lambda nulls: nulls[-1])),
    Mistake(
        "null-sign-of-threshold",
        "the threshold with its sign turned round",
        lambda span, nulls, threshold: answer_or_null(span, nulls, -threshold),
    ),
    Mistake(
        "null-no-threshold",
        "the threshold left out",
        lambda span, nulls, threshold: answer_or_null(span, nulls, 0.0),
    ),
    Mistake(
        "null-difference-turned-round",
        "the span's score less the null score, compared with the threshold as if it were the "
        "other way round",
        lambda span, nulls, threshold: span - min(nulls) <= threshold,
    ),
    Mistake(
        "null-answers-turned-round",
        "True for no answer",
        lambda *arguments: not answer_or_null(*arguments),
    ),
    Mistake(
        "null-equal-is-none",
        "no answer where the odds are just the threshold: they must be above it",
        lambda span, nulls, threshold: min(nulls) - span < threshold,
    ),
    Mistake(
        "null-span-forgotten",
        "the null score compared with the threshold, without the span's",
        lambda span, nulls, threshold: min(nulls) <= threshold,
    ),
)

MISTAKES = {
    "window_starts": WINDOW_STARTS_MISTAKES,
    "best_span": BEST_SPAN_MISTAKES,
    "normalise": NORMALISE_MISTAKES,
    "token_f1": TOKEN_F1_MISTAKES,
    "answer_or_null": ANSWER_OR_NULL_MISTAKES,
}
