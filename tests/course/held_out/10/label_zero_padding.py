# bug: special tokens and later pieces get 0 instead of -100
# means: pieces-unlabelled-0
def label_pieces(word_ids: list[int | None], labels: list[int]) -> list[int]:
    seen = set()
    result = []
    for w in word_ids:
        if w is None or w in seen:
            result.append(0)
        else:
            seen.add(w)
            result.append(labels[w])
    return result
