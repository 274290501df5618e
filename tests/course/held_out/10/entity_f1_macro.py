# bug: F1 is worked out for each sentence and then averaged, instead of counting all sentences together
def _entities(tags):
    out, before = [], None
    for i, t in enumerate(tags):
        kind = None if t == "O" else t[2:]
        if kind is not None:
            if t[0] == "I" and kind == before:
                out[-1] = (kind, out[-1][1], i)
            else:
                out.append((kind, i, i))
        before = kind
    return out


# means: entity-f1-of-sentences
def entity_f1(gold: list[list[str]], predicted: list[list[str]]) -> float:
    scores = []
    for g, p in zip(gold, predicted):
        a, b = set(_entities(g)), set(_entities(p))
        scores.append(2 * len(a & b) / (len(a) + len(b)) if a or b else 0.0)
    return sum(scores) / len(scores) if scores else 0.0
