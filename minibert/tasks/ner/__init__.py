"""Tagging: say of every word what it is part of, such as the name of a person; or what it is.

In the order in which to read them: `reading` (files to sentences), `schemes` (tags to entities and
back), `windows` (sentences to what the model takes), `decoding` (the model's scores to tags, and to
entities in a text, which `text` divides into words), `scoring` (how good they are), `report` (where
they fail), `task` (what is learnt, and all of it together).

Source: Tjong Kim Sang and De Meulder 2003, "Introduction to the CoNLL-2003 shared task"; Devlin et
al. 2019, section 5.3.
"""
