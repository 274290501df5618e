"""Models by their hub id, fetched from a local stand-in that answers as the hub does.

Each run is a process of its own, as `huggingface_hub` reads its settings when it is imported.
"""

import hashlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import hub_process
import pytest
import torch
from safetensors.torch import load_file
from tiny_models import their_model

import minibert
from minibert import BertModel, BertTokenizer

COMMIT = "0123456789abcdef0123456789abcdef01234567"
OLD_COMMIT = "76543210fedcba9876543210fedcba9876543210"
COMMITS = {"main": COMMIT, COMMIT: COMMIT, "v1": OLD_COMMIT, OLD_COMMIT: OLD_COMMIT}


class StandIn:
    """A server with the hub's addresses and headers, on the repositories below a directory.

    Those of the old commit lie below the directory `old`.
    """

    def __init__(self, repositories):
        self.requests = requests = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                if self.path.startswith("/api/models/"):
                    return self.list_files()
                repository, _, rest = self.path.lstrip("/").partition("/resolve/")
                revision, _, name = rest.partition("/")
                requests.append((self.command, repository, name))
                commit = COMMITS.get(revision)
                directory = directory_of(repository, commit)
                path = directory / name
                content = path.read_bytes() if commit and path.is_file() else None
                if not (repositories / repository).is_dir():
                    error = "RepoNotFound"
                elif commit is None:
                    error = "RevisionNotFound"
                else:
                    error = "EntryNotFound" if content is None else None
                self.answer(content, commit, error)
                return None

            def list_files(self):
                """What `hf download` asks for: {"sha": commit} of a revision, or a file list."""
                parts = re.match(r"/api/models/(.+)/(revision|tree)/(\w+)", self.path)
                commit = COMMITS[parts[3]]
                directory = directory_of(parts[1], commit)
                files = [path for path in directory.rglob("*") if path.is_file()]
                names = [str(path.relative_to(directory)) for path in files]
                if parts[2] == "tree":
                    told = [
                        {"type": "file", "path": name, "size": path.stat().st_size, "oid": name}
                        for name, path in zip(names, files, strict=True)
                    ]
                else:
                    siblings = [{"rfilename": name} for name in names]
                    told = {"id": parts[1], "sha": commit, "siblings": siblings}
                self.answer(json.dumps(told).encode(), commit, None)

            def answer(self, content, commit, error):
                self.send_response(404 if error else 200)
                if error:
                    self.send_header("X-Error-Code", error)
                if commit and error != "RepoNotFound":
                    self.send_header("X-Repo-Commit", commit)
                self.send_header("ETag", f'"{hashlib.sha1(content or b"").hexdigest()}"')
                self.send_header("Content-Length", str(len(content or b"")))
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(content or b"")

        def directory_of(repository, commit):
            return (repositories / "old" if commit == OLD_COMMIT else repositories) / repository

        Handler.do_HEAD = Handler.do_GET
        Handler.log_message = lambda *arguments: None

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def fetched(self, repository):
        return {
            name for method, where, name in self.requests if (method, where) == ("GET", repository)
        }


def surroundings(cache, endpoint, **more):
    """The environment of a process that knows no hub and no proxy but these."""
    ours = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    ours = {name: value for name, value in ours.items() if not name.startswith("HF_")}
    here = {"PYTHONPATH": str(Path(minibert.__file__).parent.parent)}
    return ours | here | {"HF_ENDPOINT": endpoint, "HF_HOME": str(cache)} | more


def load(names, cache, endpoint, **more):
    """What a new process makes of these hub ids: {id: {"weights": digest, "ids": ids}}."""
    environment = surroundings(cache, endpoint, **more)
    found, seconds, complaints = hub_process.load(names, environment, cache.parent)
    assert "Retry" not in complaints
    assert seconds < 60
    return found


OTHER_FORMATS = ("tf_model.h5", "flax_model.msgpack", "rust_model.ot", "onnx/model.onnx")
GOOD = ("tiny-bert", "school/sharded", "school/pickled")
BAD = ("school/unknown", "school/no-weights", "school/lost-shard", "school/hostile", "school/empty")


@pytest.fixture(scope="module")
def repositories(tmp_path_factory, randomized):
    """The files on the hub. All good repositories hold the same model."""
    root = tmp_path_factory.mktemp("hub")
    tokenizer = BertTokenizer.train(["hub words have the has"] * 2, 31 + 20)
    randomized(their_model("BertModel", vocab_size=51)).save_pretrained(root / "tiny-bert")
    tokenizer.save_pretrained(root / "tiny-bert")
    state = load_file(root / "tiny-bert/model.safetensors")
    wrong = {name: torch.zeros_like(value) for name, value in state.items()}
    torch.save(wrong, root / "tiny-bert/pytorch_model.bin")

    (root / "tiny-bert/onnx").mkdir()
    for name in OTHER_FORMATS:
        (root / "tiny-bert" / name).write_bytes(b"a gigabyte that nobody needs here")

    (root / "school").mkdir()
    for name in ("sharded", "pickled", "no-weights", "lost-shard", "hostile"):
        (root / "school" / name).mkdir()
        shutil.copy(root / "tiny-bert/config.json", root / "school" / name)
        shutil.copy(root / "tiny-bert/vocab.txt", root / "school" / name)
    torch.save(state, root / "school/pickled/pytorch_model.bin")
    shutil.copytree(root / "school/pickled", root / "school/forgotten")
    half = len(state) // 2
    parts = {"a.bin": dict(list(state.items())[:half]), "b.bin": dict(list(state.items())[half:])}
    index = {"weight_map": {name: file for file, part in parts.items() for name in part}}
    for name in ("sharded", "lost-shard"):
        for file, part in parts.items():
            torch.save(part, root / "school" / name / file)
        write_index(root / "school" / name, index)
    (root / "school/lost-shard/b.bin").unlink()
    write_index(root / "school/hostile", {"weight_map": dict.fromkeys(state, "../evil.bin")})
    randomized(their_model("BertModel", vocab_size=51), 1).save_pretrained(root / "old/tiny-bert")
    tokenizer.save_pretrained(root / "old/tiny-bert")
    (root / "school/empty").mkdir()
    (root / "school/empty/README.md").touch()
    return root


def write_index(directory, index):
    (directory / "pytorch_model.bin.index.json").write_text(json.dumps(index))


@pytest.fixture(scope="module")
def hub(repositories):
    hub = StandIn(repositories)
    yield hub
    hub.server.shutdown()


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache") / "hf"


@pytest.fixture(scope="module")
def online(hub, cache):
    return load((*GOOD, *BAD, "school/forgotten"), cache, hub.address)


@pytest.fixture(scope="module")
def expected(repositories):
    weights = hub_process.digest(BertModel.from_pretrained(repositories / "tiny-bert"))
    tokenizer = BertTokenizer.from_pretrained(repositories / "tiny-bert")
    return {"weights": weights, "ids": tokenizer.encode("the hub has the words").ids}


@pytest.mark.parametrize("name", GOOD)
def test_a_model_and_its_tokenizer_by_id(online, expected, name):
    assert len(expected["ids"]) > 2
    assert online[name] == expected


def test_only_what_is_needed_is_fetched(online, hub):
    tokens = {"tokenizer.json", "tokenizer_config.json"}
    shards = {"pytorch_model.bin.index.json", "a.bin", "b.bin"}

    assert hub.fetched("tiny-bert") == {"config.json", "model.safetensors"} | tokens
    assert hub.fetched("school/sharded") == {"config.json", "vocab.txt"} | shards
    assert hub.fetched("school/pickled") == {"config.json", "vocab.txt", "pytorch_model.bin"}


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        (
            "school/unknown",
            "school/unknown: no such directory here, and not to be had from the hub",
        ),
        ("school/no-weights", "no model.safetensors and no pytorch_model.bin there"),
        ("school/lost-shard", "school/lost-shard on the hub lacks b.bin, which its index names"),
        ("school/hostile", "lies in '../evil.bin', no plain file name"),
        ("school/empty", "school/empty on the hub has none of a BERT's files"),
    ],
)
def test_what_is_wrong_on_the_hub_is_said(online, hub, name, complaint):
    assert online[name]["weights"].startswith("CheckpointError: ")
    assert complaint in online[name]["weights"]
    assert not any("evil" in file for _, _, file in hub.requests)


@pytest.fixture(scope="module")
def offline(online, hub, cache):
    shutil.rmtree(cache / "hub/models--school--forgotten/.no_exist")
    before = len(hub.requests)
    result = load(
        (*GOOD, "school/forgotten", "school/never-seen"), cache, hub.address, HF_HUB_OFFLINE="1"
    )
    assert len(hub.requests) == before
    return result


@pytest.mark.parametrize("name", GOOD)
def test_the_second_time_works_offline_from_the_cache(offline, expected, name):
    assert offline[name] == expected


def test_what_is_not_in_the_cache_is_not_to_be_had_offline(offline, cache):
    missing = {"weights": "config.json", "ids": "tokenizer.json"}
    for kind, message in offline["school/never-seen"].items():
        assert f"school/never-seen: {missing[kind]} is not in the cache ({cache}/hub)" in message
        assert "the hub cannot be reached (HF_HUB_OFFLINE is set)" in message
        assert "hf download school/never-seen config.json model.safetensors" in message
        assert "name it in place of the id: ./never-seen" in message


def test_a_cache_that_notes_no_absences_serves_what_it_has(offline, expected):
    """As `hf download` leaves it: nothing says that there is no model.safetensors."""
    assert offline["school/forgotten"]["weights"] == expected["weights"]


def test_the_advice_when_followed_gives_the_model(offline, hub, cache, tmp_path, expected):
    message = load(["tiny-bert"], tmp_path / "hf", hub.address, HF_HUB_OFFLINE="1")["tiny-bert"]
    command = re.search(r"\n +hf (.+)\n", message["weights"])[1].split()

    hf = "from huggingface_hub.cli.hf import main; main()"
    subprocess.run(
        [sys.executable, "-c", hf, *command],
        env=surroundings(tmp_path / "elsewhere", hub.address),
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )

    assert not (tmp_path / "tiny-bert" / "tf_model.h5").exists()
    found = load(["./tiny-bert"], tmp_path / "hf", hub.address, HF_HUB_OFFLINE="1")
    assert found["./tiny-bert"] == expected


# Revisions


@pytest.fixture(scope="module")
def pinned(hub, cache, online):
    names = ("tiny-bert", "tiny-bert@v1", f"tiny-bert@{OLD_COMMIT}", "tiny-bert@v2")
    return load(names, cache, hub.address)


def test_a_revision_is_fetched_by_its_tag_or_commit(pinned, repositories, expected):
    old = hub_process.digest(BertModel.from_pretrained(repositories / "old/tiny-bert"))

    assert pinned["tiny-bert"] == expected
    for name in ("tiny-bert@v1", f"tiny-bert@{OLD_COMMIT}"):
        assert pinned[name]["weights"] == old
        assert pinned[name]["weights"] != expected["weights"]
        assert pinned[name]["ids"] == expected["ids"]


def test_a_revision_that_there_is_not(pinned):
    for message in pinned["tiny-bert@v2"].values():
        assert message == "CheckpointError: tiny-bert on the hub has no revision 'v2'"


def test_a_commit_that_is_cached_is_not_asked_for(pinned, hub, cache):
    name, before = f"tiny-bert@{OLD_COMMIT}", len(hub.requests)

    assert load([name], cache, hub.address)[name] == pinned[name]
    assert len(hub.requests) == before


def test_the_advice_names_the_revision(tmp_path, hub):
    name = f"tiny-bert@{OLD_COMMIT}"
    found = load([name], tmp_path / "hf", hub.address, HF_HUB_OFFLINE="1")
    assert f"--revision {OLD_COMMIT} --local-dir tiny-bert" in found[name]["weights"]


# No way to the hub


@pytest.fixture(params=["refuses", "is silent", "is down", "is a portal"])
def no_hub(request):
    """The address of something that is no hub, and what is said of it."""
    if request.param == "refuses":
        yield "http://127.0.0.1:9", "Connection refused"
        return
    if request.param == "is silent":  # connects, as the system does it, and never answers
        with socket.create_server(("127.0.0.1", 0)) as listener:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}", "timed out"
        return

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.send_response(200 if request.param == "is a portal" else 503)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    says = "is not a hub" if request.param == "is a portal" else "it answers 503"
    yield f"http://127.0.0.1:{server.server_port}", says
    server.shutdown()


def test_without_the_hub_the_cache_serves_and_what_it_lacks_is_said_soon(
    no_hub, online, cache, expected
):
    address, reason = no_hub
    names = ["tiny-bert", "school/pickled", "bert-base-uncased"]

    found = load(names, cache, address, HF_HUB_ETAG_TIMEOUT="1")

    assert found["tiny-bert"] == found["school/pickled"] == expected
    for message in found["bert-base-uncased"].values():
        assert message.startswith("CheckpointError: bert-base-uncased: ")
        assert "the hub cannot be reached" in message
        assert reason in message
        assert "hf download bert-base-uncased config.json" in message
