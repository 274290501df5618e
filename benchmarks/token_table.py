"""SQuAD and CoNLL-2003 dev scores of minibert beside `transformers`: same weights and settings.

    python benchmarks/token_table.py --squad DIR --ner DIR --work runs/token_table \
        --about "what data this is" --output benchmarks/results/token_table.json

Each run is a process of its own: `minibert finetune squad` or `ner`, or a `*_transformers.py`,
which imports nothing of minibert. A run whose result is already in --work is not repeated, nor are
seeds that --output holds of both sides with the same settings: the script can be stopped and
started again, on another day with other --seeds, and where there are cores for it, with another
--work beside itself. Scores are in points, the best epoch of each run.
"""

import argparse
import json
from pathlib import Path
from typing import NamedTuple

from common import cell, machine, python, spread, write_result

from minibert.checkpoint import find

# In float32, which is fast enough on every processor.
SHARED = "--batch-size 16 --lr 5e-5 --precision float32 --batching bucket".split()


class Recipe(NamedTuple):
    """One task: what both sides are given, and what is shown of them."""

    finetune: list  # our command
    script: str  # theirs
    files: tuple  # training and dev file
    options: list
    metrics: list
    unit: float  # what the metrics are multiplied by, to be points


SQUAD = {
    version: Recipe(
        ["squad", "--version", version],
        "squad_transformers.py",
        (f"train-v{version}.json", f"dev-v{version}.json"),
        ["--epochs", "2", "--max-length", "384"],
        ["exact", "f1"],
        unit=1.0,
    )
    for version in ("1.1", "2.0")
}
NER = Recipe(
    ["ner"],
    "ner_transformers.py",
    ("eng.train", "eng.testa"),
    ["--epochs", "3", "--max-length", "128"],
    ["f1", "precision", "recall"],
    unit=100.0,
)
RECIPES = {"squad-1.1": SQUAD["1.1"], "squad-2.0": SQUAD["2.0"], "ner": NER}


def settings_of(task):
    """What both sides are given."""
    return [*SHARED, *RECIPES[task].options]


def run_minibert(task, seed, data, work):
    """The scores of one of our runs."""
    recipe, output = RECIPES[task], work / "minibert" / f"{task}-{seed}"
    if not (output / "metrics.json").is_file():
        command = ["-m", "minibert", "finetune", *recipe.finetune, "--data", data]
        command += ["--model", "minilm", "--seed", seed, "--output", output, "--overwrite"]
        python(*command, *settings_of(task))
    return in_points(task, output / "metrics.json")


def run_transformers(task, seed, data, work):
    """The scores of one of theirs."""
    recipe, output = RECIPES[task], work / "transformers" / f"{task}-{seed}.json"
    if not output.is_file():
        train, dev = (data / file for file in recipe.files)
        command = [Path(__file__).with_name(recipe.script), *recipe.finetune[1:]]
        command += ["--train", train, "--dev", dev, "--model", find("minilm")]
        command += ["--seed", seed, "--output", output]
        python(*command, *settings_of(task))
    return in_points(task, output)


def in_points(task, path):
    """{metric: points} of those that are shown."""
    found, recipe = json.loads(path.read_text())["metrics"], RECIPES[task]
    return {metric: recipe.unit * found[metric] for metric in recipe.metrics}


def recorded(rows, task, settings):
    """{seed: (our scores, theirs)} of the rows of an earlier result."""
    found = {}
    for row in rows:
        if row["task"] == task and row["settings"] == settings:
            sides = row["minibert"]["values"], row["transformers"]["values"]
            for seed, *values in zip(row["seeds"], *sides, strict=True):
                for scores, value in zip(found.setdefault(seed, ({}, {})), values, strict=True):
                    scores[row["metric"]] = value
    return found


def rows_of(task, found):
    """A row for each metric; found: {seed: (our scores, theirs)}."""
    rows = []
    for metric in RECIPES[task].metrics:
        seeds = sorted(found)
        row = {
            "task": task,
            "metric": metric,
            "seeds": seeds,
            "minibert": spread([found[seed][0][metric] for seed in seeds]),
            "transformers": spread([found[seed][1][metric] for seed in seeds]),
        }
        row["difference"] = row["minibert"]["mean"] - row["transformers"]["mean"]
        rows.append(row)
    return rows


def table(rows):
    """The rows as the README shows them."""
    lines = [
        "| task | metric | seeds | minibert | transformers | difference |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        sides = f"{cell(row['minibert'])} | {cell(row['transformers'])}"
        seeds = " ".join(map(str, row["seeds"]))
        told = f"{row['task']} | {row['metric']} | {seeds} | {sides} | {row['difference']:+.1f}"
        lines.append(f"| {told} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--squad", type=Path, help="folder with train-v1.1.json, ...")
    parser.add_argument("--ner", type=Path, help="folder with eng.train and eng.testa")
    parser.add_argument("--about", required=True, help="what data this is, for the result")
    parser.add_argument("--work", type=Path, default=Path("runs/token_table"))
    parser.add_argument("--tasks", nargs="+", choices=RECIPES, default=list(RECIPES))
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--output", type=Path, help="JSON; rows of other tasks in it are kept")
    args = parser.parse_args()
    folders = {task: args.ner if task == "ner" else args.squad for task in args.tasks}
    if None in folders.values():
        parser.error("--squad and --ner name the data of the --tasks")

    rows = []
    if args.output and args.output.is_file():
        rows = json.loads(args.output.read_text())["rows"]
    for task, data in folders.items():
        settings = settings_of(task)
        found = recorded(rows, task, settings)
        rows = [row for row in rows if row["task"] != task]
        for seed in args.seeds:
            if seed not in found:
                found[seed] = (
                    run_minibert(task, seed, data, args.work),
                    run_transformers(task, seed, data, args.work),
                )
        told = {"data": args.about, "settings": settings, "machine": machine()}  # of the last seed
        rows += [{**row, **told} for row in rows_of(task, found)]
        write_result(args.output, {"rows": rows})
    print(table(rows))


if __name__ == "__main__":
    main()
