"""The studio: the chapter live in a browser, on a person's own data.

A page in the browser asks, this package answers with numbers, the page draws. All mathematics is that of the
commands. What is where:

- `rooms`: start here. A room is a class whose methods answer the page's questions about one subject.
- `jobs`: work that takes longer than an answer may: a worker process for each job, forked and watched.
- `server`: what is reached over HTTP and WebSocket, by whom, and a session for every open page.
- `wire` is how questions and answers travel, `asking` how the arguments of a question are read.
- `static`: the page. `main.js` is its frame, `rooms/` has a script for every room.
"""
