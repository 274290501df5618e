"""What a model makes of a dev set, for readers: pages, pictures, signs that something is wrong.

Every task writes its own report; what they share is here.
"""
