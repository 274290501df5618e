# bug: the last number is exclusive, one behind the last word
# means: entities-end-behind
def entities(tags: list[str]) -> list[tuple[str, int, int]]:
    result = []
    i = 0
    while i < len(tags):
        if tags[i] == "O":
            i += 1
            continue
        kind = tags[i][2:]
        j = i + 1
        while j < len(tags) and tags[j] == "I-" + kind:
            j += 1
        result.append((kind, i, j))
        i = j
    return result
