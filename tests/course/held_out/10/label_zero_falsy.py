# bug: `if word` is false for word number 0, so the text's first word gets -100
# means: pieces-word-0-lost
def label_pieces(word_ids: list[int | None], labels: list[int]) -> list[int]:
    result = []
    last = None
    for word in word_ids:
        if word and word != last:
            result.append(labels[word])
        else:
            result.append(-100)
        last = word
    return result
