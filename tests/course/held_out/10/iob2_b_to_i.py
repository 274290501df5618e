# bug: a B right after the same type is taken back to I, so two neighbouring entities are merged
# means: iob2-b-lost
def to_iob2(tags: list[str]) -> list[str]:
    out, before = [], None
    for tag in tags:
        if tag == "O":
            before = None
            out.append("O")
            continue
        kind = tag[2:]
        out.append(("I-" if kind == before else "B-") + kind)
        before = kind
    return out
