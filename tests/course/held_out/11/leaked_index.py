# bug: dev.index gives the first place of a repeated dev text, so a second copy is reported at the first one's place
# means: none
def leaked(train: list[str], dev: list[str]) -> list[int]:
    norm = lambda t: " ".join(t.lower().split())
    known = {norm(t) for t in train}
    normed = [norm(t) for t in dev]
    return [normed.index(t) for t in normed if t in known]
