"""Seconds from logits to scored answers: minibert beside a loop over Python lists.

    python benchmarks/squad_postprocessing.py --output benchmarks/results/squad_postprocessing.json

10,000 questions, 2,000 of them on a context that takes two windows, with random logits that lean
to the right answers; version 2.0, a third of the questions without one. The loop does what the
question-answering example of `transformers` does for every window: the twenty best beginnings with
the twenty best ends, a dictionary for each pair that is a span, a sort. It is written anew here.
Seconds are of the process, on one core. The two differ where the best span is none of the loop's
twenty by twenty pairs.
"""

import argparse
import random
import string
import time
import tracemalloc
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from common import machine, write_result

from minibert import BertTokenizer
from minibert.tasks.squad.reading import Answer, Question
from minibert.tasks.squad.scoring import metrics, score_all, tuned_threshold
from minibert.tasks.squad.spans import Predictions
from minibert.tasks.squad.windows import Windows

SIZE, LONGEST = 20, 30


def make_questions(count, two_windows, chance):
    """Contexts of made-up words, and the words."""
    words = [
        "".join(chance.choices(string.ascii_lowercase, k=chance.randint(1, 9))) for _ in range(999)
    ]
    questions = []
    for number in range(count):
        # [CLS] 10 [SEP] n [SEP]: 371 pieces fill a window
        length = chance.randint(380, 490) if number < two_windows else chance.randint(80, 371)
        chosen = chance.choices(words, k=length)
        first = chance.randrange(length - 4)
        text = " ".join(chosen[first : first + chance.randint(1, 4)])
        start = len(" ".join(chosen[:first])) + (first > 0)
        answers = (Answer(text, start),) if number % 3 else ()
        asked = " ".join(chance.choices(words, k=10))
        questions.append(Question(f"q{number}", asked, " ".join(chosen), answers))
    return questions, words


def make_logits(windows, generator):
    """Noise, and seven more at the labels of most windows."""
    logits = generator.normal(0, 2, (len(windows.ids), 2)).astype(np.float32)
    leaning = np.flatnonzero(generator.random(len(windows)) < 0.8)
    places = windows.starts[:-1][leaning, None] + windows.labels.numpy()[leaning]
    logits[places[:, 0], 0] += 7
    logits[places[:, 1], 1] += 7
    return logits


def loop_features(windows, logits):
    """What the example's loop is given: padded logits, offsets or None for every position."""
    width = int(windows.lengths.max())
    padded = np.full((len(windows), width, 2), -100.0, dtype=np.float32)
    features = {}
    for row, (start, length) in enumerate(zip(windows.starts, windows.lengths, strict=False)):
        padded[row, :length] = logits[start : start + length]
        ends = windows.char_ends[start : start + length]
        pairs = zip(windows.char_starts[start : start + length], ends, strict=True)
        offsets = [(int(a), int(b)) if a >= 0 else None for a, b in pairs]
        best = dict(enumerate(windows.max_context[start : start + length].tolist()))
        features.setdefault(windows.owners[row], []).append((row, offsets, best))
    return padded, features


def loop_predictions(questions, padded, features):
    """{id: best text} and {id: odds of no answer}, by way of {id: candidates}, in Python."""
    texts, odds, nbest = {}, {}, {}
    for number, question in enumerate(questions):
        candidates, null = [], None
        for row, offsets, best in features[number]:
            starts, ends = padded[row, :, 0], padded[row, :, 1]
            score = starts[0] + ends[0]
            if null is None or score < null["score"]:
                null = {"span": (0, 0), "score": score, "start": starts[0], "end": ends[0]}
            for first in np.argsort(starts)[: -SIZE - 1 : -1].tolist():
                for last in np.argsort(ends)[: -SIZE - 1 : -1].tolist():
                    if first >= len(offsets) or last >= len(offsets):
                        continue
                    if offsets[first] is None or offsets[last] is None:
                        continue
                    if last < first or last - first + 1 > LONGEST or not best[first]:
                        continue
                    candidates.append(
                        {
                            "span": (offsets[first][0], offsets[last][1]),
                            "score": starts[first] + ends[last],
                            "start": starts[first],
                            "end": ends[last],
                        }
                    )
        kept = sorted(candidates, key=lambda one: one["score"], reverse=True)[:SIZE]
        kept = sorted([*kept, null], key=lambda one: one["score"], reverse=True)
        for one in kept:
            begin, close = one["span"]
            one["text"] = question.context[begin:close]
        scores = np.array([one["score"] for one in kept])
        shares = np.exp(scores - scores.max())
        for one, share in zip(kept, shares / shares.sum(), strict=True):
            one["probability"] = float(share)
        answer = next((one for one in kept if one["text"]), null)
        texts[question.id] = answer["text"]
        odds[question.id] = float(null["score"] - answer["score"])
        nbest[question.id] = kept
    return texts, odds


def timed(work):
    """The result, and seconds of this process, whatever else the machine is doing."""
    started = time.process_time()
    result = work()
    return result, time.process_time() - started


def peak_memory(work):
    """MiB that a piece of work takes at most, beyond what was there."""
    tracemalloc.start()
    work()
    peak = tracemalloc.get_traced_memory()[1] / 2**20
    tracemalloc.stop()
    return peak


def candidates(windows, logits):
    """What the loop does, by minibert: the texts and probabilities of all candidates."""
    predictions = Predictions(windows, logits)
    for row in range(len(predictions.questions)):
        predictions.nbest(row, with_null=True)
    return predictions


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--questions", type=int, default=10_000)
    parser.add_argument("--two-windows", type=int, default=2_000)
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()

    questions, words = make_questions(args.questions, args.two_windows, random.Random(0))
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    vocabulary = {word: number for number, word in enumerate(dict.fromkeys([*specials, *words]))}
    windows = Windows(questions, BertTokenizer(vocabulary))
    logits = make_logits(windows, np.random.default_rng(0))
    print(f"{len(questions)} questions, {len(windows)} windows, {len(windows.ids)} positions")

    seconds = {}
    predictions, seconds["best spans"] = timed(lambda: Predictions(windows, logits))
    threshold, seconds["threshold"] = timed(lambda: tuned_threshold(predictions).threshold)
    with TemporaryDirectory() as folder:
        _, seconds["files"] = timed(lambda: predictions.write(Path(folder), threshold))
    found, seconds["scores"] = timed(
        lambda: metrics(score_all(questions, predictions.texts(threshold)), predictions.null_odds())
    )
    seconds["in all"] = sum(seconds.values())
    _, seconds["candidates, no files"] = timed(lambda: candidates(windows, logits))
    padded, features = loop_features(windows, logits)
    (texts, odds), seconds["the loop, no files"] = timed(
        lambda: loop_predictions(questions, padded, features)
    )
    ratio = seconds["the loop, no files"] / seconds["candidates, no files"]
    memory = peak_memory(lambda: Predictions(windows, logits))
    ours = predictions.texts(None)
    same = sum(ours[id] == text for id, text in texts.items()) / len(texts)
    # Ours looks at every span: where the two differ, it has the better one.
    null_odds = predictions.null_odds()
    assert all(null_odds[id] <= value + 1e-4 for id, value in odds.items())

    for name, value in seconds.items():
        print(f"{name:24}{value:8.2f} s")
    print(f"{'times as fast':24}{ratio:8.1f}")
    print(f"{'same best answer':24}{100 * same:8.2f} %")
    print(f"{'memory of the search':24}{memory:8.0f} MiB")
    print(f"{'exact, F1':24}{found['exact']:8.2f}{found['f1']:8.2f}")
    result = {
        "questions": len(questions),
        "windows": len(windows),
        "seconds": seconds,
        "times_as_fast": ratio,
        "same_best_answer": same,
        "search_mebibytes": memory,
        **machine(),
    }
    write_result(args.output, result)


if __name__ == "__main__":
    main()
