# bug: the type is not compared, only first and last word
# means: entity-f1-type-ignored
def entity_f1(gold: list[list[str]], predicted: list[list[str]]) -> float:
    def spans(tags):
        out, before = [], None
        for i, t in enumerate(tags):
            kind = None if t == "O" else t[2:]
            if kind is not None:
                if t[0] == "I" and kind == before:
                    out[-1] = (out[-1][0], i)
                else:
                    out.append((i, i))
            before = kind
        return set(out)

    right = total = 0
    for g, p in zip(gold, predicted):
        a, b = spans(g), spans(p)
        right += len(a & b)
        total += len(a) + len(b)
    return 2 * right / total if total else 0.0
