# bug: the decoder's bias has hidden_size numbers instead of one for each word piece
# means: none
def count_parameters(config: dict[str, int]) -> int:
    d, f, v = config["hidden_size"], config["intermediate_size"], config["vocab_size"]
    emb = (v + config["max_position_embeddings"] + config["type_vocab_size"]) * d + 2 * d
    enc = config["num_hidden_layers"] * (4 * (d * d + d) + 2 * d * f + f + d + 4 * d)
    return emb + enc + (d * d + d) + (d * d + d + 2 * d + d) + (2 * d + 2)
