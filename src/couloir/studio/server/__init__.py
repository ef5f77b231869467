"""The studio as a web server: `serving` starts it, `app` answers every address, `guard` decides who may ask.

`sessions` keeps a set of rooms for each open page; `pages` are the files it is made of, `uploads` the tables
that are dropped on it, `exporting` makes one offline file of it.
"""
