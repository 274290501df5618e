"""What a pretrained BERT was trained to say: the word behind a [MASK], and whether texts follow.

Only with the heads that the checkpoint holds: fresh ones would answer at random.
"""

from pathlib import Path
from typing import NamedTuple

import torch

from minibert.errors import CheckpointError, DataError
from minibert.model import BertForMaskedLM, BertForNextSentencePrediction
from minibert.model.pretrained import Pretrained
from minibert.tokenization import BertTokenizer


class Guess(NamedTuple):
    """One word piece for one [MASK]."""

    token: str
    probability: float


def fill_mask(source: str | Path, text: str, top: int = 5) -> list[list[Guess]]:
    """For every [MASK] of `text`, the `top` likeliest word pieces, likeliest first.

    Raises `CheckpointError` if the checkpoint has no masked-LM head, and `DataError` for a text
    without [MASK] or longer than the model's positions.
    """
    model = BertForMaskedLM.from_pretrained(source)
    _refuse_fresh_heads(source, model)
    tokenizer = BertTokenizer.from_pretrained(source)
    ids = torch.tensor(tokenizer.encode(text).ids)
    places = (ids == tokenizer.mask_id).nonzero().flatten()
    if len(places) == 0:
        raise DataError(f"no [MASK] in {text!r}: write it where a word is to be found")
    _refuse_long(ids, model)
    with torch.no_grad():
        probs = model(ids[None]).logits[0, places].softmax(-1)
    found = probs.topk(min(top, probs.shape[-1]))
    words = tokenizer.vocabulary
    return [
        [Guess(words[word], share) for word, share in zip(row, shares, strict=True)]
        for row, shares in zip(found.indices.tolist(), found.values.tolist(), strict=True)
    ]


def next_sentence(source: str | Path, first: str, second: str) -> float:
    """The probability that `second` follows `first`; errors as in `fill_mask`."""
    model = BertForNextSentencePrediction.from_pretrained(source)
    _refuse_fresh_heads(source, model)
    encoding = BertTokenizer.from_pretrained(source).encode(first, second)
    ids = torch.tensor(encoding.ids)
    _refuse_long(ids, model)
    with torch.no_grad():
        logits = model(ids[None], token_type_ids=torch.tensor([encoding.type_ids])).logits
    return logits.softmax(-1)[0, 0].item()  # class 0: is next


def _refuse_fresh_heads(source: str | Path, model: Pretrained) -> None:
    assert model.load_table is not None
    if model.load_table.new:
        raise CheckpointError(
            f"{source} lacks {', '.join(model.load_table.new)}: its answers would be random. It "
            "takes a checkpoint with the heads of pretraining, such as bert-base-uncased"
        )


def _refuse_long(ids: torch.Tensor, model: Pretrained) -> None:
    if len(ids) > model.config.max_position_embeddings:
        raise DataError(
            f"{len(ids)} word pieces are more than the model's "
            f"{model.config.max_position_embeddings} positions; shorten the text"
        )
