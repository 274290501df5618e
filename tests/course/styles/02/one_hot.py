"""Look-ups as products with one-hot rows, einsum for the rest."""

import torch
from torch.nn import functional as F


def embed(input_ids, token_type_ids, token_table, position_table, segment_table):
    def look_up(ids, table):
        hot = F.one_hot(ids, table.shape[0]).to(table.dtype)
        return torch.einsum("...v,vd->...d", hot, table)

    places = torch.arange(input_ids.shape[1]).expand(input_ids.shape)
    return (
        look_up(input_ids, token_table)
        + look_up(places, position_table)
        + look_up(token_type_ids, segment_table)
    )


def cosine_similarity(rows):
    products = torch.einsum("id,jd->ij", rows, rows)
    squares = torch.einsum("id,id->i", rows, rows)
    lengths = torch.where(squares == 0, torch.ones_like(squares), squares).sqrt()
    return torch.einsum("ij,i,j->ij", products, 1 / lengths, 1 / lengths)


def neighbours(table, row, count):
    similarities = cosine_similarity(table)[row].clone()
    similarities[row] = -torch.inf
    return similarities.topk(min(count, len(table) - 1)).indices.tolist()
