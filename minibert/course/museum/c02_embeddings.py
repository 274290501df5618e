"""What goes wrong in chapter 2: the mistakes that people make in its exercises."""

import math

import torch
from torch import Tensor
from torch.nn import functional as torch_functional

from minibert.course.exercise import Mistake
from minibert.course.exercises.c02_embeddings import best, cosine_similarity, embed, neighbours


def divided(products: Tensor, lengths: Tensor) -> Tensor:
    """Products of rows over both rows' lengths; 0 / 0 is 0."""
    return (products / (lengths[:, None] * lengths)).nan_to_num()


def by_columns(rows: Tensor) -> Tensor:
    """The products of rows after every column was divided by its length."""
    scaled = torch_functional.normalize(rows, dim=0)
    return scaled @ scaled.T


EMBED_MISTAKES = (
    Mistake(
        "positions-from-one",
        "positions that count from 1: the first token is at position 0",
        lambda ids, types, token, position, segment: (
            token[ids] + position[1 + torch.arange(ids.shape[1])] + segment[types]
        ),
    ),
    Mistake(
        "positions-of-ids",
        "the row of the position table that the token's id names, not its place",
        lambda ids, types, token, position, segment: token[ids] + position[ids] + segment[types],
    ),
    Mistake(
        "positions-of-sequences",
        "the sequence's place in the batch for the token's place in the sequence",
        lambda ids, types, token, position, segment: (
            token[ids] + position[: len(ids), None] + segment[types]
        ),
    ),
    Mistake(
        "positions-of-real-tokens",
        "positions that stand still at padding: BERT counts every place",
        lambda ids, types, token, position, segment: (
            token[ids] + position[((ids != 0).cumsum(1) - 1).clamp(0)] + segment[types]
        ),
    ),
    Mistake(
        "positions-backwards",
        "positions that count from the end",
        lambda ids, types, token, position, segment: (
            token[ids] + position[: ids.shape[1]].flip(0) + segment[types]
        ),
    ),
    Mistake(
        "positions-ignored",
        "no position embeddings",
        lambda ids, types, token, position, segment: token[ids] + segment[types],
    ),
    Mistake(
        "positions-first-only",
        "the first position for every token",
        lambda ids, types, token, position, segment: token[ids] + position[0] + segment[types],
    ),
    Mistake(
        "segments-ignored",
        "no segment embeddings",
        lambda ids, types, token, position, segment: token[ids] + position[: ids.shape[1]],
    ),
    Mistake(
        "segments-first-only",
        "the first segment for every token",
        lambda ids, types, *tables: embed(ids, 0 * types, *tables),
    ),
    Mistake(
        "segment-table-swapped",
        "the segments' rows the wrong way round: 0 is the first text",
        lambda ids, types, token, position, segment: embed(
            ids, types, token, position, segment.flip(0)
        ),
    ),
    Mistake(
        "segments-and-positions-swapped",
        "the segment ids looked up in the table of positions, and the places in that of segments",
        lambda ids, types, token, position, segment: (
            token[ids] + position[types] + segment[torch.arange(ids.shape[1])]
        ),
    ),
    Mistake(
        "embeddings-averaged",
        "the mean of the three rows: BERT adds them up",
        lambda *arguments: embed(*arguments) / 3,
    ),
    Mistake(
        "embeddings-side-by-side",
        "the three rows side by side: BERT adds them up",
        lambda ids, types, token, position, segment: torch.cat(
            [token[ids], position[: ids.shape[1]].expand_as(token[ids]), segment[types]], -1
        ),
    ),
    Mistake(
        "embeddings-multiplied",
        "the product of the three rows: BERT adds them up",
        lambda ids, types, token, position, segment: (
            token[ids] * position[: ids.shape[1]] * segment[types]
        ),
    ),
    Mistake(
        "embeddings-scaled",
        "tokens multiplied by the root of the width, as in the first Transformer: BERT does not",
        lambda ids, types, token, position, segment: embed(
            ids, types, token * math.sqrt(token.shape[-1]), position, segment
        ),
    ),
    Mistake(
        "embeddings-detached",
        "values that no gradient reaches, such as those of .data or torch.tensor(...)",
        lambda *arguments: embed(*arguments).detach(),
    ),
    Mistake(
        "embeddings-normalised",
        "a LayerNorm after the sum: the sum alone is asked for",
        lambda *arguments: torch_functional.layer_norm(
            embed(*arguments), arguments[2].shape[-1:], eps=1e-12
        ),
    ),
    Mistake(
        "embeddings-padding-zeroed",
        "zeros where the id is 0: padding has embeddings, too; the mask is attention's business",
        lambda ids, *others: embed(ids, *others) * (ids != 0)[..., None],
    ),
)

COSINE_MISTAKES = (
    Mistake(
        "cosine-dot-product",
        "dot products: they are to be divided by both lengths",
        lambda rows: rows @ rows.T,
    ),
    Mistake(
        "cosine-one-length",
        "a division by the length of one of the two rows only",
        lambda rows: torch_functional.normalize(rows, dim=-1) @ rows.T,
    ),
    Mistake(
        "cosine-columns-divided",
        "a division of the columns only: lengths[:, None] divides the rows as well",
        lambda rows: rows @ rows.T / rows.norm(dim=-1),
    ),
    Mistake(
        "cosine-squared-lengths",
        "a division by the squared lengths, without the root",
        lambda rows: divided(rows @ rows.T, (rows**2).sum(-1)),
    ),
    Mistake(
        "cosine-sums-for-lengths",
        "a division by the sum of absolute values: the length is the root of the squares' sum",
        lambda rows: divided(rows @ rows.T, rows.abs().sum(-1)),
    ),
    Mistake(
        "cosine-lengths-of-columns",
        "the lengths of the columns, not of the rows",
        by_columns,
    ),
    Mistake(
        "cosine-of-columns",
        "the cosine between columns",
        lambda rows: cosine_similarity(rows.T),
    ),
    Mistake(
        "cosine-one-length-for-all",
        "one length for the whole table",
        lambda rows: rows @ rows.T / (rows**2).sum(),
    ),
    Mistake(
        "cosine-nan",
        "0 / 0 for a row of zeros",
        lambda rows: rows @ rows.T / (rows.norm(dim=-1)[:, None] * rows.norm(dim=-1)),
    ),
    Mistake(
        "cosine-distance",
        "one minus the cosine: a distance",
        lambda rows: 1 - cosine_similarity(rows),
    ),
    Mistake(
        "cosine-absolute",
        "no signs: opposite rows have the cosine -1",
        lambda rows: cosine_similarity(rows).abs(),
    ),
    Mistake(
        "cosine-of-centred-rows",
        "the mean of each row subtracted first: that is a correlation",
        lambda rows: cosine_similarity(rows - rows.mean(-1, keepdim=True)),
    ),
    Mistake(
        "cosine-euclidean",
        "distances between the rows' ends",
        lambda rows: (rows[:, None] - rows).norm(dim=-1),
    ),
)

NEIGHBOURS_MISTAKES = (
    Mistake(
        "neighbours-with-itself",
        "the row itself as its own best neighbour",
        lambda table, row, count: best(cosine_similarity(table)[row], -1, count),
    ),
    Mistake(
        "neighbours-worst-first",
        "the least similar rows: the order is ascending",
        lambda table, row, count: best(-cosine_similarity(table)[row], row, count),
    ),
    Mistake(
        "neighbours-best-last",
        "the right rows in ascending order: the best comes first",
        lambda table, row, count: neighbours(table, row, count)[::-1],
    ),
    Mistake(
        "neighbours-by-dot-product",
        "dot products instead of cosines: long rows win",
        lambda table, row, count: best(table @ table[row], row, count),
    ),
    Mistake(
        "neighbours-by-distance",
        "the distance between the rows' ends instead of the cosine",
        lambda table, row, count: best(-(table - table[row]).norm(dim=-1), row, count),
    ),
    Mistake(
        "neighbours-by-size",
        "cosines without their sign: opposite rows count as alike",
        lambda table, row, count: best(cosine_similarity(table)[row].abs(), row, count),
    ),
    Mistake(
        "neighbours-first-dropped",
        "the best one dropped, whichever it is: a copy of the row may stand before it",
        lambda table, row, count: best(cosine_similarity(table)[row], -1, count + 1)[1:],
    ),
    Mistake(
        "neighbours-one-too-few",
        "the row taken out after the best were chosen: one is missing",
        lambda table, row, count: best(cosine_similarity(table)[row], row, max(0, count - 1)),
    ),
    Mistake(
        "neighbours-numbers-shifted",
        "numbers in a table without the row: all after it are one too small",
        lambda table, row, count: [
            other - (other > row) for other in neighbours(table, row, count)
        ],
    ),
    Mistake(
        "neighbours-similarities",
        "how similar they are, and not which they are",
        lambda table, row, count: cosine_similarity(table)[row][
            neighbours(table, row, count)
        ].tolist(),
    ),
    Mistake(
        "neighbours-lengths-of-columns",
        "the table divided by the lengths of its columns, not of its rows",
        lambda table, row, count: best(by_columns(table)[row], row, count),
    ),
    Mistake(
        "neighbours-too-many-asked",
        "topk with more than there are, which raises an error",
        lambda table, row, count: [
            other
            for other in cosine_similarity(table)[row].topk(count + 1).indices.tolist()
            if other != row
        ],
    ),
)

MISTAKES = {
    "embed": EMBED_MISTAKES,
    "cosine_similarity": COSINE_MISTAKES,
    "neighbours": NEIGHBOURS_MISTAKES,
}
