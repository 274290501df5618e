"""Conversion: from any format to any other, bit for bit, and never with invented weights."""

import json
import multiprocessing
import os
import signal
import sys
from pathlib import Path
from typing import get_args

import pytest
import torch
import transformers
from safetensors.torch import load_file

import minibert
from minibert import BertConfig, BertModel, BertTokenizer, checkpoint, cli
from minibert.checkpoint import open_checkpoint
from minibert.checkpoint.tensorflow import read_index, write_bundle
from minibert.errors import CheckpointError, ConfigError
from minibert.model import convert
from minibert.model.conversion import MODELS

CONFIG = BertConfig(
    vocab_size=31,
    hidden_size=12,
    num_hidden_layers=2,
    num_attention_heads=3,
    intermediate_size=20,
    max_position_embeddings=16,
)
LABELS = ("calm", "glad", "sad")
IDS = torch.tensor([[2, 7, 9, 11, 3], [2, 30, 8, 21, 3]])
PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(chr(97 + n) for n in range(26))]

every_head = pytest.mark.parametrize("head", MODELS)
every_dtype = pytest.mark.parametrize("dtype", checkpoint.DTYPES)


@pytest.fixture
def save(tmp_path, randomized):
    """A function that saves a random model with a head, three labels where it has some."""

    def save(head="pretraining", name="source", **options):
        torch.manual_seed(0)
        kind = MODELS[head]
        model = randomized(kind(CONFIG, num_labels=3) if kind.chooses_labels else kind(CONFIG))
        if kind.chooses_labels:
            model.label_names = LABELS
        tokenizer = BertTokenizer({piece: number for number, piece in enumerate(PIECES)})
        model.eval().save_pretrained(tmp_path / name, tokenizer, **options)
        return model, tmp_path / name

    return save


def same(model, other):
    left, right = model.state_dict(), other.state_dict()
    assert list(left) == list(right)
    return all(torch.equal(value, right[name]) for name, value in left.items())


def contents(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def refusal(kind, *arguments, **options):
    with pytest.raises(kind) as error:
        convert(*arguments, **options)
    return str(error.value)


# Round trips


@every_head
def test_every_head_through_tensorflow_and_hugging_face_and_back(head, save, tmp_path):
    model, source = save(head)

    to_google = convert(source, tmp_path / "tf", "tensorflow")
    back = convert(tmp_path / "tf", tmp_path / "hf")

    assert type(to_google.model) is type(back.model) is MODELS[head]
    assert (to_google.dtype, to_google.tokenizer) == ("float32", "31 word pieces")
    assert open_checkpoint(tmp_path / "tf").format == "tensorflow"
    assert same(model, MODELS[head].from_pretrained(tmp_path / "tf"))
    assert contents(tmp_path / "hf") == contents(source)
    assert back.model.label_names == (LABELS if MODELS[head].chooses_labels else ())


@every_head
@every_dtype
def test_every_type_of_number_keeps_its_bits(head, dtype, save, tmp_path):
    _, source = save(head, dtype=dtype)

    written = [
        convert(source, tmp_path / "tf", "tensorflow").dtype,
        convert(tmp_path / "tf", tmp_path / "hf").dtype,
    ]

    assert written == [dtype, dtype]
    assert {entry.dtype for entry in open_checkpoint(tmp_path / "tf").entries.values()} == {dtype}
    assert contents(tmp_path / "hf") == contents(source)


@every_dtype
def test_the_type_is_rounded_to_once(dtype, save, tmp_path):
    model, source = save("masked-lm")

    for to in checkpoint.FORMATS:
        convert(source, tmp_path / to, to, dtype=dtype)
        again = MODELS["masked-lm"].from_pretrained(tmp_path / to).state_dict()
        for name, value in model.state_dict().items():
            assert torch.equal(again[name], value.to(getattr(torch, dtype)).float()), name


def test_the_commonest_type_of_a_mixture_is_written(save, tmp_path):
    _, source = save()
    tensors = load_file(source / "model.safetensors")
    half = {name: t.half() if t.dim() > 1 else t for name, t in tensors.items()}
    (source / "model.safetensors").unlink()
    torch.save(half, source / "pytorch_model.bin")
    assert convert(source, tmp_path / "a").dtype == "float32"  # most are vectors

    half = {name: t.half() if "LayerNorm" not in name else t for name, t in tensors.items()}
    torch.save(half, source / "pytorch_model.bin")
    assert convert(source, tmp_path / "b").dtype == "float16"

    torch.save({n: t.double() for n, t in tensors.items()}, source / "pytorch_model.bin")
    assert convert(source, tmp_path / "c").dtype == "float32"


def test_minilm_from_format_to_format_on_the_command_line(tmp_path, monkeypatch, capsys):
    """Outputs that are equal to the bit, in ours and in `transformers`."""

    def minibert_(*words):
        monkeypatch.setattr(sys, "argv", ["minibert", *map(str, words)])
        cli.main()
        return capsys.readouterr().out.splitlines()

    tf, hf = tmp_path / "tf", tmp_path / "hf"
    shown = minibert_("convert", "minilm", tf, "--to", "tensorflow")
    assert shown[0].startswith("read       minilm: 103 tensors used")
    assert shown[1:] == [
        f"written    {tf}: BertModel, float32, for tensorflow",
        "tokenizer  30522 word pieces",
    ]
    shown = minibert_("convert", tf, hf)
    assert shown[0].startswith(f"read       {tf}: 103 tensors used, 37 of them transposed")

    original, ours = BertModel.from_pretrained("minilm"), BertModel.from_pretrained(hf)
    assert same(original, ours)
    before, after = in_transformers(checkpoint.find("minilm")), in_transformers(hf)
    assert same(before, after)
    ids = BertTokenizer.from_pretrained(tf).encode("There and back again").ids
    assert ids == BertTokenizer.from_pretrained("minilm").encode("There and back again").ids
    batch = torch.tensor([ids])
    with torch.no_grad():
        assert torch.equal(original(batch).pooled_output, ours(batch).pooled_output)
        left, right = before(batch), after(batch)
    assert torch.equal(left.last_hidden_state, right.last_hidden_state)
    assert torch.equal(left.pooler_output, right.pooler_output)


def in_transformers(directory):
    """Its weights in memory of their own: where a file is mapped, its header's length decides how
    they are aligned, and with that in which order numbers are added up."""
    model, info = transformers.BertModel.from_pretrained(directory, output_loading_info=True)
    assert not any(info.values())
    state = {name: value.clone() for name, value in model.state_dict().items()}
    model.load_state_dict(state, assign=True)
    return model.eval()


# Choosing the head


def without(config, *fields):
    """A config without some of its fields, as Google wrote it."""
    content = json.loads(config.read_text())
    config.write_text(json.dumps({n: v for n, v in content.items() if n not in fields}))


@every_head
def test_without_an_architecture_the_tensors_say_which_head_it_is(head, save, tmp_path):
    _, source = save(head, to="tensorflow")
    without(source / "bert_config.json", "architectures", "id2label", "label2id")

    converted = convert(source, tmp_path / "hf")

    taken_for = "sequence-classification" if head == "multiple-choice" else head
    assert type(converted.model) is MODELS[taken_for]
    if MODELS[head].chooses_labels:
        assert converted.model.classifier.out_features == 3
        assert converted.model.label_names == ("LABEL_0", "LABEL_1", "LABEL_2")


@pytest.mark.parametrize("to", checkpoint.FORMATS)
def test_the_number_of_labels_is_that_of_the_classifiers_rows(to, save):
    _, source = save("sequence-classification", to=to)
    config = source / ("config.json" if to == "huggingface" else "bert_config.json")
    without(config, "id2label", "label2id")

    model = minibert.BertForSequenceClassification.from_pretrained(source)

    assert model.classifier.out_features == 3
    assert model.load_table.new == []
    other = minibert.BertForTokenClassification.from_pretrained(source, num_labels=5, new_head=True)
    assert other.classifier.out_features == 5


def test_one_of_several_heads(save, tmp_path):
    model, source = save("pretraining")

    convert(source, tmp_path / "mlm", head="masked-lm")
    convert(source, tmp_path / "body", head="none")

    masked = minibert.BertForMaskedLM.from_pretrained(tmp_path / "mlm")
    assert torch.equal(masked.mlm.bias, model.mlm.bias)
    assert open_checkpoint(tmp_path / "mlm").architecture == "BertForMaskedLM"
    assert same(model.bert, BertModel.from_pretrained(tmp_path / "body"))


def test_the_command_lines_heads_are_all_there_are():
    assert get_args(cli.Head) == tuple(MODELS)
    assert {kind.__name__ for kind in MODELS.values()} == {
        name for name in minibert.__all__ if name.startswith(("BertFor", "BertModel"))
    }


# Refusals


def test_no_weight_is_invented(save, tmp_path):
    _, source = save("none")

    message = refusal(CheckpointError, source, tmp_path / "target", head="masked-lm")

    assert message.startswith(f"{source} lacks mlm.bias, mlm.dense.weight, mlm.dense.bias, ")
    assert "BertForMaskedLM needs, and none is invented; choose another --head (none, " in message
    assert not (tmp_path / "target").exists()


@pytest.mark.parametrize("head", ["masked-lm", "token-classification", "question-answering"])
def test_a_body_without_pooler_is_written_without_one(head, save, tmp_path):
    model, source = save(head)

    written = convert(source, tmp_path / "body", head="none")

    assert written.kind == "BertModel without pooler, which the source lacks"
    assert "new" not in written.table.summary()
    tensors = load_file(tmp_path / "body" / "model.safetensors")
    assert not any("pooler" in name for name in tensors)
    hidden = transformers.BertModel.from_pretrained(tmp_path / "body")(IDS).last_hidden_state
    torch.testing.assert_close(hidden, model.bert(IDS).last_hidden_state, atol=2e-5, rtol=0)


def test_an_overwritten_target_keeps_no_tokenizer_of_another_model(save, tmp_path):
    _, source = save()
    _, target = save(name="target")
    for name in ("vocab.txt", "tokenizer.json", "tokenizer_config.json"):
        assert (target / name).is_file()
        (source / name).unlink()

    written = convert(source, target, overwrite=True)

    assert written.tokenizer.startswith("none (")
    assert sorted(file.name for file in target.iterdir()) == ["config.json", "model.safetensors"]


def test_a_relative_takes_no_head(tmp_path):
    fields = {"dim": 12, "n_layers": 1, "n_heads": 3, "hidden_dim": 20, "vocab_size": 31}
    config = transformers.DistilBertConfig(**fields)
    transformers.DistilBertForMaskedLM(config).save_pretrained(tmp_path / "source")

    message = refusal(CheckpointError, tmp_path / "source", tmp_path / "t", head="masked-lm")

    assert "DistilBERT; its body is BERT's, its heads and tokenizer are not" in message
    assert convert(tmp_path / "source", tmp_path / "t").tokenizer.startswith("none (")


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"head": "masked"}, "head 'masked' is none of none, pretraining, masked-lm, "),
        ({"dtype": "float64"}, "dtype 'float64' is none of float32, float16, bfloat16"),
        ({"to": "onnx"}, "to='onnx' is none of huggingface, tensorflow"),
    ],
)
def test_unknown_choices(options, complaint, save, tmp_path):
    _, source = save()

    assert refusal(ConfigError, source, tmp_path / "target", **options).startswith(complaint)
    assert not (tmp_path / "target").exists()


@pytest.mark.parametrize(("dtype", "value"), [("float16", 70000.0), ("bfloat16", 3.4e38)])
@pytest.mark.parametrize("to", checkpoint.FORMATS)
def test_a_weight_that_would_become_infinite_is_named(dtype, value, to, save, tmp_path):
    model, source = save("masked-lm")
    with torch.no_grad():
        model.bert.encoder.layers[1].feed_forward.inner.bias[3] = -value
    model.save_pretrained(source)

    message = refusal(CheckpointError, source, tmp_path / "target", to, dtype)

    name = "bert.encoder.layers.1.feed_forward.inner.bias"
    assert message == f"{name} holds {value:g}, too much for {dtype}; choose float32"
    assert not (tmp_path / "target").exists()


def test_a_target_that_holds_something(save, tmp_path):
    _, source = save("masked-lm")
    target = tmp_path / "target"
    target.mkdir()
    assert convert(source, target).tokenizer == "31 word pieces"  # an empty one is taken
    before = contents(target)
    (target / "notes.txt").write_text("mine")

    assert "is not empty; choose another folder, or give --overwrite" in (
        refusal(ConfigError, source, target, dtype="float16")
    )
    assert contents(target) == before | {"notes.txt": b"mine"}

    convert(source, target, dtype="float16", overwrite=True)
    after = contents(target)
    assert sorted(after) == sorted([*before, "notes.txt"])
    assert len(after["model.safetensors"]) < len(before["model.safetensors"])
    assert after["notes.txt"] == b"mine"


def test_a_target_that_is_a_file(save, tmp_path):
    _, source = save()
    (tmp_path / "file").write_text("mine")

    message = refusal(ConfigError, source, tmp_path / "file", overwrite=True)

    assert message == f"{tmp_path / 'file'} is a file; name a folder"


@pytest.mark.parametrize("overwrite", [False, True])
def test_the_source_itself(overwrite, save, tmp_path, monkeypatch):
    _, source = save()
    before = contents(source)
    monkeypatch.chdir(source)
    (tmp_path / "link").symlink_to(source)

    for target in (source, Path(), tmp_path / "link", source / ".." / "source"):
        message = refusal(ConfigError, source, target, overwrite=overwrite)
        assert message == f"{target} is where the source lies; choose another folder"
    assert contents(source) == before


def test_a_folder_inside_the_source_changes_nothing_of_it(save):
    model, source = save()
    before = contents(source)

    convert(source, source / "tf", "tensorflow")

    after = contents(source)
    assert {name: after[name] for name in before} == before
    assert same(model, MODELS["pretraining"].from_pretrained(source))
    assert same(model, MODELS["pretraining"].from_pretrained(source / "tf"))


def test_tensorflows_files_beside_weights_that_would_be_read_first(save, tmp_path):
    _, source = save()
    _, target = save("masked-lm", "target")
    before = contents(target)

    message = refusal(ConfigError, source, target, "tensorflow", overwrite=True)

    assert "holds weights in Hugging Face's format, which would be read before" in message
    assert contents(target) == before


def test_a_damaged_source_writes_nothing(save, tmp_path):
    _, source = save(to="tensorflow")
    data = source / "bert_model.ckpt.data-00000-of-00001"
    content = bytearray(data.read_bytes())
    content[100] ^= 1
    data.write_bytes(content)

    message = refusal(CheckpointError, source, tmp_path / "target")

    assert "the checksum does not fit" in message
    assert not (tmp_path / "target").exists()
    convert(source, tmp_path / "target", verify=False)


def test_a_tokenizer_of_another_size_stays_behind(save, tmp_path):
    _, source = save()
    tokenizer = BertTokenizer({piece: n for n, piece in enumerate([*PIECES, "more"])})
    tokenizer.save_pretrained(source)

    converted = convert(source, tmp_path / "target")

    assert converted.tokenizer.startswith("none (")
    assert not (tmp_path / "target/vocab.txt").exists()


def test_a_sliced_head_of_googles_is_refused_with_both_shapes(save, tmp_path):
    _, source = save("question-answering", to="tensorflow")
    tensors = {n: e.read() for n, e in read_index(source / "bert_model.ckpt").items()}
    tensors["cls/squad/output_weights"] = torch.ones(3, 12)
    write_bundle(source / "bert_model.ckpt", tensors)

    message = refusal(CheckpointError, source, tmp_path / "target")

    assert "cls/squad/output_weights has shape (3, 12), but span.weight has (2, 12)" in message


def convert_and_be_killed(source, target, to, step):
    """What is written lies beside its place, and is about to be renamed, when it is synced."""
    steps = iter(range(1, 9))

    def sync_or_die(handle):
        if next(steps) == step:
            os.kill(os.getpid(), signal.SIGKILL)

    os.fsync = sync_or_die
    convert(source, target, to, overwrite=True)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize(("to", "step"), [("huggingface", 1), ("tensorflow", 2)])
def test_a_kill_leaves_no_half_file_under_a_final_name(to, step, save, tmp_path):
    _, source = save("masked-lm")
    target = tmp_path / "target"
    convert(source, target, to)
    before = contents(target)
    _, other = save("pretraining", "other")

    process = multiprocessing.get_context("fork").Process(
        target=convert_and_be_killed, args=(other, target, to, step)
    )
    process.start()
    process.join(60)

    assert process.exitcode == -signal.SIGKILL
    final = {name: data for name, data in contents(target).items() if name[0] != "."}
    changed = {name for name in final if final[name] != before[name]}
    assert final.keys() == before.keys()
    assert changed == ({"bert_model.ckpt.data-00000-of-00001"} if to == "tensorflow" else set())
    if changed:  # half of a checkpoint, of which each file is whole: the checksums tell
        with pytest.raises(CheckpointError, match=r"checksum|cut short"):
            MODELS["masked-lm"].from_pretrained(target)
