"""Sums and divisions in place, on tensors of one's own."""


def embed(input_ids, token_type_ids, token_table, position_table, segment_table):
    total = token_table.index_select(0, input_ids.reshape(-1)).view(*input_ids.shape, -1)
    total += position_table[: input_ids.shape[1]].unsqueeze(0)
    total += segment_table[token_type_ids]
    return total


def cosine_similarity(rows):
    rows = rows.clone()
    lengths = rows.norm(dim=1, keepdim=True)
    lengths[lengths == 0] = 1
    rows /= lengths
    return rows.mm(rows.t())


def neighbours(table, row, count):
    similarities = cosine_similarity(table)[row]
    found = []
    similarities[row] = float("-inf")
    for _ in range(min(count, len(table) - 1)):
        best = int(similarities.argmax())
        found.append(best)
        similarities[best] = float("-inf")
    return found
