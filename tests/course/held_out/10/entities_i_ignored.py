# bug: an I with nothing to go on with is ignored instead of beginning an entity
# means: entities-strict
def entities(tags: list[str]) -> list[tuple[str, int, int]]:
    found = []
    kind, start = None, None
    for i, tag in enumerate(list(tags) + ["O"]):
        if kind is not None and not (tag[0] == "I" and tag[2:] == kind):
            found.append((kind, start, i - 1))
            kind = None
        if tag[0] == "B":
            kind, start = tag[2:], i
    return found
