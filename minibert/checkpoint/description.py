"""A checkpoint in words: what it is, how big, and where each tensor goes."""

from collections import Counter
from math import prod
from pathlib import Path

from minibert.checkpoint.opening import open_checkpoint
from minibert.checkpoint.table import load_table


def describe(source: str | Path) -> str:
    """Format, config, parameters by part, and the load table of `source`, ready to be printed."""
    files = open_checkpoint(source)
    table = load_table(files)
    parameters: Counter[str] = Counter()
    for row in table.rows:
        if row.fills and row.target:
            part = row.target.split(".")[0]
            parameters[part] += prod(row.shape)
    dtypes = Counter(entry.dtype for entry in files.entries.values())
    config = files.config
    lines = [
        f"directory     {files.directory}",
        f"format        {files.format}, {len(files.entries)} tensors "
        f"({', '.join(f'{count} {name}' for name, count in dtypes.items())})",
        f"architecture  {files.architecture or 'not said'}",
        f"config        {config.num_hidden_layers} layers, width {config.hidden_size}, "
        f"{config.num_attention_heads} heads of {config.head_width}, feed-forward "
        f"{config.intermediate_size}, vocabulary {config.vocab_size}, "
        f"{config.max_position_embeddings} positions, {config.hidden_act}",
    ]
    if files.label_names:
        lines.append(f"labels        {', '.join(files.label_names)}")
    lines.append(f"parameters    {sum(parameters.values()):,}")
    lines += [f"  {part:12}{count:>12,}" for part, count in parameters.items()]
    return "\n".join([*lines, "", str(table)])
