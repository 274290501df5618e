# bug: tag.split("-")[1] cuts off the rest of types that have a hyphen of their own
# means: entities-type-cut-at-hyphen
def entities(tags: list[str]) -> list[tuple[str, int, int]]:
    spans = []
    previous = None
    for i, tag in enumerate(tags):
        if tag == "O":
            previous = None
            continue
        parts = tag.split("-")
        kind = parts[1]
        if parts[0] == "I" and previous == tag[2:]:
            spans[-1] = (kind, spans[-1][1], i)
        else:
            spans.append((kind, i, i))
        previous = tag[2:]
    return spans
