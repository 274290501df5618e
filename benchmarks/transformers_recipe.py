"""BERT's own recipe around a model of `transformers`: what the other sides of the tables share.

AdamW with weight decay on all but biases and LayerNorm, warm-up over 10 % of the steps, linear
decay, clipping at 1.0, dynamic padding: so that what remains to be compared is the model and the
loop. Neither this file nor a `*_transformers.py` imports anything of `minibert`: a mistake there
cannot reach this side.
"""

import argparse
import json
import math
import random
import time
from importlib.metadata import version
from pathlib import Path

import torch
from transformers import AutoTokenizer


def parser(description, epochs, max_length):
    """The options that all tasks have."""
    options = argparse.ArgumentParser(description=description.split("\n")[0])
    options.add_argument("--model", required=True, help="directory with weights and tokenizer")
    options.add_argument("--epochs", type=int, default=epochs)
    options.add_argument("--batch-size", type=int, default=16)
    options.add_argument("--max-length", type=int, default=max_length)
    options.add_argument("--batching", choices=["random", "bucket"], default="random")
    options.add_argument("--lr", type=float, default=5e-5)
    options.add_argument("--precision", choices=["float32", "bfloat16"], default="float32")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--train-limit", type=int)
    options.add_argument("--output", type=Path, required=True)
    return options


def limited(rows, limit):
    """At most so many of the rows: random ones, but always the same, in the order of the file."""
    if not limit or limit >= len(rows):
        return rows
    return [rows[i] for i in sorted(random.Random(0).sample(range(len(rows)), limit))]


def load(kind, args, **sizes):
    """Tokenizer and model; from here on the seed decides: the head, the order, dropout."""
    torch.manual_seed(args.seed)
    return AutoTokenizer.from_pretrained(args.model), kind.from_pretrained(args.model, **sizes)


def autocast(args):
    return torch.autocast("cpu", torch.bfloat16, enabled=args.precision == "bfloat16")


def batches_of(rows, args, length):
    """An epoch's batches, in random order; with "bucket", rows of like length together.

    Of the shuffled rows, 50 batches' worth at a time are then sorted among themselves.
    """
    order = torch.randperm(len(rows)).tolist()
    if args.batching == "bucket":
        size = 50 * args.batch_size
        chunks = [order[start : start + size] for start in range(0, len(order), size)]
        order = [i for chunk in chunks for i in sorted(chunk, key=lambda i: length(rows[i]))]
    size = args.batch_size
    batches = [order[start : start + size] for start in range(0, len(order), size)]
    if args.batching == "bucket":
        batches = [batches[i] for i in torch.randperm(len(batches)).tolist()]
    return [[rows[i] for i in batch] for batch in batches]


def fine_tune(args, model, train, length, collate, evaluate, headline):
    """Train on the rows of `train`, write the best epoch's metrics to args.output.

    length(row) tells how long a row is; collate makes the model's arguments of some rows;
    evaluate() gives the dev set's metrics, of which `headline` decides which epoch is best.
    """
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

    epochs, losses, train_seconds = [], [], 0.0
    for _ in range(args.epochs):
        started = time.perf_counter()
        model.train()
        for rows in batches_of(train, args, length):
            with autocast(args):
                loss = model(**collate(rows)).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            losses.append(loss.item())
            if len(losses) % 50 == 0:
                recent = sum(losses[-50:]) / 50
                print(f"step {len(losses)} of {steps}, loss {recent:.3f}", flush=True)
        train_seconds += time.perf_counter() - started
        epochs.append(evaluate())
        print(args.output.stem, epochs[-1], flush=True)
    result = {
        "metrics": max(epochs, key=lambda metrics: metrics[headline]),
        "epochs": epochs,
        "train_examples": len(train),
        "steps": steps,
        "train_seconds": train_seconds,  # without evaluation
        "settings": {k: str(v) if isinstance(v, Path) else v for k, v in vars(args).items()},
        "versions": {name: version(name) for name in ("torch", "transformers", "tokenizers")},
        "threads": torch.get_num_threads(),
    }
    args.output.parent.mkdir(parents=True, exist_ok=True)
    args.output.write_text(json.dumps(result, indent=1) + "\n")
