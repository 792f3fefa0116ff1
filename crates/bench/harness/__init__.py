"""Runs both sides of every bench in turn and writes down what came of it. Pure standard library, so that it stays small: the memory
of a process that was started by a large one would begin at the large one's."""
