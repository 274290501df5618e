# bug: a piece is taken for a continuation if its label equals the previous one's, instead of if it is the same word, so neighbouring words of one label lose theirs
# means: pieces-same-label-same-word
def label_pieces(word_ids: list[int | None], labels: list[int]) -> list[int]:
    out, before = [], None
    for w in word_ids:
        label = None if w is None else labels[w]
        out.append(-100 if label is None or label == before else label)
        before = label
    return out
