"""Saving replaces each file as a whole or not at all."""

import errno
import stat

import pytest
import torch
from tiny_models import our_model

from minibert import BertForSequenceClassification
from minibert.checkpoint import disk, writing
from minibert.checkpoint.disk import write_atomically

FULL = OSError(errno.ENOSPC, "No space left on device")


def contents(directory):
    """Every file, hidden ones too, with what it holds."""
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def fill_the_disk(tensors, path, metadata=None):
    """As `save_file`, on a disk that has room for a hundred bytes."""
    path.write_bytes(bytes(100))
    raise FULL


def test_a_full_disk_leaves_the_previous_model_and_no_leftovers(tmp_path, monkeypatch, randomized):
    our_model("BertForSequenceClassification").save_pretrained(tmp_path)
    before = contents(tmp_path)
    assert sorted(before) == ["config.json", "model.safetensors"]

    monkeypatch.setattr(writing, "save_file", fill_the_disk)
    with pytest.raises(OSError, match="No space left"):
        randomized(our_model("BertForPreTraining")).save_pretrained(tmp_path)

    assert contents(tmp_path) == before
    BertForSequenceClassification.from_pretrained(tmp_path)


def test_a_full_disk_leaves_an_empty_directory_empty(tmp_path, monkeypatch):
    monkeypatch.setattr(writing, "save_file", fill_the_disk)

    with pytest.raises(OSError, match="No space left"):
        our_model("BertModel").save_pretrained(tmp_path / "deep" / "new")

    assert contents(tmp_path / "deep" / "new") == {}


def test_a_text_that_cannot_be_finished_leaves_the_old_one(tmp_path, monkeypatch):
    path = tmp_path / "notes.json"
    path.write_text("old")

    def refuse(handle):
        raise FULL

    monkeypatch.setattr(disk.os, "fsync", refuse)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(path, "new")

    assert contents(tmp_path) == {"notes.json": b"old"}


def test_an_interrupt_leaves_no_leftovers_either(tmp_path):
    def interrupted(path):
        path.write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "weights", interrupted)

    assert contents(tmp_path) == {}


def test_saving_makes_the_directory_and_files_that_others_may_read(tmp_path):
    target = tmp_path / "a" / "b"

    our_model("BertModel").save_pretrained(target)

    assert sorted(contents(target)) == ["config.json", "model.safetensors"]
    for path in target.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_saving_over_the_directory_that_was_loaded(tmp_path, randomized):
    randomized(our_model("BertForSequenceClassification")).save_pretrained(tmp_path)
    model = BertForSequenceClassification.from_pretrained(tmp_path)
    with torch.no_grad():
        model.classifier.bias += 1

    model.save_pretrained(tmp_path)

    again = BertForSequenceClassification.from_pretrained(tmp_path)
    assert torch.equal(again.classifier.bias, model.classifier.bias)
    assert torch.equal(again.bert.pooler.dense.weight, model.bert.pooler.dense.weight)
