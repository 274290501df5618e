# bug: an I after a B becomes B as well (the previous tag must be an I of the same type, compared as whole tags)
# means: iob2-compares-whole-tags
def to_iob2(tags: list[str]) -> list[str]:
    out = []
    previous = "O"
    for tag in tags:
        out.append("B" + tag[1:] if tag[0] == "I" and previous != tag else tag)
        previous = tag
    return out
