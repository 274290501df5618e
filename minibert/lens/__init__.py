"""Looking inside: reads the stages of a model and changes nothing."""
