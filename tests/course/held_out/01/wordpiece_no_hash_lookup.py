# bug: later pieces are looked up without "##" (the ## is only added to the output)
# means: pieces-marked-but-not-looked-up
def wordpiece(word: str, vocabulary: dict[str, int]) -> list[str]:
    if len(word) > 100:
        return ["[UNK]"]
    pieces = []
    start = 0
    while start < len(word):
        end = len(word)
        while end > start and word[start:end] not in vocabulary:
            end -= 1
        if end == start:
            return ["[UNK]"]
        pieces.append(("##" if start else "") + word[start:end])
        start = end
    return pieces
