"""One SQuAD fine-tuning run with `transformers`, written without minibert.

    python benchmarks/squad_transformers.py --version 1.1 --train train-v1.1.json \
        --dev dev-v1.1.json --model DIR --seed 1 --output squad-1.json

The recipe is that of `transformers_recipe.py`, the loss that of `transformers`. What comes before
and after the model goes by the rules of BERT's `run_squad.py`: windows 128 word pieces apart, the
20 best beginnings with the 20 best ends of each, and for version 2.0 a threshold for no answer,
tuned for F1 on the dev set.
"""

import json
import re
import string
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy
import torch
from torch.nn.utils.rnn import pad_sequence
from transformers import BertForQuestionAnswering
from transformers_recipe import autocast, fine_tune, limited, load, parser

STEP, LONGEST_QUESTION, BEST, LONGEST_ANSWER = 128, 64, 20, 30


class Question(NamedTuple):
    id: str
    text: str
    context: str
    answers: list  # of (text, start in characters); none where the context does not answer


class Window(NamedTuple):
    """What the model sees of one question; the arrays have an element for each position."""

    ids: list
    segments: list
    offsets: numpy.ndarray  # (S, 2): the characters of the context
    inside: numpy.ndarray  # whether the position is of the context
    best: numpy.ndarray  # whether it is, and no other window has more around it
    label: tuple  # positions of the answer's beginning and end; 0, 0: not here


def read(path):
    """The questions of a file in SQuAD's own form."""
    return [
        Question(
            entry["id"],
            entry["question"],
            paragraph["context"],
            [(answer["text"], answer["answer_start"]) for answer in entry["answers"]],
        )
        for article in json.loads(path.read_text(encoding="utf-8"))["data"]
        for paragraph in article["paragraphs"]
        for entry in paragraph["qas"]
    ]


def windows_of(question, tokenizer, max_length, step=STEP):
    """The windows of one question.

    `stride` is how much two windows share: what a window has room for, less the step between them.
    The room depends on the question, so each has a stride of its own.
    """
    asked = tokenizer(question.text, add_special_tokens=False, return_offsets_mapping=True)
    ends = [end for _, end in asked["offset_mapping"][:LONGEST_QUESTION]]
    room = max_length - len(ends) - 3
    step = min(step, room)
    cut = tokenizer(
        question.text[: max(ends, default=0)],
        question.context,
        truncation="only_second",
        max_length=max_length,
        stride=room - step,
        return_overflowing_tokens=True,
        return_offsets_mapping=True,
    )
    insides = [numpy.array(cut.sequence_ids(n), float) == 1 for n in range(len(cut["input_ids"]))]
    bests = in_their_best_window([inside.sum() for inside in insides], step)
    windows = []
    for number, (inside, best) in enumerate(zip(insides, bests, strict=True)):
        offsets = numpy.array(cut["offset_mapping"][number])
        counts = inside.copy()
        counts[inside] = best
        ids, segments = cut["input_ids"][number], cut["token_type_ids"][number]
        label = positions_of(question, offsets, inside)
        windows.append(Window(ids, segments, offsets, inside, counts, label))
    return windows


def in_their_best_window(lengths, step):
    """For each window, which of its pieces have the most neighbours there; the first of equals."""
    pieces = (len(lengths) - 1) * step + lengths[-1]
    scores = numpy.full((len(lengths), pieces), -1.0)
    for number, length in enumerate(lengths):
        places = numpy.arange(length)
        beside = numpy.minimum(places, places[::-1]) + 0.01 * length
        scores[number, number * step : number * step + length] = beside
    best = scores.argmax(0)
    return [best[n * step : n * step + length] == n for n, length in enumerate(lengths)]


def positions_of(question, offsets, inside):
    """Where the first answer begins and ends; 0, 0 unless all of it is in the window."""
    if not question.answers:
        return 0, 0
    text, start = question.answers[0]
    places = numpy.flatnonzero(inside)
    first = places[offsets[places, 1] > start]
    last = places[offsets[places, 0] < start + len(text)]
    whole = offsets[places[0], 0] <= start and offsets[places[-1], 1] >= start + len(text)
    return (int(first[0]), int(last[-1])) if whole else (0, 0)


def collate(windows, pad):
    """One padded batch."""
    ids = [torch.tensor(window.ids) for window in windows]
    segments = [torch.tensor(window.segments) for window in windows]
    starts, ends = torch.tensor([window.label for window in windows]).unbind(1)
    return {
        "input_ids": pad_sequence(ids, batch_first=True, padding_value=pad),
        "token_type_ids": pad_sequence(segments, batch_first=True),
        "attention_mask": pad_sequence(list(map(torch.ones_like, ids)), batch_first=True),
        "start_positions": starts,
        "end_positions": ends,
    }


@torch.no_grad()
def logits_of(model, windows, pad, args):
    """The logits (S, 2) of all windows, in their order."""
    model.eval()
    order = sorted(range(len(windows)), key=lambda row: len(windows[row].ids))
    found = [None] * len(windows)
    for start in range(0, len(order), 32):
        rows = order[start : start + 32]
        with autocast(args):
            out = model(**collate([windows[row] for row in rows], pad))
        both = torch.stack([out.start_logits, out.end_logits], -1).float().numpy()
        for row, logits in zip(rows, both, strict=True):
            found[row] = logits[: len(windows[row].ids)]
    return found


def best_span(window, logits):
    """(score, first, last character) of the window's best answer; of score -inf if it has none."""
    starts, ends = (numpy.argsort(-logits[:, side], kind="stable")[:BEST] for side in (0, 1))
    pieces = ends[None, :] - starts[:, None] + 1
    allowed = window.best[starts][:, None] & window.inside[ends][None, :]
    allowed &= (pieces >= 1) & (pieces <= LONGEST_ANSWER)
    sums = numpy.where(allowed, logits[starts, 0][:, None] + logits[ends, 1][None, :], -numpy.inf)
    first, last = numpy.unravel_index(sums.argmax(), sums.shape)
    begin, end = window.offsets[starts[first], 0], window.offsets[ends[last], 1]
    return float(sums[first, last]), int(begin), int(end)


def answers_of(questions, windows, logits):
    """Of every question the best span's text, and by how much no answer scores above it."""
    texts, odds = [], []
    for question, some in zip(questions, windows, strict=True):
        theirs = [next(logits) for _ in some]
        score, begin, end = max(map(best_span, some, theirs), key=lambda found: found[0])
        texts.append(question.context[begin:end] if score > -numpy.inf else "")
        odds.append(min(float(one[0].sum()) for one in theirs) - score)
    return texts, numpy.array(odds)


def words(text):
    """What counts of an answer: its words without case, punctuation and articles."""
    text = "".join(letter for letter in text.lower() if letter not in string.punctuation)
    return re.sub(r"\b(a|an|the)\b", " ", text).split()


def score(question, text):
    """(exact match, F1) with the right answer that fits best."""
    golds = [gold for gold in (words(text) for text, _ in question.answers) if gold] or [[]]
    given = words(text)
    shares = []
    for gold in golds:
        common = sum((Counter(gold) & Counter(given)).values())
        shares.append(2 * common / (len(gold) + len(given)) if gold and given else gold == given)
    return float(given in golds), float(max(shares))


def metrics_of(questions, texts, odds, version):
    """The official scores in points; those of 2.0 under the threshold that is best for F1."""
    scores = numpy.array([score(*pair) for pair in zip(questions, texts, strict=True)])
    metrics = {}
    if version == "2.0":
        unanswerable = numpy.array([not question.answers for question in questions])
        order = numpy.argsort(odds, kind="stable")
        gains = numpy.cumsum((scores[:, 1] - unanswerable)[order])  # of answering ever more
        count = int(gains.argmax()) + 1 if gains.max() > 0 else 0
        threshold = odds[order[count - 1]] if count else odds.min() - 1
        scores[odds > threshold] = unanswerable[odds > threshold, None]
        for kind, rows in (("HasAns", ~unanswerable), ("NoAns", unanswerable)):
            exact, f1 = 100 * scores[rows].mean(0)
            metrics |= {f"{kind}_exact": float(exact), f"{kind}_f1": float(f1)}
        metrics["threshold"] = float(threshold)
    exact, f1 = 100 * scores.mean(0)
    return {"exact": float(exact), "f1": float(f1), **metrics}


def main():
    options = parser(__doc__, epochs=2, max_length=384)
    options.add_argument("--version", choices=["1.1", "2.0"], required=True)
    options.add_argument("--train", type=Path, required=True)
    options.add_argument("--dev", type=Path, required=True)
    args = options.parse_args()

    tokenizer, model = load(BertForQuestionAnswering, args)
    pad = tokenizer.pad_token_id
    train = [
        window
        for question in limited(read(args.train), args.train_limit)
        for window in windows_of(question, tokenizer, args.max_length)
    ]
    questions = read(args.dev)
    dev = [windows_of(question, tokenizer, args.max_length) for question in questions]
    print(f"{len(train)} windows, and {sum(map(len, dev))} of {len(questions)} dev questions")

    def evaluate():
        logits = logits_of(model, [window for some in dev for window in some], pad, args)
        return metrics_of(questions, *answers_of(questions, dev, iter(logits)), args.version)

    fine_tune(
        args,
        model,
        train,
        lambda window: len(window.ids),
        lambda windows: collate(windows, pad),
        evaluate,
        "f1",
    )


if __name__ == "__main__":
    main()
