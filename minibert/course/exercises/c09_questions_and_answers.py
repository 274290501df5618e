"""Chapter 09, questions and answers: windows, the best span, no answer, and how answers score."""

from collections.abc import Iterator

import torch
from torch import Tensor

from minibert.course.drawing import normal, number, pick, shuffled
from minibert.course.exercise import Exercise, Probe
from minibert.tasks import overlap
from minibert.tasks.squad import scoring
from minibert.tasks.squad.reading import Answer, Question

PAGE = "09_questions_and_answers"


def window_starts(length: int, room: int, stride: int) -> list[int]:
    """Where the library's windows begin."""
    return [window.first for window in overlap.window_runs(length, room, stride)]


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
    reference=window_starts,
    probes=_texts,
    hints=(
        "Begin at 0. As long as the end of the text is not in the window, go on by the stride.",
        "A window from `start` reaches the end if start + room >= length: it is the last one.",
        "Every text has the window from 0, however short it is.",
    ),
    page=f"{PAGE}: Windows",
    forbidden=("minibert.tasks.overlap.window_runs",),
)


Span = tuple[int, int]


def _spans(size: int, context_from: int, max_length: int) -> Iterator[Span]:
    for start in range(context_from, size):
        for end in range(start, min(start + max_length, size)):
            yield start, end


def best_span(start_logits: Tensor, end_logits: Tensor, context_from: int, max_length: int) -> Span:
    """The span of the largest sum among those that are allowed."""
    spans = _spans(len(start_logits), context_from, max_length)
    return max(spans, key=lambda span: float(start_logits[span[0]] + end_logits[span[1]]))


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
    reference=best_span,
    probes=_windows,
    hints=(
        "The best start and the best end, each by itself, need not make a span. Try all pairs.",
        "Two loops: start from context_from, end from start, to start + max_length - 1 at most.",
        "Keep the best so far, and replace it only by what is really better (>): then the first of "
        "equal ones stays.",
    ),
    page=f"{PAGE}: The best span",
    forbidden=("minibert.tasks.squad.spans.best_spans",),
)


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
    forbidden=("minibert.tasks.squad.scoring.normalize",),
)


def token_f1(prediction: str, golds: list[str]) -> float:
    """The library's F1 of an answer, the best over all golds."""
    question = Question("", "", "", tuple(Answer(gold, 0) for gold in golds))
    return scoring.score(question, prediction).f1


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
    reference=token_f1,
    probes=_predictions,
    hints=(
        "Normalise both, split into words, and count the words in common: a word that stands twice "
        "in one and once in the other is common once (Counter(ours) & Counter(theirs)).",
        "2 * common / (words of the prediction + words of the gold); the largest over the golds.",
        'Without golds the right answer is "". Where either side has no word, the score is 1 if '
        "both have none, else 0.",
    ),
    page=f"{PAGE}: Scoring by hand",
    forbidden=("minibert.tasks.squad.scoring.f1", "minibert.tasks.squad.scoring.score"),
)


def answer_or_null(span_score: float, null_scores: list[float], threshold: float) -> bool:
    """Whether the span is answered: the null score is the least of all windows."""
    return min(null_scores) - span_score <= threshold


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
    reference=answer_or_null,
    probes=_odds,
    hints=(
        "One window without the answer says nothing: only if all say so is there none. So the "
        "smallest of their scores counts.",
        "There is no answer if min(null_scores) - span_score > threshold.",
    ),
    page=f"{PAGE}: No answer",
)

EXERCISES = (WINDOW_STARTS, BEST_SPAN, NORMALISE, TOKEN_F1, ANSWER_OR_NULL)
