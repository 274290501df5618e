# bug: punctuation is removed as well before comparing
import string


# means: none
def leaked(train: list[str], dev: list[str]) -> list[int]:
    def clean(t):
        t = t.lower().translate(str.maketrans("", "", string.punctuation))
        return " ".join(t.split())

    train_set = set(map(clean, train))
    return [i for i, t in enumerate(dev) if clean(t) in train_set]
