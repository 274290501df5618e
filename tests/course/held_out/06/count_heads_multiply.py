# bug: query, key and value are counted once for each head with the full D x D size, so the number of heads multiplies them
# means: count-each-head-whole
def count_parameters(config: dict[str, int]) -> int:
    d, f, v = config["hidden_size"], config["intermediate_size"], config["vocab_size"]
    heads = config["num_attention_heads"]
    emb = (v + config["max_position_embeddings"] + config["type_vocab_size"] + 2) * d
    att = heads * 3 * (d * d + d) + d * d + d
    layer = att + d * f + f + f * d + d + 4 * d
    return emb + config["num_hidden_layers"] * layer + 2 * (d * d + d) + 2 * d + v + 2 * d + 2
