# bug: every piece of a word gets its label, not only the first
# means: pieces-all-labelled
def label_pieces(word_ids: list[int | None], labels: list[int]) -> list[int]:
    return [-100 if w is None else labels[w] for w in word_ids]
