# bug: only full windows are made, so the end of the text is lost
# means: windows-last-missing
def window_starts(length: int, room: int, stride: int) -> list[int]:
    if length <= room:
        return [0]
    return [s for s in range(0, length - room + 1, stride)]
