"""BERT, written out.

Read in this order: functional, attention, encoder, embeddings, layout, bert, heads.

Every line that changes a shape says so in a comment, `# input (B, S, D) -> (B, H, S, W)`: left of
the arrow the tensor it names, right of it what the statement assigns or returns. A vertical bar
separates padded from packed input: `# hidden (B, S, D) | (T, D) -> ...`. Where a line is full, the
comment stands above it. A test executes the comments on live tensors, so they are true. The
letters:

    B  batch: sequences             T  tokens of all sequences of a packed batch
    S  sequence: positions          L  encoder layers
    D  hidden_size                  H  num_attention_heads
    W  head width, D / H            F  intermediate_size
    V  vocab_size                   C  classes, or choices
"""

from minibert.model.bert import BertModel
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
]
