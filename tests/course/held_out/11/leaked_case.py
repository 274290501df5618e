# bug: upper and lower case are told apart
# means: leak-case
def leaked(train: list[str], dev: list[str]) -> list[int]:
    known = {" ".join(t.split()) for t in train}
    return [i for i, t in enumerate(dev) if " ".join(t.split()) in known]
