"""fill-mask and next sentence: what the pretraining heads say, and when they may not be asked."""

import sys
from dataclasses import replace

import pytest
import torch

from minibert import BertConfig, BertForPreTraining, BertTokenizer, cli
from minibert.errors import CheckpointError, DataError
from minibert.lens import fill_mask, next_sentence

WORDS = "the cat sat on mat dog ran away home .".split()


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory, randomized):
    """A small random model with both heads, and a tokenizer of a few words."""
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    tokenizer = BertTokenizer({piece: number for number, piece in enumerate(pieces)})
    sizes = {"vocab_size": len(pieces), "hidden_size": 24, "num_attention_heads": 3}
    config = replace(BertConfig.tiny(), **sizes, max_position_embeddings=16)
    torch.manual_seed(0)
    model = randomized(BertForPreTraining(config)).eval()
    directory = tmp_path_factory.mktemp("pretrained")
    model.save_pretrained(directory, tokenizer)
    return directory, model, tokenizer


def test_guesses_are_the_models_own(pretrained):
    directory, model, tokenizer = pretrained
    encoding = tokenizer.encode("the [MASK] sat on the [MASK] .")
    with torch.no_grad():
        logits = model(torch.tensor([encoding.ids])).prediction_logits[0]
    found = fill_mask(directory, "the [MASK] sat on the [MASK] .", top=3)
    assert [len(guesses) for guesses in found] == [3, 3]
    for place, guesses in zip((2, 6), found, strict=True):
        shares, words = logits[place].softmax(-1).topk(3)
        assert [guess.token for guess in guesses] == [tokenizer.vocabulary[w] for w in words]
        assert [guess.probability for guess in guesses] == pytest.approx(shares.tolist())


def test_all_words_share_one(pretrained):
    (guesses,) = fill_mask(pretrained[0], "the [MASK]", top=1000)
    assert len(guesses) == 5 + len(WORDS)
    assert sum(guess.probability for guess in guesses) == pytest.approx(1)


def test_next_sentence_is_class_zero(pretrained):
    directory, model, tokenizer = pretrained
    encoding = tokenizer.encode("the cat sat .", "the dog ran .")
    with torch.no_grad():
        ids, kinds = torch.tensor([encoding.ids]), torch.tensor([encoding.type_ids])
        logits = model(ids, token_type_ids=kinds).seq_relationship_logits
    expected = logits.softmax(-1)[0, 0].item()
    assert next_sentence(directory, "the cat sat .", "the dog ran .") == pytest.approx(expected)


def test_a_checkpoint_without_the_heads_is_refused():
    with pytest.raises(CheckpointError, match=r"lacks mlm\.bias.*answers would be random"):
        fill_mask("minilm", "a [MASK]")
    with pytest.raises(CheckpointError, match=r"lacks next_sentence\.weight"):
        next_sentence("minilm", "a", "b")


def test_a_text_without_a_mask_or_too_long_is_refused(pretrained):
    with pytest.raises(DataError, match="no \\[MASK\\] in 'the cat'"):
        fill_mask(pretrained[0], "the cat")
    with pytest.raises(DataError, match="22 word pieces are more than the model's 16"):
        fill_mask(pretrained[0], "cat " * 19 + "[MASK]")


def test_the_command_prints_words_and_the_next_sentence(pretrained, monkeypatch, capsys):
    command = ["minibert", "fill-mask", str(pretrained[0]), "the [MASK] .", "--top", "2"]
    monkeypatch.setattr(sys, "argv", [*command, "--next", "the dog ran"])
    cli.main()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "[MASK] 1"
    assert len(lines) == 4
    assert lines[3].startswith("next sentence  0.")
