# bug: white space is only stripped at the ends, inner runs of it do not count as one blank
# means: leak-inner-blanks
def leaked(train: list[str], dev: list[str]) -> list[int]:
    seen = {t.strip().lower() for t in train}
    return [i for i, d in enumerate(dev) if d.strip().lower() in seen]
