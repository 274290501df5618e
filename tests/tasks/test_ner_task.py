"""The loss of tagged words, and the way from batches back to words in the order of the file."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny_runs import SIZES, tiny_tokenizer

from minibert import BertConfig, BertForTokenClassification
from minibert.model.heads import Logits
from minibert.tasks.features import Batch
from minibert.tasks.losses import Weighting, balanced_weights
from minibert.tasks.ner.reading import Columns, read_sentences
from minibert.tasks.ner.schemes import TagSet, detect
from minibert.tasks.ner.task import TaggingTask
from minibert.tasks.ner.text import split
from minibert.tasks.ner.windows import UNLABELLED, TaggedWindows
from minibert.tasks.sources import Sources

PLAIN = Weighting()


def loss(out, batch, weighting):
    """In training."""
    return TaggingTask(weighting=weighting).loss(out, batch, training=True)


@pytest.fixture(scope="module")
def windows(root):
    sentences = read_sentences(root / "data" / "ner" / "train.txt")[::4]
    return TaggedWindows(sentences, tiny_tokenizer(), TagSet.of(sentences), max_length=24)


@pytest.fixture(scope="module")
def model(randomized, windows):
    torch.manual_seed(0)
    config = BertConfig(**{"vocab_size": tiny_tokenizer().vocab_size, **SIZES})
    made = BertForTokenClassification(config, num_labels=len(windows.tag_set.names))
    return randomized(made).double().eval()


def test_by_hand():
    """Odds of 3 to 1 for the right tag, then of 1 to 1; the third place has no label."""
    logits = torch.tensor([[[math.log(3.0), 0.0], [0.0, 0.0], [-50.0, 50.0]]])
    batch = Batch({"attention_mask": torch.ones(1, 3)}, torch.tensor([[0, 1, UNLABELLED]]))

    found = loss(Logits(logits), batch, PLAIN)
    assert found.total.item() == pytest.approx(math.log(4 / 3) + math.log(2))
    assert found.denominator == 2

    weighted = loss(Logits(logits), batch, Weighting((1.0, 5.0)))
    assert weighted.total.item() == pytest.approx(math.log(4 / 3) + 5 * math.log(2))
    assert weighted.denominator == 6


def test_it_is_that_of_transformers(model, windows, tmp_path):
    from transformers import BertForTokenClassification as Theirs

    model.save_pretrained(tmp_path)
    theirs = Theirs.from_pretrained(tmp_path, attn_implementation="eager").double().eval()
    batch = windows.batch([0, 1, 2, 3])
    expected = theirs(**batch.inputs, labels=batch.labels).loss
    found = loss(model(**batch.inputs), batch, PLAIN)
    assert (found.total / found.denominator).item() == pytest.approx(expected.item(), abs=1e-10)


def test_only_in_training_it_is_weighted():
    task = TaggingTask(weighting=Weighting((1.0, 5.0), 0.1))
    batch = Batch({"attention_mask": torch.ones(1, 2)}, torch.tensor([[0, 1]]))
    out = Logits(torch.tensor([[[1.0, 0.0], [0.0, 0.5]]]))
    assert task.loss(out, batch) == loss(out, batch, PLAIN) != task.loss(out, batch, training=True)


def gradients(model, windows, groups, weighting, pack=False):
    """Of the mean loss over all groups of windows."""
    model.zero_grad()
    batches = map(windows.packed if pack else windows.batch, groups)
    found = [loss(model(**batch.inputs), batch, weighting) for batch in batches]
    mean = sum(one.total for one in found) / sum(one.denominator for one in found)
    mean.backward()
    return mean.item(), [p.grad.clone() for p in model.parameters() if p.grad is not None]


@pytest.mark.parametrize("weighted", [False, True])
def test_however_the_batch_is_cut_or_packed_the_gradient_is_the_same(model, windows, weighted):
    classes = len(windows.tag_set.names)
    weights = balanced_weights(windows.labels, classes) if weighted else ()
    weighting = Weighting(weights, 0.1 * weighted)
    rows = [*windows.lengths.argsort()[:4].tolist(), 0, 1, 2, 3]
    assert len(set(windows.lengths[rows].tolist())) > 3
    cuts = [[rows], [rows[:4], rows[4:]], [rows[i : i + 2] for i in (0, 2, 4, 6)]]
    expected_loss, expected = gradients(model, windows, [[row] for row in rows], weighting)
    for groups, pack in [(cut, False) for cut in cuts] + [(cuts[0], True), (cuts[1], True)]:
        value, found = gradients(model, windows, groups, weighting, pack)
        assert value == pytest.approx(expected_loss, abs=1e-10)
        for one, other in zip(found, expected, strict=True):
            torch.testing.assert_close(one, other, rtol=0, atol=1e-10)


def test_balanced_weights_count_words_not_pieces(windows):
    """As `weighted` of a task reckons them, from labels in which most pieces have none."""
    numbers = torch.from_numpy(windows.tag_set.numbers(windows.sentences))
    classes = len(windows.tag_set.names)
    assert balanced_weights(windows.labels, classes) == balanced_weights(numbers, classes)


def test_low_precision_logits_are_summed_in_float32(windows):
    batch = windows.batch([0, 1])
    noise = torch.randn(*batch.labels.shape, len(windows.tag_set.names)).bfloat16()
    low, same = (loss(Logits(logits), batch, PLAIN).total for logits in (noise, noise.float()))
    assert low.dtype == torch.float32
    assert low == same


@pytest.mark.parametrize("pack", [False, True])
def test_words_come_back_in_the_order_of_the_file(model, windows, pack):
    """Whatever the batches, of which some sentences span several."""
    rows = np.random.default_rng(0).permutation(len(windows)).tolist()
    found, expected = [], np.empty((len(windows.positions), len(windows.tag_set.names)))
    with torch.no_grad():
        for start in range(0, len(rows), 7):
            some = rows[start : start + 7]
            batch = windows.packed(some) if pack else windows.batch(some)
            found.append((some, model(**batch.inputs)))
        for row in range(len(windows)):  # each window by itself
            alone = model(**windows.batch([row]).inputs).logits[0].numpy()
            for word, position in enumerate(windows.positions):
                if windows.starts[row] <= position < windows.starts[row + 1]:
                    expected[word] = alone[position - windows.starts[row]]
    collected = TaggingTask(label_names=windows.tag_set.names).collect(found, windows)
    assert collected.dtype == np.float32
    assert len(windows) > len(windows.sentences)
    np.testing.assert_allclose(collected, expected, atol=1e-5)


# --- the task as a whole --------------------------------------------------------------------------


@pytest.fixture
def data(root):
    return Sources(root / "data" / "ner")


@pytest.fixture
def task(data):
    return TaggingTask().prepared(data)


def perfect(task, sentences):
    """What a model says that knows every tag."""
    numbers = task.tag_set.numbers(sentences)
    return 20 * np.eye(task.num_labels, dtype=np.float32)[numbers]


def test_the_tags_come_from_the_training_set_and_their_schemes_are_said(data, capsys):
    task = TaggingTask().prepared(data)
    assert task.label_names == (
        "O", "B-LOC", "I-LOC", "B-MISC", "I-MISC", "B-ORG", "I-ORG", "B-PER", "I-PER"
    )  # fmt: skip
    assert capsys.readouterr().out == "tags       IOB2, 284 entities; dev IOB2, 98 entities\n"


def test_another_column_is_another_task(data):
    pos = TaggingTask(Columns(tags="2")).prepared(data)
    assert {"NNP", "VBD", "."} < set(pos.label_names)
    assert pos.metric_names == ("accuracy",)
    chunks = TaggingTask(Columns(tags="3")).prepared(data)
    assert {"B-NP", "I-VP"} < set(chunks.label_names)


def test_metrics_and_signs_of_a_good_and_of_a_hopeless_model(task, data):
    sentences = task.examples("dev", data)
    windows = task.features(sentences, tiny_tokenizer(), 64)
    scores = perfect(task, sentences)
    metrics = task.metrics(scores, windows)
    assert set(metrics.values()) == {1.0}
    assert tuple(metrics) == task.metric_names
    assert task.score(metrics | {"f1": 0.25}) == 0.25
    assert task.signs(scores, windows).all == ()
    assert task.signs(scores, windows).fresh == pytest.approx(math.log(9))

    nothing = np.eye(9, dtype=np.float32)[np.zeros(len(scores), dtype=int)]
    assert task.metrics(nothing, windows)["f1"] == 0
    assert "every prediction is O" in task.signs(nothing, windows).symptoms[0]


def test_constrained_is_legal(task, data):
    sentences = task.examples("dev", data)
    noise = np.random.default_rng(0).normal(size=(713, 9)).astype(np.float32)
    for constrained in (False, True):
        tags = replace(task, constrained=constrained).tags(noise, sentences)
        tagged = [s._replace(tags=t) for s, t in zip(sentences, tags, strict=True)]
        assert (detect(tagged).illegal == 0) == constrained


def test_the_files_of_a_run(task, data, tmp_path):
    sentences = task.examples("dev", data)
    scores = perfect(task, sentences)
    report = task.write_results(tmp_path, "ner", sentences, scores, ["one warning"])
    assert report.figures[0].f1 == 1
    assert "one warning" in (tmp_path / "report.md").read_text("utf-8")
    again = task.read(tmp_path / "predictions.txt")
    assert [(s.words, s.tags) for s in again] == [(s.words, s.tags) for s in sentences]

    path = tmp_path / "answers.jsonl"
    task.write_predictions(path, task.read(data.data / "dev.txt", labelled=False), scores)
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    for row, sentence in zip(rows, sentences, strict=True):
        assert row["text"] == " ".join(sentence.words)
        assert [entity["type"] for entity in row["entities"]] == [
            entity.type for entity in task.tag_set.entities(sentence.tags)
        ]
        for entity in row["entities"]:
            assert row["text"][entity["start"] : entity["end"]] == entity["text"]
            assert entity["score"] == pytest.approx(1)


def test_entities_of_raw_texts(task):
    texts = [split("Ada met Byron."), split("In Turin, yes")]
    scores = np.eye(9, dtype=np.float32)[[7, 0, 7, 0, 0, 1, 0, 0]]
    found = task.entities(texts, scores)
    assert [[entity[:4] for entity in one.entities] for one in found] == [
        [("Ada", "PER", 0, 3), ("Byron", "PER", 8, 13)],
        [("Turin", "LOC", 3, 8)],
    ]
    assert str(found[1]) == f"Turin LOC {math.e / (math.e + 8):.3f} (3 to 8)"
