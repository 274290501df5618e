# bug: the head for the next sentence is counted with one output instead of two
# means: none
def count_parameters(config: dict[str, int]) -> int:
    D, F, V = config["hidden_size"], config["intermediate_size"], config["vocab_size"]
    n = (V + config["max_position_embeddings"] + config["type_vocab_size"] + 2) * D
    n += config["num_hidden_layers"] * (4 * D * (D + 1) + F * (D + 1) + D * (F + 1) + 4 * D)
    n += D * (D + 1)
    n += D * (D + 1) + 2 * D + V
    n += D + 1
    return n
