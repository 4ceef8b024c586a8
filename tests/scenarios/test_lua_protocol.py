"""Protocols in Lua: all that one can say, and what becomes of a connection whose script fails."""
import os
import re

import pytest

from harness import ROOT

TALK = """
local IS_SECRET = IS_OWN << 3

local function line_of(bytes)
    local at = bytes:find("\\n")
    return at and bytes:sub(1, at - 1), at
end

local words = {}

function words.data(talk, message)      -- what follows is agreed to first
    message.agreed = "go"
    message.sequel.verb, message.sequel.is, message.sequel.subject = "MAIL", IS_COMMAND | IS_WRITE, "a mail of " .. talk.options.who
    talk.state.body = "asked"
end

function words.user(talk, message)
    message.is = IS_LOGIN
end

function words.set(talk, message)
    message.is, message.note, message.seq = IS_COMMAND | IS_WRITE, 77, 1 << 40
    assert(not pcall(function() message.failure = "nonsense" end))
end

function words.secret(talk, message)
    message.failure = "never"
end

function words.put(talk, message)
    talk.texts:put(5, message.subject)
    talk.texts:move(5, 6)
    assert(talk.texts:get(6) == tostring(message.subject) and talk.texts:get(5) == nil)
    talk.texts:drop(6)
    assert(talk.texts:get(6) == nil)
    message.subject = "of my own"
end

function words.blind(talk, message)     -- nobody knows how it would be agreed to
    local mail = message.sequel
    mail.role, mail.is, mail.verb = ASKS, IS_COMMAND, "MAIL"
end

function words.quiet(talk, message)
    message.role = SILENT
end

return {
    name = "talk", help = "A bit of everything", server_first = true, login = true,
    options = { { name = "who", default = "me", help = "Whose mails these are" }, { name = "big", type = OPT_INT, default = 3, help = "h", rule = OPT_OWN } },

    request = function(talk, bytes, message)
        assert(talk.backend:find("^127") and talk.options.big == 3 and talk.close == false and type(talk.owed) == "boolean")
        if talk.state.body == "asked" and talk.owed then
            return CUT_WAIT
        end
        if bytes:byte(1) == 33 then             -- !NN: so many bytes, in parts
            if #bytes < 3 then return CUT_MORE end
            talk.state.left = tonumber(bytes:sub(2, 3)) + 2
            message.verb, message.is = "RAW", IS_COMMAND
            return CUT_PART, 1
        elseif talk.state.left then
            local n = talk.state.left
            talk.state.left = nil
            return CUT_END, n
        end
        local line, stop = line_of(bytes)
        if not line then return CUT_MORE end
        if talk.state.body == "agreed" then
            message.role = GOES_ON
            if line ~= "." then
                return CUT_PART, stop
            end
            talk.state.body = nil
            return CUT_END, stop
        end
        local verb, rest = line:match("^(%a+) ?(.*)$")
        if verb == "lost" then
            return CUT_RAW, "lost on purpose"
        elseif verb == "tell" then
            talk.notice = "told by the script"
        end
        assert(verb ~= "fail", "as it was told")
        message.role, message.is, message.verb, message.head = ASKS, IS_COMMAND, verb:upper(), 2
        message.subject = bytes:view(#verb + 2, stop - 1)
        if words[verb] then words[verb](talk, message) end
        if verb == "old" then
            return CUT_END, stop, "new\\n"
        end
        return CUT_END, stop
    end,

    response = function(talk, bytes, asked, message)
        local line, stop = line_of(bytes)
        if not line then return CUT_MORE end
        assert(line ~= "fail")
        local at, number = line:match("^at (.*):(%d+)$")
        if at then
            local host, port = talk:map(at, tonumber(number))
            local far, way = talk:elsewhere()
            message.role = asked and ANSWERS or PUSH
            return CUT_END, stop, host and ("at %s:%d, not %s:%d\\n"):format(host, port, far, way)
                or host == false and "hidden\\n" or "stays\\n"
        end
        message.role = (line:sub(1, 1) == "*" or not asked) and PUSH or ANSWERS
        if asked and asked.verb == "SET" then
            assert(asked.note & ~NOTE_SUBSTITUTE == 77 and asked.seq == 1 << 40 and asked.subject == nil)
            talk.state.substitutes = (talk.state.substitutes or 0) + (asked.note & NOTE_SUBSTITUTE ~= 0 and 1 or 0)
        elseif asked and asked.verb == "DATA" then
            talk.no_sequel = line ~= "go"
            talk.state.body = line == "go" and "agreed" or nil
        end
        talk.idle = IS_SECRET
        if asked and asked.struck and line == "long" then
            talk.limit = "it is too long to edit"
        elseif asked and asked.struck then
            return CUT_END, stop, asked.struck .. " " .. line .. "\\n"
        end
        return CUT_END, stop
    end,

    failures = {
        { name = "busy", code = "BUSY", text = "come back later", emphasis = "!!" },
        { name = "bad_login", code = "NO", text = "who are you", fits = IS_LOGIN, ends = CLOSE },
        { name = "full", code = "FULL", text = "no room", fits = { IS_OPENING } , ends = CLOSE },
        { name = "bored", code = "BYE", text = "nothing happens", fits = IS_SECRET, moments = ON_REST, ends = CLOSE },
        { name = "go", code = "go", text = "", moments = 0 },
        { name = "never", code = "NEVER", text = "not by me", by_name = true, number = 9 },
        { name = "unfit", code = "X", text = "x", by_name = true },
        { name = "unsure", code = "X", text = "x", by_name = true },
        { name = "less", code = "LESS", text = "than nothing", by_name = true },
        { name = "wordless", code = "X", text = "x", by_name = true },
        { name = "broken", code = "BROKEN", text = "in two", by_name = true },
        { name = "spoilt", code = "X", text = "x", by_name = true },
        { name = "over", code = "OVER", text = "and out", by_name = true },
    },

    fits = function(talk, asked, failure)
        assert(failure.name ~= "unsure", "it cannot tell")
        return failure.name ~= "unfit" or asked.verb == "PUT"
    end,

    refuse = function(talk, asked, failure, backend)
        if failure.name == "less" then return -1 end
        if failure.name == "spoilt" then return BY_BACKEND end
        assert(failure.name ~= "broken" or backend:put("half"), "it breaks")
        if asked.verb == "SET" then
            backend:put("no", "op", "\\n")
            return 1
        elseif asked.verb == "MAIL" then        -- of which nothing is to come
            return 0
        end
        talk.close = failure.name == "over"
        return 0
    end,

    word = function(talk, asked, failure, client)
        assert(failure.name ~= "wordless", "no words")
        client:put(failure.code, " ", failure.text, failure.emphasis or "", asked and " " .. asked.verb or "", "\\n")
        if failure.name == "go" then talk.state.body = "agreed" end
    end,
}
"""


@pytest.fixture
def talk(vaurien, backend, tmp_path):
    """talk(*words): a proxy that speaks it, and both ends of a connection that was greeted and logged in."""
    path = tmp_path / "talk.lua"
    path.write_text(TALK)

    def made(*words):
        proxy = vaurien("--plugin", path, "--protocol", "talk", *words, backend=backend)
        client, server = proxy.meet(backend)
        server.send(b"hi\n")
        assert client.read(3) == b"hi\n"
        client.send(b"user me\n")
        assert server.read(8) == b"user me\n"
        server.send(b"ok\n")
        assert client.read(3) == b"ok\n"
        return proxy, client, server
    return made


def ask(client, server, request, answer=b"ok\n", arrives=None):
    client.send(request)
    arrives = request if arrives is None else arrives
    assert server.read(len(arrives)) == arrives
    server.send(answer)
    assert client.read(len(answer)) == answer


def test_messages_of_every_kind(talk):
    proxy, client, server = talk()
    for request in (b"get a\n", b"set b\n", b"put c d\n", b"!05abcde", b"get e\n"):
        ask(client, server, request)
    ask(client, server, b"old\n", arrives=b"new\n")
    client.send(b"quiet\nget f\n")
    assert server.read(12) == b"quiet\nget f\n"
    server.send(b"*news\nok\n*more\n")
    assert client.read(15) == b"*news\nok\n*more\n"
    ask(client, server, b"tell me\n")
    assert proxy.logged("told by the script")
    assert "errors=" not in proxy.log()
    assert proxy.api("GET", "/info")[1]["proxies"][0]["raw"] == 0


def test_refused_in_its_words(talk):
    proxy, client, server = talk("--rule", "error failure=busy match='^(GET|SET) x'")
    client.send(b"get x\nset x\nget y\n")
    assert server.read(11) == b"noop\nget y\n"
    server.send(b"what\nok\n")
    assert client.read(57) == b"BUSY come back later!! GET\nBUSY come back later!! SET\nok\n"


def test_refused_by_itself(talk):
    proxy, client, server = talk()
    client.send(b"secret\nget y\n")
    assert server.read(6) == b"get y\n"
    server.send(b"ok\n")
    assert client.read(26) == b"NEVER not by me SECRET\nok\n"


def test_an_answer_is_edited_or_the_hit_is_taken_back(talk):
    proxy, client, server = talk()
    proxy.set("error", failure="spoilt", times=2)
    client.send(b"get a\nget b\n")
    assert server.read(12) == b"get a\nget b\n"
    server.send(b"long\nok\n")
    assert client.read(15) == b"long\nspoilt ok\n"
    now = proxy.api("GET", "/behavior")[1]
    assert (now["hits"], now["unreachable"]) == (1, 1)
    assert proxy.logged("unreachable proxy=default .*: it is too long to edit")
    client.send(b"get c\nget d\n")
    assert server.read(12) == b"get c\nget d\n"
    server.send(b"c\nd\n")
    assert client.read(11) == b"spoilt c\nd\n"
    assert proxy.api("GET", "/behavior")[1]["hits"] == 2


def test_addresses_of_servers(talk):
    proxy, client, server = talk("--add", "two=127.0.0.1:0=127.0.0.9:1,talk known_as=Two.example:7")
    port = proxy.api("GET", "/proxies")[1]["two"]["listen"].rsplit(":", 1)[1].encode()

    def answered(said, gets):
        client.send(b"get a\n")
        assert server.read(6) == b"get a\n"
        server.send(said)
        assert client.read(len(gets)) == gets
    there = b"at 127.0.0.1:%s, not 127.0.0.1:%s\n" % (port, port)
    answered(b"at 127.0.0.9:1\n", there)
    answered(b"at two.EXAMPLE:7\n", there)
    answered(b"at 10.0.0.9:1\n", b"stays\n")
    assert proxy.api("PATCH", "/proxies/default", {"unmapped": "hide"})[0] == 200
    answered(b"at 10.0.0.9:1\n", b"hidden\n")
    assert "errors=" not in proxy.log()


@pytest.mark.parametrize("failure", ["unfit", "unsure"])
def test_what_does_not_fit_passes_and_is_not_counted(talk, failure):
    proxy, client, server = talk()
    proxy.set("error", failure=failure, skip=1)
    for _ in range(3):
        ask(client, server, b"get a\n")
    now = proxy.api("GET", "/behavior")[1]
    assert (now["seen"], now["hits"], now["unreachable"]) == (3, 0, 0)
    assert "strike proxy" not in proxy.whole_log()
    assert ("it cannot tell" in proxy.whole_log()) == (failure == "unsure")
    proxy.set("dummy")
    assert proxy.logged("no strike proxy=default rule=behavior behavior=error: 3 messages, none of which its failure fits; nearest: GET a")


def test_what_fits_after_all(talk):
    proxy, client, server = talk()
    proxy.set("error", failure="unfit")
    ask(client, server, b"get a\n")
    client.send(b"put c d\n")
    assert client.read(8) == b"X x PUT\n"
    assert proxy.api("GET", "/behavior")[1]["hits"] == 1
    proxy.set("error", failure="over")
    client.send(b"get a\nget b\n")
    assert client.rest() == (b"OVER and out GET\n", "fin")


def test_greeting_login_and_rest(vaurien, backend, talk, tmp_path):
    proxy, client, server = talk()
    proxy.set("error", failure="bored")
    assert client.rest() == (b"BYE nothing happens\n", "fin")
    proxy.set("error", failure="full")
    assert proxy.client().rest() == (b"FULL no room GREETING\n", "fin")
    proxy.set("error", failure="bad_login")
    client, server = proxy.meet(backend)
    server.send(b"hi\n")
    assert client.read(3) == b"hi\n"
    client.send(b"user me\n")
    assert client.rest() == (b"NO who are you USER\n", "fin")


def test_sequels(talk):
    proxy, client, server = talk("--rule", "error failure=busy match='^MAIL a mail of me' times=1")
    client.send(b"data\nbody\n.\nget a\n")
    assert client.read(37) == b"go  DATA\nBUSY come back later!! MAIL\n"
    assert server.read(6) == b"get a\n"
    server.send(b"ok\n")
    assert client.read(3) == b"ok\n"
    ask(client, server, b"data\n", b"no\n")
    ask(client, server, b"data\n", b"go\n")
    ask(client, server, b"body\n.\n")
    ask(client, server, b"get a\n")


def test_a_sequel_without_words_of_agreement_is_refused_before_it(talk):
    proxy, client, server = talk("--rule", "error failure=busy match=^MAIL")
    client.send(b"get a\nblind\n")
    assert server.read(6) == b"get a\n"
    server.send(b"ok\n")
    assert client.rest() == (b"ok\nBUSY come back later!! BLIND\n", "fin")
    assert server.rest() == (b"", "fin")


@pytest.mark.parametrize("request_, answer, why", [(b"fail\n", b"ok\n", "as it was told"), (b"get a\n", b"fail\n", "assertion failed!"),
                                                    (b"lost\n", b"ok\n", "lost on purpose")])
def test_a_script_that_fails_passes_all_as_it_comes(talk, request_, answer, why):
    proxy, client, server = talk()
    ask(client, server, request_, answer)
    ask(client, server, b"fail fail\0", b"*")
    assert proxy.logged("raw proxy=default connection=1 .*(script fails|lost on purpose)")
    assert proxy.logged(re.escape(why))
    assert proxy.api("GET", "/info")[1]["proxies"][0]["raw"] == 1


@pytest.mark.parametrize("failure, words, why", [
    ("broken", b"BROKEN in two GET\n", "it breaks"), ("less", b"LESS than nothing GET\n", "refuse: expected how many answers that brings, got -1"), ("wordless", b"", "no words")])
def test_a_refusal_that_fails_closes_behind_its_words(talk, failure, words, why):
    proxy, client, server = talk()
    proxy.set("error", failure=failure)
    client.send(b"get a\n")
    assert client.rest() == (words, "fin")
    assert server.rest() == (b"", "fin")
    assert proxy.logged(r"plugin=talk.lua protocol=talk errors=1: .*" + why)
    assert proxy.api("GET", "/info")[1]["plugins"][0]["errors"] == 1
    assert proxy.api("GET", "/behavior")[1]["hits"] == 1


@pytest.mark.parametrize("said, why", [
    ("", "own.lua:2: request: expected one of CUT_MORE, CUT_PART, CUT_END, CUT_WAIT, CUT_RAW, got nil"),
    ("return 99", "own.lua:2: request: expected one of CUT_MORE, CUT_PART, CUT_END, CUT_WAIT, CUT_RAW, got 99"),
    ("return CUT_END", "own.lua:2: request: expected a length, got nil"),
    ("return CUT_PART, -1", "own.lua:2: request: expected a length, got -1"),
    ("return CUT_END, 3, {}", "own.lua:2: request: expected bytes or a text in their place, got table: 0x"),
    ("return CUT_RAW, {}", "own.lua:2: request: expected a text that says why, got table: 0x"),
    ("message.role = ANSWERS", "own.lua:3: role: expected one that a request can have"),
    ("message.role = 99", "own.lua:3: role: expected one that a request can have"),
])
def test_what_makes_no_sense_is_told_with_its_place(start, backend, tmp_path, said, why):
    path = tmp_path / "own.lua"
    path.write_text('return { name = "own", help = "h",\nrequest = function(talk, bytes, message)\n%s\nend,\n'
                    'response = function(talk, bytes) return CUT_END, #bytes end }' % said)
    proxy = start("--plugin", path, "--protocol", "own", backend=backend)
    client, server = proxy.meet(backend)
    ask(client, server, b"tea", b"milk")
    assert proxy.logged("plugin=own.lua protocol=own errors=1: " + re.escape(why))


@pytest.mark.parametrize("text, why", [
    ('failures = { { name = "x", code = "X" } }, word = f', "talk: failure 'x' lacks its code, its text or what it fits"),
    ('failures = { { code = "X" } }, word = f', "failures: expected a name for each"),
    ('failures = { { name = "x", code = "X", text = "x" } }', "failures: expected a function word that writes them"),
    ('failures = { { name = "x", code = "X", text = "x", moments = ON_OPEN } }, word = f', "moments: expected a list of the words that vaurien.h has for it"),
    ("word = 3", "word: expected a function, got number"),
    ("on = { ON_OPEN }", "protocol: there is no 'on'"),
])
def test_a_protocol_that_is_wrong(run, tmp_path, text, why):
    path = tmp_path / "talk.lua"
    path.write_text('local function f() end return { name = "talk", help = "h", request = f, response = f, %s }' % text)
    done = run("--plugin", path, "--list")
    assert (done.returncode, done.stderr) == (1, "plugin %s: %s\n" % (path, why))


def test_scripts_know_all_words_of_the_header(run, tmp_path):
    with open(os.path.join(ROOT, "include", "vaurien.h")) as text:
        header = re.sub(r"/\*.*?\*/", "", text.read(), flags=re.S)
    names = set(re.findall(r"\bVN_((?:ON|IS|CUT|OPT|TRAIT|NOTE|GROUP)_[A-Z]+)\b", header)) - {"OPT_INERT", "CUT_TLS"}     # in C alone
    for enum in ("role", "direction", "end", "fate"):
        names |= set(re.findall(r"\bVN_([A-Z_]+)\b", re.search(r"enum vn_%s \{(.*?)\}" % enum, header, re.S).group(1)))
    names |= {"NEVER", "ALL", "MIDDLE"}
    assert len(names) > 50
    path = tmp_path / "words.lua"
    path.write_text("local all = { %s }\nreturn { name = 'words', help = 'h', on = { ON_OPEN }, act = function() end }" % ", ".join(sorted(names)))
    done = run("--plugin", path, "--list")
    assert done.returncode == 0, done.stderr
