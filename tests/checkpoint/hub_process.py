"""What a process of its own makes of models on the hub, whose library reads its settings at import.

The processes are forked from one that has imported all the rest, but not that library.
"""

import hashlib
import multiprocessing
import os
import sys
import time
from pathlib import Path

from minibert import BertModel, BertTokenizer
from minibert.checkpoint.hub import fetch
from minibert.errors import CheckpointError

SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload([__name__])


def load(sources, environment, directory):
    """{source: {"weights": digest or error, "ids": ids or error}}, seconds, what it complained.

    sources: what `from_pretrained` takes, or a hub id, "@" and a revision.
    """
    ours, its = SERVER.Pipe()
    process = SERVER.Process(target=_answer, args=(its, sources, environment, directory))
    process.start()
    its.close()
    try:
        return ours.recv()
    finally:
        process.join()


def _answer(parent, sources, environment, directory):
    assert "huggingface_hub" not in sys.modules
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(directory)
    complaints = Path("stderr")
    os.dup2(os.open(complaints, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
    started = time.monotonic()
    found = {
        source: {"weights": _attempt(_weights, source), "ids": _attempt(_ids, source)}
        for source in sources
    }
    seconds = time.monotonic() - started
    sys.stderr.flush()
    parent.send((found, seconds, complaints.read_text(encoding="utf-8")))


def _attempt(action, source):
    try:
        return action(source)
    except CheckpointError as error:
        return f"CheckpointError: {error}"


def _place(source, files):
    repository, _, revision = source.partition("@")
    return fetch(repository, files, revision) if revision else source


def _weights(source):
    return digest(BertModel.from_pretrained(_place(source, "weights")))


def _ids(source):
    tokenizer = BertTokenizer.from_pretrained(_place(source, "tokenizer"))
    return tokenizer.encode("the hub has the words").ids


def digest(model):
    """One number for all weights."""
    octets = (value.numpy().tobytes() for value in model.state_dict().values())
    return hashlib.sha256(b"".join(octets)).hexdigest()
