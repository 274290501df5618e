# bug: O does not reset the open entity, so an I after O of the same type as the entity before goes on with it
# means: none
def entities(tags: list[str]) -> list[tuple[str, int, int]]:
    out = []
    for i, tag in enumerate(tags):
        if tag == "O":
            continue
        mark, kind = tag.split("-", 1)
        if mark == "I" and out and out[-1][0] == kind:
            out[-1] = (kind, out[-1][1], i)
        else:
            out.append((kind, i, i))
    return out
