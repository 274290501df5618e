"""Training state on disk: written whole or not at all, found again, and refused when damaged."""

import hashlib
import json
import os
import random
import shutil
import signal
import time
from contextlib import suppress

import pytest
import torch
from faulty_disk import KILLED, FaultyDisk, faults, in_child
from safetensors.torch import load_file
from torch import nn

from minibert.checkpoint import disk, json_files
from minibert.errors import RunError
from minibert.training.checkpoints import (
    DTYPES,
    newest_valid,
    read_checkpoint,
    remove_checkpoints,
    write_checkpoint,
)

FILES = ["manifest.json", "model.safetensors", "optimizer.safetensors", "random.safetensors"]
FILES += ["state.json"]


def parts_of(step):
    """Tensors that tell one step from another: those of a model, an optimizer, a generator."""
    draw = torch.Generator().manual_seed(step)
    weights = {
        "linear.weight": torch.randn(5, 3, generator=draw),
        "linear.bias": torch.randn(5, generator=draw),
    }
    moments = {f"{name}.exp_avg": value * 0.5 for name, value in weights.items()}
    moments["step"] = torch.tensor(float(step))
    return {"model": weights, "optimizer": moments, "random": {"torch": draw.get_state()}}


def state_of(step):
    return {"step": step, "best": 0.1 + step, "rows": [1, 2, 3], "none": None, "umlaut": "ü"}


def save(folder, step, keep=9):
    return write_checkpoint(folder, step, parts_of(step), state_of(step), keep)


def same_bits(found, wanted):
    return (
        found.keys() == wanted.keys()
        and all(found[name].dtype == wanted[name].dtype for name in wanted)
        and all(found[name].shape == wanted[name].shape for name in wanted)
        and all(octets(found[name]) == octets(wanted[name]) for name in wanted)
    )


def octets(tensor):
    return tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()


def check(found, step):
    """That a checkpoint which was read is, bit for bit, the one which was saved."""
    assert found.step == step
    assert found.state == state_of(step)
    wanted = parts_of(step)
    assert found.parts.keys() == wanted.keys()
    assert all(same_bits(found.part(name), wanted[name]) for name in wanted)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def refusal(path):
    with pytest.raises(RunError) as error:
        read_checkpoint(path)
    return str(error.value)


def sign(path):
    """Make the manifest of a checkpoint fit its files, whoever wrote them."""
    manifest = json.loads((path / "manifest.json").read_text())
    for name in manifest["files"]:
        content = (path / name).read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        manifest["files"][name] = {"size": len(content), "sha256": digest}
    (path / "manifest.json").write_text(json.dumps(manifest))


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    """Waiting for the disk is not what takes place here: a kill does not tell, `disk` is asked."""
    monkeypatch.setattr(disk, "sync", lambda file: None)
    monkeypatch.setattr(disk, "sync_folder", lambda path: None)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "checkpoints"


class TestOneCheckpoint:
    def test_it_comes_back_bit_for_bit(self, folder):
        path = save(folder, 120)

        assert path == folder / "step-00000120"
        assert names(path) == FILES
        assert read_checkpoint(path).path == path
        check(read_checkpoint(path), 120)

    @pytest.mark.parametrize("dtype", DTYPES, ids=str)
    def test_every_type_and_shape_is_as_the_library_reads_it(self, folder, dtype):
        noise = torch.randint(0, 256, (6 * 4 * 8,), dtype=torch.uint8)
        if dtype == torch.bool:
            noise %= 2
        values = noise.view(dtype)[:24].reshape(6, 4)  # any bits: NaN and infinity among them
        tensors = {
            "odd": torch.tensor(
                [1, 2, 3], dtype=torch.uint8
            ),  # what follows is aligned all the same
            "whole": values,
            "turned": values.T,
            "every other": values[::2, 1:3],
            "number": values[0, 0],
            "empty": values[:0],
            "grown \U0001f331": nn.Parameter(values) if dtype.is_floating_point else values,
            "every third": values.reshape(-1)[::3],
        }

        path = write_checkpoint(folder, 1, {"model": tensors}, {}, 1)

        content = (path / "model.safetensors").read_bytes()
        size = int.from_bytes(content[:8], "little")
        for name, entry in json.loads(content[8 : 8 + size]).items():
            assert (8 + size + entry["data_offsets"][0]) % tensors[name].element_size() == 0, name
        wanted = {name: tensor.detach() for name, tensor in tensors.items()}
        assert same_bits(load_file(path / "model.safetensors"), wanted)
        assert same_bits(read_checkpoint(path).part("model"), wanted)

    def test_numbers_in_the_state_are_exact(self, folder):
        state = {"best": 0.1 + 0.2, "small": 5e-324, "large": 2**63 + 1, "text": "Ωn\n"}

        assert read_checkpoint(write_checkpoint(folder, 1, {}, state, 1)).state == state

    def test_what_json_cannot_hold_is_refused_before_anything_is_written(self, folder):
        for state in ({"best": float("nan")}, {"best": float("-inf")}, {"best": object()}):
            with pytest.raises((ValueError, TypeError)):
                write_checkpoint(folder, 1, parts_of(1), state, 1)

        assert not folder.exists()

    def test_a_part_that_was_never_saved_is_refused(self, folder):
        path = write_checkpoint(folder, 1, {"model": {}}, {}, 1)

        with pytest.raises(RunError) as error:
            read_checkpoint(path).part("optimizer")

        assert str(error.value) == f"{path}: saved without optimizer.safetensors"

    def test_what_was_read_does_not_hang_on_the_files(self, folder):
        """A tensor mapped from a file kills the process when the file is cut."""

        def read_and_cut():
            found = read_checkpoint(save(folder, 1))
            for file in found.path.iterdir():
                os.truncate(file, 0)
            check(found, 1)

        assert in_child(read_and_cut) == 0

    def test_training_goes_on_from_it_bit_for_bit(self, folder):
        """A real optimizer, with dropout: its state under the parameters' names."""

        def fresh():
            torch.manual_seed(0)
            layers = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.Linear(8, 2))
            return layers, torch.optim.AdamW(layers.parameters(), lr=0.1, fused=True)

        def train(model, optimizer, steps):
            for _ in range(steps):
                model(torch.randn(3, 4)).square().sum().backward()
                optimizer.step()
                optimizer.zero_grad()

        straight, optimizer = fresh()
        train(straight, optimizer, 5)

        model, optimizer = fresh()
        train(model, optimizer, 2)
        moments = {
            f"{name}.{kind}": value
            for name, parameter in model.named_parameters()
            for kind, value in optimizer.state[parameter].items()
        }
        draws = {"torch": torch.get_rng_state()}
        parts = {"model": model.state_dict(), "optimizer": moments, "random": draws}
        path = write_checkpoint(folder, 2, parts, {}, 1)

        model, optimizer = fresh()
        found = read_checkpoint(path)
        model.load_state_dict(found.part("model"))
        for name, parameter in model.named_parameters():
            kinds = ("step", "exp_avg", "exp_avg_sq")
            optimizer.state[parameter] = {k: found.part("optimizer")[f"{name}.{k}"] for k in kinds}
        torch.set_rng_state(found.part("random")["torch"])
        train(model, optimizer, 3)

        assert same_bits(model.state_dict(), straight.state_dict())


class TestManyCheckpoints:
    def test_the_newest_is_found(self, folder):
        for step in (5, 120, 99):
            save(folder, step)

        check(newest_valid(folder).checkpoint, 99)  # 120 was left behind
        save(folder, 123_456_789)
        check(newest_valid(folder).checkpoint, 123_456_789)
        assert newest_valid(folder).passed_over == []

    def test_new_is_what_was_saved_last_not_what_sorts_last(self, folder):
        for step in (99_999_999, 100_000_000):
            save(folder, step)
        assert names(folder) == ["step-100000000", "step-99999999"]
        check(newest_valid(folder).checkpoint, 100_000_000)

        for _ in range(10):
            save(folder, 100_000_000, keep=2)
        assert names(folder) == ["step-100000000-10", "step-100000000-11"]
        assert newest_valid(folder).checkpoint.path.name == "step-100000000-11"

    def test_where_there_is_none(self, folder):
        assert newest_valid(folder) == (None, [])
        folder.mkdir()
        assert newest_valid(folder) == (None, [])

    @pytest.mark.parametrize("keep", [1, 2, 3])
    def test_as_many_as_wanted_are_kept(self, folder, keep):
        for step in range(1, 6):
            save(folder, step, keep)

        assert names(folder) == [f"step-{step:08d}" for step in range(6 - keep, 6)]
        check(newest_valid(folder).checkpoint, 5)

    def test_those_that_the_run_has_gone_back_behind_go(self, folder):
        for step in (1, 2, 3, 4):
            save(folder, step)

        save(folder, 2)
        assert names(folder) == ["step-00000001", "step-00000002", "step-00000002-2"]
        check(newest_valid(folder).checkpoint, 2)
        save(folder, 2, keep=2)
        assert names(folder) == ["step-00000002-2", "step-00000002-3"]
        assert newest_valid(folder).checkpoint.path.name == "step-00000002-3"

    @pytest.mark.parametrize("name", FILES)
    def test_damaged_ones_do_not_count(self, folder, name):
        for step in (1, 2, 3):
            save(folder, step)
        (folder / "step-00000003" / name).unlink()

        save(folder, 4, keep=2)

        (folder / "step-00000004" / "model.safetensors").unlink()
        check(newest_valid(folder).checkpoint, 2)

    def test_all_can_be_removed(self, folder):
        for step in (1, 2, 3):
            save(folder, step)
        (folder / "step-00000003").rename(folder / "step-00000003.unfinished")

        remove_checkpoints(folder)
        assert not folder.exists()
        remove_checkpoints(folder)

    @pytest.mark.parametrize("how", ["save", "remove"])
    def test_what_is_not_ours_is_never_removed(self, folder, how, tmp_path):
        foreign = [
            "notes.txt",
            "step-00000001/notes.txt",
            "step-00000002.unfinished/notes.txt",
            "step-00000003.unfinished/deep/model.safetensors",
            "step-00000004/model.safetensors",  # no manifest: who knows whose it is
            "step-5/model.safetensors",
            "step-00000006.bak/model.safetensors",
            ".step-00000007.unfinished/model.safetensors",
            "best/model.safetensors",
        ]
        save(folder, 1)
        for name in foreign:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text("mine")
        elsewhere = save(tmp_path / "elsewhere", 8)
        (folder / elsewhere.name).symlink_to(elsewhere)
        stray = folder / "step-00000009.unfinished"
        stray.symlink_to(elsewhere)

        if how == "save":
            check(read_checkpoint(save(folder, 3, keep=1)), 3)
            foreign[3] = "step-00000003/deep/model.safetensors"  # in the way, and taken along
        else:
            remove_checkpoints(folder)

        assert all((folder / name).read_text() == "mine" for name in foreign)
        check(read_checkpoint(elsewhere), 8)
        assert not (folder / "step-00000001" / "manifest.json").exists()


def flip(file, at, bit=0):
    content = bytearray(file.read_bytes())
    content[at] ^= 1 << bit
    file.write_bytes(content)


HURT = {
    "deleted": os.unlink,
    "emptied": lambda file: os.truncate(file, 0),
    "a byte short": lambda file: os.truncate(file, file.stat().st_size - 1),
    "half of it": lambda file: os.truncate(file, file.stat().st_size // 2),
    "a byte longer": lambda file: file.write_bytes(file.read_bytes() + b"\0"),
    "a bit flipped": lambda file: flip(file, file.stat().st_size // 2),
    "its last bit flipped": lambda file: flip(file, file.stat().st_size - 1),
    "zeros": lambda file: file.write_bytes(bytes(file.stat().st_size)),
    "a folder": lambda file: (file.unlink(), file.mkdir()),
}


class TestDamage:
    """What can befall the newest checkpoint: the one before it is used, and the reason is said."""

    @pytest.mark.parametrize("how", HURT)
    @pytest.mark.parametrize("name", FILES)
    def test_the_older_one_is_used_and_the_newer_named(self, folder, name, how):
        save(folder, 100)
        newest = save(folder, 120)
        HURT[how](newest / name)

        found = newest_valid(folder)

        check(found.checkpoint, 100)
        (message,) = found.passed_over
        named = newest if name == "manifest.json" else newest / name
        assert message.startswith(f"{named}")
        assert refusal(newest) == message
        save(folder, 120)
        check(newest_valid(folder).checkpoint, 120)

    def test_all_are_named_that_were_passed_over(self, folder):
        for step in (1, 2, 3, 4):
            save(folder, step)
        model, optimizer = (
            folder / "step-00000002" / "model.safetensors",
            folder / "step-00000003" / "optimizer.safetensors",
        )
        model.unlink()
        flip(optimizer, 200)
        (folder / "step-00000004").rename(folder / "step-00000004.unfinished")

        found = newest_valid(folder)

        check(found.checkpoint, 1)
        assert found.passed_over == [
            f"{folder / 'step-00000004.unfinished'}: a save that was stopped before its end",
            f"{optimizer}: damaged, its SHA-256 is not the manifest's",
            f"{model}: missing",
        ]

    def test_no_byte_of_the_manifest_can_change_what_is_read(self, folder):
        path = save(folder, 120)
        whole = (path / "manifest.json").read_bytes()
        draw = random.Random(0)
        same = 0
        for at in range(len(whole)):
            (path / "manifest.json").write_bytes(whole)
            flip(path / "manifest.json", at, draw.randrange(8))
            with suppress(RunError):
                check(read_checkpoint(path), 120)
                same += 1
        assert same < len(whole) / 5  # flips of white space to white space

    def test_a_folder_under_another_name_is_refused(self, folder):
        path = save(folder, 120)

        assert refusal(path.rename(folder / "best")).endswith("they are called step-00000120")
        assert refusal((folder / "best").rename(folder / "step-00000200")) == (
            f"{folder / 'step-00000200' / 'manifest.json'}: of step 120, not the folder's"
        )
        assert refusal(folder / "step-00000001").endswith("no such checkpoint")

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"format": 2}, "format 2, where 1 can be read here"),
            ({"format": None}, "format None"),
            ({"step": 10**30}, "of step 1000"),
            ({"files": None}, "lists no state.json"),
            ({"files": {}}, "lists no state.json"),
            ({"files": ["state.json"]}, "lists no state.json"),
            ({"../state.json": {}}, "lists '../state.json', no file of a checkpoint"),
            ({"/etc/passwd": {}}, "lists '/etc/passwd'"),
            ({"../../../etc/x.safetensors": {}}, "no file of a checkpoint"),
            ({"a/b.safetensors": {}}, "lists 'a/b.safetensors'"),
            ({"a\\b.safetensors": {}}, "no file of a checkpoint"),
            ({".safetensors": {}}, "lists '.safetensors'"),
            ({"a\0.safetensors": {}}, "no file of a checkpoint"),
            ({"": {}}, "lists ''"),
            ({"a" * 10**6: {}}, "aaa"),
            ({"state.json": None}, "does not give size and sha256 of state.json"),
            ({"state.json": {"size": 2.0, "sha256": ""}}, "does not give size and sha256"),
            ({"state.json": {"size": 2}}, "does not give size and sha256"),
            ({"state.json": {"size": -1, "sha256": ""}}, "-1 were written"),
            ({"state.json": {"size": 10**30, "sha256": ""}}, f"{10**30} were written"),
            ({"state.json": {"size": 81, "sha256": "é"}}, "state.json: "),
            ({"more.safetensors": {"size": 1, "sha256": ""}}, "more.safetensors: missing"),
        ],
    )
    def test_a_hostile_manifest_is_refused(self, folder, changes, message):
        path = save(folder, 120)
        manifest = json.loads((path / "manifest.json").read_text())
        for name, value in changes.items():
            (manifest if name in manifest else manifest["files"])[name] = value
        (path / "manifest.json").write_text(json.dumps(manifest))

        said = refusal(path)

        assert message in said
        assert len(said) < 500

    @pytest.mark.parametrize("name", ["manifest.json", "state.json"])
    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b"[" * 10**6, "arrays and objects in each other, more than 64 deep"),
            (b'{"a":' * 10**5, "arrays and objects in each other, more than 64 deep"),
            (b'{"best": NaN}', "NaN is no number in JSON"),
            (b'{"best": -Infinity}', "-Infinity is no number in JSON"),
            (b'{"size": ' + b"9" * 10**4 + b"}", "not a JSON file"),
            (b"[]", "must hold a JSON object"),
            (b"\xff\xfe{}", "not a JSON file"),
            (b"", "not a JSON file"),
        ],
    )
    def test_hostile_json_is_refused(self, folder, name, content, message):
        path = save(folder, 120)
        (path / name).write_bytes(content)
        if name != "manifest.json":
            sign(path)

        said = refusal(path)

        assert said.startswith(f"{path / name}: ")
        assert message in said

    def test_a_file_that_is_far_too_long_is_not_read(self, folder, monkeypatch):
        path = save(folder, 120)
        monkeypatch.setattr(json_files, "LONGEST_JSON", 10**4)
        for name, size, message in (
            ("model.safetensors", 10**9, f"{10**9} bytes long, "),  # all of it a hole
            ("manifest.json", 10**4 + 1, "longer than 10,000 bytes"),
        ):
            os.truncate(path / name, size)
            assert message in refusal(path)

    def test_hostile_tensors_are_refused(self, folder):
        """With a manifest that fits them: whatever the library says, it is told as a RunError."""
        path = save(folder, 120)
        file = path / "model.safetensors"
        whole = file.read_bytes()
        size = int.from_bytes(whole[:8], "little")
        header = json.loads(whole[8 : 8 + size])

        def with_header(text):
            return len(text).to_bytes(8, "little") + text + whole[8 + size :]

        bad = [b"", whole[:7], whole[:-1], whole + b"\0", (2**63).to_bytes(8, "little")]
        bad += [with_header(b"[" * 10**5), with_header(b"{}"), with_header(b"\xff")]
        for key, value in (
            ("data_offsets", [0, 2**62]),
            ("data_offsets", [-1, 5]),
            ("shape", [2**40, 2**40]),
            ("dtype", "F99"),
        ):
            changed = {**header, "linear.bias": {**header["linear.bias"], key: value}}
            bad.append(with_header(json.dumps(changed).encode()))
        for content in bad:
            file.write_bytes(content)
            sign(path)
            assert refusal(path).startswith(f"{file}: not a whole safetensors file"), content[:80]
        draw = random.Random(0)
        for _ in range(150):
            file.write_bytes(whole)
            for _ in range(draw.randrange(1, 4)):
                flip(file, draw.randrange(8 + size), draw.randrange(8))
            sign(path)
            with suppress(RunError):
                read_checkpoint(path)

    def test_what_may_not_be_read_is_passed_over(self, folder, monkeypatch):
        save(folder, 100)
        newest = save(folder, 120)
        opened = type(newest).open

        def broken(path, *arguments, **options):
            if path == newest / "model.safetensors":
                raise OSError(5, "Input/output error")
            return opened(path, *arguments, **options)

        monkeypatch.setattr(type(newest), "open", broken)
        found = newest_valid(folder)

        check(found.checkpoint, 100)
        assert found.passed_over == [f"{newest}: cannot be read: [Errno 5] Input/output error"]


def before_a_save(folder):
    """Two checkpoints, and what a save that was killed has left."""
    for step in (100, 110):
        save(folder, step)
    killed = save(folder, 120)
    (killed / "manifest.json").unlink()
    killed.rename(folder / "step-00000120.unfinished")


class TestAWriteThatFails:
    @pytest.fixture(scope="class")
    @staticmethod
    def before(tmp_path_factory):
        """What is there before the save that fails, and the calls that it does if it does not."""
        root = tmp_path_factory.mktemp("before")
        before_a_save(root / "before")
        shutil.copytree(root / "before", root / "copy")
        with FaultyDisk().installed() as whole:
            save(root / "copy", 120, keep=1)
        assert names(root / "copy") == ["step-00000120"]
        return root / "before", whole.calls

    def test_everything_is_synced_before_it_is_renamed_and_renamed_before_others_go(self, before):
        calls = [str(call) for call in before[1]]
        files = [f"{part}.safetensors" for part in ("model", "optimizer", "random")]
        files += ["state.json", "manifest.json"]
        unfinished, done = "step-00000120.unfinished", "step-00000120"

        written = [c for c in calls if c.split()[0] in ("create", "sync")]
        assert written == [f"{call} {file}" for file in files for call in ("create", "sync")]
        order = [
            f"make_folder {unfinished}",
            *(f"{call} {file}" for file in files for call in ("create", "write", "sync")),
            f"sync_folder {unfinished}",
            f"rename {unfinished}",
            "sync_folder copy",
        ]
        start = calls.index(order[0])
        once = list(dict.fromkeys(calls[start:]))
        assert once[: len(order)] == order
        assert {c.split()[0] for c in once[len(order) :]} == {"remove", "remove_folder"}
        assert {c.split()[0] for c in calls[:start]} == {"remove", "remove_folder"}
        assert f"remove {done}" not in calls
        for older in ("step-00000110", "step-00000100"):
            removed = [c.path.name for c in before[1] if c.path.parent.name == older]
            assert removed[-1] == "manifest.json"  # until then it says what else is to go

    def test_a_first_save_makes_the_folder_last_too(self, tmp_path):
        with FaultyDisk().installed() as seen:
            save(tmp_path / "checkpoints", 1)

        assert [str(call) for call in seen.calls[:2]] == [
            "make_folder checkpoints",
            f"sync_folder {tmp_path.name}",
        ]

    def fail(self, before, calls, fault, folder):
        """Fail there, look at what is left, and save again."""
        shutil.copytree(before, folder)
        called = [call.operation for call in calls]
        renamed = called.index("rename")
        lasting = called.index("sync_folder", renamed)
        goes_on = fault.kind == "full" and called[fault.at] == "remove_folder"  # it may be in use

        with FaultyDisk(fault).installed():
            if fault.kind != "full":
                assert in_child(lambda: save(folder, 120, keep=1)) == KILLED
            elif goes_on:
                save(folder, 120, keep=1)
            else:
                with pytest.raises(RunError) as error:
                    save(folder, 120, keep=1)
                assert ("not saved: the disk is full" in str(error.value)) == (fault.at <= lasting)
                if fault.at <= renamed:
                    assert str(error.value).endswith("step-00000110 is untouched")
                if fault.at > called.index("make_folder"):
                    assert not list(folder.glob("*.unfinished"))  # room is made at once

        new = goes_on or fault.at > (lasting if fault.kind == "power cut" else renamed)
        found = newest_valid(folder)
        check(found.checkpoint, 120 if new else 110)
        assert new or (folder / "step-00000100").is_dir()

        with FaultyDisk().installed():
            save(folder, 130, keep=2)
        check(newest_valid(folder).checkpoint, 130)
        assert names(folder) == ["step-00000120" if new else "step-00000110", "step-00000130"]
        shutil.rmtree(folder)

    def fail_at(self, points, before, folder):
        for fault in points:
            try:
                self.fail(*before, fault, folder)
            except BaseException as error:
                error.add_note(f"{fault}: {before[1][fault.at]}")
                raise

    def test_at_25_points(self, before, folder):
        self.fail_at(random.Random(0).sample(list(faults(before[1])), 25), before, folder)

    @pytest.mark.slow
    def test_at_every_point(self, before, folder):
        points = list(faults(before[1]))
        assert len(points) >= 200
        self.fail_at(points, before, folder)

    def test_a_full_disk_is_said(self, folder, monkeypatch):
        for step in (1, 3):
            save(folder, step)
        (folder / "step-00000003" / "state.json").unlink()  # not one to rely on

        def full(file, octets):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(disk, "write", full)
        with pytest.raises(RunError) as error:
            save(folder, 2)

        said = str(error.value)
        assert said.startswith(
            f"{folder / 'step-00000002'}: not saved: the disk is full (0.0 MB needed, "
        )
        assert said.endswith("MB free); step-00000001 is untouched")
        assert names(folder) == ["step-00000001", "step-00000003"]

    def test_a_first_save_that_fails_leaves_nothing(self, folder, monkeypatch):
        def refuse(file):
            raise OSError(5, "Input/output error")

        monkeypatch.setattr(disk, "sync", refuse)
        with pytest.raises(RunError) as error:
            save(folder, 1)

        assert str(error.value) == (
            f"{folder / 'step-00000001'}: not saved: [Errno 5] Input/output error; "
            "there is no earlier one"
        )
        assert names(folder) == []

    def test_an_interrupt_leaves_nothing_and_goes_on(self, folder, monkeypatch):
        def interrupted(file):
            raise KeyboardInterrupt

        monkeypatch.setattr(disk, "sync", interrupted)
        with pytest.raises(KeyboardInterrupt):
            save(folder, 1)

        assert names(folder) == []

    def test_killed_at_any_moment(self, folder):
        """A process that saves and saves, and a real SIGKILL: no matter when, one is whole."""
        draw = random.Random(0)
        step = 1
        save(folder, step)
        for _ in range(8):
            child = os.fork()
            if not child:
                for later in range(step + 1, 10**6):
                    save(folder, later, keep=2)
            time.sleep(draw.uniform(0.02, 0.12))
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)

            found = newest_valid(folder)
            assert found.checkpoint.step >= step
            check(found.checkpoint, found.checkpoint.step)
            assert all("stopped before its end" in line for line in found.passed_over)
            step = found.checkpoint.step
        assert step > 10
