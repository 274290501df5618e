"""Checkpoints in archives: the honest ones are read, the hostile ones leave no trace."""

import bz2
import gzip
import io
import json
import os
import random
import re
import struct
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tiny_models import our_model

from minibert import BertForPreTraining, BertTokenizer
from minibert.checkpoint import archives, find
from minibert.errors import CheckpointError

FIELDS = ("vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads")
FIELDS += ("intermediate_size", "max_position_embeddings", "type_vocab_size", "hidden_act")
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(chr(97 + n) for n in range(26))]


@pytest.fixture(scope="module")
def model(randomized):
    return randomized(our_model("BertForPreTraining"))


@pytest.fixture(scope="module")
def old(model, tmp_path_factory):
    """A folder as pytorch-pretrained-bert's archives hold it: Greek names, bert_config.json."""
    folder = tmp_path_factory.mktemp("old")
    model.save_pretrained(folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").unlink()
    (folder / "bert_config.json").write_text(json.dumps({name: config[name] for name in FIELDS}))
    tensors = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    greek = {
        name.replace("LayerNorm.weight", "LayerNorm.gamma").replace(
            "LayerNorm.bias", "LayerNorm.beta"
        ): value
        for name, value in tensors.items()
    }
    greek["cls.predictions.decoder.weight"] = greek["bert.embeddings.word_embeddings.weight"]
    assert sum(name.endswith(("gamma", "beta")) for name in greek) == 12
    torch.save(greek, folder / "pytorch_model.bin", _use_new_zipfile_serialization=False)
    (folder / "vocab.txt").write_text("\n".join(VOCABULARY) + "\n")
    return folder


@pytest.fixture(scope="module")
def tar_gz(old, tmp_path_factory):
    """The archive of `old`, with the entry "./" that `tar -czf bert.tar.gz .` writes first."""
    path = tmp_path_factory.mktemp("tar") / "bert-tiny-uncased.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        archive.add(old, ".")
    return path


@pytest.fixture(scope="module")
def googles_zip(model, tmp_path_factory):
    """As Google gave BERT away: TensorFlow's files in a folder in a .zip."""
    folder = tmp_path_factory.mktemp("zip")
    model.save_pretrained(folder / "tf", to="tensorflow")
    (folder / "tf/vocab.txt").write_text("\n".join(VOCABULARY) + "\n")
    path = folder / "uncased_L-2_H-12_A-3.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.mkdir("uncased_L-2_H-12_A-3")
        for file in sorted((folder / "tf").iterdir()):
            archive.write(file, f"uncased_L-2_H-12_A-3/{file.name}")
    return path


@pytest.fixture
def sentinels(tmp_path, monkeypatch):
    """Where an archive is opened, all that lies around it and around the temporary folders."""
    for place in ("home", "temporary"):
        (tmp_path / place).mkdir()
        (tmp_path / place / "sentinel").write_text("untouched")
    monkeypatch.setattr(archives.TemporaryDirectory, "__init__", _inside(tmp_path / "temporary"))
    monkeypatch.chdir(tmp_path / "home")
    return tmp_path


def _inside(folder):
    original = archives.TemporaryDirectory.__init__

    def make(self, prefix):
        original(self, prefix=prefix, dir=folder)

    return make


def tree(folder):
    """All there is, but what lies in the folders that archives are unpacked into."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
        if "minibert-" not in str(path.relative_to(folder))
    }


def refusal(path, around):
    """Why an archive is refused, in one line that names it; nothing may have changed around it."""
    before = tree(around)
    with pytest.raises(CheckpointError) as error:
        find(path)
    assert tree(around) == before
    message = str(error.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message.removeprefix(f"{path}: ")


def same(model, other):
    left, right = model.state_dict(), other.state_dict()
    assert list(left) == list(right)
    return all(torch.equal(value, right[name]) for name, value in left.items())


# Honest archives


def test_an_archive_of_pytorch_pretrained_bert(model, tar_gz):
    loaded = BertForPreTraining.from_pretrained(tar_gz)

    assert same(model, loaded)
    assert loaded.load_table.count("tied") == 1
    greek = [row for row in loaded.load_table.rows if row.reason.startswith("old name: ")]
    assert len(greek) == 12


def test_googles_archive_with_a_folder_inside(model, googles_zip):
    loaded = BertForPreTraining.from_pretrained(googles_zip)

    assert same(model, loaded)
    assert loaded.load_table.count("transposed") == 14


@pytest.mark.parametrize("name", ["tar_gz", "googles_zip"])
def test_the_tokenizer_comes_out_of_the_archive_too(name, request):
    tokenizer = BertTokenizer.from_pretrained(request.getfixturevalue(name))

    assert tokenizer.encode("a bad cab").tokens == "[CLS] a [UNK] [UNK] [SEP]".split()


def test_a_plain_tar_is_read_and_unpacked_once(old, model, tmp_path):
    path = tmp_path / "bert.tar"
    with tarfile.open(path, "w") as archive:
        archive.add(old, "bert")

    first = find(path)

    assert find(str(path)) == first == find(path, "tokenizer")
    assert first.name == "bert"
    assert same(model, BertForPreTraining.from_pretrained(path))


def test_an_archive_that_changes_is_unpacked_again(tar_gz, googles_zip, tmp_path):
    path = tmp_path / "archive"
    path.write_bytes(tar_gz.read_bytes())
    first = find(path)
    path.write_bytes(googles_zip.read_bytes())
    os.utime(path, (1, 1))

    assert find(path) != first
    assert (find(path) / "bert_model.ckpt.index").is_file()


def test_the_config_nearest_to_the_root_is_taken(old, tmp_path):
    path = tmp_path / "bert.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        archive.add(old, "a/deep/copy")
        archive.add(old, "z")

    assert find(path).name == "z"


def test_the_temporary_folder_goes_with_the_process(tar_gz, tmp_path):
    script = """
import sys
from minibert.checkpoint import find
folder = find(sys.argv[1])
print(folder, len(list(folder.iterdir())))
sys.exit(3)
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(tar_gz)],
        env=os.environ | {"TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    folder, count = done.stdout.split()
    assert (done.returncode, done.stderr) == (3, "")
    assert Path(folder).parent == tmp_path
    assert int(count) == 3
    assert not list(tmp_path.iterdir())


# Hostile archives


def entry(name, content=b"", **fields):
    """A member of a tar: its header and content."""
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for field, value in fields.items():
        setattr(info, field, value)
    return info, content


CONFIG = entry("config.json", b"{}")
LINK = {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"}
HOSTILE = {
    "absolute": ([entry("/etc/x")], "'/etc/x' points out of the archive"),
    "above": ([entry("../x", b"x")], "'../x' points out of the archive"),
    "above, later": ([entry("a/b/../../../x")], "'a/b/../../../x' points out of the archive"),
    "above, but home again": ([entry("a/../x")], "'a/../x' points out of the archive"),
    "a folder above": ([entry("../x/", type=tarfile.DIRTYPE)], "points out of the archive"),
    "a drive": ([entry("C:\\x")], "points out of the archive"),
    "a drive's own folder": ([entry("C:x")], "points out of the archive"),
    "a share": ([entry("\\\\server\\share\\x")], "points out of the archive"),
    "above, in Windows": ([entry("a\\..\\..\\x")], "points out of the archive"),
    "the root, in Windows": ([entry("\\x")], "points out of the archive"),
    "a symbolic link": ([entry("x", **LINK)], "'x' is a link or a device"),
    "a link to a folder": (
        [entry("a", type=tarfile.SYMTYPE, linkname=".."), entry("a/x")],
        "'a' is a link or a device",
    ),
    "a hard link": (
        [entry("x", type=tarfile.LNKTYPE, linkname="/etc/passwd")],
        "'x' is a link or a device",
    ),
    "a link within": (
        [entry("x", type=tarfile.LNKTYPE, linkname="config.json")],
        "'x' is a link or a device",
    ),
    "a character device": ([entry("x", type=tarfile.CHRTYPE)], "'x' is a link or a device"),
    "a block device": ([entry("x", type=tarfile.BLKTYPE)], "'x' is a link or a device"),
    "a pipe": ([entry("x", type=tarfile.FIFOTYPE)], "'x' is a link or a device"),
    "the same twice": ([entry("x", b"1"), entry("x", b"2")], "'x' is there twice"),
    "the same, otherwise": ([entry("a/x"), entry("./a//x")], "'./a//x' is there twice"),
    "a file as a folder": ([entry("x"), entry("x/y")], "'x/y' is there twice"),
    "a folder as a file": ([entry("x/y"), entry("x")], "'x' is there twice"),
    "a listed folder as a file": (
        [entry("x", type=tarfile.DIRTYPE), entry("x")],
        "'x' is there twice",
    ),
    "a file as an empty folder": (
        [entry("x"), entry("x", type=tarfile.DIRTYPE)],
        "'x' is there twice",
    ),
    "no name": ([entry(".", b"x")], "'.' has no name"),
    "a name for the terminal": ([entry("\x1b[2J\nx/../y")], "'\\x1b[2J\\nx/../y' points out"),
    "a thousand files and the config": (
        [entry(f"{n}") for n in range(1000)],
        "'999' is one too many: 1001 members of 2 bytes fill the disk",
    ),
    "a thousand folders and the config": (
        [entry("x", type=tarfile.DIRTYPE)] * 1000,
        "'x' is one too many: 1001 members of 2 bytes fill the disk",
    ),
    "what grows a thousandfold": (
        [entry("a", bytes(1 << 23)), entry("b", bytes((1 << 23) - 1))],
        "'b' is one too many: 3 members of 16777217 bytes fill the disk",
    ),
}


@pytest.mark.parametrize(("members", "complaint"), HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_tar(members, complaint, sentinels):
    path = sentinels / "bad.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for info, content in [CONFIG, *members]:
            archive.addfile(info, io.BytesIO(content))

    message = refusal(path, sentinels)

    assert complaint in message
    assert message.endswith("; nothing of it was unpacked")
    assert not list((sentinels / "temporary").glob("minibert-*"))


def test_a_thousand_members_are_not_too_many(sentinels):
    path = sentinels / "many.tar"
    with tarfile.open(path, "w") as archive:
        for info, content in [CONFIG, *(entry(f"{n}", b"x") for n in range(999))]:
            archive.addfile(info, io.BytesIO(content))

    assert len(list(find(path).iterdir())) == 1000


def zip_entry(name, kind=0o100000):
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, (kind | 0o777) << 16
    return info


ZIPPED = {
    "absolute": (zip_entry("/etc/x"), "'/etc/x' points out of the archive"),
    "above": (zip_entry("../x"), "'../x' points out of the archive"),
    "a folder above": (zip_entry("../x/", 0o040000), "'../x/' points out of the archive"),
    "a drive": (zip_entry("C:/x"), "'C:/x' points out of the archive"),
    "above, in Windows": (zip_entry("..\\x"), "'..\\\\x' points out of the archive"),
    "a symbolic link": (zip_entry("x", 0o120000), "'x' is a link or a device"),
    "a link as a folder": (zip_entry("x/", 0o120000), "'x/' is a link or a device"),
    "a device": (zip_entry("x", 0o020000), "'x' is a link or a device"),
    "no name": (zip_entry("."), "'.' has no name"),
    "a second config": (zip_entry("./config.json"), "'./config.json' is there twice"),
    "inside a file": (zip_entry("config.json/x"), "'config.json/x' is there twice"),
}


@pytest.mark.parametrize(("info", "complaint"), ZIPPED.values(), ids=ZIPPED)
def test_a_hostile_zip(info, complaint, sentinels):
    path = sentinels / "bad.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", "{}")
        archive.writestr(info, "/etc/passwd")

    assert refusal(path, sentinels) == f"{complaint}; nothing of it was unpacked"


def test_a_zip_that_grows_a_thousandfold(sentinels):
    path = sentinels / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", bytes(archives.SMALL + 1))

    assert refusal(path, sentinels).startswith("'config.json' is one too many: 1 members of 16777")


def patched(path, at, old_value, new_value):
    """Overwrite a number of a zip's directory, `at` bytes after its first entry begins."""
    content = bytearray(path.read_bytes())
    begin = content.index(b"PK\1\2") + at
    assert struct.unpack_from("<I", content, begin) == (old_value,)
    struct.pack_into("<I", content, begin, new_value)
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("told", "complaint"), [(10, "cannot be unpacked (Bad CRC-32"), (9999, "cannot be unpacked (")]
)
def test_a_zip_that_lies_about_a_size(told, complaint, sentinels):
    path = sentinels / "lie.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", b" " * 1000)
    patched(path, 24, 1000, told)

    message = refusal(path, sentinels)

    assert message.startswith((complaint, "'config.json' is cut short"))
    written = [file.stat().st_size for file in (sentinels / "temporary").rglob("config.json")]
    assert all(size <= 1000 for size in written)


def test_a_stored_zip_that_lies_about_a_size_is_cut_short(sentinels):
    path = sentinels / "lie.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", b" " * 1000)
    patched(path, 24, 1000, 1001)

    assert refusal(path, sentinels) == "'config.json' is cut short; fetch it again"


def test_an_encrypted_zip(sentinels):
    path = sentinels / "secret.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", "{}")
    content = bytearray(path.read_bytes())
    for begin, at in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        content[content.index(begin) + at] |= 1  # flag: encrypted
    path.write_bytes(content)

    message = refusal(path, sentinels)

    assert "'config.json' is encrypted" in message


def test_a_header_that_would_fill_the_memory(sentinels):
    """The name of a file, 17 MB long: it takes 17 kB of the archive."""
    path = sentinels / "long.tar.gz"
    info, _ = entry("L", type=tarfile.GNUTYPE_LONGNAME)
    info.size = archives.SMALL + 512
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(info.tobuf(tarfile.GNU_FORMAT))
        file.write(b"x" * info.size)
    assert path.stat().st_size < 200_000

    assert "a header of 16777" in refusal(path, sentinels)


def test_a_name_that_no_file_can_have(sentinels):
    path = sentinels / "long.tar.gz"
    with tarfile.open(path, "w:gz", format=tarfile.PAX_FORMAT) as archive:
        for info, content in (CONFIG, entry("x" * 300)):
            archive.addfile(info, io.BytesIO(content))

    assert refusal(path, sentinels).startswith("cannot be unpacked ([Errno 36] File name too long")


@pytest.mark.parametrize("content", [b"", bytes(10240)], ids=["nothing", "no members"])
def test_an_empty_archive(content, sentinels):
    path = sentinels / "empty.tar.gz"
    path.write_bytes(gzip.compress(content))

    assert refusal(path, sentinels)


def test_archives_without_a_checkpoint(sentinels):
    torch.save({"a": torch.ones(1)}, sentinels / "a.bin")  # a zip, by its content
    with tarfile.open(sentinels / "a.tar.gz", "w:gz") as archive:
        archive.addfile(*[entry("notes.txt")[0]])

    for name in ("a.bin", "a.tar.gz"):
        message = refusal(sentinels / name, sentinels)
        assert message == "no config.json and no bert_config.json in it, so no checkpoint"
    assert not list((sentinels / "temporary").glob("minibert-*"))


@pytest.mark.parametrize(
    "content",
    [
        gzip.compress(b"a text, and no archive" * 99),
        bz2.compress(b"a text, and no archive" * 99),
        b"PK\3\4 begins as a zip",
        b"\x1f\x8b",
        b"a text",
        b"",
    ],
    ids=["gz", "bz2", "zip", "two bytes", "text", "empty"],
)
def test_files_that_are_no_archive(content, sentinels):
    path = sentinels / "file"
    path.write_bytes(content)

    with pytest.raises(CheckpointError) as error:
        find(path)

    assert re.match(
        rf"{path}(: cannot be unpacked \(| is a file, and no whole archive)", str(error.value)
    )


@pytest.mark.parametrize("name", ["tar_gz", "googles_zip"])
def test_truncated_anywhere(name, request, sentinels):
    whole = request.getfixturevalue(name).read_bytes()
    path = sentinels / "cut"
    places = [1, 2, 4, 9, 10, 11, 30, 511, 512, 700, *range(1000, len(whole), len(whole) // 20)]
    for kept in [*places, len(whole) - 9]:
        path.write_bytes(whole[:kept])
        os.utime(path, (kept, kept))
        with pytest.raises(CheckpointError) as error:
            find(path)
        assert str(error.value).startswith(str(path)), kept
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["tar_gz", "googles_zip"])
def test_damaged_anywhere_it_is_refused_or_whole(name, request, sentinels, model):
    """Bytes that nothing depends on may change, such as a date; all others are noticed."""
    whole = request.getfixturevalue(name).read_bytes()
    path, dice, refused = sentinels / "damaged", random.Random(0), 0
    for round_ in range(40):
        content = bytearray(whole)
        at = dice.choice([dice.randrange(len(whole)), -dice.randrange(1, 900), dice.randrange(900)])
        content[at] ^= 1 << dice.randrange(8)
        path.write_bytes(content)
        os.utime(path, (round_, round_))
        try:
            loaded = BertForPreTraining.from_pretrained(path)
        except CheckpointError:
            refused += 1
        else:
            assert same(model, loaded), at
    assert refused > 10
    assert {file.name for file in sentinels.iterdir()} == {"home", "temporary", "damaged"}
