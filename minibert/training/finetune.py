"""Fine-tuning from settings to a finished run directory, for one seed or several.

Every kind of task goes this one way; `tasks.kinds` says what its settings mean.
"""

import statistics
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import torch

from minibert import checkpoint
from minibert.errors import ConfigError
from minibert.model import BertForSequenceClassification
from minibert.tasks.kinds import task_of
from minibert.tasks.labels import fit_labels
from minibert.tasks.sequence import Example, Features, SequenceTask
from minibert.tasks.sources import Sources, limited
from minibert.tokenization import BertTokenizer
from minibert.training.curves import draw_curves
from minibert.training.evaluation import evaluate
from minibert.training.loop import train
from minibert.training.precision import Precision, choose_device, choose_precision
from minibert.training.run import RunDirectory, make_room, write_json
from minibert.training.settings import Settings


class Prepared(NamedTuple):
    """What the seeds of one experiment share."""

    task: SequenceTask
    tokenizer: BertTokenizer
    precision: Precision
    train_set: Features
    dev_set: Features
    more_dev_sets: dict[str, Features]  # evaluated at the end; MNLI's mismatched one
    test_set: Features | None
    dev_examples: list[Example]


def fine_tune(settings: Settings) -> Path:
    """Run `settings` and return the run directory; with `seeds` it holds a run each, and a summary.

    Raises a `MinibertError` for anything wrong with data, weights or settings, before anything in
    the output folder is touched.
    """
    task = task_of(settings.as_json())
    output = settings.output or Path("runs") / task.name
    settings = replace(settings, output=output)
    source = checkpoint.find(settings.model)
    if output.resolve() in source.resolve().parents:
        raise ConfigError(f"--model {source} lies in --output {output}; choose another --output")
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


def _prepare(settings: Settings, task: SequenceTask) -> Prepared:
    device = choose_device(settings.device)
    precision = choose_precision(settings.precision, device)
    tokenizer = BertTokenizer.from_pretrained(settings.model)
    sources = Sources.of(settings.as_json())
    task = task.prepared(sources)

    def features(examples: list[Example]) -> Features:
        return task.features(examples, tokenizer, settings.max_length)

    train_set = features(limited(task.examples("train", sources), settings.train_limit))
    dev_examples = task.examples("dev", sources)
    dev_set = features(dev_examples)
    more = {s: features(task.examples(s, sources)) for s in task.more_dev_splits(sources)}
    test_set = None if settings.test is None else features(task.read(settings.test))
    print(f"{task.name}: {len(train_set)} training and {len(dev_set)} dev examples")
    cut = train_set.truncated + dev_set.truncated
    if cut:
        print(f"{cut} of them are longer than {settings.max_length} word pieces and were cut")
    return Prepared(task, tokenizer, precision, train_set, dev_set, more, test_set, dev_examples)


def _load_model(settings: Settings, prepared: Prepared) -> BertForSequenceClassification:
    """The model with its own head, or a fresh one drawn by the seed."""
    task = prepared.task
    torch.manual_seed(settings.seed)
    model = task.model.from_pretrained(
        settings.model,
        num_labels=task.num_labels,
        attention=settings.attention,
        new_head=settings.new_head,
    )
    prepared.tokenizer.check_fits(model.config.vocab_size)
    if settings.max_length > model.config.max_position_embeddings:
        raise ConfigError(
            f"max_length {settings.max_length} is more than the model's "
            f"{model.config.max_position_embeddings} positions"
        )
    return model.to(prepared.precision.device)


def _run(
    settings: Settings, prepared: Prepared, model: BertForSequenceClassification, path: Path
) -> dict[str, Any]:
    """One seed: train, and leave a finished run in `path`; returns what metrics.json holds."""
    task, tokenizer, precision, train_set, dev_set, more, test_set, dev_examples = prepared
    model.train()
    attention = model.bert.attention_choice(precision.device)
    assert model.load_table is not None
    print(f"weights    {settings.model}: {model.load_table.summary()}")
    if task.label_names:
        _name_labels(model, task.label_names, model.load_table)
    print(f"device     {precision.device}")
    print(f"precision  {precision.name} ({precision.reason})")
    print(f"attention  {attention.way} ({attention.reason})")
    with RunDirectory(path, _written(settings, task)) as run:
        outcome = train(model, task, train_set, dev_set, settings, precision, run, tokenizer)
        seconds = outcome.train_seconds
        metrics = dict(outcome.best.metrics)
        result: dict[str, Any] = {
            "task": task.name,
            "metrics": metrics,
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
    if more or test_set is not None:
        best = task.model.from_pretrained(path, attention=settings.attention)
        best = best.to(precision.device)
        metrics |= evaluate_more(best, task, more, precision)
    if test_set is not None:
        result["test_metrics"] = evaluate(best, task, test_set, precision).metrics
        print(f"test: {_in_words(result['test_metrics'])}")
    assert dev_set.labels is not None
    result["warnings"] = task.doubts(outcome.best.logits, dev_set.labels.numpy())
    for warning in result["warnings"]:
        print(f"warning: {warning}")
    found = _in_words(metrics)
    print(f"best: epoch {outcome.best_epoch}  {found}  ({seconds:.0f} s)  in {path}")
    task.write_predictions(path / "predictions.tsv", dev_examples, outcome.best.logits)
    draw_curves(path / "log.jsonl", path / "curves.png", f"{task.name}, seed {settings.seed}")
    write_json(path / "metrics.json", result)  # last: a run that has it is complete
    return result


def _written(settings: Settings, task: SequenceTask) -> dict[str, Any]:
    """What settings.json holds: enough for `task_of` to make the task again."""
    return {**settings.as_json(), "task": task.name, **task.facts()}


def _name_labels(
    model: BertForSequenceClassification, names: tuple[str, ...], table: checkpoint.LoadTable
) -> None:
    """Give the model the task's classes; a head that came with its own is put in their order."""
    if "classifier.weight" not in table.new:
        note = fit_labels(model.classifier, model.label_names, names)
        if note:
            print(f"labels     {note}")
    model.label_names = names


def evaluate_more(
    model: BertForSequenceClassification,
    task: SequenceTask,
    sets: dict[str, Features],
    precision: Precision,
) -> dict[str, float]:
    """The metrics of further dev sets, under names that tell them apart: "mismatched_accuracy"."""
    return {
        f"{split.removeprefix('dev_')}_{name}": value
        for split, features in sets.items()
        for name, value in evaluate(model, task, features, precision).metrics.items()
    }


def _in_words(metrics: dict[str, float]) -> str:
    return "  ".join(f"{name} {value:.4f}" for name, value in metrics.items())


def _summary(task: SequenceTask, results: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Mean, standard deviation (n - 1), least and most of each metric, and the best seed's run."""
    runs = {name: result["metrics"] for name, result in results.items()}
    metrics = {}
    for name in next(iter(runs.values())):
        values = [run[name] for run in runs.values()]
        metrics[name] = {
            "mean": statistics.fmean(values),
            "sd": statistics.stdev(values) if len(values) > 1 else 0.0,
            "min": min(values),
            "max": max(values),
        }
    best = max(runs, key=lambda name: task.score(runs[name]))
    return {"task": task.name, "metrics": metrics, "best": best, "runs": runs}
