# bug: the recall is returned: right / entities of gold
# means: entity-f1-recall
def entity_f1(gold: list[list[str]], predicted: list[list[str]]) -> float:
    def spans(tags):
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

    found = total = 0
    for g, p in zip(gold, predicted):
        truth, guess = spans(g), spans(p)
        found += sum(e in guess for e in truth)
        total += len(truth)
    return found / total if total else 0.0
