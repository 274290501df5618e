"""minibert: BERT from scratch, to be read, taught and used. Start with README.md.

Names are imported on first use, so that `import minibert` and `minibert --help` cost nothing.
"""

from typing import TYPE_CHECKING

from minibert.lazy import exports

__version__ = "0.1.0"

if TYPE_CHECKING:
    from minibert.config import BertConfig
    from minibert.model import (
        BertForMaskedLM,
        BertForMultipleChoice,
        BertForNextSentencePrediction,
        BertForPreTraining,
        BertForQuestionAnswering,
        BertForSequenceClassification,
        BertForTokenClassification,
        BertModel,
    )
    from minibert.tokenization import BertTokenizer

__all__ = [
    "BertConfig",
    "BertForMaskedLM",
    "BertForMultipleChoice",
    "BertForNextSentencePrediction",
    "BertForPreTraining",
    "BertForQuestionAnswering",
    "BertForSequenceClassification",
    "BertForTokenClassification",
    "BertModel",
    "BertTokenizer",
]

__getattr__ = exports(
    __name__,
    dict.fromkeys(__all__, "minibert.model")
    | {"BertConfig": "minibert.config", "BertTokenizer": "minibert.tokenization"},
)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
