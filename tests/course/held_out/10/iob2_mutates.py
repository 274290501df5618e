# bug: the list given is changed in place and returned
# means: none
def to_iob2(tags: list[str]) -> list[str]:
    previous = None
    for i in range(len(tags)):
        kind = None if tags[i] == "O" else tags[i][2:]
        if kind is not None and tags[i][0] == "I" and kind != previous:
            tags[i] = "B-" + kind
        previous = kind
    return tags
