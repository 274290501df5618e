# bug: an I of another type goes on with the entity before instead of beginning a new one
# means: entities-type-ignored
def entities(tags: list[str]) -> list[tuple[str, int, int]]:
    spans = []
    open_ = False
    for i, tag in enumerate(tags):
        if tag == "O":
            open_ = False
        elif tag.startswith("B") or not open_:
            spans.append((tag[2:], i, i))
            open_ = True
        else:
            kind, first, _ = spans[-1]
            spans[-1] = (kind, first, i)
    return spans
