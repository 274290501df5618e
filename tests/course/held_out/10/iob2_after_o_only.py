# bug: an I becomes B at the start and after O, but not after a tag of another type
# means: iob2-types-grow-together
def to_iob2(tags: list[str]) -> list[str]:
    out = []
    for i, tag in enumerate(tags):
        if tag.startswith("I") and (i == 0 or tags[i - 1] == "O"):
            out.append("B" + tag[1:])
        else:
            out.append(tag)
    return out
