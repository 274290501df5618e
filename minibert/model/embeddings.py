"""From ids to vectors: what the word piece is, where it stands, and which text it belongs to.

Source: Devlin et al. 2019, section 3 and figure 2; google-research/bert,
`modeling.embedding_lookup` and `modeling.embedding_postprocessor`.
"""

import torch
from torch import Tensor, nn

from minibert.config import BertConfig
from minibert.model.layers import Dropout, LayerNorm
from minibert.trace import stage


class Embeddings(nn.Module):
    """The sum of three learned table rows, normalised.

    Positions are learned too, unlike the sines of the Transformer paper: hence the longest length.
    """

    def __init__(self, config: BertConfig):
        super().__init__()
        width = config.hidden_size
        # padding_idx: looking up [PAD] sends its row no gradient, as in Hugging Face's code.
        self.token = _table(config.vocab_size, width, padding_idx=config.pad_token_id)
        self.position = _table(config.max_position_embeddings, width)
        self.segment = _table(config.type_vocab_size, width)
        self.norm = LayerNorm(config)
        self.dropout = Dropout(config.hidden_dropout_prob)

    def forward(self, input_ids: Tensor, token_type_ids: Tensor, position_ids: Tensor) -> Tensor:
        """All three (B, S) to (B, S, D), or packed (T,) to (T, D)."""
        token = self.token(input_ids)  # input_ids (B, S) | (T,) -> (B, S, D) | (T, D)
        position = self.position(position_ids)  # position_ids (B, S) | (T,) -> (B, S, D) | (T, D)
        segment = self.segment(token_type_ids)  # token_type_ids (B, S) | (T,) -> (B, S, D) | (T, D)
        stage("embeddings.token", token)
        stage("embeddings.position", position)
        stage("embeddings.segment", segment)
        hidden = stage("embeddings.output", self.norm(token + position + segment))
        hidden = self.dropout(hidden)  # hidden (B, S, D) | (T, D) -> (B, S, D) | (T, D)
        return hidden


def _table(rows: int, width: int, padding_idx: int | None = None) -> nn.Embedding:
    """Rows that are still to be filled: drawing numbers here would only take time."""
    return nn.Embedding.from_pretrained(torch.empty(rows, width), False, padding_idx)
