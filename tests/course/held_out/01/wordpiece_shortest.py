# bug: the shortest matching piece is taken instead of the longest
# means: pieces-shortest-first
def wordpiece(word: str, vocabulary: dict[str, int]) -> list[str]:
    if len(word) > 100:
        return ["[UNK]"]
    pieces, start = [], 0
    while start < len(word):
        for end in range(start + 1, len(word) + 1):
            piece = word[start:end]
            if start > 0:
                piece = "##" + piece
            if piece in vocabulary:
                pieces.append(piece)
                start = end
                break
        else:
            return ["[UNK]"]
    return pieces
