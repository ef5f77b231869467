"""A source in, prepared arrays out.

`loading` is where to start: `load` has `sources` read what a person names into a raw table or raw arrays,
types the `columns` by their `cells`, reads the target (`roles`), and gives a `dataset`. `splits` divides its
rows, `preparation` is fitted to the training part with an encoding for each column (`encodings`), and `leaks`
says which columns a person should look at.
"""
