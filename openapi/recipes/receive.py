"""What the recipes share: believes a webhook, keeps one ticket per incident, answers 2xx only once the ticket is there.

A recipe gives `serve` its name and two functions. `opens(news)` makes a ticket, or finds the one that it made before it
was cut off, and returns its number and its address. `tells(number, news)` adds what is new to it. Both raise when the
other side does not do as asked: Daimon then tries again, ten times in three days. Python 3.11 or newer, nothing else.
"""

import base64
import hmac
import json
import os
import sqlite3
import sys
import threading
import time
import urllib.error
import urllib.request
from http.client import HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

TOLERANCE_S = 300  # Standard Webhooks: an older timestamp may be a replay
REMEMBER_S = 40 * 86_400  # longer than events can be replayed
MOST_BYTES = 65_536  # a webhook of Daimon's has less than 20 kB
WORDS = {
    "account_takeover": "Stolen mailbox",
    "undetermined": "Perhaps a stolen mailbox",
    "backscatter": "Forged sender",
    "web_script": "Hacked web form",
    "bulk_list": "Newsletter to dead addresses",
    "forwarding_loop": "Forwarding loop",
    "outage": "Mail system down",
    "reputation_block": "Mail refused for its sender's reputation",
    "autoresponder": "Automatic answers come back",
    "fake_bounce": "Fake bounce",
}


def setting(name, default=None):
    """An environment variable; without it and without a default the program ends and says so."""
    value = os.environ.get(name) or default
    if value is None:
        sys.exit(f"{name} is not set")
    return value


class Refused(Exception):
    """The other side did not do as asked."""

    def __init__(self, what, status=0, code=None):
        super().__init__(what)
        self.status = status
        self.code = code  # as Daimon's problems have it


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None  # a ticket system does not lead elsewhere, and our secrets would follow


def code_of(said):
    """The code of a problem, if it is one."""
    try:
        return json.loads(said).get("code")
    except (ValueError, AttributeError):
        return None


def call(method, url, body=None, headers=None):
    """Makes a request, its body a form if it is bytes and JSON if not, and returns the JSON of the answer."""
    headers = {"Accept": "application/json", "User-Agent": "daimon-recipe", **(headers or {})}
    if body is not None and not isinstance(body, bytes):
        headers["Content-Type"] = "application/json"
        body = json.dumps(body).encode()
    request = urllib.request.Request(url, body, headers, method=method)
    where = f"{method} {urlsplit(url).hostname}"  # the rest of an address may be secret
    try:
        with urllib.request.build_opener(NoRedirect).open(request, timeout=8) as answer:
            said = answer.read()
    except urllib.error.HTTPError as why:
        said = why.read(2000).decode(errors="replace")
        raise Refused(f"{where}: {why.code} {said[:300]}", why.code, code_of(said)) from None
    except OSError as why:
        raise Refused(f"{where}: {why}") from None
    except (ValueError, HTTPException) as why:  # these may say the whole address
        raise Refused(f"{where}: {type(why).__name__}") from None
    try:
        return json.loads(said) if said else {}
    except ValueError:
        return {}


class News:
    """What an event says of an incident, in words for a ticket."""

    def __init__(self, webhook, data, link):
        incident, tenant = data["incident"], data["tenant"]
        self.address, self.company = data["mailbox"]["address"], tenant["name"]
        self.references = tenant["external_refs"]  # what the tenant is called elsewhere, by system
        self.sequence, self.state = data["sequence"], incident["state"]
        self.is_test = data.get("test", False)  # all tests are of one example: each is made an incident of its own
        self.incident = webhook if self.is_test else incident["id"]
        self.is_over = self.state in ("closed", "dismissed")
        self.closes = self.reopens = False  # what `keep` finds out
        self.mark = "" if data["livemode"] else "[TEST] " if self.is_test else "[DRILL] "
        self.what = WORDS.get(incident["verdict"], incident["verdict"].replace("_", " "))
        self.title = f"{self.mark}{self.what}: {self.address} ({self.company})"
        self.facts = {"State": self.state, "Severity": incident["severity"]}
        if incident["tier"] != "none":
            self.facts["How sure"] = incident["tier"]
        self.gist = json.dumps([self.what, self.facts])  # what has to change before the ticket is told
        self.link = link.replace("{incident}", incident["id"])
        self.steps = [] if self.is_over else [f"[ ] {step['id']} {step['title']}" for step in incident["next_steps"]]
        self.summary = f"{incident['bounces']} bounces came back, the last at {incident['last_bounce_at']}."
        if self.is_over:
            reason = incident["dismissed_reason"]
            self.summary += f" A person said that it is none: {reason}." if reason else " It is over."
        if self.mark:
            self.summary = "This is a drill or a test: nothing happened. " + self.summary

    @property
    def text(self):
        facts = [f"{name}: {value}" for name, value in self.facts.items()]
        steps = ["", "What to do first:", *self.steps] if self.steps else []
        return "\n".join([self.title, *facts, self.summary, *steps, "", f"Report: {self.link}", self.incident])


class Recipe:
    """One ticket per incident, whatever comes twice, late, or in another order."""

    def __init__(self, system, opens, tells, is_linked):
        self.system, self.opens, self.tells, self.is_linked = system, opens, tells, is_linked
        self.daimon, self.key = setting("DAIMON_URL").rstrip("/"), setting("DAIMON_API_KEY", "")
        self.link = setting("DAIMON_LINK", self.daimon + "/v1/incidents/{incident}/report?format=html")
        self.secret = base64.b64decode(setting("DAIMON_WEBHOOK_SECRET").removeprefix("whsec_"))
        self.leaves_drills_out = setting("DAIMON_DRILLS", "mark") == "leave_out"
        self.one_at_a_time = threading.Lock()
        self.book = sqlite3.connect(setting("DAIMON_STATE", f"{system}.sqlite"), check_same_thread=False)
        self.book.executescript("""
            create table if not exists seen (webhook text primary key, at real);
            create table if not exists ticket (incident text primary key, sequence int, gist text, is_over int,
                number text, url text, is_linked int);""")

    def believes(self, headers, body):
        """Whether it is Daimon's and new: HMAC-SHA256 over id, timestamp and body (Standard Webhooks)."""
        id, at = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
        if not (at.isascii() and at.isdigit()) or abs(time.time() - int(at)) > TOLERANCE_S:
            return False
        signed = hmac.digest(self.secret, f"{id}.{at}.".encode() + body, "sha256")
        expected = b"v1," + base64.b64encode(signed)
        given = headers.get("webhook-signature", "").split(" ")  # two while a secret rotates
        return any(hmac.compare_digest(one.encode(), expected) for one in given)

    def takes(self, webhook, event):
        """Does what the event asks for. Returns when it is done and written down; raises if it is to come again."""
        is_of_incident = event["type"].startswith("incident.")
        with self.one_at_a_time:
            if self.book.execute("select 1 from seen where webhook = ?", [webhook]).fetchone():
                return
            if is_of_incident and (event["data"]["livemode"] or not self.leaves_drills_out):
                self.keep(News(webhook, event["data"], self.link))
            now = time.time()
            with self.book:
                self.book.execute("insert into seen values (?, ?)", [webhook, now])
                self.book.execute("delete from seen where at < ?", [now - REMEMBER_S])

    def keep(self, news):
        columns = "sequence, gist, is_over, number, url, is_linked"
        known = self.book.execute(f"select {columns} from ticket where incident = ?", [news.incident]).fetchone()
        sequence, gist, was_over, number, url, is_linked = known or (0, "", 0, None, None, 0)
        if news.sequence > sequence:  # older than what the ticket says: dropped
            news.closes, news.reopens = news.is_over and not was_over, bool(was_over) and not news.is_over
            if number is None and not news.is_over:
                number, url = self.opens(news)
                say(f"{news.incident}: ticket {number}")
            elif number is not None and news.gist != gist:
                self.tell(number, news)
            row = [news.incident, news.sequence, news.gist, news.is_over, number, url, is_linked]
            with self.book:
                self.book.execute("insert or replace into ticket values (?, ?, ?, ?, ?, ?, ?)", row)
        if number is not None and not is_linked and self.links(news, number, url):
            with self.book:
                self.book.execute("update ticket set is_linked = 1 where incident = ?", [news.incident])

    def tell(self, number, news):
        try:
            self.tells(number, news)
            say(f"{news.incident}: {news.state}, told ticket {number}")
        except Refused as why:
            if why.status != 404:
                raise
            say(f"{news.incident}: {news.state}, but ticket {number} is gone")

    def links(self, news, number, url):
        """Tells Daimon the ticket's number. The ticket counts without it: the incident's next event tries again."""
        if not (self.is_linked and self.key) or news.is_test:
            return False
        try:
            bearer = {"Authorization": f"Bearer {self.key}"}
            token = call("POST", f"{self.daimon}/v1/auth/token", headers=bearer)["access_token"]
            bearer = {"Authorization": f"Bearer {token}"}
            ticket = {"system": self.system, "reference": str(number)} | ({"url": url} if url else {})
            once = {"Idempotency-Key": f"{self.system}-{news.incident}-{number}"}
            call("POST", f"{self.daimon}/v1/incidents/{news.incident}/tickets", ticket, bearer | once)
        except Refused as why:
            if why.status != 404 and why.code != "conflict":  # gone, or linked already
                say(f"{news.incident}: ticket {number} is not linked: {why}")
                return False
        return True


def say(text):
    print(text, flush=True)


def serve(system, opens, tells, is_linked=True):
    """Listens for webhooks, on any path, until it is ended."""
    recipe = Recipe(system, opens, tells, is_linked)

    class Handler(BaseHTTPRequestHandler):
        timeout = 15

        def do_POST(self):
            self.send_response_only(self.status())
            self.send_header("Content-Length", "0")
            self.end_headers()

        def status(self):
            length = self.headers.get("Content-Length", "")
            if not length.isdigit() or int(length) > MOST_BYTES:
                return 413
            body = self.rfile.read(int(length))
            if not recipe.believes(self.headers, body):
                say("a webhook was not believed: wrong secret, or a clock that is wrong")
                return 401
            try:
                recipe.takes(self.headers["webhook-id"], json.loads(body))
                return 204
            except Exception as why:  # whatever it is: no ticket, no 2xx
                say(f"{self.headers['webhook-id']} is to come again: {type(why).__name__}: {why}")
                return 502

        def log_message(self, *_):
            pass

    host, _, port = setting("DAIMON_LISTEN", "127.0.0.1:8090").rpartition(":")
    server = ThreadingHTTPServer((host, int(port)), Handler)
    say("ready address={}:{}".format(*server.server_address))
    server.serve_forever()
