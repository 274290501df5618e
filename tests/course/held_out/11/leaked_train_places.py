# bug: the places are those of the training texts that stand in dev, instead of the dev texts'
# means: leak-places-in-train
def leaked(train: list[str], dev: list[str]) -> list[int]:
    norm = lambda t: " ".join(t.lower().split())
    devs = {norm(t) for t in dev}
    return [i for i, t in enumerate(train) if norm(t) in devs]
