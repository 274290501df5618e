"""One GLUE fine-tuning run with `transformers`, written without minibert.

    python benchmarks/glue_transformers.py --task mrpc --data GLUE --seed 1 --output mrpc-1.json

The recipe is BERT's own (AdamW, weight decay on all but biases and LayerNorm, 10 % warm-up, linear
decay, clipping at 1.0, dynamic padding) so that what remains to be compared is the model
and the loop. This file imports nothing of `minibert`: a mistake there cannot reach this side.
"""

import argparse
import json
import math
import random
import time
from pathlib import Path

import numpy
import torch
from scipy.stats import pearsonr, spearmanr
from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef
from transformers import AutoTokenizer, BertForSequenceClassification

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
def evaluate(model, tokenizer, rows, outputs, max_length, autocast):
    """The task's metrics over all rows."""
    model.eval()
    logits = []
    for start in range(0, len(rows), 64):
        batch = collate(tokenizer, rows[start : start + 64], outputs, max_length)
        batch.pop("labels")
        with autocast():
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
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--task", choices=TASKS, required=True)
    parser.add_argument("--data", type=Path, required=True, help="the GLUE folder")
    parser.add_argument("--model", required=True, help="directory with weights and tokenizer")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--max-length", type=int, default=128)
    parser.add_argument("--lr", type=float, default=5e-5)
    parser.add_argument("--precision", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--train-limit", type=int)
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args()

    folder, columns, label, outputs = TASKS[args.task]
    train = read(args.data / folder / "train.tsv", columns, label)
    dev = read(args.data / folder / "dev.tsv", columns, label)
    if args.train_limit and args.train_limit < len(train):
        kept = sorted(random.Random(0).sample(range(len(train)), args.train_limit))
        train = [train[i] for i in kept]

    torch.manual_seed(args.seed)
    tokenizer = AutoTokenizer.from_pretrained(args.model)
    model = BertForSequenceClassification.from_pretrained(args.model, num_labels=outputs)
    plain = ("bias", "LayerNorm.weight")
    named = list(model.named_parameters())
    optimizer = torch.optim.AdamW(
        [
            {"params": [p for n, p in named if not n.endswith(plain)], "weight_decay": 0.01},
            {"params": [p for n, p in named if n.endswith(plain)], "weight_decay": 0.0},
        ],
        lr=args.lr,
    )
    steps = args.epochs * math.ceil(len(train) / args.batch_size)
    warmup = math.ceil(0.1 * steps)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda s: s / warmup if s < warmup else (steps - s) / (steps - warmup),
    )

    def autocast():
        return torch.autocast("cpu", torch.bfloat16, enabled=args.precision == "bfloat16")

    started = time.perf_counter()
    epochs = []
    for _ in range(args.epochs):
        model.train()
        order = torch.randperm(len(train)).tolist()
        for start in range(0, len(order), args.batch_size):
            rows = [train[i] for i in order[start : start + args.batch_size]]
            with autocast():
                loss = model(**collate(tokenizer, rows, outputs, args.max_length)).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
        epochs.append(evaluate(model, tokenizer, dev, outputs, args.max_length, autocast))
        print(args.task, "seed", args.seed, epochs[-1], flush=True)
    headline = {"cola": "matthews", "sts-b": "pearson"}.get(args.task, "accuracy")
    result = {
        "task": args.task,
        "seed": args.seed,
        "precision": args.precision,
        "metrics": max(epochs, key=lambda m: m[headline]),
        "epochs": epochs,
        "train_seconds": time.perf_counter() - started,
    }
    args.output.parent.mkdir(parents=True, exist_ok=True)
    args.output.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
