# bug: windows begin at every multiple of stride below length, also behind a window that already holds the end
# means: windows-to-the-end
def window_starts(length: int, room: int, stride: int) -> list[int]:
    return list(range(0, length, stride))
