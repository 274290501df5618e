"""Chapter 09, questions and answers: windows, the best span, no answer, and how answers score."""

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from minibert.course.drawing import normal, number, pick, shuffled
from minibert.course.exercise import Exercise, Mistake, Probe
from minibert.tasks import overlap
from minibert.tasks.squad import scoring
from minibert.tasks.squad.reading import Answer, Question

PAGE = "09_questions_and_answers"

# --- window_starts --------------------------------------------------------------------------------


def _window_starts(length: int, room: int, stride: int) -> list[int]:
    return [window.first for window in overlap.window_runs(length, room, stride)]


def _last_one_full(length: int, room: int, stride: int) -> list[int]:
    return [min(start, max(length - room, 0)) for start in _window_starts(length, room, stride)]


def _texts(generator: torch.Generator) -> list[Probe]:
    room, stride = 11 + number(generator, 0, 4), 4 + number(generator, 0, 2)
    exact = room + 3 * stride
    return [
        Probe("the last window is not full", (exact - 2, room, stride)),
        Probe("the last window is just full", (exact, room, stride)),
        Probe("one word piece more than a window", (room + 1, room, stride)),
        Probe("just one window", (room, room, stride)),
        Probe("a text much shorter than a window", (2, room, stride)),
        Probe("windows side by side", (3 * room - 1, room, room)),
    ]


WINDOW_STARTS = Exercise(
    name="window_starts",
    title="Windows on a long text",
    points=2,
    difficulty=2,
    minutes=15,
    reference=_window_starts,
    probes=_texts,
    hints=(
        "Begin at 0. As long as the end of the text is not in the window, go on by the stride.",
        "A window from `start` reaches the end if start + room >= length: it is the last one.",
        "Every text has the window from 0, however short it is.",
    ),
    page=f"{PAGE}: Windows",
    mistakes=(
        Mistake(
            "windows-stride-is-overlap",
            "the stride taken for the overlap (as in the tokenizers library); here it is the step",
            lambda length, room, stride: _window_starts(length, room, max(room - stride, 1)),
        ),
        Mistake(
            "windows-no-overlap",
            "a step of a whole window, whatever the stride",
            lambda length, room, stride: _window_starts(length, room, room),
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
            lambda length, room, stride: list(
                range(0, max(length - room, -1) + stride + 1, stride)
            ),
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
    ),
    forbidden=("minibert.tasks.overlap.window_runs",),
)

# --- best_span ------------------------------------------------------------------------------------

Span = tuple[int, int]


def _spans(size: int, context_from: int, max_length: int) -> Iterator[Span]:
    for start in range(context_from, size):
        for end in range(start, min(start + max_length, size)):
            yield start, end


def _best_span(
    start_logits: Tensor, end_logits: Tensor, context_from: int, max_length: int
) -> Span:
    spans = _spans(len(start_logits), context_from, max_length)
    return max(spans, key=lambda span: float(start_logits[span[0]] + end_logits[span[1]]))


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
    return _best_span(starts.softmax(0), ends.softmax(0), first, longest)


def _counted_in_context(starts: Tensor, ends: Tensor, first: int, longest: int) -> Span:
    start, end = _best_span(starts, ends, first, longest)
    return start - first, end - first


def _end_behind(starts: Tensor, ends: Tensor, first: int, longest: int) -> Span:
    start, end = _best_span(starts, ends, first, longest)
    return start, end + 1


def _windows(generator: torch.Generator) -> list[Probe]:
    first, longest = 4 + number(generator, 0, 3), 4
    size = first + 14

    def scores(starts: dict[int, float], ends: dict[int, float]) -> tuple[Tensor, Tensor, int, int]:
        """Peaks at these positions of the context, and a little noise everywhere."""
        drawn = []
        for peaks in (starts, ends):
            logits = normal(generator, size, deviation=0.1)
            for place, height in peaks.items():
                logits[first + place] = height
            drawn.append(logits)
        return drawn[0], drawn[1], first, longest

    drawn = [normal(generator, 2, size) for _ in range(3)]
    ties = torch.zeros(2, size).double()
    ties[0, first + 2 : first + 6] = 1.0
    ties[1, first + 3 : first + 9] = 1.0
    return [
        Probe("the likeliest end stands before the likeliest start", scores({5: 5}, {3: 5, 6: 2})),
        Probe("the likeliest span stands in the question", scores({-3: 7, 2: 3}, {-2: 7, 4: 3})),
        Probe("the likeliest span is a little too long", scores({1: 5, 2: 3}, {5: 5})),
        Probe("as long as may be", scores({3: 5, 5: 3}, {6: 5})),
        Probe("a single word piece", scores({2: 5}, {2: 5, 3: 3})),
        Probe("the first of the context", scores({0: 5, 1: 3}, {1: 5})),
        Probe("a sure start with a poor end", scores({1: 5, 7: 4}, {8: 4, 0: 6})),
        Probe("a sure end with a poor start", scores({8: 4, 12: 6}, {9: 4, 5: 5})),
        Probe("equally good spans", (*ties, first, longest)),
        Probe("all scores below zero", (*(drawn[0] - 9), first, longest)),
        *(
            Probe(f"any scores, {place}", (*logits, first, longest))
            for place, logits in enumerate(drawn)
        ),
        Probe("float32", (*drawn[0].float(), first, longest)),
    ]


BEST_SPAN = Exercise(
    name="best_span",
    title="Where the answer stands",
    points=3,
    difficulty=3,
    minutes=20,
    reference=_best_span,
    probes=_windows,
    hints=(
        "The best start and the best end, each by itself, need not make a span. Try all pairs.",
        "Two loops: start from context_from, end from start, to start + max_length - 1 at most.",
        "Keep the best so far, and replace it only by what is really better (>): then the first of "
        "equal ones stays.",
    ),
    page=f"{PAGE}: The best span",
    mistakes=(
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
    ),
    forbidden=("minibert.tasks.squad.spans.best_spans",),
)

# --- normalise ------------------------------------------------------------------------------------


def _without(text: str, *, lower: bool = True, marks: bool = True, articles: bool = True) -> str:
    """The comparison's steps, without some of them."""
    text = text.lower() if lower else text
    text = text.translate(scoring.PUNCTUATION) if marks else text
    text = scoring.ARTICLE.sub(" ", text) if articles else text
    return " ".join(text.split())


def _no_accents(text: str) -> str:
    decomposed = unicodedata.normalize("NFD", text)
    return "".join(c for c in decomposed if unicodedata.category(c) != "Mn")


def _answers(generator: torch.Generator) -> list[Probe]:
    first, second, third = pick(generator, ("River", "Count", "Night", "Clock", "Garden"), 3)
    return [
        Probe(text, (text,))
        for text in (
            f"The {first}",
            f"{second.upper()}, {third}!",
            f"  {first}\tand   the\n{second} ",
            f"an {third} a day",
            "Theodore and another man at Athens",
            "well-known",
            "the-end of A-ha",
            "A.B. Thee, U.S.",
            "1,000.5 km",
            f"“{first}” naïve café, Straße…",
            "The",
            "",
        )
    ]


NORMALISE = Exercise(
    name="normalise",
    title="What is left of an answer for comparison",
    points=2,
    difficulty=2,
    minutes=10,
    reference=scoring.normalize,
    probes=_answers,
    hints=(
        "Four steps, in this order: lower case, punctuation, articles, blanks.",
        "Punctuation is string.punctuation: take it away, and put nothing in its place.",
        r"Articles are whole words: re.sub(r'\b(a|an|the)\b', ' ', text). For the blanks, "
        'text.split() and " ".join.',
    ),
    page=f"{PAGE}: Scoring by hand",
    mistakes=(
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
        Mistake(
            "normalise-punctuation", "punctuation kept", lambda text: _without(text, marks=False)
        ),
        Mistake("normalise-articles", "articles kept", lambda text: _without(text, articles=False)),
        Mistake(
            "normalise-blanks",
            "surplus blanks kept",
            lambda text: scoring.ARTICLE.sub(" ", text.lower().translate(scoring.PUNCTUATION)),
        ),
        Mistake(
            "normalise-outer-blanks",
            "blanks taken away at both ends alone",
            lambda text: scoring.ARTICLE.sub(
                " ", text.lower().translate(scoring.PUNCTUATION)
            ).strip(),
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
    ),
    forbidden=("minibert.tasks.squad.scoring.normalize",),
)

# --- token_f1 -------------------------------------------------------------------------------------


def _token_f1(prediction: str, golds: list[str]) -> float:
    question = Question("", "", "", tuple(Answer(gold, 0) for gold in golds))
    return scoring.score(question, prediction).f1


def _shares(prediction: str, golds: list[str]) -> list[float]:
    return [_token_f1(prediction, [gold]) for gold in golds] or [_token_f1(prediction, [])]


def _by_words(
    share: Callable[[Counter[str], Counter[str]], float],
) -> Callable[[str, list[str]], float]:
    """The best share of two bags of words; what has no word is compared as it should be."""

    def best(prediction: str, golds: list[str]) -> float:
        given = Counter(scoring.normalize(prediction).split())
        if not given or not golds:
            return _token_f1(prediction, golds)
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


def _predictions(generator: torch.Generator) -> list[Probe]:
    a, b, c, d = shuffled(generator, ("river", "clock", "garden", "house"))
    return [
        Probe("one gold", (f"{a} {b} {c}", [f"{b} {c} {d} {d}2"])),
        Probe("several golds", (f"{a} {b}", [f"{c} {b}", f"{a} {b} {c}", f"{d}"])),
        Probe("case, articles and punctuation", (f"The {a.title()}, {b}!", [f"{a} {b} of {c}"])),
        Probe("a word twice in the prediction", (f"{a} {a} {b}", [f"{a} {c}"])),
        Probe("a word twice in both", (f"{a} {a} {b}", [f"{a} {c} {a} {d}"])),
        Probe("a word twice in the gold", (f"{a} {b}", [f"{c}", f"{a} {d} {a}"])),
        Probe("the same words in another order", (f"{b} {a}", [f"{a} {b}"])),
        Probe("nothing in common", (f"{a}", [f"{b} {c}"])),
        Probe("no answer where there is none", ("", [])),
        Probe("an answer where there is none", (f"{a}", [])),
        Probe("no answer where there is one", ("", [f"{a} {b}"])),
    ]


TOKEN_F1 = Exercise(
    name="token_f1",
    title="How much of the answer is right",
    points=3,
    difficulty=3,
    minutes=15,
    reference=_token_f1,
    probes=_predictions,
    hints=(
        "Normalise both, split into words, and count the words in common: a word that stands twice "
        "in one and once in the other is common once (Counter(ours) & Counter(theirs)).",
        "2 * common / (words of the prediction + words of the gold); the largest over the golds.",
        'Without golds the right answer is "". Where either side has no word, the score is 1 if '
        "both have none, else 0.",
    ),
    page=f"{PAGE}: Scoring by hand",
    mistakes=(
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
            lambda prediction, golds: _token_f1(prediction, golds[:1]),
        ),
        Mistake(
            "token-f1-golds-pooled",
            "the words of all golds put together",
            lambda prediction, golds: _token_f1(prediction, [" ".join(golds)]),
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
            lambda prediction, golds: _token_f1(prediction, golds) if golds else 0.0,
        ),
        Mistake(
            "token-f1-no-golds",
            'a maximum over no gold at all, which raises; the right answer is "" then',
            lambda prediction, golds: max(_token_f1(prediction, [gold]) for gold in golds),
        ),
    ),
    forbidden=("minibert.tasks.squad.scoring.f1", "minibert.tasks.squad.scoring.score"),
)

# --- answer_or_null -------------------------------------------------------------------------------

Decision = Callable[[float, list[float], float], bool]


def _answer_or_null(span_score: float, null_scores: list[float], threshold: float) -> bool:
    return min(null_scores) - span_score <= threshold


def _of_windows(choose: Callable[[list[float]], float]) -> Decision:
    return lambda span, nulls, threshold: _answer_or_null(span, [choose(nulls)], threshold)


def _odds(generator: torch.Generator) -> list[Probe]:
    span = float(normal(generator, 1)) * 0.5
    part = 0.25 * number(generator, 1, 4)
    return [
        Probe("one window is against no answer", (span, [span + 3, span - part, span + 2], 0.0)),
        Probe("the first is against it", (span, [span - part, span + 3, span + 2], 0.0)),
        Probe("the last is against it", (span, [span + 2, span + 3, span - part], 0.0)),
        Probe("one against another", (span, [span + part, span - 3], 0.0)),
        Probe("likelier in no window", (span, [span - part, span + part], 1.0)),
        Probe("no answer is likelier", (span, [span + 2 + part, span + 4], 1.0)),
        Probe("likelier, but below the threshold", (span, [span + 1 + part, span + 3], 2.0)),
        Probe("a threshold below 0", (span, [span - part], -2.0)),
        Probe("far below a threshold below 0", (span, [span - 3 - part], -2.0)),
        Probe("just at the threshold", (2.0, [3.5], 1.5)),
        Probe("all scores high", (10 + span, [5 + span, 7 + span], 1.0)),
        Probe("all scores low", (-10 + span, [-6 + span, -5 + span], 1.0)),
    ]


ANSWER_OR_NULL = Exercise(
    name="answer_or_null",
    title="Is there an answer at all?",
    points=1,
    difficulty=1,
    minutes=10,
    reference=_answer_or_null,
    probes=_odds,
    hints=(
        "One window without the answer says nothing: only if all say so is there none. So the "
        "smallest of their scores counts.",
        "There is no answer if min(null_scores) - span_score > threshold.",
    ),
    page=f"{PAGE}: No answer",
    mistakes=(
        Mistake(
            "null-maximum",
            "the largest null score: the window that is against no answer most decides",
            _of_windows(max),
        ),
        Mistake(
            "null-mean", "the mean null score", _of_windows(lambda nulls: sum(nulls) / len(nulls))
        ),
        Mistake("null-first-window", "the first window alone", _of_windows(lambda nulls: nulls[0])),
        Mistake("null-last-window", "the last window alone", _of_windows(lambda nulls: nulls[-1])),
        Mistake(
            "null-sign-of-threshold",
            "the threshold with its sign turned round",
            lambda span, nulls, threshold: _answer_or_null(span, nulls, -threshold),
        ),
        Mistake(
            "null-no-threshold",
            "the threshold left out",
            lambda span, nulls, threshold: _answer_or_null(span, nulls, 0.0),
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
            lambda *arguments: not _answer_or_null(*arguments),
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
    ),
)

EXERCISES = (WINDOW_STARTS, BEST_SPAN, NORMALISE, TOKEN_F1, ANSWER_OR_NULL)
