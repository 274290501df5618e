# bug: the third number is the entity's number of words instead of its last word's number
# means: none
def entities(tags: list[str]) -> list[tuple[str, int, int]]:
    spans = []
    previous = None
    for i, tag in enumerate(tags):
        kind = tag[2:] if tag != "O" else None
        if kind is not None:
            if tag[0] == "I" and kind == previous:
                spans[-1][2] += 1
            else:
                spans.append([kind, i, 1])
        previous = kind
    return [tuple(s) for s in spans]
