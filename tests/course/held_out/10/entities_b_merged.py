# bug: a B right after an entity of the same type goes on with it instead of beginning a new one
# means: entities-grow-together
def entities(tags: list[str]) -> list[tuple[str, int, int]]:
    from itertools import groupby

    result, place = [], 0
    for kind, group in groupby(tags, key=lambda t: None if t == "O" else t[2:]):
        n = len(list(group))
        if kind is not None:
            result.append((kind, place, place + n - 1))
        place += n
    return result
