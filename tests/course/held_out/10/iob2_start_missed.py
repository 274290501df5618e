# bug: an I at the start of the sentence stays I
# means: iob2-first-word-forgotten
def to_iob2(tags: list[str]) -> list[str]:
    out = list(tags)
    for i in range(1, len(tags)):
        if tags[i][0] == "I" and tags[i - 1][1:] != tags[i][1:]:
            out[i] = "B" + tags[i][1:]
    return out
