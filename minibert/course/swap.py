"""A learner's functions in the pretrained model: do they fit, and what does it score with them?

Functions of a file that are called as those of `minibert.model.functional` are put in their place.
First each by itself: the parity ledger then says at which stage the model parts from ours. Then all
together, in a fine-tuned model on a few examples of its task, beside ours.

The file is run in this very process. It is no judge of strangers' files: that is `minibert check`.
"""

import inspect
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from minibert.errors import MinibertError
from minibert.lens.parity import Batch, Ledger, Run, Side, lay_out, load, run_minibert
from minibert.model import functional
from minibert.tasks.ner.task import TaggingTask
from minibert.tasks.squad.task import SquadTask
from minibert.tasks.tsv import read_text
from minibert.trace import STAGES, unrecorded
from minibert.training.evaluation import Evaluation, evaluate
from minibert.training.finetune import fine_tune
from minibert.training.run import is_complete
from minibert.training.saved import SavedRun
from minibert.training.settings import GlueSettings

SWAPPABLE = (
    "gelu",
    "gelu_tanh",
    "layer_norm",
    "dropout",
    "split_heads",
    "merge_heads",
    "attention_scores",
    "masked_softmax",
    "scaled_dot_product_attention",
    "feed_forward",
    "cross_entropy",
)
# Parameters of ours that a learner's function may do without: nothing is dropped out here, and
# which activation BERT has is known.
DISPENSABLE = ("dropout_p", "keep_mask", "activation")
NO_STAGE = "no part of any stage: see what it does to the scores"
EXAMPLES = 100  # the first so many of a run's dev set
CLONE = Path(__file__).parents[2]
DEMO = Path("runs", "demo")  # in the clone, where `make demo` leaves its run


class SwapError(MinibertError):
    """A learner's file that cannot be run, or a function that does not fit into the model."""


class Own:
    """A learner's function, called by the model as ours would be."""

    def __init__(self, name: str, function: Callable[..., Any], file: Path):
        self.name, self.function, self.file = name, function, file
        self.ours: Callable[..., Tensor] = getattr(functional, name)
        self.calls = 0

    @property
    def misfit(self) -> str | None:
        """Why the model cannot call it; None where it can.

        Arguments are handed over by their places, as far as the learner's function has a place.
        """
        wanted = list(inspect.signature(self.ours).parameters)
        taken = list(inspect.signature(self.function).parameters.values())
        if any(one.kind is one.VAR_POSITIONAL for one in taken):
            return None
        filled = [one for one in taken if one.kind is not one.KEYWORD_ONLY][: len(wanted)]
        too_many = [one.name for one in taken if one not in filled and one.default is one.empty]
        too_few = [name for name in wanted[len(filled) :] if name not in DISPENSABLE]
        fits = f"{self.name}({', '.join(wanted)}) would fit"
        if too_many:
            return f"the model does not give it {', '.join(too_many)}: {fits}"
        return f"the model gives it {', '.join(too_few)} as well: {fits}" if too_few else None

    def __call__(self, *args: Any, **kwargs: Any) -> Tensor:
        """Its result, if it is of our result's shape and type; raises `SwapError` otherwise."""
        self.calls += 1
        given = inspect.signature(self.ours).bind(*args, **kwargs)
        given.apply_defaults()
        with torch.no_grad(), unrecorded():
            right = self.ours(*given.arguments.values())
        arguments = list(given.arguments.values())[: self._places()]
        versions = [one._version for one in arguments if isinstance(one, Tensor)]
        try:
            result = self.function(*arguments)
        except NotImplementedError:
            raise
        except (Exception, SystemExit) as error:
            raise SwapError(told(error, self.file)) from error
        if not isinstance(result, Tensor):
            kind = type(result).__name__
            raise SwapError(f"{self.file}: {self.name} returns {kind} where a tensor belongs")
        if (result.shape, result.dtype) != (right.shape, right.dtype):
            raise SwapError(
                f"{self.file}: {self.name} returns {_described(result)}, where "
                f"{_described(right)} belongs"
            )
        if versions != [one._version for one in arguments if isinstance(one, Tensor)]:
            raise SwapError(
                f"{self.file}: {self.name} changes what it is given; make a new tensor instead"
            )
        return result

    def _places(self) -> int | None:
        taken = inspect.signature(self.function).parameters.values()
        if any(one.kind is one.VAR_POSITIONAL for one in taken):
            return None
        return sum(one.kind is not one.KEYWORD_ONLY for one in taken)


def own_functions(file: Path) -> list[Own]:
    """The functions of a file that are called as those which may be swapped.

    Raises `SwapError` with the line where the file cannot be run.
    """
    text = read_text(file)
    module = ModuleType(file.stem)
    module.__file__ = str(file)
    try:
        exec(compile(text, str(file), "exec"), module.__dict__)
    except SyntaxError as error:
        line = (error.text or "").strip()
        raise SwapError(f"{file}, line {error.lineno}: {error.msg}\n    {line}") from error
    except (Exception, SystemExit) as error:
        raise SwapError(told(error, file)) from error
    found = {name: getattr(module, name, None) for name in SWAPPABLE}
    return [
        Own(name, function, file)
        for name, function in found.items()
        if inspect.isfunction(function) and function.__module__ == module.__name__
    ]


@contextmanager
def swapped(functions: Mapping[str, Callable[..., Any]]) -> Iterator[None]:
    """The library with these functions in place of its own; whatever happens, only inside."""
    ours = {name: getattr(functional, name) for name in functions}
    try:
        for name, function in functions.items():
            setattr(functional, name, function)
        yield
    finally:
        for name, function in ours.items():
            setattr(functional, name, function)


@dataclass(frozen=True)
class Trial:
    """What became of each function of a file, put into a model by itself."""

    file: Path
    source: str
    ledgers: dict[str, Ledger]  # of the functions that were swapped, by their names
    own: dict[str, Own]  # the same functions
    left_out: dict[str, str]  # why others were not

    @property
    def equal(self) -> bool:
        """Whether no stage of the model differs with any of them."""
        return all(ledger.first is None for ledger in self.ledgers.values())

    def __str__(self) -> str:
        """A line a function, and two for each that makes a difference."""
        lines = [f"{self.file} in {self.source}: each function by itself, stage by stage", ""]
        for name, ledger in self.ledgers.items():
            calls = self.own[name].calls
            lines.append(f"{name:30}{calls:5} calls  {_verdict(ledger) if calls else NO_STAGE}")
        lines += [f"{name:30}not swapped  {why}" for name, why in self.left_out.items()]
        if self.equal:
            lines += ["", "Special cases, such as a row without keys, are for `minibert check`."]
        return "\n".join(lines)


def _verdict(ledger: Ledger) -> str:
    first = ledger.first
    if first is None:
        return "equal: no stage differs by more than rounding explains"
    size = first.absolute if first.diverges == "value" else first.gradient
    stage = first.stage.split(".", 2)[2] if first.stage.startswith("layers.") else first.stage
    return (
        f"differs first in the {first.diverges} of {first.stage} ({first.precision}, by "
        f"{size:.1e})\n{'':43}{STAGES[stage]}"
    )


def try_functions(file: Path, source: str | Path) -> Trial:
    """Put each function of a file into the model of `source`, and lay it beside ours.

    Raises `SwapError` if there is none that fits, or one that fails, with its line.
    """
    found = own_functions(file)
    left_out = {one.name: reason for one in found if (reason := one.misfit)}
    net: Any = load(source)
    ours = Side("ours", net, run_minibert)
    ledgers: dict[str, Ledger] = {}
    for one in found:
        if one.name in left_out:
            continue
        try:
            ledgers[one.name] = lay_out(ours, Side(str(file), net, _runner(one)))
        except NotImplementedError:
            left_out[one.name] = "not written yet"
        except RuntimeError as error:  # autograd's own
            raise SwapError(f"{file}: with {one.name} the model fails: {error}") from error
    if not ledgers:
        reasons = "".join(f"\n  {name}: {reason}" for name, reason in left_out.items())
        raise SwapError(
            f"{file}: no function there that could be swapped{':' if reasons else ''}{reasons}\n"
            f"It could be {', '.join(SWAPPABLE)}"
        )
    own = {one.name: one for one in found if one.name in ledgers}
    return Trial(file, str(source), ledgers, own, left_out)


def _runner(own: Own) -> Run:
    """How the ledger has the stages of a model in which this function is swapped."""

    def run(net: nn.Module, batch: Batch) -> tuple[dict[str, Tensor], list[str]]:
        with swapped({own.name: own}):
            return run_minibert(net, batch)

    return run


@dataclass(frozen=True)
class Scores:
    """A fine-tuned model on a few examples, with our functions and with the learner's."""

    run: Path
    task: str
    file: Path
    ours: dict[str, float]  # metrics and loss
    theirs: dict[str, float]
    examples: int
    answers: int
    changed: int  # answers that are others than ours

    def __str__(self) -> str:
        """A line a figure."""
        width = max(9, len(self.file.name))
        lines = [
            f"{self.run}: {self.task}, the first {self.examples} examples of its dev set",
            "",
            f"{'':18}{'reference':>{width}}  {self.file.name:>{width}}",
            *(
                f"{name:18}{ours:{width}.4f}  {self.theirs[name]:{width}.4f}"
                for name, ours in self.ours.items()
            ),
            "",
            f"{self.changed} of {self.answers} answers are changed",
        ]
        return "\n".join(lines)


def score_functions(trial: Trial, run: Path | None) -> Scores:
    """Evaluate a run with our functions, and with all those of a trial in their place.

    run: None is the run that `make demo` leaves; if it is not there, it is made with one seed.
    Raises `SwapError` for a function that nothing has called.
    """
    saved = SavedRun(run or demo_run(), "cpu", "float32", "math")
    task = saved.task
    examples = task.examples("dev", saved.sources)[:EXAMPLES]
    features = task.features(examples, saved.tokenizer, saved.max_length)
    ours = evaluate(saved.model, task, features, saved.precision)
    with swapped(trial.own):
        theirs = evaluate(saved.model, task, features, saved.precision)
    if idle := [name for name, own in trial.own.items() if not own.calls]:
        raise SwapError(f"{trial.file}: never called by this model: {', '.join(idle)}")
    answers = [_answers(task, one.outputs, examples) for one in (ours, theirs)]
    return Scores(
        saved.path,
        task.name,
        trial.file,
        _figures(ours),
        _figures(theirs),
        len(examples),
        len(answers[0]),
        sum(one != other for one, other in zip(*answers, strict=True)),
    )


def demo_run() -> Path:
    """The run of `make demo`; made with one seed if it is not there."""
    path = CLONE / DEMO
    if is_complete(path) or (path / "summary.json").is_file():
        return path
    data = CLONE / "data" / "glue"
    if not data.is_dir():
        raise SwapError(f"there is no sample data at {data}; name a run of your own: --run RUN")
    print(f"{path} is not there: fine-tuning it once, as `make demo` does with three seeds")
    return fine_tune(
        GlueSettings(
            task="sst-2",
            data=data,
            model="minilm",
            learning_rate=1e-4,
            epochs=3,
            batch_size=8,
            seed=1,
            output=path,
            overwrite=True,
        )
    )


def _figures(found: Evaluation) -> dict[str, float]:
    return {**found.metrics, "loss": found.loss}


def _answers(task: Any, outputs: Any, examples: list[Any]) -> list[str]:
    """What is answered, in words: a class or score an example, a tag a word, a text a question."""
    if isinstance(task, SquadTask):
        return [answer.text for answer in task.answers(outputs)]
    if isinstance(task, TaggingTask):
        return [tag for tags in task.tags(outputs, examples) for tag in tags]
    return [task.answer(logits).text for logits in outputs]


def told(error: BaseException, file: Path) -> str:
    """What went wrong in a learner's file, with the last of its lines that was reached."""
    place, line = str(file), ""
    for frame in traceback.extract_tb(error.__traceback__):
        if frame.filename == str(file):
            place, line = f"{file}, line {frame.lineno}", f"\n    {frame.line}"
    return f"{place}: {type(error).__name__}: {error}{line}"


def _described(tensor: Tensor) -> str:
    return f"{tuple(tensor.shape)} {str(tensor.dtype).removeprefix('torch.')}"
