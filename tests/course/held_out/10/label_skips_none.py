# bug: tokens without a word are left out, so the result is shorter than word_ids
# means: none
def label_pieces(word_ids: list[int | None], labels: list[int]) -> list[int]:
    result = []
    previous = None
    for w in word_ids:
        if w is None:
            continue
        result.append(labels[w] if w != previous else -100)
        previous = w
    return result
