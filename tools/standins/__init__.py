"""Stand-ins for the joke API and the mail server, so that the workshop needs no network.

`python workshop.py standins` serves three things over real sockets, in one process:

- a joke API at `/joke`, with the shape of https://icanhazdadjoke.com/;
- an SMTP server that keeps the latest mails in memory;
- an inbox: a page at `/`, the same as JSON at `/inbox.json`.

`/control` sets how slow they are and how they fail, while they run:

    curl -H "Content-Type: application/json" -d '{"joke_failure": "hang"}' localhost:8010/control
"""
