"""Secrets in the arguments of events: what is hidden, and how it is found.

A secret is found by the name it has (of an argument, a key, an option, a header, a
parameter), by its place in a protocol, or as the user part of a URL. What has no such
mark is not found. Nothing here raises events.
"""

from __future__ import annotations

import re

# The builtins module is already cleared when the last event comes.
from builtins import any, enumerate, isinstance, len, map, str, type  # noqa: UP029

from ..catalogue import EVENTS, described

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import Any

HIDDEN = "[redacted]"

# Arguments that are hidden as a whole, by patterns.
ENVIRONMENTS = ("*.env", "os.putenv.value")
TYPED = ("builtins.input/result.result", "telnetlib.Telnet.write.buffer")

MOST_BEYOND = 1000  # characters behind a cut in which the end of a secret is looked for

_find_secret = re.compile(
    r"(?:pass(?:word|wd|phrase|code)s?|secrets?|token|credentials?|authorization|jwt"
    r"|(?:api|access|account|auth|client|encryption|private|shared|signing)_?key"
    r"|x_amz_signature|sess(?:ion)?_?id|_pwd"
    r"|(?:^|_)(?:auth|otp|cookies?)$|(?:^|_|store|key|db)pass(?:in|out)?$)(?![a-z])"
).search
_divide = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[-.\s]").sub


def is_secret(name: str) -> bool:
    """Whether *name*, such as api_key, X-Auth-Token or dbPassword, is that of a secret.

    It may be that of an argument, an option, a header, a parameter or a key.
    """
    return _find_secret(_divide("_", name[-200:]).lower()) is not None


_QUOTED = r'"(?:[^"\\]|\\.)*"?|' + r"'(?:[^'\\]|\\.)*'?"
# Each has the groups before, name and value.
_NAMED = (
    # A header, or another line of this form.
    re.compile(
        r"(?P<before>^[ \t]*(?P<name>[A-Za-z][\w-]{2,60}):[ \t]*)"
        r"(?P<value>[^\r\n]+(?:\r?\n[ \t]+[^\r\n]+)*)",
        re.MULTILINE,
    ),
    # The same in quotes, as in a command.
    re.compile(
        r"(?P<before>(?P<quote>[\"'])(?P<name>[A-Za-z][\w-]{2,60}):[ \t]*)"
        r"(?P<value>[^\r\n]*?)(?=(?P=quote)|$)",
        re.MULTILINE,
    ),
    # name=value, name: value, "name": "value", \"name\": \"value\", user[name]=value.
    re.compile(
        r"(?P<before>(?<![\w.])(?P<name>[A-Za-z_][\w.-]{0,99})(?:%5[dD]|\])?\\*[\"']?"
        r"\s{0,9}(?:=|:(?!//))\s{0,9})"
        r"(?P<value>(?i:basic|bearer|token|negotiate|apikey)\s+[^\s\"',;]+"
        r"|\\+[\"'][^\"'\\]*(?:\\+[\"'])?"
        rf"|[a-z]?(?:{_QUOTED})|\[[^]]*\]?|[^\s&;,\"'{{}}\[\]]+)"
    ),
    # A part of a form.
    re.compile(
        r"(?P<before>\bname=\"?(?P<name>[^\"\r\n;]{1,99})(?:[\";][^\r\n]*)?"
        r"(?:\r?\n[^\r\n]+)*\r?\n\r?\n)(?P<value>[^\r\n]+)"
    ),
    # An element of XML.
    re.compile(r"(?P<before><(?P<name>[\w:.-]+)>)(?P<value>[^<]+)"),
)
_has_uid = re.compile(r"(?:^|;)\s*UID\s*=", re.I).search  # then PWD is no folder
_user = re.compile(r"(?<=://)[^/?#\s\"'<>\\]*@").sub
_user_of_host_header = re.compile(r"^(Host:[ \t]*)[^\r\n@]*@", re.I | re.M).sub
_user_of_host = re.compile(r"^[^/\s@]*@").sub


def hide_users(text: str) -> str:
    """Hide the user part of URLs, which may hold a password or be a token."""
    return _user(f"{HIDDEN}@", text) if "@" in text and "://" in text else text


def hide_named(text: str) -> str:
    """Hide what has the name of a secret, and the user part of URLs."""
    text = hide_users(text)
    if "=" in text or ":" in text or "</" in text:
        for pattern in _NAMED:
            text = _hide_matches(pattern, text)
    return text


def _hide_matches(pattern: re.Pattern[str], text: str) -> str:
    parts = []
    start = place = 0
    while (match := pattern.search(text, place)) is not None:
        place = match.end("before")  # a value may hold others
        name = match["name"]
        if is_secret(name) or (name.lower() == "pwd" and _has_uid(text)):
            parts += [text[start:place], _hidden(match["value"])]
            start = place = match.end("value")
    return "".join([*parts, text[start:]])


def _hidden(value: str) -> str:
    """Return HIDDEN in the quotes of *value*."""
    quote = value[:1] if value[:1] in ('"', "'") else ""
    return f"{quote}{HIDDEN}{quote}"


def _hide_in_http(text: str) -> str:
    return _user_of_host_header(rf"\g<1>{HIDDEN}@", hide_named(text))


def _hide_in_host(text: str) -> str:
    return _user_of_host(f"{HIDDEN}@", text) if "@" in text else text


# What mail, news and file servers are told, up to the secret.
_LOGIN = re.compile(
    r"(?P<before>(?:PASS|ACCT|APOP\s+\S+|AUTH\s+\S+"
    r"|AUTHINFO\s+(?:PASS|GENERIC|SASL\s+\S+)|\S+\s+AUTHENTICATE\s+\S+"
    rf"|\S+\s+LOGIN\s+(?:{_QUOTED}|\S+))\s+)\S.*?(?P<after>\s*)",
    re.IGNORECASE | re.DOTALL,
)
# The answers of AUTH and AUTHENTICATE, which are base64, and commands that look alike.
_ANSWER = re.compile(r"[A-Za-z0-9+/]+={0,2}(?P<after>\s*)")
_COMMAND = re.compile(
    r"(?:ABOR|CAPA|CAPABILITIES|CDUP|DATA|DATE|DONE|EHLO|EPSV|EXPN|FEAT|HELO|HELP|LAST"
    r"|LIST|NEXT|NLST|NOOP|PASV|POST|PWD|QUIT|REIN|RSET|SLAVE|STARTTLS|STAT|STLS|SYST"
    r"|TURN|UIDL|VRFY)\s*",
    re.IGNORECASE,
)


def _hide_login(text: str) -> str:
    match = _LOGIN.fullmatch(text)
    if match is not None:
        return f"{match['before']}{HIDDEN}{match['after']}"
    match = _ANSWER.fullmatch(text)
    if match is not None and _COMMAND.fullmatch(text) is None:
        return f"{HIDDEN}{match['after']}"
    return hide_users(text)


# Options of programs whose next word is a secret, although their names do not tell.
_OPTIONS = {
    "bcp": ("-P",),
    "curl": ("-u", "-U", "-b", "--user", "--proxy-user"),
    "http": ("-a",),
    "https": ("-a",),
    "ldapadd": ("-w",),
    "ldapmodify": ("-w",),
    "ldapsearch": ("-w",),
    "login": ("-p",),  # docker login, az login
    "mongo": ("-p",),
    "mongodump": ("-p",),
    "mongorestore": ("-p",),
    "mongosh": ("-p",),
    "redis-cli": ("-a",),
    "smbclient": ("-U",),
    "sqlcmd": ("-P",),
    "sshpass": ("-p",),
    "twine": ("-p",),
    "unzip": ("-P",),
    "zip": ("-P",),
}
# Options that look like -pSECRET: ports, and those of find, compilers and others.
_NO_SECRET = re.compile(
    r"-p(?:\d{1,5}(?:[:/].*)?|age.*|ar(?:allel|ent)s?|ath|edantic.*|er[lm].*|g|i[depc].*"
    r"|kg|lugin|ool|ort|re.*|rint.*|ro.*|rune|thread|y.*)(?:=.*)?"
).fullmatch
_NO_VALUE = re.compile(r"(?:no|ask|use)_.*|.*_(?:stdin|prompt)").fullmatch
_IS_OPTION = re.compile(r"--?[A-Za-z][\w-]*(?:=.*)?", re.DOTALL).fullmatch
_FLAGS = re.compile(r"-[bBdEiIOPqRsStuvVxh?]*")
_UP_TO_QUOTES = re.compile(r"[^\"']*")
_MOST_OF_CODE = 100  # characters
_WORD = re.compile(rf"(?:{_QUOTED}|\\.|[^\s\"'\\;|&()])+|[;|&]+", re.DOTALL)


def hide_words(words: Iterable[Any]) -> Iterator[Any]:
    """Yield the words of a command, a str, bytes or anything, without secrets."""
    state = _Words()
    for word in words:
        if isinstance(word, str):
            yield state.hide(str.__str__(word), hide_command)
        elif type(word) is bytes:
            text = state.hide(word.decode("latin-1"), hide_command)
            yield text.encode("latin-1")
        else:
            yield state.other(word)


def hide_python(words: Sequence[str]) -> list[str]:
    """Return the command line of a Python without secrets.

    Of the code of its -c only the first line is kept, up to a text in quotes, as that
    may be a secret without a name.
    """
    shown = [*words]
    is_argument = False
    for number, word in enumerate(words[1:], 1):
        if is_argument:
            is_argument = False
            continue
        if not word.startswith("-") or word == "-":
            break  # a script
        if word.startswith("--"):
            is_argument = word == "--check-hash-based-pycs"
            continue
        options = _FLAGS.match(word).end()  # type: ignore[union-attr]
        letter, rest = word[options : options + 1], word[options + 1 :]
        if letter == "c" and rest:
            shown[number] = word[: options + 1] + _short_code(rest)
        elif letter == "c" and number + 1 < len(words):
            shown[number + 1] = _short_code(words[number + 1])
        if letter not in ("W", "X"):  # -m and -c are the last
            break
        is_argument = not rest
    return [*hide_words(shown)]


def _short_code(code: str) -> str:
    lines = code.strip().splitlines() or [""]
    kept = _UP_TO_QUOTES.match(lines[0])[0][:_MOST_OF_CODE]  # type: ignore[index]
    return kept if kept == code.strip() else f"{kept}\N{HORIZONTAL ELLIPSIS}"


def hide_command(text: str) -> str:
    """Hide the secrets of a command line, as one for a shell."""
    state = _Words()
    return _WORD.sub(lambda match: state.hide(match[0], _hide_quoted), hide_named(text))


def _hide_quoted(word: str) -> str:
    quote = word[:1]
    if quote in ('"', "'") and len(word) > 1 and word.find(quote, 1) == len(word) - 1:
        return f"{quote}{hide_command(word[1:-1])}{quote}"
    return word


class _Words:
    """What is known of a command after some of its words."""

    def __init__(self) -> None:
        self._is_next = False  # whether the next word is a secret
        self._options: set[str] = set()
        self._is_mysql = False

    def other(self, word: object) -> object:
        """Return a word that is no text."""
        is_next, self._is_next = self._is_next, False
        return HIDDEN if is_next else word

    def hide(self, word: str, hide_inside: Callable[[str], str]) -> str:
        """Return a word without secrets; *hide_inside* is for one that is a command."""
        is_next, self._is_next = self._is_next, False
        option, equals, value = word.partition("=")
        if is_next and not _IS_OPTION(word):
            return _hidden(word)
        if not word.startswith("-"):
            self._learn(word)
        elif equals and is_secret(option.lstrip("-")):
            return f"{option}={_hidden(value)}"
        elif not equals and (option in self._options or _has_value(option)):
            self._is_next = True
            return word
        elif any(map(option.startswith, self._attached())):
            return f"{word[:2]}{HIDDEN}"
        elif word[:2] == "-p" and word[2:] and (self._is_mysql or not _NO_SECRET(word)):
            return f"-p{HIDDEN}"
        if any(map(str.isspace, word)):
            return hide_inside(word)
        return hide_named(word)

    def _learn(self, word: str) -> None:
        if word.strip(";|&") == "":
            self.__init__()  # type: ignore[misc]
            return
        name = re.split(r"[/\\]", word.strip("\"'"))[-1].lower()
        name = name[:-4] if name.endswith(".exe") else name
        self._options.update(_OPTIONS.get(name, ()))
        self._is_mysql = self._is_mysql or name.startswith(("mysql", "mariadb"))

    def _attached(self) -> list[str]:
        return [option for option in self._options if len(option) == 2]


def _has_value(option: str) -> bool:
    """Whether the word after *option* is a secret, by its name."""
    if option.startswith("-p") and not option.startswith("-pass"):
        return False  # it is -pSECRET
    name = _divide("_", option.lstrip("-")).lower()
    return is_secret(name) and not _NO_VALUE(name)


AT, NAMED, ANY = 2, 4, 8  # "@"; "=", ":" and "<"; any character


class Cleaner:
    """Hides the secrets of one argument. *text* does so in a text or in bytes.

    *words*, if any, does so in a list. *marks* are the kinds of characters of which an
    ASCII text with a secret has one.
    """

    __slots__ = ("marks", "text", "words")

    def __init__(
        self,
        text: Callable[[str], str],
        words: Callable[[Iterable[Any]], Iterator[Any]] | None = None,
        marks: int = ANY,
    ) -> None:
        self.text = text
        self.words = words
        self.marks = marks


_USERS = Cleaner(hide_users, marks=AT)
_BY_NAME = Cleaner(hide_named, marks=AT | NAMED)
_LOGINS = Cleaner(_hide_login)
_HTTP = Cleaner(_hide_in_http)
_HOST = Cleaner(_hide_in_host, marks=AT)
_COMMANDS = Cleaner(hide_command, hide_words)

_OF_ARGUMENTS = {
    **dict.fromkeys(
        ("args", "argv", "command", "command_line", "arguments"), _COMMANDS
    ),
    **dict.fromkeys(("host", "hostname", "address", "ip_address"), _HOST),
}
_OF_EVENTS = {
    "http.client.send": _HTTP,
    **dict.fromkeys(
        ("ftplib.sendcmd", "imaplib.send", "nntplib.putline", "poplib.putline"), _LOGINS
    ),
    "smtplib.send": _LOGINS,
}
# Their texts are code, paths or names: only URLs are looked for there.
_PLAIN = {"code", "ctypes", "file", "import", "introspection", "memory", "thread"}


def cleaner(event: str, name: str) -> Cleaner:
    """Return what hides secrets in the argument *name* of *event*."""
    if event not in EVENTS or event in described:
        return _BY_NAME
    groups = EVENTS[event].groups
    if name in _OF_ARGUMENTS and not _PLAIN.issuperset(groups):
        return _OF_ARGUMENTS[name]
    if event in _OF_EVENTS:
        return _OF_EVENTS[event]
    return _USERS if _PLAIN.intersection(groups) else _BY_NAME
