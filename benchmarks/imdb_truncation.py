"""What to keep of a review that is too long: its head, or some of the head and more of the tail.

    python benchmarks/imdb_truncation.py --data DIR --work runs/imdb_truncation \
        --output benchmarks/results/imdb_truncation.json

DIR holds IMDb's archive or its folder aclImdb. 2,000 training reviews are learnt from, 500 others
choose the best epoch, 1,000 of the test reviews are scored: random ones, but always the same. A run
whose result is already in --work is not repeated.
"""

import argparse
import json
from pathlib import Path

from common import cell, machine, python, spread, write_result

from minibert.tasks.sentiment import task_named
from minibert.tasks.sources import Sources, limited

COUNTS = {"train": 2000, "dev": 500, "test": 1000}
WAYS = ("head", "head-tail")
OPTIONS = "--max-length 128 --epochs 3 --batch-size 16 --lr 5e-5 --precision float32".split()
OPTIONS += ["--batching", "bucket"]


def draw_reviews(data, folder):
    """Write some reviews of each split to folder/SPLIT/pos and neg, as IMDb has them."""
    task = task_named("imdb", "head")
    for split, count in COUNTS.items():
        if (folder / split).is_dir():
            continue
        drawn = limited(task.examples(split, Sources(data)), count)
        unfinished = folder / f"{split}-unfinished"
        for number, review in enumerate(drawn):
            path = unfinished / ("neg", "pos")[review.label] / f"{number}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(review.text, encoding="utf-8")
        unfinished.rename(folder / split)


def run(way, seed, work):
    """What metrics.json says of one run."""
    output = work / f"{way}-{seed}"
    if not (output / "metrics.json").is_file():
        command = ["-m", "minibert", "finetune", "sentiment", "--task", "imdb"]
        for split in COUNTS:
            command += [f"--{split}", work / "reviews" / split]
        command += ["--truncation", way, "--model", "minilm", "--seed", seed]
        python(*command, *OPTIONS, "--output", output, "--overwrite")
    return json.loads((output / "metrics.json").read_text())


def row_of(way, seeds, work):
    """Accuracies over the seeds, in points, and the share of reviews that were too long."""
    found = [run(way, seed, work) for seed in seeds]
    return {
        "kept": way,
        "seeds": seeds,
        "dev": spread([100 * one["metrics"]["accuracy"] for one in found]),
        "test": spread([100 * one["test_metrics"]["accuracy"] for one in found]),
        "truncated": found[0]["truncated"] / (COUNTS["train"] + COUNTS["dev"]),
    }


def table(rows):
    """The rows as the README shows them."""
    lines = ["| kept | seeds | dev accuracy | test accuracy |", "|---|---|---|---|"]
    for row in rows:
        seeds = " ".join(map(str, row["seeds"]))
        lines.append(f"| {row['kept']} | {seeds} | {cell(row['dev'])} | {cell(row['test'])} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="IMDb's archive or folder")
    parser.add_argument("--work", type=Path, default=Path("runs/imdb_truncation"))
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()

    draw_reviews(args.data, args.work / "reviews")
    rows = [row_of(way, args.seeds, args.work) for way in WAYS]
    result = {"rows": rows, "reviews": COUNTS, "settings": OPTIONS, **machine()}
    write_result(args.output, result)
    print(table(rows))


if __name__ == "__main__":
    main()
