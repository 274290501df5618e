"""Fine-tuning from settings to a finished run directory, for one seed or several."""

import statistics
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from minibert import checkpoint
from minibert.errors import ConfigError
from minibert.model import BertForSequenceClassification
from minibert.tasks import glue
from minibert.tasks.sequence import Example, Features
from minibert.tokenization import BertTokenizer
from minibert.training.board import need_tensorboard
from minibert.training.curves import draw_curves
from minibert.training.evaluation import evaluate
from minibert.training.health import find_warnings
from minibert.training.loop import train
from minibert.training.precision import Precision, choose_device, choose_precision
from minibert.training.report import write_report
from minibert.training.run import RunDirectory, make_room, read_log, write_json
from minibert.training.settings import GlueSettings


class Prepared(NamedTuple):
    """What the seeds of one experiment share."""

    task: glue.GlueTask
    tokenizer: BertTokenizer
    precision: Precision
    train_set: Features
    dev_set: Features
    test_set: Features | None
    dev_examples: list[Example]


def finetune_glue(settings: GlueSettings) -> Path:
    """Run `settings` and return the run directory; with `seeds` it holds a run each, and a summary.

    Raises a `MinibertError` for anything wrong with data, weights or settings, before anything in
    the output folder is touched.
    """
    task = glue.task_named(settings.task)
    output = settings.output or Path("runs") / task.name
    settings = replace(settings, task=task.name, output=output)
    source = checkpoint.find(settings.model)
    if output.resolve() in source.resolve().parents:
        raise ConfigError(f"--model {source} lies in --output {output}; choose another --output")
    if settings.tensorboard:
        need_tensorboard()
    prepared = _prepare(settings, task)
    model = _load_model(settings, prepared)  # before the output is touched: it may not fit
    make_room(output, settings.overwrite)

    if not settings.seeds:
        _run(settings, prepared, model, output)
        return output
    results = {}
    for seed in settings.seeds:
        print(f"\nseed {seed}")
        name = f"seed-{seed}"
        one = replace(settings, seed=seed, seeds=(), output=output / name)
        results[name] = _run(one, prepared, _load_model(one, prepared), output / name)
    summary = _summary(task, results)
    write_json(output / "summary.json", summary)
    print(f"\n{len(results)} seeds")
    for name, figures in summary["metrics"].items():
        print(f"  {name:9}", *(f" {key} {value:.4f}" for key, value in figures.items()))
    return output


def _prepare(settings: GlueSettings, task: glue.GlueTask) -> Prepared:
    device = choose_device(settings.device)
    precision = choose_precision(settings.precision, device)
    train_examples = task.examples("train", settings.train, settings.data)
    train_examples = glue.limited(train_examples, settings.train_limit)
    dev_examples = task.examples("dev", settings.dev, settings.data)
    tokenizer = BertTokenizer.from_pretrained(settings.model)
    train_set = Features(train_examples, tokenizer, settings.max_length)
    dev_set = Features(dev_examples, tokenizer, settings.max_length)
    test_set = None
    if settings.test is not None:
        test_set = Features(task.read(settings.test), tokenizer, settings.max_length)
    print(f"{task.name}: {len(train_set)} training and {len(dev_set)} dev examples")
    cut = train_set.truncated + dev_set.truncated
    if cut:
        print(f"{cut} of them are longer than {settings.max_length} word pieces and were cut")
    return Prepared(task, tokenizer, precision, train_set, dev_set, test_set, dev_examples)


def _load_model(settings: GlueSettings, prepared: Prepared) -> BertForSequenceClassification:
    """The model with a fresh head drawn by the seed."""
    torch.manual_seed(settings.seed)
    model = BertForSequenceClassification.from_pretrained(
        settings.model,
        num_labels=prepared.task.num_labels,
        attention=settings.attention,
        new_head=settings.new_head,
    )
    prepared.tokenizer.check_fits(model.config.vocab_size)
    if settings.max_length > model.config.max_position_embeddings:
        raise ConfigError(
            f"max_length {settings.max_length} is more than the model's "
            f"{model.config.max_position_embeddings} positions"
        )
    if prepared.task.label_names:
        model.label_names = prepared.task.label_names
    return model.to(prepared.precision.device)


def _run(
    settings: GlueSettings, prepared: Prepared, model: BertForSequenceClassification, path: Path
) -> dict[str, Any]:
    """One seed: train, and leave a finished run in `path`; returns what metrics.json holds."""
    task, tokenizer, precision, train_set, dev_set, test_set, dev_examples = prepared
    model.train()
    attention = model.bert.attention_choice(precision.device)
    assert model.load_table is not None
    print(f"weights    {settings.model}: {model.load_table.summary()}")
    print(f"device     {precision.device}")
    print(f"precision  {precision.name} ({precision.reason})")
    print(f"attention  {attention.way} ({attention.reason})")
    with RunDirectory(path, settings.as_json(), settings.tensorboard) as run:
        outcome = train(model, task, train_set, dev_set, settings, precision, run, tokenizer)
        seconds = outcome.train_seconds
        result = {
            "task": task.name,
            "metrics": outcome.best.metrics,
            "dev_loss": outcome.best.loss,
            "best_epoch": outcome.best_epoch,
            "epochs": settings.epochs,
            "seed": settings.seed,
            "train_examples": len(train_set),
            "dev_examples": len(dev_set),
            "truncated": train_set.truncated + dev_set.truncated,
            "train_seconds": round(seconds, 3),
            "train_examples_per_second": round(outcome.examples / seconds, 2),
            "tokens_per_second": round(outcome.tokens / seconds, 1),
            "parameters": sum(parameter.numel() for parameter in model.parameters()),
            "device": str(precision.device),
            "precision": precision.name,
            "attention": attention.way,
        }
    title = f"{task.name}, seed {settings.seed}"
    log = read_log(path / "log.jsonl")
    warnings = find_warnings(
        log,
        task.label_names,
        outcome.best.logits,
        np.array([example.label for example in dev_examples]),
        fresh_head=any(not name.startswith("bert.") for name in model.load_table.new),
        cut_share=(train_set.truncated + dev_set.truncated) / (len(train_set) + len(dev_set)),
        max_length=settings.max_length,
    )
    result["warnings"] = warnings
    draw_curves(log, path / "curves.png", title)
    print(write_report(path, title, task.label_names, dev_examples, outcome.best.logits, warnings))
    for warning in warnings:
        print(f"warning: {warning}")
    metrics = _in_words(outcome.best.metrics)
    print(f"best: epoch {outcome.best_epoch}  {metrics}  ({seconds:.0f} s)  in {path}")
    if test_set is not None:
        best = BertForSequenceClassification.from_pretrained(path, attention=settings.attention)
        found = evaluate(best.to(precision.device), task, test_set, precision)
        result["test_metrics"] = found.metrics
        print(f"test: {_in_words(found.metrics)}")
    task.write_predictions(path / "predictions.tsv", dev_examples, outcome.best.logits)
    write_json(path / "metrics.json", result)  # last: a run that has it is complete
    return result


def _in_words(metrics: dict[str, float]) -> str:
    return "  ".join(f"{name} {value:.4f}" for name, value in metrics.items())


def _summary(task: glue.GlueTask, results: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Mean, standard deviation (n - 1), least and most of each metric, and the best seed's run."""
    metrics = {}
    for name in task.metric_names:
        values = [result["metrics"][name] for result in results.values()]
        metrics[name] = {
            "mean": statistics.fmean(values),
            "sd": statistics.stdev(values) if len(values) > 1 else 0.0,
            "min": min(values),
            "max": max(values),
        }
    best = max(results, key=lambda name: task.score(results[name]["metrics"]))
    runs = {name: result["metrics"] for name, result in results.items()}
    return {"task": task.name, "metrics": metrics, "best": best, "runs": runs}
