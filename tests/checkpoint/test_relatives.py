"""Relatives of BERT: their bodies compute what `transformers` computes, all else is refused."""

import json

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from tiny_models import CONFIG, IDS, MASK, change_json

from minibert import (
    BertForMaskedLM,
    BertForSequenceClassification,
    BertModel,
    BertTokenizer,
)
from minibert.checkpoint import load_table
from minibert.checkpoint.description import describe
from minibert.errors import CheckpointError, TokenizerError
from minibert.lens import compare
from minibert.model import convert

SIZES = {
    "vocab_size": 31,
    "hidden_size": 12,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "intermediate_size": 20,
}
DISTILBERT_SIZES = {
    "vocab_size": 31,
    "dim": 12,
    "n_layers": 2,
    "n_heads": 3,
    "hidden_dim": 20,
    "max_position_embeddings": 16,
}
FAMILIES = {
    "Roberta": SIZES | {"max_position_embeddings": 18, "layer_norm_eps": 1e-5},
    "XLMRoberta": SIZES | {"max_position_embeddings": 18, "type_vocab_size": 1, "pad_token_id": 5},
    "Camembert": SIZES | {"max_position_embeddings": 18, "hidden_act": "gelu_new"},
    "Electra": SIZES | {"max_position_embeddings": 16, "embedding_size": 12, "type_vocab_size": 2},
    "DistilBert": DISTILBERT_SIZES | {"activation": "gelu_new"},
}
DROPPED = {"Roberta": 2, "XLMRoberta": 6, "Camembert": 2, "Electra": 0, "DistilBert": 0}
NAMES = {"XLMRoberta": "RoBERTa", "Camembert": "RoBERTa", "Roberta": "RoBERTa"} | {
    "Electra": "ELECTRA",
    "DistilBert": "DistilBERT",
}
every_family = pytest.mark.parametrize("family", FAMILIES)


@pytest.fixture
def save(tmp_path, randomized):
    """A function that saves a random model of `transformers`, and gives it with its directory."""

    def save(family, kind="Model", **changes):
        torch.manual_seed(0)
        config = getattr(transformers, f"{family}Config")(**FAMILIES[family] | changes)
        model = randomized(getattr(transformers, f"{family}{kind}")(config)).eval()
        model.save_pretrained(tmp_path / family)
        return model, tmp_path / family

    return save


def batch(model):
    """Ids and mask with padding on the right, and the padding's id nowhere else."""
    padding = model.config.pad_token_id
    ids = torch.where(padding == IDS, 17, IDS)
    return ids.masked_fill(MASK == 0, padding), MASK


def same_body(ours, theirs, tolerance=2e-5):
    ids, mask = batch(theirs)
    body = getattr(theirs, theirs.base_model_prefix, theirs)
    with torch.no_grad():
        mine, other = ours(ids, mask), body(ids, attention_mask=mask)
    real = mask.bool()
    torch.testing.assert_close(
        mine.last_hidden_state[real], other.last_hidden_state[real], atol=tolerance, rtol=0
    )
    pooled = other.get("pooler_output")
    if pooled is not None:
        torch.testing.assert_close(mine.pooled_output, pooled, atol=tolerance, rtol=0)
    return pooled is not None


@every_family
def test_the_body_computes_what_transformers_does(family, save):
    theirs, directory = save(family)

    ours = BertModel.from_pretrained(directory)

    assert same_body(ours, theirs) == (family not in ("Electra", "DistilBert"))
    assert same_body(ours.double(), theirs.double(), 1e-10) == (ours.pooler is not None)
    assert ours.load_table.new == []
    assert ours.load_table.count("unknown") == 0


@every_family
@pytest.mark.parametrize("kind", ["ForMaskedLM", "ForSequenceClassification"])
def test_the_body_of_a_model_with_a_head(family, kind, save):
    theirs, directory = save(family, kind)

    ours = BertModel.from_pretrained(directory)

    same_body(ours, theirs)
    table = ours.load_table
    assert table.count("unknown") == 0
    ignored = [row for row in table.rows if row.action == "ignored"]
    assert ignored
    reason = f"a head of {NAMES[family]}; only its body is BERT's"
    assert {row.reason for row in ignored} == {reason}
    has_pooler = NAMES[family] == "RoBERTa"  # but heads of `transformers` are built without it
    assert table.new == (["pooler.dense.weight", "pooler.dense.bias"] if has_pooler else [])


@pytest.mark.parametrize("family", ["Roberta", "XLMRoberta", "Camembert"])
def test_robertas_first_positions_are_left_out(family, save):
    theirs, directory = save(family)
    rows = theirs.embeddings.position_embeddings.weight

    ours = BertModel.from_pretrained(directory)

    first = DROPPED[family]
    assert torch.equal(ours.embeddings.position.weight, rows[first:])
    assert ours.config.max_position_embeddings == 18 - first
    assert ours.config.pad_token_id == first - 1
    row = next(row for row in ours.load_table.rows if row.target == "embeddings.position.weight")
    assert row.taken == (first, 18)
    assert f"the first {first} rows belong to no position" in str(ours.load_table)


@pytest.mark.parametrize("value", [None, ...])
def test_a_robertas_padding_is_one_where_its_config_is_silent(value, save):
    theirs, directory = save("Roberta")
    change_json(directory / "config.json", pad_token_id=value)

    ours = BertModel.from_pretrained(directory)

    assert ours.config.pad_token_id == 1
    same_body(ours, theirs)


@pytest.mark.parametrize("value", ["1", -1, 31, 30, 1.0])
def test_a_robertas_padding_that_is_no_row_is_refused(value, save):
    _, directory = save("Roberta")
    change_json(directory / "config.json", pad_token_id=value)

    with pytest.raises(CheckpointError) as error:
        BertModel.from_pretrained(directory)

    assert str(error.value).startswith(f"{directory / 'config.json'}: ")


def test_distilberts_segments_are_zeros(save):
    _, directory = save("DistilBert")

    ours = BertModel.from_pretrained(directory)

    assert torch.equal(ours.embeddings.segment.weight, torch.zeros(1, 12))
    zeros = [row for row in ours.load_table.rows if row.action == "zeros"]
    assert [(row.target, row.reason) for row in zeros] == [
        ("embeddings.segment.weight", "DistilBERT has no segments")
    ]
    assert "1 filled with zeros" in ours.load_table.summary()


@pytest.mark.parametrize("family", ["Electra", "DistilBert"])
def test_a_pooler_that_the_family_has_not_is_not_invented(family, save):
    _, directory = save(family)

    ours = BertModel.from_pretrained(directory)

    assert ours.pooler is None
    assert ours(*batch(ours)).pooled_output is None
    assert describe(directory).lacking == ()


@every_family
@pytest.mark.parametrize("model", [BertForMaskedLM, BertForSequenceClassification])
def test_heads_are_refused_by_name_and_reason(family, model, save):
    _, directory = save(family)

    with pytest.raises(CheckpointError) as error:
        model.from_pretrained(directory)

    name = NAMES[family]
    assert str(error.value).startswith(f"{directory}: {name}; its body is BERT's, its heads and")
    assert f"BertModel reads it, {model.__name__} does not" in str(error.value)


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("albert", "ALBERT uses one layer's weights for all layers"),
        ("deberta", "DeBERTa attends to relative positions"),
        ("deberta-v2", "DeBERTa attends to relative positions"),
        ("modernbert", "ModernBERT rotates positions"),
        ("mobilebert", "MobileBERT squeezes every layer"),
        ("mpnet", "MPNet adds a bias for relative positions"),
        ("gpt2", "unknown here"),
        (["bert"], "unknown here"),
    ],
)
def test_strangers_are_refused_by_name_and_reason(kind, reason, save):
    _, directory = save("Electra")
    change_json(directory / "config.json", model_type=kind)

    with pytest.raises(CheckpointError) as error:
        BertModel.from_pretrained(directory)

    assert str(error.value).startswith(
        f"{directory / 'config.json'}: model_type is {kind!r}, not BERT ({reason}"
    )
    assert "roberta, xlm-roberta, camembert, distilbert, electra" in str(error.value)


def test_a_real_albert_is_refused(tmp_path):
    fields = SIZES | {"embedding_size": 8}
    transformers.AlbertModel(transformers.AlbertConfig(**fields)).save_pretrained(tmp_path)

    with pytest.raises(CheckpointError, match="ALBERT uses one layer's weights"):
        BertModel.from_pretrained(tmp_path)


def test_an_electra_of_two_widths_is_refused(save):
    _, directory = save("Electra", embedding_size=8)

    with pytest.raises(CheckpointError) as error:
        BertModel.from_pretrained(directory)

    assert "embeddings of width 8, which ELECTRA makes wider, to 12, by a layer" in str(error.value)
    change_json(directory / "config.json", embedding_size=...)
    with pytest.raises(CheckpointError, match="do not belong together"):
        BertModel.from_pretrained(directory)


@pytest.mark.parametrize(
    ("family", "lost"),
    [
        ("Roberta", "encoder.layer.1.attention.self.key.bias"),
        ("Electra", "embeddings.token_type_embeddings.weight"),
        ("DistilBert", "transformer.layer.0.ffn.lin1.weight"),
    ],
)
def test_a_tensor_that_is_missing_is_named(family, lost, save):
    _, directory = save(family)
    path = directory / "model.safetensors"
    tensors = load_file(path)
    del tensors[lost]
    save_file(tensors, path)

    with pytest.raises(CheckpointError, match=f"{directory}: no tensor for e"):
        BertModel.from_pretrained(directory)


def test_a_tensor_that_nobody_knows_is_unknown(save):
    _, directory = save("DistilBert")
    path = directory / "model.safetensors"
    odd = {"transformer.layer.0.adapter.weight": torch.ones(2), "lm_head.bias": torch.ones(2)}
    save_file(load_file(path) | odd, path)

    table = load_table(directory)

    assert {row.source for row in table.rows if row.action == "unknown"} == set(odd)


def test_robertas_tokenizer_is_refused_by_name(save):
    _, directory = save("Roberta")
    (directory / "vocab.json").write_text(json.dumps({"<s>": 0, "a": 1}))
    (directory / "merges.txt").write_text("#version: 0.2\n")
    with pytest.raises(TokenizerError, match=r"no tokenizer.json and no vocab.txt there"):
        BertTokenizer.from_pretrained(directory)

    model = {"type": "BPE", "vocab": {"a": 0}, "merges": []}
    (directory / "tokenizer.json").write_text(json.dumps({"version": "1.0", "model": model}))
    with pytest.raises(TokenizerError, match=r"tokenizer.json: BPE, not BERT's WordPiece"):
        BertTokenizer.from_pretrained(directory)


@pytest.mark.parametrize("family", ["Roberta", "Electra"])
def test_the_ledger_is_clean(family, save):
    _, directory = save(family)

    ledger = compare(directory)

    assert ledger.first is None, str(ledger)
    assert {row.precision for row in ledger.rows} == {"float32", "float64"}
    measured = {row.stage for row in ledger.rows if row.absolute is not None}
    assert {"embeddings.output", "layers.0.attention.scores", "layers.1.output"} <= measured
    assert ("pooled" in measured) == (family == "Roberta")


def test_the_ledger_sees_a_roberta_that_counts_from_elsewhere(save):
    """The padding's id is given as another, so other rows of positions are left out."""
    _, directory = save("Roberta")
    ours = BertModel.from_pretrained(directory)
    with torch.no_grad():
        ours.embeddings.position.weight.copy_(ours.embeddings.position.weight.roll(1, 0))
    ours.save_pretrained(directory.parent / "rolled")

    ledger = compare(directory, directory.parent / "rolled")

    assert ledger.first.stage == "embeddings.position"


def test_the_ledger_refuses_distilbert_with_the_reason(save):
    _, directory = save("DistilBert")

    with pytest.raises(CheckpointError) as error:
        compare(directory)

    assert str(error.value).startswith(f"{directory}: DistilBERT, whose modules")


@every_family
def test_a_converted_body_is_a_bert(family, save, tmp_path):
    theirs, directory = save(family, "ForMaskedLM")
    if NAMES[family] == "RoBERTa":  # a pooler, as convert invents none
        theirs, directory = save(family)

    convert(directory, tmp_path / "bert")

    fields = json.loads((tmp_path / "bert/config.json").read_text())
    assert fields["model_type"] == "bert"
    again = BertModel.from_pretrained(tmp_path / "bert")
    same_body(again, theirs)
    read = transformers.BertModel.from_pretrained(tmp_path / "bert", attn_implementation="eager")
    ids, mask = batch(theirs)
    with torch.no_grad():
        hidden = read(ids, attention_mask=mask).last_hidden_state[mask.bool()]
        ours = again(ids, mask).last_hidden_state[mask.bool()]
    torch.testing.assert_close(ours, hidden, atol=2e-5, rtol=0)


def test_a_multilingual_cased_bert_whole(tmp_path, randomized):
    """Its vocabulary has capitals, and neither strips accents nor lower-cases."""
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "Zü", "##rich", "zu", "北", "京", "é"]
    pieces += [f"[unused{n}]" for n in range(CONFIG.vocab_size - len(pieces))]
    config = transformers.BertConfig(**SIZES, directionality="bidi", pooler_type="first_token")
    theirs = randomized(transformers.BertForPreTraining(config)).eval()
    theirs.save_pretrained(tmp_path)
    (tmp_path / "vocab.txt").write_text("\n".join(pieces) + "\n", encoding="utf-8")

    ours = BertForMaskedLM.from_pretrained(tmp_path)
    tokenizer = BertTokenizer.from_pretrained(tmp_path)

    assert not tokenizer.lowercase
    encoded = tokenizer.encode("Zürich 北京 é")
    assert encoded.tokens == ["[CLS]", "Zü", "##rich", "北", "京", "é", "[SEP]"]
    ids = torch.tensor([encoded.ids])
    with torch.no_grad():
        expected = theirs(ids).prediction_logits
        torch.testing.assert_close(ours(ids).logits, expected, atol=2e-5, rtol=0)
