# bug: an entity that reaches the end of the sentence is lost
# means: entities-last-lost
def entities(tags: list[str]) -> list[tuple[str, int, int]]:
    found = []
    kind, start = None, 0
    for i, tag in enumerate(tags):
        if kind is not None and (tag == "O" or tag[0] == "B" or tag[2:] != kind):
            found.append((kind, start, i - 1))
            kind = None
        if tag != "O" and kind is None:
            kind, start = tag[2:], i
    return found
