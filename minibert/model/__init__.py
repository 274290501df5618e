"""BERT, written out: ids go in, one vector a token comes out, a head reads it.

    input_ids       [CLS] the cat sat . [SEP] it purred . [SEP]   (B, S)
    token_type_ids    0    0   0   0  0   0   1     1   1   1     (B, S)
    embeddings      x = norm(token + position + segment)          (B, S, D)
    encoder         x = norm(x + attention(x))    | L times       (B, S, D)
                    x = norm(x + feed_forward(x)) |               (B, S, D)
    pooler          tanh(linear(x at [CLS]))                      (B, D)
    head            logits

[CLS] stands first and comes to stand for the whole; [SEP] ends each text. Read in this order:
functional, embeddings, attention, encoder, bert, heads. Then what makes it usable: layers
(LayerNorm and Dropout), layout (padded or packed), pretrained (load and save), conversion (from one
format to another).

On the way from ids to logits, a line that changes a shape says so in a comment,
`# x (B, S, H, W) -> (B, S, D)`: a tensor before the line with its shape, then the shape of what the
line assigns or returns. A bar separates padded from packed input,
`# hidden (B, S, D) | (T, D) -> ...`; over a long line the comment stands above. A test executes
these comments on live tensors. The letters:

    B  batch: sequences             T  tokens of all sequences of a packed batch
    S  sequence: positions          L  encoder layers
    D  hidden_size                  H  num_attention_heads
    W  head width, D / H            F  intermediate_size
    V  vocab_size                   C  classes, or choices
"""

from typing import TYPE_CHECKING

from minibert.lazy import exports

if TYPE_CHECKING:
    from minibert.model.bert import BertModel
    from minibert.model.conversion import convert
    from minibert.model.heads import (
        BertForMaskedLM,
        BertForMultipleChoice,
        BertForNextSentencePrediction,
        BertForPreTraining,
        BertForQuestionAnswering,
        BertForSequenceClassification,
        BertForTokenClassification,
    )

__all__ = [
    "BertForMaskedLM",
    "BertForMultipleChoice",
    "BertForNextSentencePrediction",
    "BertForPreTraining",
    "BertForQuestionAnswering",
    "BertForSequenceClassification",
    "BertForTokenClassification",
    "BertModel",
    "convert",
]

__getattr__ = exports(
    __name__,
    dict.fromkeys(__all__, "minibert.model.heads")
    | {"BertModel": "minibert.model.bert", "convert": "minibert.model.conversion"},
)
