# bug: the decoder's matrix is counted as parameters of its own, though it is the token table
# means: count-decoder-twice
def count_parameters(config: dict[str, int]) -> int:
    v = config["vocab_size"]
    h = config["hidden_size"]
    f = config["intermediate_size"]
    total = v * h + config["max_position_embeddings"] * h + config["type_vocab_size"] * h + 2 * h
    layer = 4 * (h * h + h) + (h * f + f) + (f * h + h) + 2 * 2 * h
    total += config["num_hidden_layers"] * layer
    total += h * h + h  # pooler
    total += h * h + h + 2 * h + v * h + v  # masked words
    total += h * 2 + 2  # next sentence
    return total
