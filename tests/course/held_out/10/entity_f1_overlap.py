# bug: an entity counts as right if its type and first word match, whatever its last word
# means: entity-f1-first-word
def entity_f1(gold: list[list[str]], predicted: list[list[str]]) -> float:
    def starts(tags):
        out, before = set(), None
        for i, t in enumerate(tags):
            kind = None if t == "O" else t[2:]
            if kind is not None and not (t[0] == "I" and kind == before):
                out.add((kind, i))
            before = kind
        return out

    right = total = 0
    for g, p in zip(gold, predicted):
        a, b = starts(g), starts(p)
        right += len(a & b)
        total += len(a) + len(b)
    return 2 * right / total if total else 0.0
