"""Models by their name on the Hugging Face hub, through `huggingface_hub` and its cache."""

import re
from collections.abc import Callable
from contextlib import suppress
from functools import partial
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
# What a model usually needs, for those who fetch by hand.
FILES = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "vocab.txt")


def fetch(repository: str, files: str, revision: str | None = None) -> Path:
    """Fetch what is needed and not cached; the directory of the cached snapshot.

    repository: a hub id such as "bert-base-uncased". files: a key of `WANTED`. revision: a branch,
    a tag or a commit; None: the main branch. Of a commit in full (40 characters), which can never
    change, the cache is enough; otherwise the hub is asked whether there is something newer.

    Raises `CheckpointError` if there is no such model or revision, or not all of it in the cache
    and no way to the hub; it then says what to do.
    """
    from huggingface_hub.errors import HFValidationError

    look, ask = partial(_cached, repository, revision), partial(_download, repository, revision)
    try:
        if re.fullmatch("[0-9a-f]{40}", revision or ""):
            with suppress(_NotCached):
                return _gather(repository, files, look)
        silence = _silence(repository, revision)
        return _gather(repository, files, ask if silence is None else look)
    except HFValidationError as error:
        raise CheckpointError(
            f"{repository}: no such directory here, and no name for the hub ({error})"
        ) from error
    except _NotCached as missing:
        raise CheckpointError(_advice(repository, revision, str(missing), str(silence))) from None


class _NotCached(Exception):
    """The name of a file that the cache neither holds nor knows to be absent from the hub."""


def _gather(repository: str, files: str, get: Callable[[str], Path | None]) -> Path:
    """The directory of all that is wanted. get: a file by its name; None if the hub has none."""
    found = None
    for group in WANTED[files]:
        path = _first(group, get)
        if path is not None:
            found = path.parent
            if path.name.endswith(".index.json"):
                for name in sorted(set(shards_of(path).values())):
                    if get(name) is None:
                        raise CheckpointError(
                            f"{repository} on the hub lacks {name}, which its index names"
                        )
    if found is None:
        raise CheckpointError(f"{repository} on the hub has none of a BERT's files")
    return found


def _first(group: tuple[str, ...], get: Callable[[str], Path | None]) -> Path | None:
    """The first of `group` that there is; a cache may hold a later one, and not know of others."""
    unknown = None
    for name in group:
        try:
            path = get(name)
        except _NotCached as error:
            unknown = unknown or error
        else:
            if path is not None:
                return path
    if unknown is not None:
        raise unknown
    return None


def _cached(repository: str, revision: str | None, name: str) -> Path | None:
    from huggingface_hub import try_to_load_from_cache

    path = try_to_load_from_cache(repository, name, revision=revision)
    if path is None:
        raise _NotCached(name)
    return Path(path) if isinstance(path, str) else None  # known to be absent


def _download(repository: str, revision: str | None, name: str) -> Path | None:
    """The file, from the cache if it is the newest; None if the repository has none of this name.

    What is fetched and fails on the way is tried again by `huggingface_hub`.
    """
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import RemoteEntryNotFoundError, RevisionNotFoundError

    try:
        return Path(hf_hub_download(repository, name, revision=revision))
    except RemoteEntryNotFoundError:
        return None
    except RevisionNotFoundError as error:
        raise CheckpointError(f"{repository} on the hub has no revision {revision!r}") from error
    except Exception as error:  # the hub's refusal, a lost connection, a full disk: many classes
        raise CheckpointError(
            f"{repository}: no such directory here, and not to be had from the hub "
            f"({type(error).__name__}: {str(error).partition(chr(10))[0]})"
        ) from error


def _silence(repository: str, revision: str | None) -> str | None:
    """Why the hub does not answer, after one question; None if it does.

    `hf_hub_download` would find out too, but only after half a minute of trying again, each time.
    """
    from huggingface_hub import get_hf_file_metadata, hf_hub_url
    from huggingface_hub.constants import HF_HUB_ETAG_TIMEOUT
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    address = hf_hub_url(repository, "config.json", revision=revision)
    try:
        answer = get_hf_file_metadata(address, timeout=HF_HUB_ETAG_TIMEOUT)
    except OfflineModeIsEnabled:
        return "HF_HUB_OFFLINE is set"
    except HfHubHTTPError as error:  # no such file is an answer, too
        status = error.response.status_code
        return f"it answers {status}" if status == 429 or status >= 500 else None
    except Exception as error:  # the library for HTTP has its own, and changed between versions
        return f"{type(error).__name__}: {error}"
    return None if answer.commit_hash else "what answers in its place is not a hub"


def _advice(repository: str, revision: str | None, missing: str, silence: str) -> str:
    from huggingface_hub.constants import HF_HUB_CACHE

    directory = repository.rpartition("/")[2]
    pinned = f"--revision {revision} " if revision else ""
    return (
        f"{repository}: {missing} is not in the cache ({HF_HUB_CACHE}), and the hub cannot be "
        f"reached ({silence}). On a machine with internet run\n"
        f"    hf download {repository} {' '.join(FILES)} {pinned}--local-dir {directory}\n"
        "(with pytorch_model.bin for model.safetensors if it has none), copy that directory here, "
        f"and name it in place of the id: ./{directory}"
    )
