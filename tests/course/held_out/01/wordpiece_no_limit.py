# bug: words of more than 100 characters are cut as any other instead of becoming [UNK]
# means: pieces-no-longest-word
def wordpiece(word: str, vocabulary: dict[str, int]) -> list[str]:
    result = []
    pos = 0
    while pos < len(word):
        for stop in range(len(word), pos, -1):
            p = ("##" if pos > 0 else "") + word[pos:stop]
            if p in vocabulary:
                result.append(p)
                pos = stop
                break
        else:
            return ["[UNK]"]
    return result
