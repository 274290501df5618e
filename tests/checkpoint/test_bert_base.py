"""The official weights of bert-base-uncased, where they are to be had, give the published numbers.

`MINIBERT_BERT_BASE` names them: a directory with Google's files, with Hugging Face's, or with both
(the TensorFlow files beside the others or in a directory below), or a hub id.
"""

import os
from pathlib import Path

import pytest
import torch

from minibert import BertModel
from minibert.checkpoint import open_checkpoint

pytestmark = pytest.mark.hub
SOURCE = os.environ.get("MINIBERT_BERT_BASE", "")

IDS = torch.tensor([[0, 345, 232, 328, 740, 140, 1695, 69, 6078, 1588, 2]])
MASK = torch.tensor([[0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]])
# last_hidden_state[:, 1:4, 1:4]: transformers, tests/models/bert/test_modeling_bert.py
EXPECTED = torch.tensor(
    [[[0.4249, 0.1008, 0.7531], [0.3771, 0.1188, 0.7467], [0.4152, 0.1098, 0.7108]]]
)


def huggingface():
    """The hub id, or the directory if it holds safetensors or a pickle."""
    if not Path(SOURCE).is_dir():
        return SOURCE
    names = {path.name for path in Path(SOURCE).iterdir()}
    return SOURCE if names & {"model.safetensors", "pytorch_model.bin"} else None


def tensorflow():
    """The prefix of the checkpoint in the directory."""
    return next((path.with_suffix("") for path in sorted(Path(SOURCE).glob("**/*.index"))), None)


@pytest.mark.parametrize("find", [huggingface, tensorflow])
def test_bert_base_gives_the_published_numbers(find):
    source = find()
    if source is None:
        pytest.skip(f"{SOURCE} holds nothing of {find.__name__}'s")
    assert (open_checkpoint(source).format == "tensorflow") == (find is tensorflow)

    model = BertModel.from_pretrained(source)
    with torch.no_grad():
        hidden = model(IDS, attention_mask=MASK).last_hidden_state

    assert hidden.shape == (1, 11, 768)
    torch.testing.assert_close(hidden[:, 1:4, 1:4], EXPECTED, atol=1e-4, rtol=0)
