"""Which parameters are trained, which start afresh, which decay, and how deep each one lies.

Source: Howard and Ruder 2018 (rates by layer, unfreezing); Zhang et al. 2021 (fresh top layers).
"""

from typing import Any

from minibert.errors import ConfigError
from minibert.model.bert import BertWithHead
from minibert.model.pretrained import fresh_
from minibert.training.settings import Settings


def decays(name: str) -> bool:
    """Whether a parameter of this name is pulled towards zero: all but biases and LayerNorms."""
    return not name.endswith(("bias", "norm.weight"))


def in_head(name: str) -> bool:
    """Whether a parameter of this name belongs to the head; the pooler is of the body."""
    return not name.startswith("bert.")


def depth(name: str, layers: int) -> int:
    """Where a parameter lies: embeddings 0, layers 1 to L, pooler and head L + 1."""
    if name.startswith("bert.embeddings."):
        return 0
    if name.startswith("bert.encoder.layers."):
        return 1 + int(name.split(".")[3])
    return layers + 1


def freeze(model: BertWithHead[Any], settings: Settings, epoch: int) -> None:
    """Let exactly those parameters have gradients that are trained in this epoch.

    What is frozen has no gradient, hence no decay and no optimizer state either. A layer that the
    checkpoint lacked, such as a pooler, is trained even in a frozen body: it has nothing to keep.
    """
    layers = model.config.num_hidden_layers
    thawed = settings.unfreeze_at is not None and epoch >= settings.unfreeze_at
    limit = settings.freeze if isinstance(settings.freeze, int) else 0  # embeddings alone
    fresh = set() if model.load_table is None else set(model.load_table.new)
    for name, parameter in model.named_parameters():
        below = not in_head(name) if settings.freeze == "body" else depth(name, layers) <= limit
        frozen = settings.freeze is not None and below and not thawed and name not in fresh
        parameter.requires_grad_(not frozen)


def reinitialise(model: BertWithHead[Any], settings: Settings) -> None:
    """Draw the top layers and the pooler afresh: pretraining has shaped them for its own tasks.

    Raises `ConfigError` where settings name layers that the model does not have, or that would
    first be drawn afresh and then frozen.
    """
    layers, count = model.config.num_hidden_layers, settings.reinit_layers
    for option in ("freeze", "reinit_layers"):
        number = getattr(settings, option)
        if isinstance(number, int) and number > layers:
            raise ConfigError(f"{option} {number} is more than the model's {layers} layers")
    kept = layers if settings.freeze == "body" else settings.freeze
    if count and isinstance(kept, int) and count + kept > layers:
        raise ConfigError(
            f"freeze {settings.freeze} and reinit_layers {count} overlap in a model of {layers} "
            "layers: fresh layers that are frozen would stay noise"
        )
    for name, parameter in model.bert.named_parameters(prefix="bert"):
        if count and depth(name, layers) > layers - count:
            fresh_(name, parameter, model.config.initializer_range)
