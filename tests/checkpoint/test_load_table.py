"""The account of a load: every tensor in one row, and nothing skipped in silence."""

from collections import Counter

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_models import CONFIG, NUM_LABELS, change_json, our_model

from minibert import (
    BertForMaskedLM,
    BertForMultipleChoice,
    BertForPreTraining,
    BertForSequenceClassification,
    BertForTokenClassification,
    BertModel,
)
from minibert.checkpoint import load_table
from minibert.checkpoint.names import place, theirs
from minibert.errors import CheckpointError, ConfigError

BODY = 5 + 2 * 16  # embeddings (3 tables, a LayerNorm), two layers of 16 tensors


@pytest.fixture
def classifier(tmp_path, randomized):
    """The directory of a classifier with three labels."""
    randomized(our_model("BertForSequenceClassification")).save_pretrained(tmp_path)
    return tmp_path


def edit(directory, add=(), remove=()):
    """Add tensors to the weights of `directory`, and remove some by name."""
    path = directory / "model.safetensors"
    tensors = load_file(path) | dict(add)
    save_file({name: value for name, value in tensors.items() if name not in remove}, path)


def counts(table):
    found = Counter(row.action for row in table.rows)
    assert all(table.count(action) == number for action, number in found.items())
    return dict(found)


def refusal(action, *arguments, **options):
    with pytest.raises(CheckpointError) as error:
        action(*arguments, **options)
    return str(error.value)


def test_the_same_model_uses_every_tensor_and_starts_none(classifier):
    table = BertForSequenceClassification.from_pretrained(classifier).load_table

    assert counts(table) == {"used": BODY + 4}
    assert table.new == []
    assert table.summary() == f"{BODY + 4} tensors used"


def test_another_model_names_what_it_leaves_and_what_it_starts(classifier):
    table = BertForPreTraining.from_pretrained(classifier).load_table

    assert counts(table) == {"used": BODY + 2, "ignored": 2, "new": 7}
    ignored = {row.source: row.reason for row in table.rows if row.action == "ignored"}
    reason = "this model has no classifier"
    assert ignored == {"classifier.weight": reason, "classifier.bias": reason}
    assert {row.reason for row in table.rows if row.action == "new"} == {"not in the checkpoint"}
    assert sorted(table.new) == [
        "mlm.bias",
        "mlm.dense.bias",
        "mlm.dense.weight",
        "mlm.norm.bias",
        "mlm.norm.weight",
        "next_sentence.bias",
        "next_sentence.weight",
    ]


def test_a_pooler_that_is_not_needed_is_left_and_one_that_lacks_is_new(classifier, tmp_path):
    tagger = BertForTokenClassification.from_pretrained(classifier)
    left = [row for row in tagger.load_table.rows if row.action == "ignored"]
    assert {row.source for row in left} == {"bert.pooler.dense.weight", "bert.pooler.dense.bias"}
    assert {row.reason for row in left} == {"this model has no pooler"}

    tagger.save_pretrained(tmp_path / "tagger")
    body = BertModel.from_pretrained(tmp_path / "tagger")
    assert sorted(body.load_table.new) == ["pooler.dense.bias", "pooler.dense.weight"]


def test_without_a_model_every_tensor_has_its_place(classifier):
    table = load_table(classifier)

    assert counts(table) == {"used": BODY + 4}
    assert {row.source: row.target for row in table.rows} == {
        name: place(name).ours for name in load_file(classifier / "model.safetensors")
    }
    assert sorted(table.tensors()) == sorted(row.target for row in table.rows)


def test_the_table_prints_row_by_row(classifier):
    edit(classifier, add={"bert.embeddings.position_ids": torch.arange(16)[None]})

    lines = str(BertForTokenClassification.from_pretrained(classifier).load_table).split("\n")

    assert lines[0].split() == ["in", "the", "file", "shape", "in", "the", "model"]
    rows = {line.split()[0]: line.split(maxsplit=1)[1] for line in lines[1:-1]}
    assert len(rows) == len(lines) - 2 == BODY + 4 + 1
    query = rows["bert.encoder.layer.1.attention.self.query.weight"].split()
    assert query == ["12", "x", "12", "bert.encoder.layers.1.attention.query.weight", "used"]
    assert rows["bert.embeddings.position_ids"].split()[:5] == ["1", "x", "16", "-", "ignored:"]
    assert rows["bert.pooler.dense.bias"].endswith("ignored: this model has no pooler")
    assert rows["classifier.bias"].split() == ["3", "classifier.bias", "used"]
    assert lines[-1] == f"{BODY + 2} tensors used; 3 ignored"


def test_new_parameters_are_printed_too(classifier):
    edit(classifier, remove=["classifier.weight", "classifier.bias"])

    table = BertForSequenceClassification.from_pretrained(classifier).load_table

    rows = [line.split() for line in str(table).split("\n")]
    assert ["-", "3", "x", "12", "classifier.weight", "new:", "not", "in", "the", "checkpoint"] in (
        rows
    )
    assert table.summary() == (
        f"{BODY + 2} tensors used; 2 newly initialised: classifier.weight, classifier.bias"
    )


def test_unknown_tensors_are_listed_and_a_long_list_is_cut(classifier):
    names = [f"adapter.{number}.weight" for number in range(8)]
    edit(classifier, add={name: torch.ones(2) for name in names})

    table = BertForSequenceClassification.from_pretrained(classifier).load_table

    assert [row.source for row in table.rows if row.action == "unknown"] == names
    assert all(f"{name} " in str(table) for name in names)
    assert "8 unknown and left out: adapter.0.weight, " in table.summary()
    assert table.summary().endswith("adapter.5.weight, and 2 more")


@pytest.mark.parametrize(
    "name",
    [
        "bert.encoder.layer.1.attention.self.query.lora",
        "bert.encoder.layer.x.output.dense.weight",
        "bert.bert.pooler.dense.weight",
        "encoder.layers.0.attention.query.weight",
        "pooler.dense",
        "",
    ],
)
def test_near_misses_of_names_are_unknown(name):
    where = place(name)

    assert (where.ours, where.tied, where.ignored) == (None, None, None)


def test_names_there_and_back():
    for model in (our_model("BertForPreTraining"), our_model("BertForQuestionAnswering")):
        for ours in model.state_dict():
            assert place(theirs(ours)).ours == ours.removeprefix("bert.")


def test_layers_keep_their_numbers_beyond_nine():
    name = "bert.encoder.layer.11.intermediate.dense.bias"

    assert place(name).ours == "encoder.layers.11.feed_forward.inner.bias"
    assert theirs("bert.encoder.layers.11.feed_forward.inner.bias") == name


@pytest.mark.parametrize(
    ("theirs_lost", "ours_named"),
    [
        ("bert.encoder.layer.1.output.dense.bias", "encoder.layers.1.feed_forward.outer.bias"),
        ("bert.embeddings.token_type_embeddings.weight", "embeddings.segment.weight"),
        ("bert.embeddings.LayerNorm.weight", "embeddings.norm.weight"),
    ],
)
def test_a_missing_tensor_of_the_body_is_refused(classifier, theirs_lost, ours_named):
    edit(classifier, remove=[theirs_lost])

    for new_head in (False, True):
        message = refusal(
            BertForSequenceClassification.from_pretrained, classifier, new_head=new_head
        )
        assert message.startswith(f"{classifier}: no tensor for bert.{ours_named} (")
        assert "2 layers" in message


def test_a_shape_that_differs_in_the_body_is_refused_with_both_shapes(classifier):
    name = "bert.encoder.layer.0.intermediate.dense.weight"
    edit(classifier, add={name: torch.ones(21, 12)})

    message = refusal(BertForSequenceClassification.from_pretrained, classifier, new_head=True)

    assert f"{classifier / 'model.safetensors'}: tensor {name}" in message
    assert "(21, 12)" in message
    assert "(20, 12)" in message
    assert "the config and the weights do not belong together" in message


def test_more_layers_in_the_file_than_in_the_config_are_refused(classifier):
    change_json(classifier / "config.json", num_hidden_layers=1)

    message = refusal(BertForSequenceClassification.from_pretrained, classifier)

    assert "encoder.layer.1." in message
    assert "belongs to no layer of this config" in message


def test_fewer_layers_in_the_file_than_in_the_config_are_refused(classifier):
    change_json(classifier / "config.json", num_hidden_layers=3)

    message = refusal(BertForSequenceClassification.from_pretrained, classifier)

    assert "no tensor for bert.encoder.layers.2." in message
    assert "a BERT of 3 layers, as its config says?" in message


def test_labels_that_do_not_fit_the_head_name_both_shapes_and_the_way_out(classifier):
    message = refusal(BertForSequenceClassification.from_pretrained, classifier, num_labels=7)

    assert f"{classifier / 'model.safetensors'}: tensor classifier." in message
    assert "(3,)" in message or "(3, 12)" in message
    assert "(7,)" in message or "(7, 12)" in message
    assert "new_head=True" in message


def test_a_new_head_replaces_one_of_another_size_and_keeps_the_body(classifier):
    old = BertForSequenceClassification.from_pretrained(classifier)

    model = BertForSequenceClassification.from_pretrained(classifier, num_labels=7, new_head=True)

    assert model.classifier.weight.shape == (7, CONFIG.hidden_size)
    assert torch.equal(model.classifier.bias, torch.zeros(7))
    assert torch.equal(model.bert.pooler.dense.weight, old.bert.pooler.dense.weight)
    assert counts(model.load_table) == {"used": BODY + 2, "ignored": 2, "new": 2}
    reasons = {row.reason for row in model.load_table.rows if row.action != "used"}
    assert reasons == {"the head is replaced by a new one", "a new head"}


def test_a_new_head_of_the_same_size_is_fresh_and_has_no_old_label_names(classifier):
    change_json(classifier / "config.json", id2label={"0": "calm", "1": "glad", "2": "sad"})
    old = BertForSequenceClassification.from_pretrained(classifier)

    model = BertForSequenceClassification.from_pretrained(classifier, new_head=True)

    assert old.label_names == ("calm", "glad", "sad")
    assert model.label_names == ("LABEL_0", "LABEL_1", "LABEL_2")
    assert not torch.equal(model.classifier.weight, old.classifier.weight)
    assert len(model.classifier.weight) == NUM_LABELS


def test_a_new_head_for_masked_words_keeps_the_tied_embedding(tmp_path, randomized):
    model = randomized(our_model("BertForMaskedLM"))
    model.save_pretrained(tmp_path)
    words = model.bert.embeddings.token.weight.detach()
    twins = {
        "cls.predictions.decoder.weight": words.clone(),
        "cls.predictions.decoder.bias": model.mlm.bias.detach().clone(),
    }
    edit(tmp_path, add=twins)

    loaded = BertForMaskedLM.from_pretrained(tmp_path, new_head=True)

    assert torch.equal(loaded.bert.embeddings.token.weight, words)
    assert torch.equal(loaded.mlm.bias, torch.zeros(CONFIG.vocab_size))
    assert torch.equal(loaded.mlm.norm.weight, torch.ones(CONFIG.hidden_size))
    assert counts(loaded.load_table) == {"used": BODY, "tied": 1, "ignored": 6, "new": 5}


def test_a_classifier_of_three_labels_is_no_head_for_multiple_choice(classifier):
    message = refusal(BertForMultipleChoice.from_pretrained, classifier)

    assert "new_head=True" in message
    assert BertForMultipleChoice.from_pretrained(classifier, new_head=True).load_table.new


@pytest.mark.parametrize("ending", ["weight", "bias"])
@pytest.mark.parametrize("part", ["classifier", "bert.pooler.dense"])
def test_half_a_head_is_refused(classifier, part, ending):
    edit(classifier, remove=[f"{part}.{ending}"])
    other = {"weight": "bias", "bias": "weight"}[ending]

    message = refusal(BertForSequenceClassification.from_pretrained, classifier)

    assert f"{part}.{other} is there, but {part}.{ending} is missing" in message
    assert "incomplete" in message


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("bert.embeddings.LayerNorm.gamma", "bert.embeddings.LayerNorm.weight"),
        ("embeddings.LayerNorm.bias", "bert.embeddings.LayerNorm.bias"),
    ],
)
def test_two_tensors_for_one_place_are_refused(classifier, first, second):
    edit(classifier, add={first: torch.ones(12)})

    for action in (BertForSequenceClassification.from_pretrained, load_table):
        message = refusal(action, classifier)
        assert first in message
        assert second in message
        assert "fills too" in message


def test_a_head_without_classes_is_refused():
    with pytest.raises(ConfigError, match="num_labels must be at least 1, not 0"):
        BertForSequenceClassification.from_pretrained("minilm", num_labels=0)
