"""GLUE dev scores of minibert beside `transformers`: same weights, settings and seeds.

    python benchmarks/glue_table.py --data GLUE --work runs/glue_table \
        --output benchmarks/results/glue_table.json

Each run is a process of its own: `minibert finetune glue`, or `glue_transformers.py`, which
imports nothing of minibert. A run whose result is already in --work is not repeated, so the script
can be stopped and started again. The sides take turns; where nothing else runs, with a new --work,
--timed notes the minutes as well.
"""

import argparse
import json
from pathlib import Path

from common import cell, machine, python, spread, write_result

from minibert.checkpoint import find

# task: (options, metrics shown)
RECIPES = {
    "cola": (["--epochs", "3"], ["matthews"]),
    "rte": (["--epochs", "3"], ["accuracy"]),
    "mrpc": (["--epochs", "3"], ["accuracy", "f1"]),
    "sts-b": (["--epochs", "3"], ["pearson", "spearman"]),
    "sst-2": (["--epochs", "1", "--train-limit", "16000"], ["accuracy"]),
}
SHARED = ["--batch-size", "16", "--lr", "5e-5", "--max-length", "128", "--precision", "bfloat16"]


def run_minibert(task, seed, args):
    """What one of our runs found: metrics, train_seconds."""
    output = args.work / "minibert" / f"{task}-{seed}"
    if not (output / "metrics.json").is_file():
        command = ["-m", "minibert", "finetune", "glue", "--task", task, "--data", args.data]
        command += ["--model", "minilm", "--seed", seed, "--output", output, "--overwrite"]
        python(*command, *SHARED, *RECIPES[task][0])
    return json.loads((output / "metrics.json").read_text())


def run_transformers(task, seed, args):
    """What one of theirs found."""
    output = args.work / "transformers" / f"{task}-{seed}.json"
    if not output.is_file():
        command = [Path(__file__).with_name("glue_transformers.py"), "--task", task]
        command += ["--data", args.data, "--model", find("minilm")]
        command += ["--seed", seed, "--output", output]
        python(*command, *SHARED, *RECIPES[task][0])
    return json.loads(output.read_text())


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="the GLUE folder")
    parser.add_argument("--work", type=Path, default=Path("runs/glue_table"))
    parser.add_argument("--tasks", nargs="+", choices=RECIPES, default=list(RECIPES))
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--timed", action="store_true", help="nothing else runs: note the minutes")
    parser.add_argument("--output", type=Path, help="JSON; rows of other tasks in it are kept")
    args = parser.parse_args()

    rows = []
    if args.output and args.output.is_file():
        kept = json.loads(args.output.read_text())["rows"]
        rows = [row for row in kept if row["task"] not in args.tasks]
    for task in args.tasks:
        found = {"minibert": [], "transformers": []}
        for seed in args.seeds:
            found["minibert"].append(run_minibert(task, seed, args))
            found["transformers"].append(run_transformers(task, seed, args))
        for metric in RECIPES[task][1]:
            row = {"task": task, "metric": metric, "seeds": args.seeds}
            for side, results in found.items():
                row[side] = spread([result["metrics"][metric] for result in results])
                if args.timed:
                    row[side]["minutes"] = [result["train_seconds"] / 60 for result in results]
            rows.append(row)

    print("| task | metric | seeds | minibert | transformers |\n|---|---|---|---|---|")
    for row in rows:
        seeds = " ".join(map(str, row["seeds"]))
        print(
            f"| {row['task']} | {row['metric']} | {seeds} | {cell(row['minibert'], 100)} ", end=""
        )
        print(f"| {cell(row['transformers'], 100)} |")
        for side in ("minibert", "transformers"):
            if "minutes" in row[side]:
                print(side, "minutes:", *(f"{time:.1f}" for time in row[side]["minutes"]))
    result = {
        "rows": rows,
        "settings": SHARED,
        "recipes": {task: options for task, (options, _) in RECIPES.items()},
        **machine(),
    }
    write_result(args.output, result)


if __name__ == "__main__":
    main()
