# bug: the biases of the encoder's linear layers are not counted
# means: none
def count_parameters(config: dict[str, int]) -> int:
    d, f, v = config["hidden_size"], config["intermediate_size"], config["vocab_size"]
    tables = d * (v + config["max_position_embeddings"] + config["type_vocab_size"])
    layer = 4 * d * d + 2 * d * f + 4 * d
    pooler = d * d + d
    words = d * d + d + 2 * d + v
    nxt = 2 * d + 2
    return tables + 2 * d + config["num_hidden_layers"] * layer + pooler + words + nxt
