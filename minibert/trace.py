"""Named stages: every value that has a name in the paper can be looked at while the model runs.

    with record() as stages:
        model(input_ids)
    stages["layers.3.attention.probs"]  # (B, H, S, S)

The code says `probs = stage("attention.probs", ...)` at the place where the value is made, so the
names below are also the way to find that place. What is recorded is the very tensor that later code
uses, still attached to the graph: gradients with respect to it can be asked for. (The exception:
scores and probs are on the way to the result under `attention="math"` and in padded batches alone.
Under "sdpa" and "fused", and of packed sequences, they are computed beside it, to be looked at.)
To look changes nothing, but for models whose head reads first tokens alone: their last layer is
computed for all tokens then, which may change a last bit and, in training, what dropout draws.

The recorder is a plain module global. (A ContextVar would break `torch.compile(fullgraph=True)`,
and hooks see modules, not values.) Hence one thread at a time.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

# Everything that a model records, in the order in which it happens. Names from "attention.query" to
# "output" occur once a layer and are recorded with the prefix "layers.N."; sequences that were
# packed show their (B, S, ...) values as (T, ...), except for scores and probs.
STAGES: dict[str, str] = {
    "embeddings.token": "(B, S, D) what each word piece means by itself",
    "embeddings.position": "(B, S, D) where it stands",
    "embeddings.segment": "(B, S, D) which of the two texts it belongs to",
    "embeddings.output": "(B, S, D) their sum, normalised; before dropout",
    "attention.query": "(B, S, D) what each token looks for",
    "attention.key": "(B, S, D) what each token offers to be found by",
    "attention.value": "(B, S, D) what each token hands over when found",
    "attention.scores": "(B, H, S, S) query times key, divided by the root of W; before the mask",
    "attention.probs": "(B, H, S, S) softmax of the scores over the attendable keys; no dropout",
    "attention.context": "(B, S, D) the values, averaged by the probabilities, heads side by side",
    "attention.output": "(B, S, D) the context after its linear layer; before dropout",
    "attention.norm": "(B, S, D) layer input plus attention output, normalised",
    "feed_forward.inner": "(B, S, F) expanded, before the activation",
    "feed_forward.activated": "(B, S, F) after the activation",
    "feed_forward.output": "(B, S, D) contracted again; before dropout",
    "output": "(B, S, D) the layer's result: attention.norm plus feed-forward output, normalised",
    "pooled": "(B, D) the first token through the pooler",
    "mlm.transform": "(B, S, D) masked-LM head before the decoder",
    "logits": "the result of a head; its shape depends on the task",
    "start_logits": "(B, S) question answering: score of each token as the answer's first",
    "end_logits": "(B, S) and as its last",
    "prediction_logits": "(B, S, V) pretraining: every word piece for every position",
    "seq_relationship_logits": "(B, 2) pretraining: is next (0) or is not (1)",
}

_stages: "dict[str, Tensor] | None" = None
_prefix = ""


@contextmanager
def record() -> "Iterator[dict[str, Tensor]]":
    """Collect the stages of everything that runs inside, in order.

    Raises `RuntimeError` if a recording is already under way, or if one recording sees the same
    stage twice (two forward passes): the second would silently replace the first.
    """
    global _stages, _prefix
    if _stages is not None:
        raise RuntimeError("a recording is already under way; record() does not nest")
    _stages, _prefix = {}, ""
    try:
        yield _stages
    finally:
        _stages, _prefix = None, ""


@contextmanager
def unrecorded() -> "Iterator[None]":
    """Record nothing of what runs inside: it is shown beside, where it can be shown as a whole."""
    global _stages
    kept, _stages = _stages, None
    try:
        yield
    finally:
        _stages = kept


def recording() -> bool:
    """Whether `stage` keeps what it is given."""
    return _stages is not None


def stage(name: str, value: "Tensor") -> "Tensor":
    """Give `value` its name. Returns that very tensor; keeps it if a recording is under way."""
    if _stages is not None:
        if _prefix + name in _stages:
            raise RuntimeError(
                f"stage {_prefix + name} was recorded twice: run the model once in each record()"
            )
        _stages[_prefix + name] = value
    return value


def enter_layer(index: int) -> None:
    """Let the stages that follow belong to encoder layer `index`."""
    global _prefix
    _prefix = f"layers.{index}."


def leave_layers() -> None:
    """Let the stages that follow belong to no layer."""
    global _prefix
    _prefix = ""
