# bug: labels are handed out by counting words from 0 instead of by the word's number, wrong in a window that begins later in the text
# means: none
def label_pieces(word_ids: list[int | None], labels: list[int]) -> list[int]:
    out = []
    previous = None
    n = 0
    for w in word_ids:
        if w is None or w == previous:
            out.append(-100)
        else:
            out.append(labels[n])
            n += 1
        previous = w
    return out
