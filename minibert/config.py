"""The numbers that define a BERT.

Fields are named as in Google's `bert_config.json`; those that it lacks (`classifier_dropout`,
`layer_norm_eps`, `pad_token_id`) as in Hugging Face's `config.json`.
"""

from dataclasses import dataclass

from minibert.errors import ConfigError

ACTIVATIONS = ("gelu", "gelu_tanh")


@dataclass(frozen=True)
class BertConfig:
    """The shape of a BERT and its dropout. Defaults are BERT-base, uncased.

    Frozen: use `dataclasses.replace(config, num_hidden_layers=2)` for a variant. Every instance is
    checked when made; a `ConfigError` says which numbers do not fit together.

    Source: Devlin et al. 2019, section 3; google-research/bert, `modeling.BertConfig`.
    """

    vocab_size: int = 30522  # word pieces in the vocabulary (V)
    hidden_size: int = 768  # width of every hidden state (D)
    num_hidden_layers: int = 12  # encoder layers (L)
    num_attention_heads: int = 12  # heads in each layer (H); they share hidden_size between them
    intermediate_size: int = 3072  # width inside the feed-forward network (F)
    hidden_act: str = "gelu"  # "gelu" (erf, first release) or "gelu_tanh" (Google's later code)
    hidden_dropout_prob: float = 0.1  # dropout on embeddings and on each sublayer's output
    attention_probs_dropout_prob: float = 0.1  # dropout on the attention probabilities
    classifier_dropout: float | None = None  # dropout before a head; None: hidden_dropout_prob
    max_position_embeddings: int = 512  # longest sequence
    type_vocab_size: int = 2  # segments: first and second text
    initializer_range: float = 0.02  # standard deviation of fresh weights
    layer_norm_eps: float = 1e-12  # added to the variance in LayerNorm
    pad_token_id: int = 0  # [PAD]; looking it up sends its row no gradient

    def __post_init__(self) -> None:
        counts = (
            "vocab_size hidden_size num_hidden_layers num_attention_heads intermediate_size "
            "max_position_embeddings type_vocab_size"
        ).split()
        for name in counts:
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ConfigError(f"{name} must be a whole number of at least 1, not {value!r}")
        if self.hidden_size % self.num_attention_heads:
            raise ConfigError(
                f"hidden_size {self.hidden_size} cannot be shared equally by num_attention_heads "
                f"{self.num_attention_heads}; choose a multiple of {self.num_attention_heads}"
            )
        if self.hidden_act not in ACTIVATIONS:
            raise ConfigError(
                f"hidden_act {self.hidden_act!r} is unknown; choose one of {', '.join(ACTIVATIONS)}"
            )
        for name in ("hidden_dropout_prob", "attention_probs_dropout_prob", "classifier_dropout"):
            value = getattr(self, name)
            if value is None and name == "classifier_dropout":
                continue
            if not _is_number(value) or not 0 <= value <= 1:
                raise ConfigError(f"{name} is a probability, 0 to 1, not {value!r}")
        for name in ("initializer_range", "layer_norm_eps"):
            value = getattr(self, name)
            if not _is_number(value) or not 0 < value < 1:
                raise ConfigError(f"{name} must lie between 0 and 1, not {value!r}")
        pad = self.pad_token_id
        if not isinstance(pad, int) or isinstance(pad, bool) or not 0 <= pad < self.vocab_size:
            raise ConfigError(
                f"pad_token_id {pad!r} is no row of a vocabulary of {self.vocab_size}; "
                "BERT's [PAD] is 0"
            )

    @property
    def head_width(self) -> int:
        """Width of one attention head (W): hidden_size / num_attention_heads."""
        return self.hidden_size // self.num_attention_heads

    @property
    def head_dropout_prob(self) -> float:
        """Dropout before a head: classifier_dropout, or if that is None hidden_dropout_prob."""
        own = self.classifier_dropout
        return self.hidden_dropout_prob if own is None else own

    @classmethod
    def tiny(cls) -> "BertConfig":
        """2 layers of width 128: 4.4 million parameters."""
        return cls._sized(2, 128)

    @classmethod
    def mini(cls) -> "BertConfig":
        """4 layers of width 256: 11 million parameters."""
        return cls._sized(4, 256)

    @classmethod
    def small(cls) -> "BertConfig":
        """4 layers of width 512: 29 million parameters."""
        return cls._sized(4, 512)

    @classmethod
    def medium(cls) -> "BertConfig":
        """8 layers of width 512: 41 million parameters."""
        return cls._sized(8, 512)

    @classmethod
    def base(cls) -> "BertConfig":
        """12 layers of width 768: 109 million parameters (the paper says 110)."""
        return cls._sized(12, 768)

    @classmethod
    def large(cls) -> "BertConfig":
        """24 layers of width 1024: 335 million parameters (the paper says 340)."""
        return cls._sized(24, 1024)

    @classmethod
    def _sized(cls, layers: int, width: int) -> "BertConfig":
        """All released sizes share these ratios: heads of width 64, feed-forward four times wider.

        Source: Turc et al. 2019, "Well-read students learn better", table 1.
        """
        return cls(
            hidden_size=width,
            num_hidden_layers=layers,
            num_attention_heads=width // 64,
            intermediate_size=4 * width,
        )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
