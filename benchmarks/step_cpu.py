"""Seconds for a training step and for inference on the CPU: minibert beside `transformers`.

    python benchmarks/step_cpu.py --output benchmarks/results/step_cpu.json

Both have the same sizes (those of MiniLM by default), the same ragged batch and dropout 0.1. The
variants take turns within every round, so that whatever else the machine does hits all alike, and
the median over the rounds counts. This is where the choices of `--attention auto` and
`--precision auto` come from.
"""

import argparse
import statistics
import time
from dataclasses import replace
from pathlib import Path

import torch
from common import machine, write_result
from transformers import BertConfig as TheirConfig
from transformers import BertForSequenceClassification as TheirModel

from minibert import BertConfig, BertForSequenceClassification
from minibert.model.functional import cross_entropy

SIZES = {
    "minilm": replace(
        BertConfig(),
        hidden_size=384,
        num_hidden_layers=6,
        num_attention_heads=12,
        intermediate_size=1536,
    ),
    "base": BertConfig.base(),
}


def make_variants(config):
    """{name: (model, uses bfloat16)}"""
    shared = {name: getattr(config, name) for name in config.__dataclass_fields__}
    variants = {}
    for precision in ("float32", "bfloat16"):
        for way in ("math", "sdpa"):
            model = BertForSequenceClassification(config, attention=way)
            variants[f"minibert {way} {precision}"] = model, precision == "bfloat16"
        for way in ("eager", "sdpa"):
            model = TheirModel(TheirConfig(**shared, attn_implementation=way))
            variants[f"transformers {way} {precision}"] = model, precision == "bfloat16"
    return variants


def make_batch(batch, length, vocab_size):
    """Lengths spread evenly from half of `length` to all of it: a quarter is padding."""
    lengths = torch.linspace(length // 2, length, batch).long()
    mask = (torch.arange(length) < lengths[:, None]).long()
    input_ids = torch.randint(1, vocab_size, (batch, length)) * mask
    return {"input_ids": input_ids, "attention_mask": mask}, torch.arange(batch) % 2


def training_step(model, inputs, labels, low):
    model.train()
    with torch.autocast("cpu", torch.bfloat16, enabled=low):
        logits = model(**inputs).logits
    cross_entropy(logits.float(), labels).backward()
    model.zero_grad()


def inference(model, inputs, labels, low):
    model.eval()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=low):
        model(**inputs)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--size", choices=SIZES, default="minilm")
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--length", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()

    config = SIZES[args.size]
    inputs, labels = make_batch(args.batch_size, args.length, config.vocab_size)
    rows = {}
    for kind, work in (("training", training_step), ("inference", inference)):
        variants = make_variants(config)
        seconds = {name: [] for name in variants}
        for number in range(args.rounds + 1):
            for name, (model, low) in variants.items():
                started = time.perf_counter()
                work(model, inputs, labels, low)
                if number:  # the first round warms up
                    seconds[name].append(time.perf_counter() - started)
        rows[kind] = {name: statistics.median(times) for name, times in seconds.items()}

    print(f"{'seconds, median of ' + str(args.rounds):32}{'training':>10}{'inference':>10}")
    for name in rows["training"]:
        print(f"{name:32}{rows['training'][name]:10.3f}{rows['inference'][name]:10.3f}")
    result = {
        "size": args.size,
        "batch_size": args.batch_size,
        "length": args.length,
        "seconds": rows,
        **machine(),
    }
    write_result(args.output, result)


if __name__ == "__main__":
    main()
