"""Models by their hub id, fetched from a local stand-in that answers as the hub does.

Each run is a process of its own, as `huggingface_hub` reads its settings when it is imported.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import torch
from safetensors.torch import load_file
from tiny_models import their_model

from minibert import BertModel, BertTokenizer

COMMIT = "0123456789abcdef0123456789abcdef01234567"
TEXT = "the hub has the words"

LOAD = """
import hashlib, json, sys
from minibert import BertModel, BertTokenizer
from minibert.errors import CheckpointError

def attempt(action):
    try:
        return action()
    except CheckpointError as error:
        return f"CheckpointError: {error}"

def weights(name):
    state = BertModel.from_pretrained(name).state_dict()
    return hashlib.sha256(b"".join(value.numpy().tobytes() for value in state.values())).hexdigest()

def ids(name):
    return BertTokenizer.from_pretrained(name).encode("the hub has the words").ids

print(json.dumps({
    name: {"weights": attempt(lambda: weights(name)), "ids": attempt(lambda: ids(name))}
    for name in sys.argv[1:]
}))
"""


class StandIn:
    """A server with the hub's addresses and headers, on the repositories below a directory."""

    def __init__(self, repositories):
        self.requests = requests = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                repository, _, rest = self.path.lstrip("/").partition("/resolve/")
                name = rest.removeprefix("main/").removeprefix(f"{COMMIT}/")
                requests.append((self.command, repository, name))
                path = repositories / repository / name
                self.send_response(200 if path.is_file() else 404)
                content = path.read_bytes() if path.is_file() else b""
                if not (repositories / repository).is_dir():
                    self.send_header("X-Error-Code", "RepoNotFound")
                else:
                    self.send_header("X-Repo-Commit", COMMIT)
                    if not path.is_file():
                        self.send_header("X-Error-Code", "EntryNotFound")
                self.send_header("ETag", f'"{hashlib.sha1(content).hexdigest()}"')
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(content)

            do_HEAD = do_GET

            def log_message(self, *arguments):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def fetched(self, repository):
        return {
            name for method, where, name in self.requests if (method, where) == ("GET", repository)
        }


def load(names, cache, endpoint, offline=False, script=LOAD):
    """What a new process makes of these hub ids: {id: {"weights": digest, "ids": ids}}."""
    ours = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    ours = {name: value for name, value in ours.items() if not name.startswith("HF_")}
    done = subprocess.run(
        [sys.executable, "-c", script, *names],
        env=ours
        | {"HF_ENDPOINT": endpoint, "HF_HOME": str(cache), "HF_HUB_OFFLINE": str(int(offline))},
        cwd=cache.parent,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


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
    model = BertModel.from_pretrained(repositories / "tiny-bert")
    content = b"".join(value.numpy().tobytes() for value in model.state_dict().values())
    tokenizer = BertTokenizer.from_pretrained(repositories / "tiny-bert")
    return {"weights": hashlib.sha256(content).hexdigest(), "ids": tokenizer.encode(TEXT).ids}


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
        (*GOOD, "school/forgotten", "school/never-seen"), cache, hub.address, offline=True
    )
    assert len(hub.requests) == before
    return result


@pytest.mark.parametrize("name", GOOD)
def test_the_second_time_works_offline_from_the_cache(offline, expected, name):
    assert offline[name] == expected


def test_what_is_not_in_the_cache_is_not_to_be_had_offline(offline):
    for message in offline["school/never-seen"].values():
        assert "school/never-seen: " in message
        assert "is not in the cache and the hub cannot be reached" in message
        assert "hf download school/never-seen" in message


def test_a_cache_that_notes_no_absences_serves_what_it_has(offline, expected):
    """As `hf download` leaves it: nothing says that there is no model.safetensors."""
    assert offline["school/forgotten"]["weights"] == expected["weights"]


def test_no_connection_and_no_cache(tmp_path):
    impatient = "import time; time.sleep = lambda seconds: None\n"  # between the hub's attempts

    result = load(
        ["bert-base-uncased"], tmp_path / "hf", "http://127.0.0.1:9", script=impatient + LOAD
    )

    for message in result["bert-base-uncased"].values():
        assert message.startswith("CheckpointError: bert-base-uncased: ")
        assert "the hub cannot be reached" in message
        assert "`hf download bert-base-uncased`" in message
