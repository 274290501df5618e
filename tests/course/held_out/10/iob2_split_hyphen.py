# bug: the type is cut at every hyphen and only its first part compared, so types that differ after a second hyphen count as the same
# means: iob2-type-cut-at-hyphen
def to_iob2(tags: list[str]) -> list[str]:
    out = []
    before = None
    for tag in tags:
        kind = tag.split("-")[1] if tag != "O" else None
        if tag.startswith("I-") and kind != before:
            tag = "B-" + tag[2:]
        out.append(tag)
        before = kind
    return out
