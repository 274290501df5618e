# bug: the transform (linear layer and LayerNorm) of the head for masked words is not counted, only its bias
# means: count-no-transform
def count_parameters(config: dict[str, int]) -> int:
    d, f, v = config["hidden_size"], config["intermediate_size"], config["vocab_size"]
    emb = (v + config["max_position_embeddings"] + config["type_vocab_size"]) * d + 2 * d
    enc = config["num_hidden_layers"] * (4 * (d * d + d) + 2 * d * f + f + d + 4 * d)
    heads = v + 2 * d + 2
    return emb + enc + (d * d + d) + heads
