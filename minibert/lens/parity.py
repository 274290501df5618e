"""The parity ledger: two models side by side on one batch, stage by stage, forward and gradient.

Both see the same ragged pairs of texts. For every stage (see `minibert.trace.STAGES`) the ledger
holds the largest difference between the two, and between the gradients of one number (the outputs
weighted at random and summed) with respect to it. Padding is left out: no result depends on it.

Where do the two part? Going forward, at the first stage whose value is beyond the tolerance: what
differs after it may only follow. If all values agree, gradients can still differ; they run
backward, so then it is the last such stage.
"""

from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from minibert import checkpoint, model
from minibert.checkpoint.names import BODY
from minibert.config import BertConfig
from minibert.errors import CheckpointError, ConfigError
from minibert.model import functional
from minibert.model.pretrained import Pretrained
from minibert.trace import record

# Largest difference that rounding explains, as a share of the stage's largest value or of 1.
TOLERANCE = {"float32": 2e-5, "float64": 1e-10}


class Batch(NamedTuple):
    """What both models are given: (B, S) each."""

    input_ids: Tensor
    attention_mask: Tensor
    token_type_ids: Tensor


@dataclass(frozen=True)
class Row:
    """One stage in one precision; differences are None where one side lacks the stage."""

    stage: str
    precision: str
    absolute: float | None  # largest difference of the values
    relative: float | None  # the same, over the largest value
    gradient: float | None  # largest difference of the gradients, over the largest or 1
    diverges: str  # "value", "gradient", or "" where neither is beyond the tolerance


@dataclass(frozen=True)
class Ledger:
    """All rows, in the order in which the stages happen, float32 first."""

    ours: str
    theirs: str
    rows: tuple[Row, ...]

    @property
    def first(self) -> Row | None:
        """Where the two part: the first differing value, else the last differing gradient."""
        order = list(dict.fromkeys(row.stage for row in self.rows))
        rows = sorted(self.rows, key=lambda row: order.index(row.stage))
        values = [row for row in rows if row.diverges == "value"]
        gradients = [row for row in rows if row.diverges == "gradient"]
        return values[0] if values else gradients[-1] if gradients else None

    def __str__(self) -> str:
        """A table with a line a stage, both precisions beside each other, and the verdict."""
        by_precision = {
            precision: {row.stage: row for row in self.rows if row.precision == precision}
            for precision in dict.fromkeys(row.precision for row in self.rows)
        }
        head = "".join(
            f"{name + ' value':>18}{'relative':>10}{'gradient':>10}" for name in by_precision
        )
        lines = [f"{self.ours}  against  {self.theirs}", "", f"{'stage':30}{head}"]
        for stage in dict.fromkeys(row.stage for row in self.rows):
            rows = [rows[stage] for rows in by_precision.values()]
            cells = "".join(
                f"{_number(row.absolute):>18}{_number(row.relative):>10}{_number(row.gradient):>10}"
                for row in rows
            )
            marks = [f"{row.diverges} differs in {row.precision}" for row in rows if row.diverges]
            lines.append(f"{stage:30}{cells}{'  <- ' + ', '.join(marks) if marks else ''}".rstrip())
        return "\n".join([*lines, "", self.verdict])

    @property
    def verdict(self) -> str:
        """One sentence: equal, or where the two part."""
        if self.first is None:
            return "equal: no stage differs by more than rounding explains"
        what = f"the {self.first.diverges} of {self.first.stage} ({self.first.precision})"
        return f"they part at {what}: look there first"

    def as_json(self) -> dict[str, Any]:
        """The same for programs."""
        return {
            "ours": self.ours,
            "theirs": self.theirs,
            "equal": self.first is None,
            "first": None if self.first is None else self.first.stage,
            "tolerance": TOLERANCE,
            "rows": [asdict(row) for row in self.rows],
        }


def compare(source: str | Path, against: str | Path = "transformers") -> Ledger:
    """The ledger of `source` against "transformers" reading the same files, or another source.

    Raises `CheckpointError` if either cannot be loaded, and `ConfigError` if their shapes differ so
    that there is nothing to lay side by side.
    """
    ours = load(source)
    kind = type(ours)
    if str(against) == "transformers":
        files = checkpoint.open_checkpoint(source)
        side = Side(str(against), _load_transformers(files, ours), _run_transformers)
    else:
        theirs = kind.from_pretrained(against, attention="math")
        side = Side(str(against), theirs, run_minibert)
        if theirs.config != ours.config:
            raise ConfigError(f"{source} and {against} differ in their config: no common stages")
    return lay_out(Side(f"minibert {kind.__name__} {source}", ours, run_minibert), side)


def load(source: str | Path) -> Pretrained:
    """A checkpoint as the model that it was saved from, which computes attention by "math"."""
    kind = getattr(model, checkpoint.open_checkpoint(source).architecture or "", model.BertModel)
    loaded: Pretrained = kind.from_pretrained(source, attention="math")
    return loaded


class Run(Protocol):
    """How stages are had of a model."""

    def __call__(self, net: nn.Module, batch: Batch) -> tuple[dict[str, Tensor], list[str]]:
        """Stages by name, and the names of those that are the model's outputs."""


class Side(NamedTuple):
    """One of the two that are compared."""

    name: str
    net: Any  # ours has a `config`
    run: Run


def lay_out(ours: Side, theirs: Side) -> Ledger:
    """The ledger of two models, or of one that is run in two ways; it is left in float64."""
    rows: list[Row] = []
    batch = _batch(ours.net.config)
    for precision in TOLERANCE:
        dtype = getattr(torch, precision)
        one = _passes(ours.net.to(dtype), batch, ours.run)
        two = _passes(theirs.net.to(dtype), batch, theirs.run)
        rows += _rows(one, two, batch.attention_mask.bool(), precision)
    return Ledger(ours.name, theirs.name, tuple(rows))


class _Passes(NamedTuple):
    """What one pass forward and one back give, under our names for stages."""

    values: dict[str, Tensor]
    gradients: dict[str, Tensor | None]  # None: nothing that is returned depends on the value


def _batch(config: BertConfig, sequences: int = 4, most: int = 24) -> Batch:
    """Random ids in ragged lengths, with two segments each."""
    length = min(most, config.max_position_embeddings)
    generator = torch.Generator().manual_seed(0)
    lengths = torch.linspace(length, 3, sequences).long()[:, None]
    column = torch.arange(length)
    mask = (column < lengths).long()
    lowest = config.pad_token_id + 1  # a RoBERTa counts no position where the padding's id stands
    ids = torch.randint(lowest, config.vocab_size, (sequences, length), generator=generator)
    segments = (column >= lengths // 2).long() * mask if config.type_vocab_size > 1 else mask * 0
    return Batch(ids * mask, mask, segments)


def _passes(net: nn.Module, batch: Batch, run: Run) -> _Passes:
    values, outputs = run(net, batch)
    generator = torch.Generator().manual_seed(1)
    total = torch.zeros((), dtype=torch.float64)
    real = batch.attention_mask.bool()
    for name in outputs:
        value = _real(values[name], real)
        weights = torch.randn(value.shape, generator=generator, dtype=torch.float64)
        total = total + (value * weights).sum()
    attached = {name: value for name, value in values.items() if value.requires_grad}
    if not total.requires_grad:  # the last stage was cut off from all before it
        return _Passes(values, dict.fromkeys(attached))
    found = torch.autograd.grad(total, list(attached.values()), allow_unused=True)
    return _Passes(values, dict(zip(attached, found, strict=True)))


def run_minibert(net: nn.Module, batch: Batch) -> tuple[dict[str, Tensor], list[str]]:
    """The stages that a model of ours records."""
    extra = {"num_choices": 2} if isinstance(net, model.BertForMultipleChoice) else {}
    with record() as stages:
        net(**batch._asdict(), **extra)
    return stages, _outputs(list(stages))


def _outputs(stages: list[str]) -> list[str]:
    """The stages that a model returns: its logits, or hidden states and pooled output."""
    logits = [name for name in stages if name.endswith("logits")]
    hidden = [name for name in stages if name.endswith(".output")][-1:]
    return logits or [*hidden, *(name for name in stages if name == "pooled")]


# Where `transformers` makes our stages: (ours, its module, its input or its output)
BODY_HOOKS = (
    ("embeddings.token", "embeddings.word_embeddings", "output"),
    ("embeddings.segment", "embeddings.token_type_embeddings", "output"),
    ("embeddings.output", "embeddings.LayerNorm", "output"),
)
LAYER_HOOKS = (
    ("attention.query", "attention.self.query", "output"),
    ("attention.key", "attention.self.key", "output"),
    ("attention.value", "attention.self.value", "output"),
    ("attention.context", "attention.output.dense", "input"),
    ("attention.output", "attention.output.dense", "output"),
    ("attention.norm", "attention.output.LayerNorm", "output"),
    ("feed_forward.inner", "intermediate.dense", "output"),
    ("feed_forward.activated", "intermediate", "output"),
    ("feed_forward.output", "output.dense", "output"),
    ("output", "output.LayerNorm", "output"),
)


def _load_transformers(files: checkpoint.Checkpoint, ours: Pretrained) -> nn.Module:
    """The class of the same name in `transformers`, from the same files.

    It cannot read TensorFlow's; of those it gets what `ours` has read and written again.
    """
    try:
        import transformers
    except ImportError as error:
        raise CheckpointError(
            "comparing against transformers needs it: pip install 'minibert[parity]'"
        ) from error
    kind = getattr(transformers, type(ours).__name__)
    if files.relative:
        if files.relative.body is not BODY:
            raise CheckpointError(
                f"{files.directory}: {files.relative.name}, whose modules `transformers` calls by "
                "other names; the ledger knows BERT's alone"
            )
        kind = transformers.AutoModel
    with TemporaryDirectory() as written:
        directory = str(files.directory)
        if files.format == "tensorflow":
            directory = written
            ours.save_pretrained(directory)
        theirs: nn.Module = kind.from_pretrained(directory, attn_implementation="eager")
    return theirs.eval()


def _run_transformers(net: nn.Module, batch: Batch) -> tuple[dict[str, Tensor], list[str]]:
    body: Any = getattr(net, "bert", net)
    places = {ours: (module, side) for ours, module, side in BODY_HOOKS}
    for index in range(len(body.encoder.layer)):
        for ours, module, side in LAYER_HOOKS:
            places[f"layers.{index}.{ours}"] = (f"encoder.layer.{index}.{module}", side)
    stages: dict[str, Tensor] = {}
    with ExitStack() as hooks:
        for ours, (module, side) in places.items():
            hooks.callback(_watch(body.get_submodule(module), ours, side, stages).remove)
        inputs = batch._asdict()
        if type(net).__name__ == "BertForMultipleChoice":
            inputs = {name: ids.view(-1, 2, ids.shape[1]) for name, ids in inputs.items()}
        result = net(**inputs, output_attentions=True)
    for index, probs in enumerate(result.attentions):
        prefix = f"layers.{index}.attention."
        heads = body.config.num_attention_heads
        query, key = (functional.split_heads(stages[prefix + n], heads) for n in ("query", "key"))
        stages[prefix + "scores"] = functional.attention_scores(query, key).detach()
        stages[prefix + "probs"] = probs
    if result.get("pooler_output") is not None:
        stages["pooled"] = result["pooler_output"]
    stages |= {name: value for name, value in result.items() if name.endswith("logits")}
    return stages, _outputs(list(stages))


def _watch(module: nn.Module, name: str, side: str, stages: dict[str, Tensor]) -> RemovableHandle:
    """Keep what goes into `module`, or comes out of it, as `stages[name]`."""

    def keep(_: nn.Module, given: tuple[Tensor, ...], result: Tensor) -> None:
        stages[name] = given[0] if side == "input" else result

    return module.register_forward_hook(keep)


def _rows(one: _Passes, two: _Passes, real: Tensor, precision: str) -> list[Row]:
    rows = []
    for stage in one.values:
        if stage not in two.values:
            rows.append(Row(stage, precision, None, None, None, ""))
            continue
        absolute, relative = _difference(one.values[stage], two.values[stage], real)
        gradient = None
        if stage in one.gradients and stage in two.gradients:
            gradient = _difference_of_gradients(one.gradients[stage], two.gradients[stage], real)
        most = TOLERANCE[precision]
        beyond = "value" if relative > most else "gradient" if (gradient or 0.0) > most else ""
        rows.append(Row(stage, precision, absolute, relative, gradient, beyond))
    return rows


def _difference_of_gradients(one: Tensor | None, two: Tensor | None, real: Tensor) -> float | None:
    """As a share of the largest or 1; infinite where one alone is cut off, None where both are."""
    if one is None or two is None:
        return None if one is two else torch.inf
    return _difference(one, two, real)[1]


def _difference(one: Tensor, two: Tensor, real: Tensor) -> tuple[float, float]:
    """The largest difference, and the same over the largest value or 1; NaN counts as infinite."""
    one, two = _real(one.detach(), real), _real(two.detach(), real)
    absolute = (one - two).abs().nan_to_num(nan=torch.inf).max().item()
    return absolute, absolute / max(1.0, two.abs().max().item())


def _real(value: Tensor, real: Tensor) -> Tensor:
    """What belongs to real tokens: (tokens, ...), or (sequences, ...) as it is.

    real (B, S) is the mask. Of (B, H, S, S), the pairs of real tokens are taken.
    """
    if value.dim() == 4:
        pairs = real[:, None, :, None] & real[:, None, None, :]
        return value[pairs.expand_as(value)]
    return value[real] if value.shape[:2] == real.shape else value


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.1e}"
