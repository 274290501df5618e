# bug: the type is taken as what stands behind the last hyphen, so I-ORG-LOC after I-LOC counts as the same type
# means: none
def to_iob2(tags: list[str]) -> list[str]:
    out = []
    for i, tag in enumerate(tags):
        if tag[0] == "I":
            same = i > 0 and tags[i - 1] != "O" and tags[i - 1].rsplit("-", 1)[1] == tag.rsplit("-", 1)[1]
            if not same:
                tag = "B" + tag[1:]
        out.append(tag)
    return out
