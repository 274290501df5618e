"""Chapter 2: rows of three tables, added up; and which rows are alike."""

import torch
from torch import Generator, Tensor
from torch.nn import functional as torch_functional

from minibert.course.drawing import normal, number, sizes, whole
from minibert.course.exercise import Exercise, Probe

PAGE = "02_embeddings"


def embed(
    input_ids: Tensor,
    token_type_ids: Tensor,
    token_table: Tensor,
    position_table: Tensor,
    segment_table: Tensor,
) -> Tensor:
    """token + position + segment, each a row of its table: (B, S) -> (B, S, D)."""
    position = position_table[: input_ids.shape[1]]
    return token_table[input_ids] + position + segment_table[token_type_ids]


def cosine_similarity(rows: Tensor) -> Tensor:
    """The cosine between any two rows, (N, D) -> (N, N); 0 for a row of zeros."""
    directions = torch_functional.normalize(rows, dim=-1)
    return directions @ directions.T


def neighbours(table: Tensor, row: int, count: int) -> list[int]:
    """The numbers of the rows most alike to row `row` by cosine, best first, without itself."""
    return best(cosine_similarity(table)[row], row, count)


def best(similarities: Tensor, row: int, count: int) -> list[int]:
    """The `count` rows with the highest similarities, but not `row`."""
    order = similarities.argsort(descending=True, stable=True).tolist()
    return [other for other in order if other != row][:count]


def embed_probes(generator: Generator) -> list[Probe]:
    """Both segments, more positions than are needed, and ids that are positions as well."""
    probes = []
    for name, dtype in (("float64", torch.float64), ("float32", torch.float32)):
        batch, size, width = sizes(generator, 3)
        ids = whole(generator, 0, 9, batch, size)
        types = whole(generator, 0, 2, batch, size)
        types[0, -1], ids[0, 0] = 1, 0
        tables = (normal(generator, rows, width, dtype=dtype) for rows in (9, 12, 2))
        probes.append(Probe(name, (ids, types, *tables), gradients=(2, 3, 4)))
    ids, types = whole(generator, 0, 30, 1, 6), torch.zeros(1, 6, dtype=torch.int64)
    three = [normal(generator, rows, 4) for rows in (30, 6, 3)]
    return [
        *probes,
        Probe("one sequence, one segment, as long as can be", (ids, types, *three), (2, 3, 4)),
        Probe("padding at the end", (torch.tensor([[5, 3, 0, 0]]), types[:, :4], *three)),
        Probe("a third segment", (ids, types + 2, *three)),
    ]


def cosine_similarity_probes(generator: Generator) -> list[Probe]:
    """Rows of very different lengths, opposite ones, and one of zeros."""
    count, width = sizes(generator, 2, low=3)
    rows = normal(generator, count, width)
    lengths = torch.logspace(-1, 2, count, dtype=torch.float64)[:, None]
    zero = rows.clone()
    zero[1] = 0
    return [
        Probe("any rows", (rows,)),
        Probe("rows of very different lengths", (rows * lengths,)),
        Probe("float32", (rows.float(),)),
        Probe("as many rows as columns", (normal(generator, width, width),)),
        Probe("opposite rows", (torch.cat([rows, -2 * rows]),)),
        Probe("a row of zeros", (zero,)),
        Probe("one row", (rows[:1],)),
    ]


def neighbours_probes(generator: Generator) -> list[Probe]:
    """Long rows that point elsewhere, opposite rows, and a copy before the row itself."""
    table = normal(generator, 9, 5) * torch.logspace(-1, 1, 9, dtype=torch.float64)[:, None]
    row = number(generator, 3, 7)
    copied = table.clone()
    copied[0] = copied[row]
    opposite = torch.cat([table, -3 * table[row : row + 1]])
    square = normal(generator, 6, 6) + 2
    return [
        Probe("any table", (table, row, 3)),
        Probe("the first row", (table, 0, 4)),
        Probe("the last row", (table, 8, 1)),
        Probe("a copy of the row stands before it", (copied, row, 3)),
        Probe("an opposite row", (opposite, row, 9)),
        Probe("more than there are", (table, row, 20)),
        Probe("none", (table, row, 0)),
        Probe("as many rows as columns", (square, 2, 3)),
        Probe("float32", (table.float(), row, 3)),
    ]


EXERCISES = (
    Exercise(
        name="embed",
        title="Token, position and segment",
        points=3,
        difficulty=2,
        minutes=10,
        reference=embed,
        probes=embed_probes,
        hints=(
            "table[ids] looks up a row for every id: (B, S) becomes (B, S, D).",
            "The position is the token's place in its sequence, counted from 0, the same for all "
            "sequences: the first S rows of the table.",
            "token_table[input_ids] + position_table[:S] + segment_table[token_type_ids]: the "
            "middle one (S, D) is added to every sequence.",
        ),
        page=f"{PAGE}: The sum of three rows",
    ),
    Exercise(
        name="cosine_similarity",
        title="Which rows point the same way",
        points=3,
        difficulty=2,
        minutes=10,
        reference=cosine_similarity,
        probes=cosine_similarity_probes,
        hints=(
            "Divide every row by its length, the root of the sum of its squares; then the products "
            "of the rows are the cosines.",
            "rows @ rows.T holds the products of any two rows.",
            "A row of zeros has length 0: clamp(min=1e-12) the lengths before dividing.",
        ),
        page=f"{PAGE}: What the words have learnt",
        forbidden=("aten.cosine_similarity",),
        tolerance=1e-6,  # some add a small number to the lengths
    ),
    Exercise(
        name="neighbours",
        title="The nearest words",
        points=3,
        difficulty=2,
        minutes=10,
        reference=neighbours,
        probes=neighbours_probes,
        hints=(
            "One row of cosine_similarity(table) is all you need.",
            "Sort the numbers of the rows by similarity, descending; then leave out `row` by its "
            "number, not by its place: a copy of it may come first.",
            "order = similarities.argsort(descending=True).tolist(), then a list comprehension, "
            "then the first `count`.",
        ),
        page=f"{PAGE}: What the words have learnt",
    ),
)
