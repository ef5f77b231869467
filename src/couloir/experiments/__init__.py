"""What the book and the verbs compute besides training: one file an experiment. Nothing is drawn here."""
