# bug: only runs of the space character are made one blank, tabs and newlines stay different
import re


# means: none
def leaked(train: list[str], dev: list[str]) -> list[int]:
    def same(t):
        return re.sub(" +", " ", t.lower()).strip()

    known = {same(t) for t in train}
    return [n for n, t in enumerate(dev) if same(t) in known]
