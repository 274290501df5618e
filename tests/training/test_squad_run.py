"""SQuAD on the common path: from files to a run, and from a run to answers."""

import json

import numpy as np
import pytest
import torch
from tiny_runs import ROOT, json_lines, json_of, save_tiny_model

from minibert.errors import ConfigError, DataError, MinibertError
from minibert.tasks.squad.reading import read_squad
from minibert.tasks.squad.scoring import metrics, score_all
from minibert.tasks.squad.task import SquadTask
from minibert.tasks.squad.windows import Pieces
from minibert.training.finetune import fine_tune
from minibert.training.saved import SavedRun
from minibert.training.settings import SquadSettings

SQUAD = ROOT / "data" / "squad"
DEV = SQUAD / "dev-v2.0.json"
CONTEXT = (
    "The mill by the weir was built in 1840. Its wheel, of oak and iron, was taken out when the "
    "river was straightened. Nobody has counted the swallows under its roof."
)


def settings(model, output, **changes):
    usual = {"version": "2.0", "data": SQUAD, "device": "cpu", "precision": "float32"}
    usual |= {"epochs": 1, "batch_size": 16, "max_length": 64, "doc_stride": 32}
    usual |= {"learning_rate": 1e-2, "train_limit": 60}
    return SquadSettings(**{**usual, "model": str(model), "output": output, **changes})


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save_tiny_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def run(tmp_path_factory, model):
    return fine_tune(settings(model, tmp_path_factory.mktemp("runs") / "squad"))


@pytest.fixture(scope="module")
def answered(tmp_path_factory, model):
    """A run of version 1.1: the questions of the sample that have an answer."""
    folder = tmp_path_factory.mktemp("answered")
    for split in ("train", "dev"):
        content = json.loads((SQUAD / f"{split}-v2.0.json").read_text(encoding="utf-8"))
        content["version"] = "1.1"
        for article in content["data"]:
            for paragraph in article["paragraphs"]:
                paragraph["qas"] = [qa for qa in paragraph["qas"] if qa["answers"]]
        (folder / f"{split}-v1.1.json").write_text(json.dumps(content), encoding="utf-8")
    changes = {"version": "1.1", "data": folder, "seeds": (1, 2), "batching": "tokens"}
    return fine_tune(settings(model, folder / "run", **changes))


def load(run):
    return SavedRun(run, "cpu", "float32")


class TestTheRun:
    def test_it_leaves_the_official_files_and_a_report(self, run):
        questions = read_squad(DEV)
        predictions, odds = json_of(run / "predictions.json"), json_of(run / "null_odds.json")
        nbest = json_of(run / "nbest_predictions.json")

        ids = [question.id for question in questions]
        assert list(predictions) == list(odds) == list(nbest) == ids
        assert all(predictions[q.id] in q.context for q in questions)
        for candidates in nbest.values():
            assert sum(one["probability"] for one in candidates) == pytest.approx(1)
            assert "" in [one["text"] for one in candidates]
        rows = (run / "questions.tsv").read_text(encoding="utf-8").splitlines()
        assert [row.split("\t")[0] for row in rows] == ["id", *ids]
        assert (run / "report.md").read_text(encoding="utf-8").startswith("# squad-2.0, seed 0")
        assert "42 questions" in (run / "data.txt").read_text(encoding="utf-8")

    def test_much_that_is_amiss_is_told_in_a_file(self, model, tmp_path, capsys):
        """Both sets are told of, though the first has more to say than fits."""
        content = json.loads((SQUAD / "train-v2.0.json").read_text(encoding="utf-8"))
        amiss = [
            question["id"]
            for article in content["data"]
            for paragraph in article["paragraphs"]
            for question in paragraph["qas"]
            for answer in question["answers"][:1]
        ][:9]
        text = json.dumps(content)
        for id in amiss:
            place = text.index("answer_start", text.index(id)) + len('answer_start": ')
            text = f"{text[:place]}1{text[place:]}"
        (tmp_path / "train.json").write_text(text, encoding="utf-8")
        files = {"data": None, "train": tmp_path / "train.json", "dev": DEV, "train_limit": None}
        run = fine_tune(settings(model, tmp_path / "run", **files))
        seen = capsys.readouterr().out
        assert "9 answers that have no place in their context" in seen
        assert "more lines in data.txt)\ndev        42 questions" in seen
        told = (run / "data.txt").read_text(encoding="utf-8")
        assert all(id in told for id in amiss)
        assert "9 questions left out" in told

    def test_a_figure_that_the_dev_set_does_not_give_cannot_decide(self, model, tmp_path, answered):
        """All its questions have an answer."""
        dev = answered.parent / "dev-v1.1.json"
        files = {"data": None, "train": SQUAD / "train-v2.0.json", "dev": dev}
        with pytest.raises(ConfigError, match="'NoAns_f1' is none of what this dev set gives: ex"):
            fine_tune(settings(model, tmp_path / "run", **files, best_by="NoAns_f1"))

    def test_its_metrics_are_those_of_its_predictions(self, run):
        questions, result = read_squad(DEV), json_of(run / "metrics.json")

        found = metrics(score_all(questions, json_of(run / "predictions.json")))
        assert result["metrics"] == pytest.approx(found)
        assert result["metrics"].keys() == set(SquadTask("2.0").metric_names)
        assert result["task"] == "squad-2.0"

    def test_the_threshold_is_tuned_on_dev_and_kept(self, run):
        """As good as any other, by trying all of them; and later it stays as it was."""
        threshold = json_of(run / "metrics.json")["chosen"]["threshold"]
        odds, predictions = json_of(run / "null_odds.json"), json_of(run / "predictions.json")
        nbest = json_of(run / "nbest_predictions.json")
        questions = read_squad(DEV)

        best = {id: next(o["text"] for o in some if o["text"]) for id, some in nbest.items()}
        tried = [
            metrics(score_all(questions, {id: best[id] * (odds[id] <= at) for id in best}))["f1"]
            for at in [min(odds.values()) - 1, *odds.values()]
        ]
        assert json_of(run / "metrics.json")["metrics"]["f1"] == pytest.approx(max(tried))
        assert all((predictions[id] == "") == (odds[id] > threshold) for id in odds)
        saved = load(run)
        assert saved.task.threshold == threshold
        half = {id: odds[id] for id in list(odds)[::2]}
        found = saved.run([question for question in questions if question.id in half])
        given = found.texts(saved.task.threshold)
        assert given == {id: predictions[id] for id in half}

    def test_a_run_without_its_end_has_no_threshold_but_answers(self, run, tmp_path):
        for name in ("settings.json", "model"):
            (tmp_path / name).symlink_to(run / name)
        saved = load(tmp_path)
        assert saved.task.threshold is None
        assert len(saved.answer(["Who built it?"], CONTEXT)) == 1

    def test_version_one_always_answers(self, answered):
        summary = json_of(answered / "summary.json")
        assert summary["metrics"].keys() == {"f1", "exact"}
        best = answered / summary["best"]
        assert all(json_of(best / "predictions.json").values())
        assert not (best / "null_odds.json").exists()
        assert json_of(best / "metrics.json")["chosen"] == {}
        assert load(answered).evaluate().metrics == summary["runs"][summary["best"]]

    def test_it_learns_what_can_be_learnt(self, model, tmp_path):
        """Eight questions by heart, through windows that overlap."""
        file = tmp_path / "train.json"
        content = json.loads((SQUAD / "train-v2.0.json").read_text(encoding="utf-8"))
        content["data"] = content["data"][:1]
        file.write_text(json.dumps(content), encoding="utf-8")
        changes = {"train_limit": 8, "epochs": 20, "dropout": 0.0, "evaluate_every": 10**6}
        changes |= {"data": None, "train": file, "dev": file, "batch_size": 8}
        run = fine_tune(settings(model, tmp_path / "run", **changes))
        losses = [row["loss"] for row in json_lines(run / "log.jsonl") if "loss" in row]
        assert losses[-1] < 0.3 * losses[0]


class TestAsking:
    def test_each_answer_stands_where_it_says(self, run):
        for answer in load(run).answer(["Who built it?", "When was it built?"], CONTEXT):
            assert CONTEXT[answer.start : answer.end] == answer.text
            assert answer.sentence in CONTEXT
            assert answer.text in answer.sentence
            assert 0 < answer.probability <= 1

    def test_a_context_of_any_length(self, answered):
        saved, long = load(answered), " ".join([CONTEXT] * 40)
        (answer,) = saved.answer(["When was it built?"], long)
        assert len(saved.tokenizer.encode(long).ids) > 1000
        assert long[answer.start : answer.end] == answer.text != ""

    def test_questions_do_not_hang_on_each_other(self, answered):
        saved, asked = load(answered), ["When was it built?", "Why?", "What was taken out?"]
        among = saved.answer(asked, CONTEXT)
        for question, answer in zip(asked, among, strict=True):
            (alone,) = saved.answer([question], CONTEXT)
            assert alone.text == answer.text
            assert alone.probability == pytest.approx(answer.probability, abs=1e-5)

    @pytest.mark.parametrize(("question", "context"), [(" ", CONTEXT), ("Who?", "\n")])
    def test_nothing_to_ask_or_to_read(self, run, question, context):
        with pytest.raises(DataError, match="is empty"):
            load(run).answer([question], context)

    def test_scores_of_glue_are_not_its_business(self, run):
        with pytest.raises(MinibertError, match=r"a run of squad-2\.0: no answers for sts-b"):
            load(run).evaluate(task="sts-b")

    def test_a_run_about_texts_is_not_asked_and_this_one_not_given_texts(self, run):
        with pytest.raises(MinibertError, match=r"squad-2\.0: give it --question and --context"):
            load(run).predict(["a text"])


class TestFiles:
    def test_official_questions_become_official_predictions(self, run, tmp_path):
        assert load(run).predict_file(DEV, tmp_path / "out.json") == 42
        assert json_of(tmp_path / "out.json") == json_of(run / "predictions.json")
        assert load(run).predict_split("dev", tmp_path / "again.json") == 42
        assert json_of(tmp_path / "again.json") == json_of(run / "predictions.json")

    def test_lines_become_lines(self, run, tmp_path):
        lines = [
            {"question": "Who built it?", "context": CONTEXT},
            {"id": "b", "question": "Wann?", "context": "Im Jahr 1840 \u2014 m\u00fcde."},
        ]
        (tmp_path / "in.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
        assert load(run).predict_file(tmp_path / "in.jsonl", tmp_path / "out.jsonl") == 2
        found = json_lines(tmp_path / "out.jsonl")
        assert [one["id"] for one in found] == ["1", "b"]
        for given, one in zip(lines, found, strict=True):
            assert one["question"] == given["question"]
            assert given["context"][one["start"] : one["end"]] == one["text"]

    def test_lines_cannot_be_learnt_from(self, model, tmp_path):
        (tmp_path / "train.jsonl").write_text('{"question": "a", "context": "b"}')
        files = {"data": None, "train": tmp_path / "train.jsonl", "dev": DEV}
        with pytest.raises(DataError, match="JSON lines have no answers"):
            fine_tune(settings(model, tmp_path / "run", **files))
        assert not (tmp_path / "run").exists()

    def test_a_folder_without_the_version_asked_for(self, model, tmp_path):
        with pytest.raises(DataError, match=r"train-v1\.1\.json: no such file"):
            fine_tune(settings(model, tmp_path / "run", version="1.1"))


class TestSettings:
    @pytest.mark.parametrize("name", ["doc_stride", "max_query_length", "max_answer_length"])
    def test_lengths_are_at_least_one(self, model, tmp_path, name):
        with pytest.raises(ConfigError, match=f"{name} must be at least 1, not 0"):
            settings(model, tmp_path, **{name: 0})

    @pytest.mark.parametrize(
        "changes", [{"label_smoothing": 0.1}, {"class_weights": (1.0, 2.0)}], ids=str
    )
    def test_positions_are_no_classes(self, model, tmp_path, changes):
        with pytest.raises(ConfigError, match="predicts positions: class weights and label"):
            fine_tune(settings(model, tmp_path / "run", **changes))

    def test_the_length_of_answers_is_obeyed(self, model, tmp_path):
        saved = load(fine_tune(settings(model, tmp_path / "run", max_answer_length=2)))
        questions = read_squad(DEV)[:5]
        spans = saved.run(questions).spans
        counts = set()
        for row, question in enumerate(questions):
            pieces = Pieces(question.context, saved.tokenizer.encode(question.context))
            for start, end in zip(spans.starts[row], spans.ends[row], strict=True):
                counts.add(int(((pieces.starts < end) & (pieces.ends > start)).sum()))
        assert counts == {1, 2}


class TestSigns:
    def test_answers_that_have_nothing_to_do_with_the_right_ones(self, run):
        (warning,) = json_of(run / "metrics.json")["warnings"]
        assert "the answers have little to do with the right ones (F1 " in warning

    def test_right_answers_raise_none(self, run):
        """Logits that point at the labels themselves."""
        saved, questions = load(run), read_squad(DEV)
        features = saved.task.features(questions, saved.tokenizer, saved.max_length)
        logits = np.zeros((len(features), 2, int(features.lengths.max())), np.float32)
        for row, ends in enumerate(features.labels.tolist()):
            logits[row, [0, 1], ends] = 9.0
        out = saved.model(**features.batch([0]).inputs)
        parts = [
            ([row], out._make(torch_rows(logits[row], features.lengths[row])))
            for row in range(len(features))
        ]
        task = saved.task.settled({})
        found = task.collect(parts, features)
        assert task.metrics(found, features)["f1"] > 99
        signs = task.signs(found, features)
        assert signs.all == ()
        assert signs.fresh == pytest.approx(np.log(features.lengths).mean())
        assert 0 < signs.untaught < signs.fresh + 1


def torch_rows(logits, length):
    return [torch.from_numpy(row[None, :length]) for row in logits]
