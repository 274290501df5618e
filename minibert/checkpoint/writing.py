"""The two formats that a model is written in: Hugging Face's, and Google's TensorFlow files."""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from minibert.checkpoint.disk import write_atomically
from minibert.checkpoint.huggingface import ACTIVATIONS
from minibert.checkpoint.names import theirs, theirs_google
from minibert.checkpoint.tensorflow import write_bundle
from minibert.config import BertConfig
from minibert.errors import CheckpointError, ConfigError

Weights = dict[str, Tensor]  # by our names


FORMATS = ("huggingface", "tensorflow")
DTYPES = ("float32", "float16", "bfloat16")


def write_model(
    directory: Path,
    architecture: str,
    config: BertConfig,
    weights: Weights,
    label_names: tuple[str, ...],
    to: str = "huggingface",
    dtype: str = "float32",
) -> None:
    """Write config and weights; each file is replaced as a whole or not at all.

    architecture: the class of `transformers` that reads the files, which has our class's name.
    to: one of `FORMATS`. dtype: one of `DTYPES`. Raises `ConfigError` for another of these, and
    `CheckpointError` for a weight that is too large for the type.
    """
    if to not in FORMATS:
        raise ConfigError(f"to={to!r} is none of {', '.join(FORMATS)}")
    weights = _in_dtype(weights, dtype)
    fields = {name: getattr(config, name) for name in config.__dataclass_fields__}
    fields["hidden_act"] = next(t for t, ours in ACTIVATIONS.items() if ours == config.hidden_act)
    fields["architectures"] = [architecture]
    if label_names:
        fields["id2label"] = {str(i): name for i, name in enumerate(label_names)}
        fields["label2id"] = {name: i for i, name in enumerate(label_names)}
    directory.mkdir(parents=True, exist_ok=True)
    if to == "huggingface":
        fields |= {"model_type": "bert", "position_embedding_type": "absolute", "dtype": dtype}
        _write_safetensors(directory / "model.safetensors", weights)
        config_file = directory / "config.json"
    else:
        _write_google(directory / "bert_model.ckpt", weights)
        config_file = directory / "bert_config.json"  # Google's code ignores what it does not know
    write_atomically(config_file, json.dumps(fields, indent=2) + "\n")


def _write_safetensors(path: Path, weights: Weights) -> None:
    tensors = {theirs(name): value.detach().contiguous() for name, value in weights.items()}
    write_atomically(path, lambda beside: save_file(tensors, beside, metadata={"format": "pt"}))


def _write_google(prefix: Path, weights: Weights) -> None:
    """Tensors are in the order of their names, as TensorFlow writes them."""
    tensors = {}
    for name, value in weights.items():
        google, transposed = theirs_google(name)
        tensors[google] = value.detach().T if transposed else value.detach()
    write_bundle(prefix, dict(sorted(tensors.items())))


def _in_dtype(weights: Weights, dtype: str) -> Weights:
    """The weights in another type of number; of more digits than it has, they are rounded.

    Raises `CheckpointError` naming a weight that would become infinite: float16 ends at 65504.
    """
    if dtype not in DTYPES:
        raise ConfigError(f"dtype {dtype!r} is none of {', '.join(DTYPES)}")
    converted = {name: value.to(getattr(torch, dtype)) for name, value in weights.items()}
    for name, value in converted.items():
        if not torch.equal(value.isfinite(), weights[name].isfinite()):
            most = weights[name].abs().max().item()
            raise CheckpointError(f"{name} holds {most:g}, too much for {dtype}; choose float32")
    return converted
