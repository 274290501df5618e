"""The heads: what turns the body's output into the answer to a task.

Each class owns its head's weights and says in `head` what happens; the input is that of
`BertModel`, padded or packed. A model returns logits; losses live with the tasks.

Source: Devlin et al. 2019, sections 3.1, 4 and 5.3; google-research/bert, `run_pretraining.py`,
`run_classifier.py`, `run_squad.py`. Multiple choice and token classification are not in Google's
code; they follow `transformers`.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as torch_functional

from minibert.config import BertConfig
from minibert.errors import ConfigError
from minibert.model import functional
from minibert.model.bert import BertOutput, BertWithHead
from minibert.model.layers import Dropout, LayerNorm
from minibert.trace import stage


class Logits(NamedTuple):
    """The output of a head with one kind of score."""

    logits: Tensor


class SpanLogits(NamedTuple):
    """The output of question answering: (B, S), or packed (T,), each."""

    start_logits: Tensor
    end_logits: Tensor


class PreTrainingLogits(NamedTuple):
    """The output of pretraining: (B, S, V), or packed (T, V), and (B, 2)."""

    prediction_logits: Tensor
    seq_relationship_logits: Tensor


class Classifier(BertWithHead[Logits]):
    """Dropout and one linear layer, for the two heads whose number of labels the user chooses."""

    chooses_labels = True

    def __init__(self, config: BertConfig, num_labels: int = 2, attention: str = "auto"):
        super().__init__(config, attention)
        if num_labels < 1:
            raise ConfigError(f"num_labels must be at least 1, not {num_labels}")
        self.label_names = tuple(f"LABEL_{i}" for i in range(num_labels))
        self.dropout = Dropout(config.head_dropout_prob)
        self.classifier = nn.Linear(config.hidden_size, num_labels)
        self.init_weights()


class BertForSequenceClassification(Classifier):
    """One label for a text or a pair: logits (B, C).

    With num_labels=1 the single logit is a score: regression, as for STS-B.
    """

    uses_pooler = True
    reads_every_token = False

    def head(self, body: BertOutput) -> Logits:
        """pooled_output (B, D) to logits (B, C)."""
        pooled = self.dropout(body.pooled_output)
        logits = self.classifier(pooled)  # pooled (B, D) -> (B, C)
        return Logits(stage("logits", logits))


class BertForTokenClassification(Classifier):
    """One label for every token: logits (B, S, C), or packed (T, C)."""

    def head(self, body: BertOutput) -> Logits:
        """last_hidden_state (B, S, D) to logits (B, S, C)."""
        hidden = self.dropout(body.last_hidden_state)
        logits = self.classifier(hidden)  # hidden (B, S, D) | (T, D) -> (B, S, C) | (T, C)
        return Logits(stage("logits", logits))


class BertForMultipleChoice(BertWithHead[Logits]):
    """Which of C texts fits: logits (B, C).

    The input holds B * C sequences, those of one question in a row; say `num_choices=C`.
    """

    uses_pooler = True
    reads_every_token = False

    def __init__(self, config: BertConfig, attention: str = "auto"):
        super().__init__(config, attention)
        self.dropout = Dropout(config.head_dropout_prob)
        self.classifier = nn.Linear(config.hidden_size, 1)
        self.init_weights()

    def head(self, body: BertOutput) -> Logits:
        """Refused: without num_choices there is no telling which sequences belong together."""
        raise ConfigError("BertForMultipleChoice needs num_choices, the sequences of one question")

    def head_of_choices(self, body: BertOutput, num_choices: int) -> Logits:
        """pooled_output (B * C, D) to logits (B, C)."""
        pooled = self.dropout(body.pooled_output)
        if num_choices < 1 or len(pooled) % num_choices:
            raise ConfigError(f"{len(pooled)} sequences cannot be questions of {num_choices} each")
        scores = self.classifier(pooled)  # pooled (B * C, D) -> (B * C, 1)
        logits = scores.view(-1, num_choices)  # scores (B * C, 1) -> (B, C)
        return Logits(stage("logits", logits))


class BertForQuestionAnswering(BertWithHead[SpanLogits]):
    """Where the answer starts and ends: start_logits and end_logits, a score for every token."""

    def __init__(self, config: BertConfig, attention: str = "auto"):
        super().__init__(config, attention)
        self.span = nn.Linear(config.hidden_size, 2)
        self.init_weights()

    def head(self, body: BertOutput) -> SpanLogits:
        """last_hidden_state (B, S, D) to two times (B, S)."""
        hidden = body.last_hidden_state
        scores = self.span(hidden)  # hidden (B, S, D) | (T, D) -> (B, S, 2) | (T, 2)
        start = stage("start_logits", scores[..., 0])  # scores (B, S, 2) | (T, 2) -> (B, S) | (T,)
        end = stage("end_logits", scores[..., 1])  # scores (B, S, 2) | (T, 2) -> (B, S) | (T,)
        return SpanLogits(start, end)


class MaskedLanguageHead(nn.Module):
    """Transform, then compare with every word piece's embedding.

    The decoder's matrix *is* the token embedding, handed in at each call and never stored twice, so
    the two cannot drift apart; only the bias is the head's own.
    """

    def __init__(self, config: BertConfig):
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.activation = config.hidden_act  # a name in `functional`, looked up at each call
        self.norm = LayerNorm(config)
        self.bias = nn.Parameter(torch.zeros(config.vocab_size))

    def forward(self, hidden: Tensor, token_embedding: Tensor) -> Tensor:
        """hidden (B, S, D), or packed (T, D), and token_embedding (V, D) to (B, S, V) or (T, V)."""
        activated = getattr(functional, self.activation)(self.dense(hidden))
        hidden = stage("mlm.transform", self.norm(activated))
        # hidden (B, S, D) | (T, D) -> (B, S, V) | (T, V)
        logits = torch_functional.linear(hidden, token_embedding, self.bias)
        return logits


class BertForMaskedLM(BertWithHead[Logits]):
    """Which word piece stands at each position: logits (B, S, V), or packed (T, V)."""

    def __init__(self, config: BertConfig, attention: str = "auto"):
        super().__init__(config, attention)
        self.mlm = MaskedLanguageHead(config)
        self.init_weights()

    def head(self, body: BertOutput) -> Logits:
        """last_hidden_state (B, S, D) to logits (B, S, V)."""
        # body.last_hidden_state (B, S, D) | (T, D) -> (B, S, V) | (T, V)
        logits = self.mlm(body.last_hidden_state, self.bert.embeddings.token.weight)
        return Logits(stage("logits", logits))


class BertForNextSentencePrediction(BertWithHead[Logits]):
    """Does the second text follow the first: logits (B, 2), class 0 "is next", 1 "is not"."""

    uses_pooler = True
    reads_every_token = False

    def __init__(self, config: BertConfig, attention: str = "auto"):
        super().__init__(config, attention)
        self.next_sentence = nn.Linear(config.hidden_size, 2)
        self.init_weights()

    def head(self, body: BertOutput) -> Logits:
        """pooled_output (B, D) to logits (B, 2)."""
        logits = self.next_sentence(body.pooled_output)  # body.pooled_output (B, D) -> (B, 2)
        return Logits(stage("logits", logits))


class BertForPreTraining(BertWithHead[PreTrainingLogits]):
    """Both pretraining heads on one body: the form in which Google released BERT."""

    uses_pooler = True

    def __init__(self, config: BertConfig, attention: str = "auto"):
        super().__init__(config, attention)
        self.mlm = MaskedLanguageHead(config)
        self.next_sentence = nn.Linear(config.hidden_size, 2)
        self.init_weights()

    def head(self, body: BertOutput) -> PreTrainingLogits:
        """(B, S, D) and (B, D) to (B, S, V) and (B, 2)."""
        # body.last_hidden_state (B, S, D) | (T, D) -> (B, S, V) | (T, V)
        words = self.mlm(body.last_hidden_state, self.bert.embeddings.token.weight)
        follows = self.next_sentence(body.pooled_output)  # body.pooled_output (B, D) -> (B, 2)
        return PreTrainingLogits(
            stage("prediction_logits", words), stage("seq_relationship_logits", follows)
        )
