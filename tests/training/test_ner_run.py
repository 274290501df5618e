"""Tagging on the common path: from files to a run, and from a run to entities in texts."""

import json
from dataclasses import replace
from itertools import pairwise

import pytest
from tiny_runs import ROOT, json_lines, json_of, save_tiny_model

from minibert.errors import ConfigError, DataError, MinibertError
from minibert.tasks.ner.reading import Columns, read_sentences
from minibert.tasks.ner.schemes import TagSet
from minibert.tasks.ner.scoring import metrics
from minibert.training.finetune import fine_tune
from minibert.training.saved import SavedRun
from minibert.training.settings import NerSettings

NER = ROOT / "data" / "ner"


def settings(model, output, **changes):
    usual = {"data": NER, "device": "cpu", "precision": "float32", "epochs": 1, "batch_size": 8}
    usual |= {"max_length": 32, "learning_rate": 1e-2, "train_limit": 60}
    return NerSettings(**{**usual, "model": str(model), "output": output, **changes})


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save_tiny_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def run(tmp_path_factory, model):
    changes = {"epochs": 6, "train_limit": None, "class_weights": "balanced"}
    return fine_tune(settings(model, tmp_path_factory.mktemp("runs") / "ner", **changes))


def load(run):
    return SavedRun(run, "cpu", "float32")


class TestTheRun:
    def test_its_metrics_are_those_of_its_predictions(self, run):
        gold = read_sentences(NER / "dev.txt")
        predicted = read_sentences(run / "predictions.txt", Columns("1", "3"))
        copied = read_sentences(run / "predictions.txt", Columns("1", "2"))

        tag_set = TagSet(tuple(json_of(run / "settings.json")["label_names"]))
        assert [one.words for one in predicted] == [one.words for one in gold]
        assert [one.tags for one in copied] == [tag_set.tags(one) for one in gold]
        found = metrics([one.tags for one in copied], [one.tags for one in predicted], tag_set)
        assert json_of(run / "metrics.json")["metrics"] == pytest.approx(found)
        assert found["f1"] > 0

    def test_the_model_knows_its_tags(self, run):
        names = json_of(run / "settings.json")["label_names"]
        assert load(run).model.label_names == tuple(names)
        assert names[:3] == ["O", "B-LOC", "I-LOC"]

    def test_it_says_what_it_read_and_leaves_a_report(self, run, model, tmp_path, capsys):
        fine_tune(settings(model, tmp_path / "run"))
        seen = capsys.readouterr().out
        assert "tags       IOB2, " in seen
        assert "training   60 sentences in " in seen
        assert "(0 lost)" in seen
        assert (run / "report.md").read_text(encoding="utf-8").startswith("# ner, seed 0")
        kinds = json_of(run / "report.json")["kinds"]
        gold = json_of(run / "report.json")["figures"][0]["gold"]
        assert sum(kinds[kind] for kind in kinds if kind != "invented") == gold

    def test_evaluate_finds_the_same(self, run):
        found = load(run).evaluate()
        assert found.metrics == json_of(run / "metrics.json")["metrics"]
        assert found.report.startswith("50 sentences")

    def test_a_tag_that_the_training_set_lacks(self, run, tmp_path):
        (tmp_path / "new.txt").write_text("Ada B-PER\nThames B-RIVER\n", encoding="utf-8")
        with pytest.raises(DataError, match=r"line 2: tag 'B-RIVER' is unknown; the training set"):
            load(run).evaluate(dev=tmp_path / "new.txt")

    def test_nothing_learnt_is_said(self, model, tmp_path):
        run = fine_tune(settings(model, tmp_path / "run", learning_rate=1e-9))
        assert any(
            "rate 1e-09 is too low" in one for one in json_of(run / "metrics.json")["warnings"]
        )

    def test_other_columns_and_plain_tags(self, model, tmp_path):
        """The second column: parts of speech."""
        changes = {"tag_column": "2", "epochs": 2}
        run = fine_tune(settings(model, tmp_path / "run", **changes))
        assert json_of(run / "metrics.json")["metrics"].keys() == {"accuracy"}
        (tagged,) = load(run).predict(["Ada sings."])
        assert [one.text for one in tagged.entities] == ["Ada", "sings", "."]
        assert {one.type for one in tagged.entities} <= set(load(run).task.label_names)

    def test_document_context_is_seen(self, run, model, tmp_path):
        """The neighbours of a sentence change its scores, and no others do."""
        saved, sentences = load(run), read_sentences(NER / "dev.txt")
        wide = replace(saved.task, document_context=True)
        alone, among = (
            task.features(sentences[:2], saved.tokenizer, 64) for task in (saved.task, wide)
        )
        assert len(among.ids) > len(alone.ids)
        changes = {"document_context": True, "constrained": True, "train_limit": None}
        run = fine_tune(settings(model, tmp_path / "run", **changes))
        task = load(run).task
        assert (task.document_context, task.constrained) == (True, True)
        rows = read_sentences(run / "predictions.txt", Columns("1", "3"))
        moves = task.tag_set.moves()
        for row in rows:
            numbers = [task.label_names.index(tag) for tag in row.tags]
            assert moves[0][numbers[0]]
            assert all(moves[1 + a][b] for a, b in pairwise(numbers))

    def test_a_sample_of_sentences_has_no_documents(self, model, tmp_path):
        with pytest.raises(ConfigError, match="needs whole documents, and --train-limit takes"):
            settings(model, tmp_path, document_context=True)


class TestAsking:
    def test_each_entity_stands_where_it_says(self, run):
        texts = [
            "Ada Lovelace met Charles Babbage in London.",
            "  \u00c9lodie\u2019s caf\u00e9 \u2014 in Z\u00fcrich\n",
        ]
        for text, tagged in zip(texts, load(run).predict(texts), strict=True):
            assert tagged.entities
            for one in tagged.entities:
                assert text[one.start : one.end] == one.text
                assert one.type in ("LOC", "MISC", "ORG", "PER")
                assert 0 < one.score <= 1

    def test_texts_do_not_hang_on_each_other(self, run):
        texts = ["Ada Lovelace met Charles.", "Nobody.", "In Paris, in the rain " * 30]
        saved = load(run)
        for text, among in zip(texts, saved.predict(texts), strict=True):
            (alone,) = saved.predict([text])
            assert [one[:4] for one in alone.entities] == [one[:4] for one in among.entities]
            scores = [one.score for one in among.entities]
            assert [one.score for one in alone.entities] == pytest.approx(scores, abs=1e-5)

    def test_no_word_and_pairs_are_refused(self, run):
        with pytest.raises(DataError, match="there is no word in ' '"):
            load(run).predict(["a", " "])
        with pytest.raises(MinibertError, match="ner: give it --text"):
            load(run).predict(["a"], ["b"])


class TestFiles:
    def test_words_alone_become_columns(self, run, tmp_path):
        words = "Ada\nLovelace\n\n-DOCSTART-\n\nLondon\n"
        (tmp_path / "in.txt").write_text(words, encoding="utf-8")
        assert load(run).predict_file(tmp_path / "in.txt", tmp_path / "out.txt") == 2
        lines = (tmp_path / "out.txt").read_text(encoding="utf-8").splitlines()
        assert [line.split()[0] for line in lines if line.strip()] == [
            "-DOCSTART-", "Ada", "Lovelace", "-DOCSTART-", "London"
        ]  # fmt: skip

    def test_lines_become_lines(self, run, tmp_path):
        (tmp_path / "in.jsonl").write_text(json.dumps({"words": ["Ada", "in", "London"]}) + "\n")
        assert load(run).predict_file(tmp_path / "in.jsonl", tmp_path / "out.jsonl") == 1
        (line,) = json_lines(tmp_path / "out.jsonl")
        assert line["text"] == "Ada in London"
        for one in line["entities"]:
            assert line["text"][one["start"] : one["end"]] == one["text"]


@pytest.mark.real
def test_a_few_hundred_real_sentences_teach_names(real_data, tmp_path):
    """CoNLL-2003's IOB1 with the packaged weights, a fortieth of the file."""
    for name, lines in (("eng.train", 5000), ("eng.testa", 2000)):
        text = (real_data / "conll2003" / name).read_text(encoding="utf-8")
        (tmp_path / name).write_text("\n".join(text.split("\n")[:lines]), encoding="utf-8")
    changes = {"data": tmp_path, "train_limit": None, "learning_rate": 2e-4, "max_length": 128}
    run = fine_tune(settings("minilm", tmp_path / "run", epochs=3, precision="auto", **changes))
    assert json_of(run / "metrics.json")["metrics"]["f1"] > 0.25
