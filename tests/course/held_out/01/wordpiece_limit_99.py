# bug: a word of exactly 100 characters already becomes [UNK] (>= instead of >)
# means: pieces-limit-too-small
def wordpiece(word: str, vocabulary: dict[str, int]) -> list[str]:
    if len(word) >= 100:
        return ["[UNK]"]
    out = []
    i = 0
    while i < len(word):
        j = len(word)
        found = None
        while i < j:
            candidate = word[i:j] if i == 0 else "##" + word[i:j]
            if candidate in vocabulary:
                found = candidate
                break
            j -= 1
        if found is None:
            return ["[UNK]"]
        out.append(found)
        i = j
    return out
