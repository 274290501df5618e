"""minibert: BERT from scratch, to be read, taught and used. Start with README.md.

Names are imported on first use, so that `import minibert` and `minibert --help` cost nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

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

_HOMES = {"BertConfig": "minibert.config", "BertTokenizer": "minibert.tokenization"}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'minibert' has no attribute {name!r}")
    return getattr(import_module(_HOMES.get(name, "minibert.model")), name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
