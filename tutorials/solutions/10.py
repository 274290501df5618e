"""Chapter 10, Tagging: model answers."""


def label_pieces(word_ids: list[int | None], labels: list[int]) -> list[int]:
    given, before = [], None
    for word in word_ids:
        given.append(-100 if word is None or word == before else labels[word])
        before = word
    return given


def to_iob2(tags: list[str]) -> list[str]:
    turned, type_before = [], None
    for tag in tags:
        prefix, _, type = tag.partition("-")
        begins = prefix == "I" and type != type_before
        turned.append(f"B-{type}" if begins else tag)
        type_before = type if tag != "O" else None
    return turned


def entities(tags: list[str]) -> list[tuple[str, int, int]]:
    found, type_before = [], None
    for word, tag in enumerate(tags):
        prefix, _, type = tag.partition("-")
        if prefix == "O":
            type_before = None
            continue
        if prefix == "B" or type != type_before:
            found.append((type, word, word))
        else:
            _, first, _ = found[-1]
            found[-1] = (type, first, word)
        type_before = type
    return found


def entity_f1(gold: list[list[str]], predicted: list[list[str]]) -> float:
    right = total = 0
    for ours, theirs in zip(gold, predicted, strict=True):
        there, given = set(entities(ours)), set(entities(theirs))
        right += len(there & given)
        total += len(there) + len(given)
    return 2 * right / total if total else 0.0
