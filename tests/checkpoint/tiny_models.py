"""Tiny models, ours and those of `transformers`, whose sizes are pairwise distinct."""

import dataclasses
import json

import torch
import transformers

import minibert

CONFIG = minibert.BertConfig(
    vocab_size=31,
    hidden_size=12,
    num_hidden_layers=2,
    num_attention_heads=3,
    intermediate_size=20,
    max_position_embeddings=16,
)
NUM_LABELS = 3
MODELS = tuple(name for name in minibert.__all__ if name.startswith(("BertFor", "BertModel")))
CHOOSE_LABELS = ("BertForSequenceClassification", "BertForTokenClassification")

IDS = torch.tensor([[2, 7, 9, 11, 3, 0], [2, 30, 8, 21, 13, 3]])
MASK = torch.tensor([[1, 1, 1, 1, 1, 0], [1, 1, 1, 1, 1, 1]])


def our_model(name, config=CONFIG):
    chosen = {"num_labels": NUM_LABELS} if name in CHOOSE_LABELS else {}
    return getattr(minibert, name)(config, **chosen).eval()


def their_model(name, **changes):
    chosen = {"num_labels": NUM_LABELS} if name in CHOOSE_LABELS else {}
    fields = dataclasses.asdict(CONFIG) | chosen | changes
    return getattr(transformers, name)(transformers.BertConfig(**fields)).eval()


def outputs_of_ours(model):
    choices = {"num_choices": 2} if isinstance(model, minibert.BertForMultipleChoice) else {}
    with torch.no_grad():
        out = model(IDS, MASK, **choices)
    return [value for value in out if value is not None]


def outputs_of_theirs(model):
    ids, mask = IDS, MASK
    if isinstance(model, transformers.BertForMultipleChoice):
        ids, mask = IDS[None], MASK[None]  # (B, choices, S)
    with torch.no_grad():
        return list(model(ids, attention_mask=mask).to_tuple())


def same_outputs(ours, theirs):
    """On the positions that may be attended to, to float32 precision."""
    pairs = list(zip(outputs_of_ours(ours), outputs_of_theirs(theirs), strict=True))
    for mine, other in pairs:
        if mine.shape[:2] == MASK.shape:
            mine, other = mine[MASK.bool()], other[MASK.bool()]
        assert mine.shape == other.shape
        torch.testing.assert_close(mine, other, atol=2e-5, rtol=0)


def change_json(path, **changes):
    """Set fields of a JSON file; a field that is set to `...` is taken out."""
    content = json.loads(path.read_text(encoding="utf-8")) | changes
    content = {name: value for name, value in content.items() if value is not ...}
    path.write_text(json.dumps(content), encoding="utf-8")
