# bug: only one LayerNorm per encoder layer is counted instead of two
# means: count-one-norm-a-layer
def count_parameters(config: dict[str, int]) -> int:
    d, f, v = config["hidden_size"], config["intermediate_size"], config["vocab_size"]
    emb = (v + config["max_position_embeddings"] + config["type_vocab_size"] + 2) * d
    layer = 4 * (d * d + d) + d * f + f + f * d + d + 2 * d
    return emb + config["num_hidden_layers"] * layer + 2 * (d * d + d) + 2 * d + v + 2 * d + 2
