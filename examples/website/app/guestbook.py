"""A guest book: messages live in PostgreSQL, the visit counter in Redis."""

import html
import os
from pathlib import Path
from urllib.parse import parse_qs

import psycopg2
import redis

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Guest book</title>
<style>
  body {{ font: 1.1rem/1.5 system-ui, sans-serif; max-width: 40rem; margin: 3rem auto; padding: 0 1rem }}
  li {{ margin: .4rem 0 }} time {{ color: #777; font-size: .85rem }}
  input, button {{ font: inherit; padding: .3rem .6rem }} input {{ width: 70% }}
</style>
<h1>Guest book</h1>
<p>Visits: <strong id="visits">{visits}</strong></p>
<form method="post" action="/"><input name="message" maxlength="500" required autofocus> <button>Sign</button></form>
<ul>{messages}</ul>
</html>
"""

cache = redis.Redis(host=os.environ["CACHE_HOST"], socket_timeout=5)


def connect():
    return psycopg2.connect(
        host=os.environ["DATABASE_HOST"],
        user=os.environ["DATABASE_USER"],
        dbname=os.environ["DATABASE_NAME"],
        password=Path(os.environ["DATABASE_PASSWORD_FILE"]).read_text().strip(),
        connect_timeout=5,
    )


def query(statement, arguments=()):
    """Runs one statement in a transaction of its own and returns its rows."""
    connection = connect()
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(statement, arguments)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


def prepare():
    # Two workers may start at once: the lock makes one wait for the other's table.
    query(
        "SELECT pg_advisory_lock(1);"
        "CREATE TABLE IF NOT EXISTS messages"
        " (id serial PRIMARY KEY, text text NOT NULL, written timestamptz NOT NULL DEFAULT now())"
    )


def show(start_response):
    visits = cache.incr("visits")
    rows = query("SELECT text, written FROM messages ORDER BY id DESC LIMIT 100")
    messages = "".join(f"<li>{html.escape(text)} <time>{written:%Y-%m-%d %H:%M}</time></li>" for text, written in rows)
    start_response("200 OK", [("Content-Type", "text/html; charset=utf-8"), ("Cache-Control", "no-store")])
    return [PAGE.format(visits=visits, messages=messages).encode()]


def sign(environ, start_response):
    size = min(int(environ.get("CONTENT_LENGTH") or 0), 10_000)
    form = parse_qs(environ["wsgi.input"].read(size).decode("utf-8", "replace"))
    message = form.get("message", [""])[0].strip()[:500]
    if message:
        query("INSERT INTO messages (text) VALUES (%s)", (message,))
    start_response("303 See Other", [("Location", "/")])
    return [b""]


def healthy(start_response):
    query("SELECT 1")
    cache.ping()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"ok\n"]


def application(environ, start_response):
    path, method = environ["PATH_INFO"], environ["REQUEST_METHOD"]
    if path == "/health":
        return healthy(start_response)
    if path == "/" and method == "POST":
        return sign(environ, start_response)
    if path == "/":
        return show(start_response)
    start_response("404 Not Found", [("Content-Type", "text/plain")])
    return [b"not found\n"]


prepare()
