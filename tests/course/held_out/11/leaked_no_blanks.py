# bug: all white space is removed instead of made one blank, so "in formed" equals "informed"
# means: leak-no-blanks
def leaked(train: list[str], dev: list[str]) -> list[int]:
    def key(text):
        return "".join(text.lower().split())

    known = {key(t) for t in train}
    return [i for i in range(len(dev)) if key(dev[i]) in known]
