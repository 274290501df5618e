# bug: if there are no entities at all, the result is 1 instead of 0
# means: entity-f1-nothing-is-perfect
def entity_f1(gold: list[list[str]], predicted: list[list[str]]) -> float:
    def spans(number, tags):
        out, before = [], None
        for i, t in enumerate(tags):
            kind = None if t == "O" else t[2:]
            if kind is not None:
                if t[0] == "I" and kind == before:
                    out[-1] = (number, kind, out[-1][2], i)
                else:
                    out.append((number, kind, i, i))
            before = kind
        return out

    g = {e for n, s in enumerate(gold) for e in spans(n, s)}
    p = {e for n, s in enumerate(predicted) for e in spans(n, s)}
    return 2 * len(g & p) / (len(g) + len(p)) if g or p else 1.0
