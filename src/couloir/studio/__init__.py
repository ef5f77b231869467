"""The studio: the chapter live in a browser, on a person's own data.

A page in the browser asks, this package answers with numbers, the page draws. All mathematics is that of the
commands. Start at `couloir.studio.rooms`: each room is a class whose methods answer the page's questions;
`sessions` keeps a set of rooms for each open page, `wire` is how questions and answers travel, `guard`
decides who may ask at all, and `app` puts them together.
"""
