"""The two formats that a model is written in: Hugging Face's, and Google's TensorFlow files."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from minibert.checkpoint.files import write_atomically
from minibert.checkpoint.huggingface import ACTIVATIONS
from minibert.checkpoint.names import theirs, theirs_google
from minibert.checkpoint.tensorflow import write_bundle
from minibert.config import BertConfig
from minibert.errors import CheckpointError, ConfigError

Weights = dict[str, Tensor]  # by our names


def write_huggingface(
    directory: Path,
    architecture: str,
    config: BertConfig,
    weights: Weights,
    label_names: tuple[str, ...],
) -> None:
    """Write config.json and model.safetensors; each file is replaced as a whole or not at all.

    architecture: the class of `transformers` that reads the files, which has our class's name.
    """
    fields = _fields(architecture, config, label_names)
    fields |= {"model_type": "bert", "position_embedding_type": "absolute"}
    fields["dtype"] = _dtype(weights)
    tensors = {theirs(name): value.detach().contiguous() for name, value in weights.items()}

    directory.mkdir(parents=True, exist_ok=True)
    write_atomically(
        directory / "model.safetensors",
        lambda path: save_file(tensors, path, metadata={"format": "pt"}),
    )
    write_atomically(directory / "config.json", json.dumps(fields, indent=2) + "\n")


def write_google(
    directory: Path,
    architecture: str,
    config: BertConfig,
    weights: Weights,
    label_names: tuple[str, ...],
) -> None:
    """Write bert_config.json and the checkpoint bert_model.ckpt, as Google's code reads them.

    That code ignores the fields of its config that it does not know; ours reads them again. Tensors
    are in the order of their names, as TensorFlow writes them.
    """
    tensors = {}
    for name, value in weights.items():
        google, transposed = theirs_google(name)
        tensors[google] = value.detach().T if transposed else value.detach()

    directory.mkdir(parents=True, exist_ok=True)
    write_bundle(directory / "bert_model.ckpt", dict(sorted(tensors.items())))
    fields = _fields(architecture, config, label_names)
    write_atomically(directory / "bert_config.json", json.dumps(fields, indent=2) + "\n")


DTYPES = ("float32", "float16", "bfloat16")
WRITERS = {"huggingface": write_huggingface, "tensorflow": write_google}


def in_dtype(weights: Weights, dtype: str) -> Weights:
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


def _fields(architecture: str, config: BertConfig, label_names: tuple[str, ...]) -> dict[str, Any]:
    fields: dict[str, Any] = {name: getattr(config, name) for name in config.__dataclass_fields__}
    fields["hidden_act"] = next(t for t, ours in ACTIVATIONS.items() if ours == config.hidden_act)
    fields["architectures"] = [architecture]
    if label_names:
        fields["id2label"] = {str(i): name for i, name in enumerate(label_names)}
        fields["label2id"] = {name: i for i, name in enumerate(label_names)}
    return fields


def _dtype(weights: Weights) -> str:
    return str(next(iter(weights.values())).dtype).removeprefix("torch.")
