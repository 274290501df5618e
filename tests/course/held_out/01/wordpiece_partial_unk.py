# bug: when the rest cannot be cut, the pieces found so far are kept and [UNK] is appended, instead of the whole word becoming [UNK]
# means: pieces-rest-unknown
def wordpiece(word: str, vocabulary: dict[str, int]) -> list[str]:
    if len(word) > 100:
        return ["[UNK]"]
    pieces = []
    rest, prefix = word, ""
    while rest:
        for n in range(len(rest), 0, -1):
            if prefix + rest[:n] in vocabulary:
                pieces.append(prefix + rest[:n])
                rest = rest[n:]
                break
        else:
            pieces.append("[UNK]")
            return pieces
        prefix = "##"
    return pieces
