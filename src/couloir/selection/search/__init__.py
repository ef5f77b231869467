"""Searching over hyperparameters: spaces, studies, generations, and the pool of the best."""
