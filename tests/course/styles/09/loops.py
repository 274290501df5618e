"""Plain loops."""


def window_starts(length, room, stride):
    starts, start = [], 0
    while True:
        starts.append(start)
        if start + room >= length:
            return starts
        start = start + stride if stride < room else start + room


def best_span(start_logits, end_logits, context_from, max_length):
    best = None
    for start in range(context_from, len(start_logits)):
        for end in range(context_from, len(end_logits)):
            if end < start or end - start + 1 > max_length:
                continue
            score = (start_logits[start] + end_logits[end]).item()
            if best is None or score > best[0]:
                best = (score, start, end)
    return best[1], best[2]


def normalise(text):
    kept = ""
    for character in text.lower():
        if character not in "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~":
            kept += character
    words = []
    for word in kept.split():
        if word != "a" and word != "an" and word != "the":
            words.append(word)
    return " ".join(words)


def token_f1(prediction, golds):
    best = 0.0
    if len(golds) == 0:
        golds = [""]
    for gold in golds:
        ours = normalise(prediction).split()
        theirs = normalise(gold).split()
        if len(ours) == 0 and len(theirs) == 0:
            return 1.0
        total, common = len(ours) + len(theirs), 0
        for word in ours:
            if word in theirs:
                theirs.remove(word)
                common += 1
        best = max(best, 2 * common / total)
    return best


def answer_or_null(span_score, null_scores, threshold):
    for score in null_scores:
        if score - span_score <= threshold:
            return True
    return False
