# bug: the label is on the last piece of a word instead of the first
# means: pieces-last-labelled
def label_pieces(word_ids: list[int | None], labels: list[int]) -> list[int]:
    out = []
    for i, w in enumerate(word_ids):
        following = word_ids[i + 1] if i + 1 < len(word_ids) else None
        out.append(labels[w] if w is not None and w != following else -100)
    return out
