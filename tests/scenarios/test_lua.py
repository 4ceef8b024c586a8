"""Behaviors in Lua: a file is there as if it were built in, and whatever it does wrong, the proxy goes on."""
import re
import signal

import pytest

from harness import SAN, Clock, until

@pytest.fixture
def script(tmp_path):
    """script(text, name=): the words that load it."""
    def write(text, name="own"):
        path = tmp_path / (name + ".lua")
        path.write_text(text)
        return ["--plugin", str(path)]
    return write


def acts(body, on="ON_REQUEST", more=""):
    return 'return { name = "own", help = "Of our own", on = { %s }, %s\nact = function(event, verdict)\n%s\nend }' % (on, more, body)


# ---- what a verdict can say ----

@pytest.mark.threads
def test_late(start, backend, script):
    proxy = start(*script(acts("verdict.hold = 0.2")), "--behavior", "own", backend=backend)
    client, server = proxy.meet(backend)
    with Clock() as took:
        client.send(b"tea")
        assert server.read(3) == b"tea"
    assert took.seconds >= 0.2
    assert until(proxy.strikes)[0]["verdict"] == "pass,hold:0.200000"


def test_never_and_let_go(start, backend, script):
    proxy = start(*script(acts("verdict.hold = NEVER")), "--behavior", "own", backend=backend)
    client, server = proxy.meet(backend)
    client.send(b"tea")
    assert server.silent(0.2)
    proxy.set("dummy")
    assert server.read(3) == b"tea"


def test_short_dirty_dropped(start, backend, script):
    proxy = start(*script(acts("""
        if event.direction == RESPONSE then
            verdict.keep = 2
        elseif event.data:starts("drop") then
            verdict.fate = DROP
        elseif event.data:starts("edit") then
            verdict:edit(1, "EDIT")
            verdict:edit(6, event.data:view(1, 2))          -- which are edited by now
        elseif event.data:starts("junk") then
            verdict.dirt.junk, verdict.dirt.at = 5, MIDDLE
        end""", "ON_DATA")), "--behavior", "own", backend=backend)
    client, server = proxy.meet(backend)
    client.send(b"drop")
    until(proxy.strikes)
    client.send(b"edit it")
    assert server.read(7) == b"EDIT ED"
    client.send(b"junk")
    data = server.read(9)
    assert data[:2] == b"ju" and data[-2:] == b"nk"
    server.send(b"tea")
    assert client.read(2) == b"te"


def test_ends_and_pace(start, backend, script):
    proxy = start(*script(acts("""
        if event.data:starts("slow") then
            verdict.pace.rate, verdict.pace.piece = 10, 1
        else
            verdict.ends, verdict.after = RESET, 0.1
        end""")), "--behavior", "own", backend=backend)
    client, server = proxy.meet(backend)
    with Clock() as took:
        client.send(b"slow")
        assert server.read(4) == b"slow"
    assert took.seconds >= 0.3
    client, server = proxy.meet(backend)
    client.send(b"end")
    assert server.rest()[1] == "rst"


def test_refusals(start, backend, script):
    proxy = start(*script(acts("""
        if event.moment == ON_REQUEST and event.message.subject:starts("a") then
            verdict:refuse("starting_up")
        elseif event.message.verb == "DEL" then
            verdict.fate, verdict.failure = REPLY, "disk_full"
        end""", "ON_REQUEST, ON_RESPONSE")), "--protocol", "redis", "--behavior", "own", backend=backend)
    client, server = proxy.meet(backend)
    for words, said in ((b"GET a", b"-LOADING"), (b"DEL b", b"-MISCONF")):
        client.send(words + b"\r\n")
        server.read(26)
        server.send(b"-ERR\r\n")
        assert client.read_to(b"\r\n").startswith(said)
    client.send(b"GET b\r\n")
    assert server.read(7) == b"GET b\r\n"


def test_limit(start, backend, script):
    proxy = start(*script(acts("verdict:limit(math.max(0, 5 - event.passed), CLOSE)", "ON_DATA", "direction = REQUEST,")),
                  "--behavior", "own", backend=backend)
    client, server = proxy.meet(backend)
    client.send(b"tea")
    assert server.read(3) == b"tea"
    client.send(b"milk")
    assert server.rest() == (b"mi", "fin")


def test_each_moment(start, backend, script):
    proxy = start(*script(acts("""
        local m = event.moment
        print(m, event.message and event.message.verb)
        assert(m == ON_REQUEST or not event.message)
        assert((m == ON_LISTEN) == (event.dice == nil) and next(event.state) == nil)
        if m == event.options.when then
            if m == ON_END then verdict.hold = 0.2 else verdict.ends = event.options.close and CLOSE or RESET end
        end""", "ON_LISTEN, ON_OPEN, ON_REQUEST, ON_REST, ON_END, ON_LEAVE", """
        options = { { name = "when", type = OPT_INT, default = 0, help = "h" }, { name = "close", type = OPT_BOOL, help = "h" } },""")),
                  "--protocol", "redis", backend=backend)
    when = {name: 1 << i for i, name in enumerate(("open", "request", "response", "data", "rest", "end", "leave", "listen"))}
    proxy.set("own", when=when["open"])
    assert proxy.refuses() == "rst"
    proxy.set("own", when=when["listen"], close=True)
    with pytest.raises(ConnectionRefusedError):
        proxy.client()
    proxy.set("own", when=when["request"])
    client, server = proxy.meet(backend)
    client.send(b"PING\r\n")
    assert client.ends() == "rst"
    proxy.set("own", when=when["leave"])
    client, server = proxy.meet(backend)
    client.send(b"PING\r\n")
    assert server.read(6) == b"PING\r\n"
    proxy.set("dummy")
    assert client.ends() == "rst"
    proxy.set("own", when=when["end"])
    client, server = proxy.meet(backend)
    with Clock() as took:
        client.finish()
        assert server.ends() == "fin"
    assert took.seconds >= 0.2
    client.close()
    proxy.set("own", when=when["rest"], close=True)
    assert proxy.refuses() == "fin"
    assert proxy.logged("plugin=own.lua: %d nil" % when["open"]) and proxy.logged("plugin=own.lua: %d PING" % when["request"])
    assert "errors=" not in proxy.log()


def test_traits(run, script):
    """One that strikes whole connections is decided once for each, unless a rule says otherwise."""
    whole, each = acts("", more="traits = { TRAIT_WHOLE },"), acts("").replace('"own"', '"each"')
    said = run(*script(whole), *script(each, "each"), "--list=behaviors.md").stdout
    own, other = said.split("## own")[1].split("##")[0], said.split("## each")[1].split("##")[0]
    assert "connection" in own and "connection" not in other, (own, other)


@pytest.mark.parametrize("said, passes", [
    ("verdict.fate = 99 verdict.ends = -1 verdict.hold = -5 verdict.after = -1 verdict.keep = 1e300", b"teapot"),
    ("verdict.fate = 1 << 40 verdict.pace.gap = -1 verdict.pace.vary = 1 << 62 verdict.dirt.at = -7", b"teapot"),
    ("verdict.keep = -1 verdict.keep = 3.9", b"tea"),
    ("verdict.hold = 1e-300 verdict.pace.rate = math.huge verdict.pace.piece = 1e300", b"teapot"),
    ("verdict.fate = REPLY verdict.failure = ('no_such_'):rep(1000)", b"teapot"),
    ("verdict:limit(-1, STAY)", b""),
])
def test_what_it_says_is_clamped(said, passes, start, backend, script):
    proxy = start(*script(acts(said, "ON_REQUEST", "direction = REQUEST,")), "--behavior", "own", backend=backend)
    client, server = proxy.meet(backend)
    client.send(b"teapot")
    client.finish()
    assert server.rest() == (passes, "fin")
    assert "errors=" not in proxy.log()


def test_much_junk_is_clamped(start, backend, script):
    proxy = start(*script(acts("verdict.dirt.junk, verdict.dirt.flips = 1e300, 1e300", "ON_REQUEST", "direction = REQUEST,")),
                  "--behavior", "own", backend=backend)
    client, server = proxy.meet(backend)
    client.send(b"teapot")
    client.finish()
    assert len(server.rest()[0]) == 6 + (1 << 16)


# ---- what it may look at: asserted by the script, told by what passes ----

LOOKS = """
local function fails(f, ...)
    local good, why = pcall(f, ...)
    assert(not good)
    return why
end

local kept

return {
    name = "own", help = "Looks at all there is", on = { ON_REQUEST },
    options = {
        { name = "yes", type = OPT_BOOL, default = true, help = "h" },
        { name = "whole", type = OPT_INT, default = 7, help = "h", min = -1, max = 9 },
        { name = "part", type = OPT_REAL, default = 0.25, help = "h" },
        { name = "late", type = OPT_TIME, default = "1500", unit = "ms", help = "h" },
        { name = "text", help = "h" },
        { name = "word", type = OPT_CHOICE, choices = { "a", "b" }, default = "b", help = "h" },
        { name = "failure", type = OPT_FAILURE, help = "h" },
        { name = "times_", type = OPT_TABLE, unit = "ms", default = "50:10,99:200", help = "h" },
        { name = "warmup", type = OPT_INT, default = 0, help = "h", rule = OPT_SKIP },
    },
    act = function(event, verdict)
        local o, m = event.options, event.message
        assert(o.yes == true and o.whole == 7 and o.part == 0.25 and o.late == 1.5 and o.word == "b")
        assert(o.text == nil and o.failure == nil and #o.times_ == 2)
        assert(o.times_[2].percent == 99 and o.times_[2].time == 0.2)
        assert(fails(function() return o.warmup end):find("own.lua:%d+: there is no option 'warmup'"))
        assert(fails(function() o.whole = 8 end):find("options cannot be set"))

        assert(event.moment == ON_REQUEST and event.direction == REQUEST and event.connection == 1)
        assert(event.exchange == (event.state.asked or 0) + 1 and event.age >= 0 and event.passed == 0 and event.words == true)
        event.state.asked = event.exchange

        assert(m.role == ASKS and m.is & IS_COMMAND ~= 0 and m.verb == "SET" and m.head >= 0 and m.note >= 0 and m.seq >= 0)
        assert(m.failure == nil and tostring(m.subject):sub(1, 3) == "key")
        assert(fails(function() m.verb = "GET" end):find("message.verb cannot be set"))
        assert(fails(function() return event.when end):find("event has no 'when'"))
        assert(fails(function() verdict.hodl = 1 end):find("own.lua:%d+: verdict has no 'hodl'"))
        assert(fails(function() verdict.hold = "long" end):find("hold: expected a number, got string"))
        assert(fails(function() verdict.hold = 0/0 end):find("expected a number"))

        local b = event.data
        assert(b:starts("SET ") and #b > 4 and b:byte(1) == 83 and b:byte(-1) == 10 and b:byte(#b + 1) == nil)
        assert(select("#", b:byte(1, 3)) == 3 and b:sub(1, 3) == "SET" and b:sub(-2) == "\\r\\n" and b:sub(3, 2) == "" and b:sub(0, 1) == "S")
        assert(b:find("key") == 5 and select(2, b:find("key")) == 7 and b:find("key", 6) == nil and b:find(".", 1, true) == nil and b:find("") == 1)
        assert(b:match("^SET (%a+)") == "key" and b:gsub("%s+", "_"):sub(1, 8) == "SET_key_" and select("#", b:find("(k)(e)")) == 4)
        local words = {}
        for word in b:gmatch("%S+") do words[#words + 1] = word end
        assert(#words == 3 and words[2] == "key")
        assert(b:find("SET", -100) == 1 and b:find("x", 1000) == nil and b:gmatch("x", 1000)() == nil and tostring(b:view(5, 7)) == "key" and #b:view(9, 2) == 0)
        assert(b:view(5):starts(b:view(5, 6)) and b:byte(math.mininteger) == nil and b:sub(math.mininteger, math.maxinteger) == tostring(b))
        if kept then
            assert(fails(function() return kept.data:byte(1) end):find("this bytes was for a call that is over"))
            assert(fails(function() return #kept.data end):find("over"))
            assert(fails(function() return kept.event.age end):find("this event was for a call that is over"))
            assert(fails(function() kept.verdict.hold = 1 end):find("over"))
            assert(fails(function() return kept.dice:unit() end):find("over"))
        end
        kept = { data = b, event = event, verdict = verdict, dice = event.dice }

        local d = event.dice
        assert(d:unit() < 1 and d:below(10) < 10 and d:below(0) == 0 and math.type(d:normal()) == "float" and d:time(2) == 2)
        assert(d:time(1, 0.5) >= 0.5 and d:time(1, 1, "lognormal") >= 0 and d:time(1, 0, "uniform", o.times_) <= 0.2)
        assert(fails(d.time, d, 1, 1, "odd"):find("invalid option"))
        assert(math.random() < 1 and math.random(3) <= 3 and math.random(5, 6) >= 5)
        verdict.keep = ALL
        verdict.hold = d:below(1000000) / 1000000 * 0.001
    end,
}
"""


def test_all_that_it_sees(start, backend, script):
    proxy = start(*script(LOOKS), "--protocol", "redis", "--behavior", "own", "--seed", "5", backend=backend)
    client, server = proxy.meet(backend)
    for i in range(3):
        client.send(b"SET key %d\r\n" % i)
        assert server.read(11) == b"SET key %d\r\n" % i
    assert "errors=" not in proxy.log()
    until(lambda: len(proxy.strikes()) == 3)
    holds = [strike["verdict"] for strike in proxy.strikes()]
    again = start(*script(LOOKS), "--protocol", "redis", "--behavior", "own", "--seed", "5", backend=backend)
    client, server = again.meet(backend)
    for i in range(3):
        client.send(b"SET key %d\r\n" % i)
        server.read(11)
    until(lambda: len(again.strikes()) == 3)
    assert [strike["verdict"] for strike in again.strikes()] == holds and len(set(holds)) == 3


def test_state_is_a_connection_s_and_goes_with_it(start, backend, script):
    proxy = start(*script(acts("""
        event.state.n = (event.state.n or 0) + 1
        event.state.much = event.state.much or ("x"):rep(100000)
        if event.state.n > 2 then verdict.fate = DROP end""", "ON_DATA", "direction = REQUEST,")), "--behavior", "own", backend=backend)
    for _ in range(400):                # 40 MB in all, were they kept
        client, server = proxy.meet(backend)
        client.send(b"1")
        server.read(1)
        client.close()
        assert server.rest()[0] == b""
        server.close()
    client, server = proxy.meet(backend)
    for byte in (b"1", b"2"):
        client.send(byte)
        assert server.read(1) == byte
    client.send(b"3")
    assert server.silent(0.2)
    assert "errors=" not in proxy.log()


def test_its_options_are_flags_keys_checks_and_help(start, backend, run, script, tmp_path):
    words = script(LOOKS)
    said = run(*words, "--help").stdout
    for flag in ("--behavior-own-yes", "--behavior-own-whole N", "--behavior-own-late MS", "--behavior-own-word WORD", "--behavior-own-times- TABLE"):
        assert flag in said
    assert "--behavior-own-warmup" in said
    wrong = run(*words, "--behavior-own-whole", "10")
    assert (wrong.returncode, wrong.stderr.splitlines()[-1]) == (
        2, "vaurien: error: argument --behavior-own-whole: expected a whole number from -1 to 9, got '10'")
    config = tmp_path / "vaurien.ini"
    config.write_text("[vaurien]\nbehavior = own\n[behavior:own]\nplugin = own.lua\nwhole = 3\nlate = 2s\n")
    proxy = start("--config", config, backend=backend)
    options = proxy.api("GET", "/behavior")[1]["options"]
    assert (options["whole"], options["late"], options["word"], options["times_"]) == (3, 2000, "b", "50:10ms,99:200ms")
    status, answer = proxy.api("PUT", "/behavior", {"name": "own", "word": "c"})
    assert status == 400 and "word: expected one of a, b, got 'c'" in str(answer)
    assert "own" in proxy.api("GET", "/behaviors")[1]["behaviors"]


def test_it_counts_and_weighs_like_any_other(start, backend, script):
    proxy = start(*script(acts("verdict.fate = DROP")), "--rule", "own skip=1 times=1 match='^GET'", "--protocol", "redis", backend=backend)
    client, server = proxy.meet(backend)
    for i in range(4):
        client.send(b"GET %d\r\n" % i)
    assert server.read(21) == b"GET 0\r\nGET 2\r\nGET 3\r\n"
    rule = proxy.api("GET", "/rules")[1]["rules"][0]
    assert (rule["behavior"], rule["seen"], rule["hits"]) == ("own", 4, 1)


# ---- what it does wrong ----

def errors(proxy):
    return [int(n) for n in re.findall(r"WARNING.* plugin=own.lua behavior=own errors=(\d+): ", proxy.log())]


@pytest.mark.parametrize("body, why", [
    ("verdict:edit(1, 'XX') verdict.fate = DROP verdict.ends = RESET\nlocal x = nil + 1",
     "own.lua:4: attempt to perform arithmetic on a nil value"),
    ("while true do end", "own.lua:3: more than 1000000 steps in one call"),
    ("while true do pcall(function() while true do end end) end", "own.lua:3: more than 1000000 steps in one call"),
    ("local x = ('x'):rep(1 << 30)", "resulting string too large"),
    ("local x = ('x'):rep(15 << 20) .. ('y'):rep(15 << 20)", "own.lua:3: not enough memory"),
    ("assert((''):rep(math.maxinteger) == '' and ('ab'):rep(3, '-') == 'ab-ab-ab' and ('ab'):rep(1, '-') == 'ab' and (''):rep(3, '-') == '--' and ('x'):rep(7) == 'xxxxxxx' and ('a'):rep(0) == '' and ('a'):rep(-1) == '') error('all well')", "all well"),
    ("local t = {} for i = 1, 1 << 30 do t[i] = ('x'):rep(1000) .. i end", "own.lua:3: not enough memory"),
    ("for i = 1, 1000 do local s = ('x'):rep(1 << 20) end", "own.lua:3: not enough memory"),
    ("local function f() return f() + 1 end f()", "own.lua:3: not enough memory"),
    ("local x = ('a'):rep(300):find(('.-'):rep(20) .. 'b')", "own.lua:3: more than 4000000 steps of patterns in one call"),
    ("while true do pcall(string.gsub, ('a'):rep(300), ('.-'):rep(20) .. 'b', '') end", "steps of patterns in one call"),
    ("error({})", "own.lua:3: an error that is no text"),
    ("assert(false, 'because')", "own.lua:3: because"),
    ("error('because', 0)", "own.lua:3: because"),
    ("pcall(error, 'well', 0) pcall(error)\nerror(select(2, pcall(error, 'because', 2)))", "own.lua:4: because"),
    ("local t = setmetatable({}, { __len = function() return math.maxinteger end }) table.insert(t, 1, 1)", "own.lua:3: expected a table whose length is its own"),
    ("error('two\\nlines')", "own.lua:3: two?lines"),
    ("os.exit(1)", "own.lua:3: there is no 'os' here"),
    ("io.open('/etc/passwd')", "own.lua:3: there is no 'io' here"),
    ("require('x')", "own.lua:3: there is no 'require' here"),
    ("load('x')", "own.lua:3: there is no 'load' here"),
    ("coroutine.wrap(act)", "own.lua:3: there is no 'coroutine' here"),
    ("debug.sethook()", "own.lua:3: there is no 'debug' here"),
    ("collectgarbage('stop')", "own.lua:3: there is no 'collectgarbage' here"),
    ("string.dump(tostring)", "attempt to call a nil value"),
    ("math.randomseed(1)", "attempt to call a nil value"),
    ("table.move({}, 1, math.maxinteger - 1, 1)", "attempt to call a nil value"),
    ("setmetatable({}, { __gc = function() while true do end end })", "own.lua:3: there are no finalizers here"),
    ("getmetatable('').__index.rep = nil", "attempt to index a boolean value"),
    ("getmetatable(_ENV).__index = nil", "attempt to index a boolean value"),
])
def test_errors_are_told_and_the_message_passes(body, why, start, backend, script):
    proxy = start(*script(acts(body)), "--behavior", "own", backend=backend)
    client, server = proxy.meet(backend)
    before = proxy.memory()
    for _ in range(3):
        client.send(b"tea")
        assert server.read(3) == b"tea"
        server.send(b"milk")
        assert client.read(4) == b"milk"
    assert proxy.logged(re.escape(why)) and errors(proxy)[0] == 1
    assert SAN or proxy.memory() - before < 40 << 20     # sanitizers keep what was freed
    assert proxy.api("GET", "/info")[1]["plugins"] == [{"file": proxy.words[proxy.words.index("--plugin") + 1], "errors": 3}]
    assert proxy.api("GET", "/behavior")[1]["hits"] == 0


@pytest.mark.parametrize("body", [
    "local s = ('x'):rep(4 << 20) while true do s:find('y', 1, true) end",
    "local s = ('x'):rep(4 << 20) while true do pcall(utf8.len, s) end",
    "local s, t = ('x'):rep(4 << 20) .. 'x', ('x'):rep(4 << 20) .. 'x' while true do local same = s == t end",
    "local t = {} for i = 1, 60000 do t[i] = i end while true do table.insert(t, 1, table.remove(t)) end",
    "local function f() pcall(f) f() end f()",
])
def test_steps_that_take_long_are_few(body, start, backend, script):
    """A million of them would be minutes."""
    proxy = start(*script(acts(body, "ON_REQUEST", "direction = REQUEST,")), "--behavior", "own", backend=backend)
    client, server = proxy.meet(backend)
    client.send(b"tea")
    assert server.read(3) == b"tea"
    assert proxy.logged(r"own.lua:3: more than 250 ms in one call")


def test_errors_are_told_once_a_second_and_others_go_on(start, backend, script):
    proxy = start(*script(acts("if event.connection == 1 then while true do end end verdict.hold = 0.01", "ON_DATA")), "--behavior", "own", backend=backend)
    bad, server = proxy.meet(backend)
    with Clock() as all_of_them:
        for i in range(40):
            bad.send(b"tea")
            assert server.read(3) == b"tea"
    good, other = proxy.meet(backend)
    with Clock() as took:
        good.send(b"tea")
        assert other.read(3) == b"tea"
    assert took.seconds >= 0.01
    until(lambda: proxy.api("GET", "/info")[1]["plugins"][0]["errors"] == 40)
    assert len(errors(proxy)) <= all_of_them.seconds + 2


WRONG = {
    "syntax": ("return {", r"own.lua:1: .*near <eof>"),
    "nothing": ("local x = 1", r"expected the file to return a table, got nil"),
    "neither": ('return { name = "own", help = "h" }', r"expected a function act, of a behavior, or request and response, of a protocol; found neither"),
    "both": ('local function f() end return { name = "own", help = "h", act = f, request = f, response = f }', r"expected a function act, .*; found both"),
    "moments": ('return { name = "own", help = "h", act = function() end }', r"on: expected a list of moments, such as .*"),
    "moment": ('return { name = "own", help = "h", on = { 1 << 40 }, act = function() end }', r"on: expected a list .*"),
    "misspelt": (acts("", "ON_REQEST"), r"own.lua:1: there is no 'ON_REQEST' here"),
    "key": (acts("", more="actt = 1,"), r"behavior: there is no 'actt'"),
    "nameless": ('return { help = "h", on = { ON_OPEN }, act = function() end }', r"expected a name"),
    "taken": (acts("").replace('"own"', '"delay"'), r"behavior 'delay' was announced twice: the name is taken"),
    "name": (acts("").replace('"own"', '"Own"'), r"behavior 'Own': a name must be of a-z, 0-9 and _"),
    "act": ('return { name = "own", help = "h", on = { ON_OPEN }, act = 3 }', r"act: expected a function, got number"),
    "option": (acts("", more='options = { { name = "x", help = "h", type = OPT_INT, default = "many" } },'), r"own: the default of option x: expected .*"),
    "unit": (acts("", more='options = { { name = "x", help = "h", type = OPT_TIME, unit = "days" } },'), r"unit: expected one of s, ms, us, m, h, got 'days'"),
    "row": (acts("", more='options = { "x" },'), r"options: expected a table for each, got string"),
    "field": (acts("", more='options = { { name = "match", help = "h" } },'), r"own: option 'match': every rule has a field of that name"),
    "helpless": (acts("", more='options = { { name = "x" } },'), r"own: option 'x': it has no help"),
    "endless": ("while true do end", r"own.lua:1: more than \d+ (steps|ms) in one call"),
    "huge": ("local t = {} for i = 1, 1 << 30 do t[i] = i end return t", r"own.lua:1: not enough memory"),
    "throws": ("error('because')", r"own.lua:1: because"),
    "bytecode": ("\x1bLua", r"attempt to load a binary chunk \(mode is 't'\)"),
}


@pytest.mark.parametrize("what", sorted(WRONG))
def test_a_script_that_is_wrong(what, run, script):
    text, sentence = WRONG[what]
    done = run(*script(text), "--list")
    assert done.returncode == 1 and done.stdout == ""
    assert re.fullmatch(r"plugin \S+/own.lua: (own.lua: )?" + sentence + "\n", done.stderr), done.stderr


def test_scripts_do_not_meet(start, backend, script):
    """Each has its own globals and its own libraries."""
    spoilt = "string.rep = nil math.random = nil shared = 1\n" + acts("verdict.hold = 0.001").replace('"own"', '"other"')
    looks = acts("assert(string.rep and ('x'):rep(2) == 'xx' and math.random() and rawget(_ENV, 'shared') == nil) verdict.fate = DROP")
    proxy = start(*script(spoilt, "other"), *script(looks), "--behavior", "own", "--rule", "other", backend=backend)
    client, server = proxy.meet(backend)
    client.send(b"tea")
    assert server.silent(0.2)
    assert "errors=" not in proxy.log()


# ---- read again on SIGHUP ----

def again(proxy, path, text, said):
    """The file is another now; wait for what the log says of it."""
    seen = len(re.findall(said, proxy.log()))
    path.write_text(text)
    proxy.process.send_signal(signal.SIGHUP)
    until(lambda: len(re.findall(said, proxy.log())) > seen, what=lambda: said + " in " + proxy.log())


@pytest.mark.threads
def test_read_again(start, backends, script, tmp_path):
    backend, path = backends().serve(), tmp_path / "own.lua"
    drops = acts("event.state.n = (event.state.n or 0) + 1 verdict.keep = event.state.n", "ON_REQUEST", "direction = REQUEST,")
    proxy = start(*script(drops), "--behavior", "own", "--threads", "2", backend=backend)
    clients = [proxy.client(), proxy.client()]

    def echo(said, *heard):
        for client, words in zip(clients, heard):
            client.send(said)
            assert client.read(len(words)) == words
    echo(b"teapot", b"t", b"t")
    again(proxy, path, drops.replace("= event.state.n", "= event.state.n * 2"), "plugin=own.lua: read again")
    echo(b"teapot", b"teap", b"teap")           # the new words, and what they knew of the connection
    for wrong, why in ((drops + " end", "own.lua:4: .*expected"), (drops.replace("ON_REQUEST", "ON_DATA"), "its name, moments, options or failures"),
                       (drops.replace("direction", "directoin"), "there is no 'directoin'"), ("while true do end", "more than"),
                       (drops.replace('"own"', '"other"'), "its name, moments, options or failures"), ("\0", "as text")):
        again(proxy, path, wrong, "plugin=own.lua: stays as it was: .*" + why)
    path.unlink()
    proxy.process.send_signal(signal.SIGHUP)
    proxy.logged("plugin=own.lua: stays as it was: No such file")
    echo(b"teapot", b"teapot", b"teapot")
    assert proxy.api("GET", "/behavior")[1]["hits"] == 6 and "errors=" not in proxy.log()
    again(proxy, path, drops.replace("verdict.keep", "verdict.keeps"), "plugin=own.lua: read again")
    echo(b"tea", b"tea", b"tea")                # it fails only when it is called
    assert proxy.logged("errors=1: own.lua:3: verdict has no .keeps.")


def test_a_plugin_that_is_new_on_sighup_is_not_loaded(start, backend, script, tmp_path):
    script(acts("verdict.hold = 0"))
    script(acts("verdict.hold = 0").replace('"own"', '"other"'), "other")
    config = tmp_path / "vaurien.ini"
    config.write_text("[behavior:own]\nplugin = own.lua\n")
    proxy = start("--config", config, backend=backend)
    config.write_text("[behavior:own]\nplugin = own.lua\n[behavior:other]\nplugin = other.lua\n")
    proxy.process.send_signal(signal.SIGHUP)
    proxy.logged(r"SIGHUP: nothing is changed: .*vaurien.ini:4: plugin \S+/other.lua: a new plugin takes a new start")
    assert "other" not in proxy.api("GET", "/behaviors")[1]["behaviors"]
    config.write_text("[behavior:own]\nplugin = own.lua\n[rule:a]\nbehavior = own\n")
    proxy.process.send_signal(signal.SIGHUP)
    proxy.logged("SIGHUP: 1 of 1 proxies change")
    assert [rule["behavior"] for rule in proxy.api("GET", "/rules")[1]["rules"]] == ["own"]


def test_a_protocol_read_again(start, backend, tmp_path):
    path = tmp_path / "lines.lua"
    text = """
        local function line(bytes)
            local at = bytes:find("\\n")
            if at then return CUT_END, at end
            return CUT_MORE
        end
        return { name = "lines", help = "h", request = function(talk, bytes, message) return line(bytes) end,
                 response = function(talk, bytes, asked, message) return line(bytes) end,
                 failures = { { name = "busy", code = "BUSY", text = "later", fits = IS_COMMAND | 0, } },
                 word = function(talk, asked, failure, client) client:put(failure.code, "\\n") end }"""
    text = text.replace("return line(bytes) end,\n", "message.is = IS_COMMAND return line(bytes) end,\n", 1)
    path.write_text(text)
    proxy = start("--plugin", path, "--protocol", "lines", "--behavior", "error", backend=backend)
    client, server = proxy.meet(backend)
    client.send(b"one\n")
    assert client.read(5) == b"BUSY\n"
    again(proxy, path, text.replace("failure.code,", "failure.text, '!',"), "plugin=lines.lua: read again")
    client.send(b"two\n")
    assert client.read(7) == b"later!\n"


def test_errors_are_a_metric(start, backend, script):
    proxy = start(*script(acts("error('no')")), "--behavior", "own", backend=backend)
    client, server = proxy.meet(backend)
    client.send(b"tea")
    assert server.read(3) == b"tea"
    assert re.search(r'^vaurien_plugin_errors_total\{plugin="\S+/own.lua"\} 1$', proxy.api("GET", "/metrics")[1], re.M)


@pytest.mark.threads
def test_several_threads(start, backends, script):
    backend = backends().serve()
    proxy = start(*script(acts("event.state.n = (event.state.n or 0) + 1 if event.state.n % 2 == 0 then verdict.hold = 0.001 end")),
                  "--behavior", "own", "--threads", "3", backend=backend)
    clients = [proxy.client() for _ in range(9)]
    for _ in range(20):
        for client in clients:
            client.send(b"tea")
        for client in clients:
            assert client.read(3) == b"tea"
    assert "errors=" not in proxy.log()
    assert proxy.api("GET", "/behavior")[1]["hits"] == 90
