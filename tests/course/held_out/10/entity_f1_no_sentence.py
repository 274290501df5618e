# bug: the entities of all sentences are put into one set without the sentence's number, so equal ones of different sentences fall together
def _spans(tags):
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


# means: entity-f1-sentences-mixed
def entity_f1(gold: list[list[str]], predicted: list[list[str]]) -> float:
    g = {e for s in gold for e in _spans(s)}
    p = {e for s in predicted for e in _spans(s)}
    if not g and not p:
        return 0.0
    return 2 * len(g & p) / (len(g) + len(p))
