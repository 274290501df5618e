"""The bug museum: what people get wrong in the exercises, a module for each chapter.

`MISTAKES` of a module holds the mistakes by the exercise's name; `exercises_of` puts them into the
exercises.
"""
