"""Exact resume: a run that was stopped goes on as if nothing had happened.

What it needs is saved between two steps: weights, the optimizer's and the scaler's state, the
generators of all processes, where the loop stands, and how long the logs are. Rates and the order
of batches are functions of where the loop stands. Under the same versions, threads and processes
the resumed run gives the same weights and the same log, bit for bit.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from minibert.errors import RunError
from minibert.training.checkpoints import (
    TrainingCheckpoint,
    newest_valid,
    read_checkpoint,
    write_checkpoint,
)
from minibert.training.learner import Learner
from minibert.training.protocols import FeatureSet
from minibert.training.random_state import RandomState, random_state, restore_random_state
from minibert.training.run import RunDirectory, environment, read_json
from minibert.training.settings import Settings
from minibert.training.state import State

# A run may go on under another value of these; all others decide what it computes.
FREE = ("output", "overwrite", "resume", "checkpoint_every", "keep_checkpoints", "device")


def find_checkpoint(settings: Settings, path: Path) -> TrainingCheckpoint | None:
    """What the run in `path` is to be resumed from; None: there is nothing, start afresh.

    Prints what was passed over, and what makes bit equality impossible. Raises `RunError` if the
    run was started with other settings.
    """
    assert settings.resume is not None
    if settings.resume == "auto":
        found, passed_over = newest_valid(path / "checkpoints")
        for reason in passed_over:
            print(f"passed over  {reason}")
    else:
        found = read_checkpoint(Path(settings.resume))
    if found is None:
        print(f"no checkpoint in {path}: from the beginning")
        return None
    before = read_json(path / "settings.json")
    now = settings.as_json()
    changed = [name for name in now if name not in FREE and before.get(name) != _json(now[name])]
    if changed:
        listed = ", ".join(f"{name} was {before.get(name)}, is {now[name]}" for name in changed)
        raise RunError(f"{path} was started with other settings: {listed}")
    other = _differing(before.get("environment"), environment())
    if other:
        print(f"under another {', '.join(other)} than before: equal up to rounding, not bit by bit")
    print(f"resumed from {found.path}, step {found.step}")
    return found


def save(run: RunDirectory, state: State, learner: Learner, train_set: FeatureSet) -> None:
    """Write a checkpoint of the state between two steps. Every process must come here."""
    generators = learner.processes.gather([random_state()])
    if not run.writes:
        return
    parts: dict[str, Mapping[str, Tensor]] = {
        "model": learner.model.state_dict(),
        "optimizer": {
            f"{number}.{name}": value
            for number, values in learner.optimizer.state_dict()["state"].items()
            for name, value in values.items()
        },
    }
    parts |= {f"random_{rank}": saved.tensors for rank, saved in enumerate(generators)}
    about = {
        "loop": asdict(state),
        "scaler": learner.scaler.state_dict(),
        "random": [saved.state for saved in generators],
        "lengths": run.lengths,
        "train_set": fingerprint(train_set),
    }
    write_checkpoint(run.checkpoints, state.step, parts, about, learner.settings.keep_checkpoints)


def restore(found: TrainingCheckpoint, learner: Learner, train_set: FeatureSet) -> State:
    """Put everything back where `save` found it; returns where the loop stood.

    Raises `RunError` if the checkpoint belongs to another model or other training data.
    """
    if found.state["train_set"] != fingerprint(train_set):
        raise RunError(f"{found.path}: the training data is not that of the run")
    try:
        learner.model.load_state_dict(found.part("model"))
        states: dict[int, dict[str, Tensor]] = {}
        for key, value in found.part("optimizer").items():
            number, _, name = key.partition(".")
            states.setdefault(int(number), {})[name] = value
        groups = learner.optimizer.state_dict()["param_groups"]
        learner.optimizer.load_state_dict({"state": states, "param_groups": groups})
    except (RuntimeError, ValueError, KeyError) as error:
        raise RunError(f"{found.path}: of another model ({error})") from error
    learner.scaler.load_state_dict(found.state["scaler"])
    generators, processes = found.state["random"], learner.processes
    if len(generators) == processes.count:
        tensors = found.part(f"random_{processes.rank}")
        restore_random_state(RandomState(tensors, generators[processes.rank]))
    else:
        print(f"{processes.count} processes, {len(generators)} before: other dropout, same batches")
        torch.manual_seed(torch.initial_seed() + found.step)
    return State(**found.state["loop"])


def fingerprint(train_set: FeatureSet) -> str:
    """A checksum of the training data: its word pieces and, where they are tensors, its labels."""
    digest = hashlib.sha256(train_set.lengths.tobytes())
    digest.update(train_set.ids.tobytes())
    if isinstance(train_set.labels, Tensor):
        digest.update(train_set.labels.numpy().tobytes())
    return digest.hexdigest()


def _json(value: object) -> object:
    """A setting as it comes back from a JSON file."""
    return list(value) if isinstance(value, tuple) else value


def _differing(before: Any, now: dict[str, Any]) -> list[str]:
    if not isinstance(before, dict):
        return ["environment"]
    return [name for name in now if before.get(name) != now[name]]
