# bug: a dev text counts as leaked if it stands anywhere inside a training text
# means: leak-part-of
def leaked(train: list[str], dev: list[str]) -> list[int]:
    places = []
    cleaned = [" ".join(t.lower().split()) for t in train]
    for i, text in enumerate(dev):
        text = " ".join(text.lower().split())
        if any(text in t for t in cleaned):
            places.append(i)
    return places
