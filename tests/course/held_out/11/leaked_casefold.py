# bug: casefold instead of lower, so "Straße" and "strasse" are taken for the same
# means: none
def leaked(train: list[str], dev: list[str]) -> list[int]:
    def k(t):
        return " ".join(t.casefold().split())

    known = set(k(t) for t in train)
    return [i for i, t in enumerate(dev) if k(t) in known]
