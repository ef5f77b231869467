"""What the studio's room of networks is made of.

`settings` reads what the page asks for and makes the data and the members of it; `live` trains them with
`couloir.engine.training.train_population`, in a thread that waits for the page; `pictures` is what is drawn
of a network; `lines` are the Python lines that give the same numbers.
"""
