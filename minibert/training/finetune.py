"""Fine-tuning from settings to a finished run directory, for one seed or several.

Every kind of task goes this one way; `tasks.kinds` says what its settings mean.
"""

import statistics
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from minibert import checkpoint
from minibert.checkpoint.disk import write_atomically, write_json
from minibert.errors import ConfigError, RunError
from minibert.model.bert import BertWithHead
from minibert.model.heads import Classifier
from minibert.tasks.kinds import task_of
from minibert.training.checkpoints import remove_checkpoints
from minibert.training.evaluation import evaluate, score
from minibert.training.learner import Learner
from minibert.training.loop import Outcome, train
from minibert.training.precision import Precision
from minibert.training.prepare import Prepared, load_model, name_labels, prepare
from minibert.training.processes import Processes, joined
from minibert.training.protocols import FeatureSet, WholeTask
from minibert.training.rehearsal import overfit_batch, try_rates
from minibert.training.reports.board import need_tensorboard
from minibert.training.reports.curves import draw_curves, split
from minibert.training.reports.health import find_warnings
from minibert.training.resume import find_checkpoint
from minibert.training.run import (
    RunDirectory,
    is_complete,
    make_room,
    read_json,
    read_log,
)
from minibert.training.settings import Settings


def fine_tune(settings: Settings) -> Path:
    """Run `settings` and return the run directory; with `seeds` it holds a run each, and a summary.

    Raises a `MinibertError` for anything wrong with data, weights or settings, before anything in
    the output folder is touched, and `Stopped` where a signal stopped it.
    """
    task = task_of(settings.as_json())
    output = settings.output or Path("runs") / task.name
    settings = replace(settings, output=output)
    source = checkpoint.find(settings.model)
    if output.resolve() in source.resolve().parents:
        raise ConfigError(f"--model {source} lies in --output {output}; choose another --output")
    if settings.tensorboard:
        need_tensorboard()
    with joined() as processes:
        prepared = prepare(settings, task)
        model = load_model(settings, prepared)  # before the output is touched: it may not fit
        train_set, precision = prepared.train_set, prepared.precision
        if settings.overfit_batch:
            overfit_batch(model, prepared.task, train_set, settings, precision)
            return output
        if processes.writes:
            make_room(output, settings.overwrite, resume=settings.resume is not None)
        processes.wait()
        if settings.lr_range_test:
            try_rates(model, prepared.task, train_set, settings, precision, output)
        elif settings.seeds:
            _run_seeds(settings, prepared, output, processes)
        else:
            _run(settings, prepared, model, output, processes)
    return output


def _run_seeds(settings: Settings, prepared: Prepared, output: Path, processes: Processes) -> None:
    """A run for each seed, and their mean and deviation."""
    results = {}
    for seed in settings.seeds:
        print(f"\nseed {seed}")
        path = output / f"seed-{seed}"
        one = replace(settings, seed=seed, seeds=(), output=path)
        results[path.name] = _run(one, prepared, load_model(one, prepared), path, processes)
    summary = _summary(prepared.task, results, settings.best_by)
    if processes.writes:
        write_json(output / "summary.json", summary)
    print(f"\n{len(results)} seeds")
    for name, figures in summary["metrics"].items():
        print(f"  {name:9}", *(f" {key} {value:.4f}" for key, value in figures.items()))


def _run(
    settings: Settings,
    prepared: Prepared,
    model: BertWithHead[Any],
    path: Path,
    processes: Processes,
) -> dict[str, Any]:
    """One seed: train, and leave a finished run in `path`; returns what metrics.json holds."""
    if settings.resume is not None and is_complete(path):
        print(f"{path} is complete; nothing to resume")
        return read_json(path / "metrics.json")
    found = None if settings.resume is None else find_checkpoint(settings, path)
    task, precision = prepared.task, prepared.precision
    with precision.autocast():
        attention = model.train().bert.attention_choice(precision.device)
    assert model.load_table is not None
    print(f"weights    {settings.model}: {model.load_table.summary()}")
    if isinstance(model, Classifier) and task.label_names:
        name_labels(model, task.label_names, model.load_table)
    print(f"device     {precision.device}")
    print(f"precision  {precision.name} ({precision.reason})")
    print(f"attention  {attention.way} ({attention.reason})")
    if processes.rank:
        torch.manual_seed(settings.seed + processes.rank)  # other dropout than the first process's
    learner = Learner.start(model, task, settings, precision, processes)
    # Enough for `task_of` to make the task again.
    written = {**settings.as_json(), "task": task.name, **task.facts()}
    lengths = None if found is None else found.state["lengths"]
    with RunDirectory(path, written, lengths, settings.tensorboard, processes.writes) as run:
        outcome = train(
            learner, prepared.train_set, prepared.dev_set, run, prepared.tokenizer, found
        )
    if processes.writes:
        write_atomically(path / "data.txt", prepared.report())
        _conclude(settings, prepared, model, outcome, path)
    processes.wait()
    return read_json(path / "metrics.json")


def _conclude(
    settings: Settings,
    prepared: Prepared,
    trained: BertWithHead[Any],
    outcome: Outcome,
    path: Path,
) -> None:
    """Load the best model as anyone would, and write what is to be said about it."""
    task, _, precision, train_set, dev_set, more, test_set, dev_examples = prepared
    best = task.model.from_pretrained(path, attention=settings.attention).to(precision.device)
    dev = evaluate(best, task, dev_set, precision)
    metrics = dev.metrics | evaluate_more(best, task, more, precision)
    log = read_log(path / "log.jsonl")
    if not split(log)[0]:
        raise RunError(f"{path}: no batch had a loss that is a number; nothing was learnt")
    assert trained.load_table is not None
    warnings = find_warnings(
        log,
        task.signs(dev.outputs, dev_set),
        fresh_head=any(not name.startswith("bert.") for name in trained.load_table.new),
        cut_share=(train_set.truncated + dev_set.truncated) / (len(train_set) + len(dev_set)),
        max_length=settings.max_length,
    )
    seconds = outcome.train_seconds
    with precision.autocast():
        attention = trained.bert.attention_choice(precision.device)
    result: dict[str, Any] = {
        "task": task.name,
        "metrics": metrics,
        "chosen": task.chosen(dev.outputs),
        "dev_loss": dev.loss,
        "best_epoch": outcome.best_epoch,
        "best_step": outcome.best_step,
        "epochs": settings.epochs,
        "steps": outcome.steps,
        "seed": settings.seed,
        "train_examples": len(train_set),
        "dev_examples": len(dev_set),
        "truncated": train_set.truncated + dev_set.truncated,
        "train_seconds": round(seconds, 3),
        "train_examples_per_second": round(outcome.examples / seconds, 2),
        "tokens_per_second": round(outcome.tokens / seconds, 1),
        "parameters": sum(parameter.numel() for parameter in best.parameters()),
        "device": str(precision.device),
        "precision": precision.name,
        "attention": attention.way,
        "warnings": warnings,
    }
    if test_set is not None:
        settled = task.settled(result["chosen"])
        result["test_metrics"] = evaluate(best, settled, test_set, precision).metrics
    title = f"{task.name}, seed {settings.seed}"
    draw_curves(log, path / "curves.png", title)
    print(task.write_results(path, title, dev_examples, dev.outputs, warnings))
    for warning in warnings:
        print(f"warning: {warning}")
    print(f"best: epoch {outcome.best_epoch}  {_in_words(metrics)}  ({seconds:.0f} s)  in {path}")
    if test_set is not None:
        print(f"test: {_in_words(result['test_metrics'])}")
    write_json(path / "metrics.json", result)  # last: a run that has it is complete
    remove_checkpoints(path / "checkpoints")


def evaluate_more(
    model: BertWithHead[Any],
    task: WholeTask,
    sets: dict[str, FeatureSet],
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


def _summary(
    task: WholeTask, results: dict[str, dict[str, Any]], best_by: str | None
) -> dict[str, Any]:
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
    scores = {n: score(r["dev_loss"], r["metrics"], task, best_by) for n, r in results.items()}
    best = max(scores, key=scores.__getitem__)
    return {"task": task.name, "metrics": metrics, "best": best, "runs": runs}
