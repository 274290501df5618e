"""One GLUE fine-tuning run with `transformers`, written without minibert.

    python benchmarks/glue_transformers.py --task mrpc --data GLUE --seed 1 --output mrpc-1.json

The recipe is that of `transformers_recipe.py`.
"""

from pathlib import Path

import numpy
import torch
from scipy.stats import pearsonr, spearmanr
from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef
from transformers import BertForSequenceClassification
from transformers_recipe import autocast, fine_tune, limited, load, parser

# task: (folder, sentence columns, label column, number of outputs); CoLA's have no header
TASKS = {
    "cola": ("CoLA", [3], 1, 2),
    "sst-2": ("SST-2", ["sentence"], "label", 2),
    "mrpc": ("MRPC", ["#1 String", "#2 String"], "Quality", 2),
    "sts-b": ("STS-B", ["sentence1", "sentence2"], "score", 1),
    "rte": ("RTE", ["sentence1", "sentence2"], "label", 2),
}
NAMED = {"entailment": 0.0, "not_entailment": 1.0}


def read(path, columns, label):
    """Rows of a GLUE file as (texts, label); quotes are ordinary characters there."""
    lines = path.read_text(encoding="utf-8-sig").rstrip("\n").split("\n")
    if isinstance(label, str):
        header = lines.pop(0).split("\t")
        columns, label = [header.index(c) for c in columns], header.index(label)
    cells = [line.split("\t") for line in lines]
    labels = [NAMED[row[label]] if row[label] in NAMED else float(row[label]) for row in cells]
    return [([row[c] for c in columns], y) for row, y in zip(cells, labels, strict=True)]


def collate(tokenizer, rows, outputs, max_length):
    """One padded batch."""
    texts = zip(*(texts for texts, _ in rows), strict=True)
    batch = tokenizer(
        *map(list, texts),
        truncation="longest_first",
        max_length=max_length,
        padding="longest",
        return_tensors="pt",
    )
    kind = torch.float if outputs == 1 else torch.long
    batch["labels"] = torch.tensor([label for _, label in rows], dtype=kind)
    return batch


@torch.no_grad()
def evaluate(model, tokenizer, rows, outputs, args):
    """The task's metrics over all rows."""
    model.eval()
    logits = []
    for start in range(0, len(rows), 64):
        batch = collate(tokenizer, rows[start : start + 64], outputs, args.max_length)
        batch.pop("labels")
        with autocast(args):
            logits.append(model(**batch).logits.float().numpy())
    logits = numpy.concatenate(logits)
    gold = numpy.array([label for _, label in rows])
    if outputs == 1:
        return {
            "pearson": float(pearsonr(logits[:, 0], gold).statistic),
            "spearman": float(spearmanr(logits[:, 0], gold).statistic),
        }
    guess = logits.argmax(-1)
    return {
        "accuracy": float(accuracy_score(gold, guess)),
        "f1": float(f1_score(gold, guess)),
        "matthews": float(matthews_corrcoef(gold, guess)),
    }


def main():
    options = parser(__doc__, epochs=3, max_length=128)
    options.add_argument("--task", choices=TASKS, required=True)
    options.add_argument("--data", type=Path, required=True, help="the GLUE folder")
    args = options.parse_args()

    folder, columns, label, outputs = TASKS[args.task]
    train = limited(read(args.data / folder / "train.tsv", columns, label), args.train_limit)
    dev = read(args.data / folder / "dev.tsv", columns, label)
    tokenizer, model = load(BertForSequenceClassification, args, num_labels=outputs)
    fine_tune(
        args,
        model,
        train,
        lambda row: sum(map(len, row[0])),
        lambda rows: collate(tokenizer, rows, outputs, args.max_length),
        lambda: evaluate(model, tokenizer, dev, outputs, args),
        {"cola": "matthews", "sts-b": "pearson"}.get(args.task, "accuracy"),
    )


if __name__ == "__main__":
    main()
