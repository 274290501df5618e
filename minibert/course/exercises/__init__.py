"""The exercises, a module for each chapter; `exercises_of("03")` finds them."""
