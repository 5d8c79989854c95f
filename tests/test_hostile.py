"""Whatever strangers send, a step answers with a page, and saves all of a sign-up or nothing."""

import html
import os
import re
import socket
from contextlib import closing
from http.client import HTTPConnection
from io import BytesIO
from urllib.parse import quote, unquote, urlsplit
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, event, example, given, settings
from hypothesis import strategies as st
from hypothesis.internal.conjecture import providers
from PIL import Image

from tools.sites.visitor import PASSWORD, TIMEOUT, Visitor, make_picture

from .conftest import at_both_ends, at_the_last_step, wait_for
from .test_contract import BAD_UPLOADS, ERROR, encoded, signed_up

# Hypothesis also draws the constants of the code that is imported by then, which hangs on what else
# runs in this process, and on every edit of it. Without them, each run draws the same examples.
providers._get_local_constants = lambda: providers._local_constants
EXAMPLES = int(os.environ.get("EXAMPLES", "1"))  # times as many, for a longer search

# Or it would hide the failure that it is about to tell of.
pytestmark = pytest.mark.filterwarnings("ignore:Generating overly large repr")


def examples(count):
    """Let Hypothesis try so many examples, the same ones in each run."""
    return settings(
        max_examples=count * EXAMPLES,
        database=None,
        deadline=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


# What nobody should ever send. Wherever "x-evil" comes back, its bracket or quote is escaped.
PIECES = [
    "<x-evil>",
    "</title><x-evil>",
    '" x-evil="',
    "' x-evil='",
    "{{ settings.SECRET_KEY }}",
    "{% debug %}",
    "%s%(x)n",
    "\0",
    "\r\nBcc: eve@example.com\r\n",
    "\u202eevil\u2066",
    "\u200f\ufeff\u0301",
    "ﬁ½Ⅷ",
    ", eve@example.com",
    "'; DROP TABLE accounts_user; --",
]
WIDE = "\U000a712c"  # takes twelve bytes in an address
UNESCAPED = re.compile(r"""[<"'] ?x-evil""")
LENGTHS = [1, 1, 1, 100, 10_000]
awkward = st.builds(
    lambda pieces, times: ("".join(pieces) * times)[:10_000],
    st.lists(st.sampled_from(PIECES) | st.text(max_size=20), min_size=1, max_size=4),
    st.sampled_from(LENGTHS),
)
usernames = st.from_regex(r"[\w.@+-]{1,150}", fullmatch=True) | awkward
quoted = st.from_regex(
    r'"(<x-evil>)?([!#-\[\]-~]|\\[ -~]){1,30}"@example\.(com|қаз)', fullmatch=True
)
emails = st.emails() | quoted | awkward | awkward.map(lambda text: f"{text}@example.com")
field_names = awkward | st.sampled_from(
    ["id", "user", "username", "email", "password1", "is_staff", "is_superuser", "is_active"]
    + ["picture", "thumbnail", "profile", "welcome_sent_at", "csrfmiddlewaretoken", "next"]
)


def is_in_order(answer):
    """Check what goes for each answer of a step's own, whoever asked for whatever."""
    assert answer.status_code < 500
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert not UNESCAPED.search(answer.text)
    return True


def rows(site, query):
    return set(site.rows(query))


def saved(site):
    """Return the keys of the users and of the profiles, and the names of the pictures."""
    pictures = {path.name for path in site.var_dir.glob("media/pictures/*")}
    users = rows(site, "SELECT id FROM accounts_user")
    return users, rows(site, "SELECT user_id FROM accounts_profile"), pictures


def form_fields(visitor, **changed):
    page = visitor.get("/signup/").text
    [token] = set(re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', page))
    fields = {"username": visitor.username, "email": visitor.email, "csrfmiddlewaretoken": token}
    return fields | {"password1": PASSWORD, "password2": PASSWORD} | changed


def submit(visitor, fields, **options):
    url = f"{visitor.url}/signup/"
    return visitor.session.post(url, fields, timeout=TIMEOUT, allow_redirects=False, **options)


def all_or_nothing(site, before, answer):
    """Check the answer to a sign-up; return the key of the user that it saved, or None."""
    event(f"answered with {answer.status_code}")  # see pytest's --hypothesis-show-statistics
    assert is_in_order(answer)
    users, profiles, pictures = (now - then for now, then in zip(saved(site), before, strict=True))
    if answer.status_code != 302:
        assert answer.status_code in (200, 400, 403)
        assert answer.status_code != 200 or ERROR in answer.text
        assert (users, profiles, pictures) == (set(), set(), set())
        return None
    [(key,)] = users
    assert profiles == users
    assert len(pictures) <= 1
    return key


def unquoted(address):
    """Return an address without quotes and backslashes, which stand for nothing themselves."""
    name, _, domain = address.rpartition("@")
    if name.startswith('"'):
        name = re.sub(r"\\(.)", r"\1", name[1:-1])
    return f"{name}@{domain}"


@at_both_ends
@given(changed=st.fixed_dictionaries({}, optional={"username": usernames, "email": emails}))
@example(changed={"email": '"ada,eve"@example.com'})
@example(changed={"username": "ď㨉ďȾG𦖦ďﬣ𥶣Y𬸖𥶣Ű"})  # of which the subject is folded at once
@examples(30)
def test_any_name_and_address_is_refused_or_greeted_by_one_mail_alone(site, changed):
    visitor, before = site.visitor(), saved(site)
    key = all_or_nothing(site, before, visitor.sign_up(**changed))
    if key is None:
        return
    [(username, email)] = rows(
        site, f"SELECT username, email FROM accounts_user WHERE id = '{key}'"
    )

    def mails():
        message_id = f"<welcome-{UUID(key)}@example.com>"
        return [mail for mail in site.standins.inbox if mail["message_id"] == message_id]

    def home_when_greeted():
        home = visitor.get("/")
        return home if 'data-welcome="done"' in home.text else None

    wait_for(mails)
    home = wait_for(home_when_greeted)
    assert is_in_order(home)
    assert f"<h1>{html.escape(username)}</h1>" in home.text
    assert f"<dd>{html.escape(email)}</dd>" in home.text
    [mail] = mails()
    assert mail["subject"] == f"Welcome, {username}!"
    assert mail["from"] == "welcome@example.com"
    assert mail["text"].startswith(f"Hello {username},\n\nwelcome aboard!")
    [recipient] = mail["to"]
    name, _, domain = email.rpartition("@")
    assert unquoted(recipient) == unquoted(f"{name}@{domain.encode('idna').decode()}")
    assert not UNESCAPED.search(mail["html"])


@at_the_last_step
@given(password=awkward, repeated=awkward | st.none())
@examples(15)
def test_any_password_is_refused_or_opens_the_account_again(site, password, repeated):
    visitor, before = site.visitor(), saved(site)
    again = password if repeated is None else repeated
    key = all_or_nothing(site, before, visitor.sign_up(password1=password, password2=again))
    if key is not None:
        assert again == password
        returning = Visitor(site.url, visitor.username)
        page = returning.post("/login/", {"username": visitor.username, "password": password})
        assert visitor.email in page.text


@at_the_last_step
@given(
    extra=st.lists(st.tuples(field_names, awkward), max_size=10),
    query=st.dictionaries(field_names, awkward, max_size=5),
)
@example(extra=[("is_staff", "1"), ("is_superuser", "1"), ("is_active", "")], query={})
@example(extra=[], query={f"{n}{100 * WIDE}": 1_000 * WIDE for n in range(5)})
@examples(15)
def test_any_other_fields_repeated_or_unknown_give_nobody_more_rights(site, extra, query):
    visitor, before = site.visitor(), saved(site)
    fields = [*form_fields(visitor).items(), *extra]
    # The server takes 64 KB at most, and a character becomes up to twelve bytes.
    query = {name[:80]: value[:900] for name, value in query.items()}
    key = all_or_nothing(site, before, submit(visitor, fields, params=query))
    rights = f"SELECT is_staff, is_superuser, is_active FROM accounts_user WHERE id = '{key}'"
    assert rows(site, rights) <= {(0, 0, 1)}


PICTURES = [encoded("JPEG"), encoded("PNG"), encoded("WEBP"), make_picture((400, 300))]
LARGE = PICTURES[3] + b"\0" * 3_000_000  # goes by way of a temporary file


def broken(picture, keep, changes):
    """Return the first part of a picture, with some of its bytes changed."""
    content = bytearray(picture[: max(1, int(len(picture) * keep))])
    for where, byte in changes:
        content[int(where * (len(content) - 1))] = byte
    return bytes(content)


part = st.floats(0, 1)
uploads = (
    st.binary(max_size=1_000)
    | st.sampled_from(
        [*PICTURES, *(content for content in BAD_UPLOADS.values() if len(content) < 1e6)]
    )
    | st.builds(
        broken,
        st.sampled_from(PICTURES),
        part | st.just(1.0),
        st.lists(st.tuples(part, st.integers(0, 255)), max_size=5),
    )
    | st.just(LARGE)
)
endings = st.sampled_from(["", ".jpg", ".php", ".html", ".svg", "/", "/..", "." + "j" * 300])
file_names = st.builds("".join, st.tuples(awkward, endings)) | st.sampled_from(
    ["../../var/db.sqlite3", "..\\..\\settings.py", "/etc/passwd", "C:\\x.jpg", "..", ".", ""]
)


@at_both_ends
@given(name=file_names, content=uploads)
@example(name=".", content=PICTURES[0])
@example(name="me.jpg/", content=PICTURES[0])
@example(name="a." + "j" * 300, content=LARGE)
@examples(32)
def test_any_upload_is_refused_or_stored_under_a_name_of_our_own(site, name, content):
    visitor, before = site.visitor(), saved(site)
    files = {"picture": (name, content)}
    if all_or_nothing(site, before, submit(visitor, form_fields(visitor), files=files)) is None:
        return
    home = wait_for(lambda: re.search(r'data-picture="(none|done|failed)"', visitor.get("/").text))
    assert bool(name) == (home[1] != "none")
    thumbnail = visitor.get("/thumbnail/")
    assert thumbnail.ok == (home[1] == "done")
    if not thumbnail.ok:
        assert is_in_order(thumbnail)
    else:
        assert thumbnail.headers["Content-Type"] == "image/jpeg"
        assert thumbnail.headers["X-Content-Type-Options"] == "nosniff"
        image = Image.open(BytesIO(thumbnail.content))
        assert (image.format, max(image.size) <= 300) == ("JPEG", True)
    for name in site.files():
        assert re.fullmatch(r"[0-9a-f]{32}\.(jpeg|jpg|png|webp|mpo)", name)


@at_both_ends
@given(
    token=awkward | st.none() | st.text("0aA", min_size=64, max_size=64),
    cookie=st.sampled_from(["own", "none", "forged"]),
    origin=st.sampled_from([None, "null", "http://evil.example", "x"]),
)
@example(token=None, cookie="own", origin=None)
@example(token=None, cookie="none", origin=None)
@examples(20)
def test_any_forged_token_is_refused(site, token, cookie, origin):
    visitor, before = site.visitor(), saved(site)
    fields = form_fields(visitor)
    # Where cookie or origin is wrong, the right token doesn't help, either.
    if token is not None or (cookie == "own" and origin is None):
        fields["csrfmiddlewaretoken"] = token
    if cookie == "none":
        visitor.session.cookies.clear()
    if cookie == "forged":
        name = f"{site.step.name}_csrftoken"
        visitor.session.cookies.clear()
        visitor.session.cookies.set(name, uuid4().hex)
    answer = submit(visitor, fields, headers={"Origin": origin} if origin else {})
    assert answer.status_code == 403
    assert all_or_nothing(site, before, answer) is None


# What a stranger, or another visitor, may try to get at


class Answer:
    """The answer to a request whose target is sent as it is, without any tidying up."""

    def __init__(self, url, method, target, headers):
        connection = HTTPConnection(urlsplit(url).netloc, timeout=TIMEOUT)
        with closing(connection):
            connection.putrequest(method, target, skip_host="Host" in headers)
            for name, value in headers.items():
                connection.putheader(name, value.encode())
            connection.endheaders()
            response = connection.getresponse()
            self.status_code, self.headers = response.status, response.headers
            self.content = response.read()
            self.text = self.content.decode(errors="replace")


HOSTS = ["evil.example", "127.0.0.1.evil.example", "localhost@evil.example", "[::1", "a b", ""]


@at_both_ends
@given(
    host=st.sampled_from(HOSTS) | awkward.map(lambda text: re.sub(r"[\r\n\0]", "", text)[:1000]),
    path=st.sampled_from(["/", "/signup", "/login/", "/nothing/"]),
)
@example(host="evil.example", path="/")
@examples(30)
def test_any_foreign_host_is_refused(site, host, path):
    answer = Answer(site.url, "GET", path, {"Host": host})
    assert answer.status_code == 400
    assert is_in_order(answer)


@pytest.fixture(scope="session")
def owner(started_site):
    """A visitor with a thumbnail, which is nobody else's business."""
    visitor = signed_up(started_site, make_picture((400, 300)))
    wait_for(visitor.thumbnail)
    return visitor


@pytest.fixture(scope="session")
def other(started_site):
    return signed_up(started_site)


METHODS = ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "X"]
ROUTES = ["", "signup", "login", "logout", "thumbnail", "admin", "profile", "media"]
TRICKS = ["..", "%2e%2e", ".", "%2f", "%5c..", "%00", "%0d%0aX:%20y", "%ff", "~", "//evil.example"]
FILES = ["var", "db.sqlite3", "huey.sqlite3", "pictures", "thumbnails", "config", "settings.py"]


GUESSES = ["/", "/thumbnail/", "/thumbnail/<owner>/", "/thumbnail/?user=<owner>"]
GUESSES += ["/profile/<owner>/", "/media/<picture>", "/var/media/<picture>", "/admin/", "/login/"]


@st.composite
def targets(draw, start=""):
    part = st.sampled_from(ROUTES + TRICKS + FILES + ["<owner>", "<picture>"])
    path = "/".join(draw(st.lists(part | awkward.map(lambda text: quote(text)[:2000]), max_size=6)))
    query = draw(st.none() | awkward.map(lambda text: quote(text)[:20_000]))
    return f"/{start}{path}{draw(st.sampled_from(['', '/']))}" + (f"?{query}" if query else "")


def ask(site, owner, other, method, target):
    """Return the answer to a request by the other visitor, or by a stranger if that is None."""
    name = f"'{owner.username}'"
    [(key, picture)] = rows(
        site,
        "SELECT id, picture FROM accounts_user JOIN accounts_profile ON id = user_id"
        f" WHERE username = {name}",
    )
    target = target.replace("<owner>", str(UUID(key))).replace("<picture>", picture)
    headers = {}
    if other:
        cookies = other.session.cookies
        headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
        headers["X-CSRFToken"] = cookies[f"{site.step.name}_csrftoken"]
    answer = Answer(site.url, method, target, headers)
    assert owner.username not in answer.text
    assert owner.email not in answer.text
    assert not answer.headers.get("Content-Type", "").startswith("image/")
    assert b"SQLite format 3" not in answer.content
    assert "insecure-workshop-key" not in answer.text
    assert "evil.example" not in (urlsplit(answer.headers.get("Location", "")).netloc)
    return answer


@at_both_ends
@given(
    method=st.just("GET") | st.sampled_from(METHODS),
    target=st.sampled_from(GUESSES) | targets(),
    by_other=st.booleans(),
)
@example(method="PUT", target="/signup", by_other=False)
@examples(60)
def test_no_request_shows_a_visitor_to_somebody_else(site, owner, other, method, target, by_other):
    answer = ask(site, owner, other if by_other else None, method, target)
    if not unquote(target).startswith("/static/") and not is_about_the_slash(answer, method):
        assert is_in_order(answer)


def is_about_the_slash(answer, method):
    """Check for Django's word to a developer who forgot a slash, which it says with DEBUG alone."""
    if answer.status_code != 500 or method not in ("DELETE", "PATCH", "POST", "PUT"):
        return False
    assert f"You called this URL via {method}, but the URL doesn" in answer.text
    assert "end in a slash and you have APPEND_SLASH set." in answer.text
    assert not UNESCAPED.search(answer.text)
    return True


# The server of `runserver` gives out the static files itself, past the step's own code. It sends no
# nosniff, and answers a path that leads out of their folders with 500.
@at_the_last_step
@given(method=st.sampled_from(["GET", "HEAD", "PUT"]), target=targets("static/"))
@examples(40)
def test_no_request_for_a_static_file_gets_another_file(site, owner, method, target):
    assert ask(site, owner, None, method, target).status_code != 200


@at_the_last_step
def test_escape_sequence_in_a_path_does_not_reach_the_servers_terminal(started_site):
    name = uuid4().hex
    address = ("127.0.0.1", started_site.port)
    with socket.create_connection(address, timeout=TIMEOUT) as connection:
        connection.sendall(f"GET /\x1b[31m{name} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
        while connection.recv(65_536):
            pass  # who leaves before the end of the answer may keep its request out of the log
    wait_for(lambda: f"{name} HTTP" in started_site.log.read_text(encoding="utf-8"))
    assert f"\x1b[31m{name}" not in started_site.log.read_text(encoding="utf-8")
