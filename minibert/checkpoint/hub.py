"""Models by their name on the Hugging Face hub, through `huggingface_hub` and its cache."""

from pathlib import Path

from minibert.checkpoint.shards import shards_of
from minibert.errors import CheckpointError

# For each kind, groups of alternatives: of every group the first that the repository has is
# fetched.
WANTED = {
    "weights": (
        ("config.json",),
        (
            "model.safetensors",
            "model.safetensors.index.json",
            "pytorch_model.bin",
            "pytorch_model.bin.index.json",
        ),
    ),
    "tokenizer": (("tokenizer.json", "vocab.txt"), ("tokenizer_config.json",)),
}


def fetch(repository: str, files: str) -> Path:
    """Fetch what is needed and not cached; the directory of the cached snapshot.

    repository: a hub id such as "bert-base-uncased". files: a key of `WANTED`. Raises
    `CheckpointError` if there is no such model, or none in the cache and no way to the hub.
    """
    found = None
    for group in WANTED[files]:
        path = _fetch_first(repository, group)
        if path is not None:
            found = path.parent
            if path.name.endswith(".index.json"):
                _fetch_shards(repository, path)
    if found is None:
        raise CheckpointError(f"{repository} on the hub has none of a BERT's files")
    return found


class _Unreachable(CheckpointError):
    """Not in the cache, and no way to the hub."""


def _fetch_first(repository: str, group: tuple[str, ...]) -> Path | None:
    """The first of `group` that the repository has or, away from the hub, the cache."""
    unreachable = None
    for name in group:
        try:
            path = _fetch_one(repository, name, cached=unreachable is not None)
        except _Unreachable as error:
            unreachable = unreachable or error
        else:
            if path is not None:
                return path
    if unreachable is not None:
        raise unreachable
    return None


def _fetch_shards(repository: str, index: Path) -> None:
    for name in sorted(set(shards_of(index).values())):
        if _fetch_one(repository, name) is None:
            raise CheckpointError(f"{repository} on the hub lacks {name}, which its index names")


def _fetch_one(repository: str, name: str, cached: bool = False) -> Path | None:
    """The cached file, fetched if need be; None if the repository has no file of this name.

    cached: look no further than the cache.
    """
    from huggingface_hub import _CACHED_NO_EXIST, hf_hub_download, try_to_load_from_cache
    from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, LocalEntryNotFoundError

    try:
        return Path(hf_hub_download(repository, name, local_files_only=cached))
    except LocalEntryNotFoundError as error:
        if try_to_load_from_cache(repository, name) is _CACHED_NO_EXIST:
            return None  # as the hub said when it could be reached
        raise _Unreachable(
            f"{repository}: {name} is not in the cache and the hub cannot be reached. On a machine "
            f"with internet run `hf download {repository}`, copy the files here and name their "
            "directory"
        ) from error
    except EntryNotFoundError:
        return None
    except (HfHubHTTPError, ValueError) as error:
        raise CheckpointError(
            f"{repository}: no such directory here, and not to be had from the hub "
            f"({type(error).__name__}: {str(error).splitlines()[0]})"
        ) from error
