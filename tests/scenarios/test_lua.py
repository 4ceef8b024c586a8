"""Behaviors in Lua: a file is there as if it were built in, and whatever it does wrong, the proxy goes on."""
import re
import signal

import pytest

from harness import SAN, Clock, dial, free_port, until

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
    said = run(*words, "--help", "all").stdout
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
    ("setmetatable({}, { __mode = 'k' })", "own.lua:3: there are no weak tables here"),
    ("setmetatable({}, { __mode = 'v' })", "own.lua:3: there are no weak tables here"),
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


# Each does much in one call of C, or in one instruction of Lua's.
CHAINED = "local t = {} for i = 1, 1990 do t = setmetatable({}, { __index = t }) end "
HOLES = "local h = {} for i = 1, 16384 do h[i] = i end for i = 1, 16383 do h[i] = nil end "
MANY = "local t = {} for i = 1, 9000 do t[i] = s end "
LIMIT = "more than (250 ms|1000000 steps|4000000 steps of patterns) in one call"        # which of them depends on the machine
MEMORY = "not enough memory"

HOSTILE = {
    # the table library
    "concat": ("local t = setmetatable({}, { __index = getmetatable, __metatable = '' }) table.concat(t, '', 1, math.maxinteger)", LIMIT),
    "concat_chained": (CHAINED + "setmetatable(t, { __index = setmetatable({}, { __index = tostring }) }) table.concat(t, '', 1, 1 << 60)", LIMIT + "|" + MEMORY),
    "concat_strings": ("local t, s = {}, ('x'):rep(1 << 20) for i = 1, 60000 do t[i] = s end while true do pcall(table.concat, t) end", LIMIT),
    "unpack": ("table.unpack({}, 1, 100000000)", "too many results to unpack"),
    "unpack_edge": ("table.unpack({}, math.mininteger, math.maxinteger)", "too many results to unpack"),
    "unpack_chained": (CHAINED + "while true do table.unpack(t, 1, 9000) end", LIMIT),
    "insert_chained": (CHAINED + HOLES + "setmetatable(h, { __index = t }) while true do table.insert(h, 1, nil) h[16384] = 1 end", LIMIT),
    "remove_chained": (CHAINED + HOLES + "setmetatable(h, { __index = t }) while true do table.remove(h, 1) h[16384] = 1 end", LIMIT),
    "insert_middle": ("local t = {} for i = 1, 60000 do t[i] = i end while true do table.insert(t, 30000, 1) t[#t] = nil end", LIMIT),
    "sort_strings": ("local t, s = {}, {} for i = 1, 6 do s[i] = ('a'):rep(1000000) .. i end "
                     "for i = 1, 60000 do t[i] = s[i % 6 + 1] end table.sort(t)", LIMIT),
    "sort_few_strings": ("local t, s = {}, {} for i = 1, 6 do s[i] = ('\\0'):rep(1000000) .. i end "
                         "for i = 1, 90 do t[i] = s[i % 6 + 1] end while true do table.sort(t) end", LIMIT),
    "sort_in_c": ("local s = ('\\0'):rep(1000000) local mt = { __lt = rawequal } local t = {} "
                  "for i = 1, 60000 do t[i] = setmetatable({}, mt) end while true do pcall(table.sort, t) end", LIMIT),
    "sort_by_c": ("local s = ('x'):rep(1000000) .. 1 local t = {} for i = 1, 60000 do t[i] = s end while true do pcall(table.sort, t, rawequal) end", LIMIT),
    "sort_in_lua": ("local t = {} for i = 1, 60000 do t[i] = -i end table.sort(t, function(a, b) return a < b end)", LIMIT),
    "pack": ("local s = 'x' " + MANY + "while true do table.pack(table.unpack(t)) end", LIMIT + "|" + MEMORY),
    # operators
    "less": ("local a, b = ('\\0'):rep(3 << 20) .. 'a', ('\\0'):rep(3 << 20) .. 'b' while true do local x = a < b end", LIMIT),
    "less_or_equal": ("local a, b = ('\\0'):rep(1 << 20) .. 'a', ('\\0'):rep(1 << 20) .. 'b' while true do local x = b <= a"
                      + " or b <= a" * 90 + " end", LIMIT),
    "less_medium": ("local a, b = ('\\0'):rep(4000) .. 'a', ('\\0'):rep(4000) .. 'b' while true do local x = b <= a" + " or b <= a" * 90 + " end", LIMIT),
    "equal": ("local a, b = ('x'):rep(4 << 20) .. 'x', ('x'):rep(4 << 20) .. 'x' while true do local x = a == b or a == b or a == b end", LIMIT),
    "rawequal": ("local a, b = ('x'):rep(4 << 20) .. 'x', ('x'):rep(4 << 20) .. 'x' while true do rawequal(a, b) end", LIMIT),
    "key": ("local a, b = ('x'):rep(3 << 20) .. 'x', ('x'):rep(3 << 20) .. 'x' local t = { [a] = 1 } while true do local x = t[b] end", LIMIT),
    "arithmetic": ("local s = (' '):rep(4 << 20) .. '1' while true do local x = s + 1 end", LIMIT),
    "concatenation": ("local s = ('x'):rep(1 << 20) while true do pcall(function() return s .. s .. s .. s .. s .. s .. s .. s end) end", LIMIT),
    "length": ("local s = ('x'):rep(4 << 20) while true do local n = #s + s:len() end", LIMIT),
    "varargs": ("local s = 1 " + MANY + "local function f(...) while true do select('#', ...) end end f(table.unpack(t))", LIMIT + "|" + MEMORY),
    # tables
    "keys_that_collide": ("local t, m = {}, 32767 for i = 1, 16385 do t[i * m] = i end error('done')", LIMIT + "|done"),
    "many_keys_that_collide": ("local t, m = {}, 131071 for i = 1, 65537 do t[i * m] = i end", MEMORY),
    "next": ("local t = {} for i = 1, 32000 do t[i + 0.5] = 1 end for i = 1, 32000 do t[i + 0.5] = nil end while true do next(t) end", LIMIT),
    "pairs": ("local t = {} for i = 1, 30000 do t[i] = i end while true do for k in pairs(t) do end end", LIMIT),
    "index": (CHAINED + "while true do local x = t.x end", LIMIT),
    "index_in_a_circle": ("local a, b = {}, {} setmetatable(a, { __index = b }) setmetatable(b, { __index = a }) "
                          "while true do pcall(function() return a.x end) end", LIMIT),
    "newindex": ("local t = {} for i = 1, 1990 do t = setmetatable({}, { __newindex = t }) end while true do t.x = 1 end", LIMIT),
    "call": ("local t = {} setmetatable(t, { __call = t }) t()", MEMORY),
    "call_caught": ("local t = {} setmetatable(t, { __call = t }) while true do pcall(t) end", LIMIT),
    "call_chained": ("local t = print for i = 1, 60000 do t = setmetatable({}, { __call = t }) end t()", MEMORY),
    "concat_metamethod": ("local t = setmetatable({}, { __concat = rawequal }) while true do local x = t .. t end", LIMIT),
    "equal_metamethod": ("local m = { __eq = function() while true do end end } return setmetatable({}, m) == setmetatable({}, m)", LIMIT),
    "length_metamethod": ("local t = setmetatable({}, { __len = function() return math.maxinteger end }) for i = 1, #t do end", LIMIT),
    "weak_later": ("local mt, ks, p = {}, {}, {} local w = setmetatable({}, mt) mt.__mode = 'k' "
                   "for i = 1, 30000 do ks[i] = {} p[i] = i end "
                   "for i = 30000, 2, -1 do local j = math.random(i) p[i], p[j] = p[j], p[i] end "
                   "for i = 1, 29999 do w[ks[p[i]]] = ks[p[i + 1]] end "
                   "local root = ks[p[1]] ks = nil for i = 1, 20 do local x = ('x'):rep(1 << 20) end error('done')", LIMIT + "|done|" + MEMORY),
    # the string library
    "rep": ("while true do pcall(string.rep, '', 1 << 40, 'x') end", LIMIT),
    "format": ("while true do string.format('%99d%99s%-99.99f%099x', 1, 'a', 1e308, 3) end", LIMIT),
    "format_wide": ("string.format('%99999d', 1)", "invalid conversion"),
    "format_numbers": ("local s = (' '):rep(3 << 20) .. '1' " + MANY + "string.format(('%d'):rep(9000), table.unpack(t))",
                       "arguments of more than 16777216 bytes"),
    "format_nothing": ("local s = ('x'):rep(3 << 20) " + MANY + "string.format(('%.0s'):rep(9000), table.unpack(t))",
                       "arguments of more than 16777216 bytes"),
    "format_metamethod": ("string.format('%s', setmetatable({}, { __tostring = function() while true do end end }))", LIMIT),
    "char": ("local s = (' '):rep(3 << 20) .. '1' " + MANY + "string.char(table.unpack(t))", "arguments of more than 16777216 bytes"),
    "pack_string": ("local s = (' '):rep(3 << 20) .. '1' " + MANY + "string.pack(('j'):rep(9000), table.unpack(t))",
                    "arguments of more than 16777216 bytes"),
    "pack_padding": ("while true do pcall(string.pack, 'c2000000000', 'x') end", LIMIT),
    "packsize": ("local s = ('b'):rep(4 << 20) while true do string.packsize(s) end", LIMIT),
    "unpack_string": ("local s = ('x'):rep(4 << 20) while true do pcall(string.unpack, 'z', s) end", LIMIT),
    "byte": ("local s = ('x'):rep(9000) while true do s:byte(1, -1) end", LIMIT),
    "byte_many": ("('x'):rep(4 << 20):byte(1, -1)", ".*string slice too long"),
    "reverse": ("local s = ('x'):rep(3 << 20) while true do pcall(string.reverse, s) end", LIMIT),
    "find_plain": ("local s, n = ('x'):rep(4 << 20), ('x'):rep(1 << 20) .. 'y' while true do s:find(n, 1, true) end", LIMIT),
    "find_in_bytes": ("local n = ('x'):rep(4 << 20) while true do event.data:find(n) end", LIMIT),
    "find_set": ("('x'):rep(1 << 20):find('[' .. ('y'):rep(1 << 20) .. ']')", LIMIT),
    "find_sets": ("('x'):rep(1000):find(('[' .. ('y'):rep(60000) .. ']?'):rep(20) .. 'z')", LIMIT),
    "find_frontier": ("('x'):rep(1 << 20):find('%f[' .. ('y'):rep(1 << 20) .. ']')", LIMIT),
    "find_again": ("('x'):rep(1 << 20):find('(x*)%1%1%1%1y')", LIMIT),
    "gsub_nothing": ("('x'):rep(4 << 20):gsub('', ('%0'):rep(1 << 20))", LIMIT),
    "gsub_chained": (CHAINED + "('x'):rep(2 << 20):gsub('.', t)", LIMIT),
    "gsub_in_c": ("('x'):rep(2 << 20):gsub('.', rawlen)", LIMIT),
    # the others
    "max": ("local s = ('1'):rep(3 << 20) " + MANY + "math.max(table.unpack(t))", "arguments of more than 16777216 bytes"),
    "utf8_char": ("local s = (' '):rep(3 << 20) .. '1' " + MANY + "utf8.char(table.unpack(t))", "arguments of more than 16777216 bytes"),
    "utf8_offset": ("local s = ('x'):rep(4 << 20) while true do utf8.offset(s, 4 << 20) end", LIMIT),
    "utf8_codes": ("local s, f = ('\\x80'):rep(4 << 20), utf8.codes('x') while true do f(s, 1) end", LIMIT),
    "utf8_codepoint": ("local s = ('x'):rep(4 << 20) while true do pcall(utf8.codepoint, s, 1, -1) end", LIMIT + "|" + MEMORY),
    "tonumber": ("local s = ('f'):rep(4 << 20) while true do tonumber(s, 16) end", LIMIT),
    "tostring": ("tostring(setmetatable({}, { __tostring = tostring }))", "C stack overflow"),
    "print": ("local s = ('x'):rep(4 << 20) while true do print(s) end", LIMIT),
    # errors
    "caught": ("while true do pcall(function() while true do end end) end", LIMIT),
    "caught_often": ("while true do pcall(pcall, pcall, pcall, pcall, error) end", LIMIT),
    "caught_deep": ("local function f() pcall(f) f() end f()", LIMIT),
    "caught_memory": ("while true do pcall(string.rep, 'x', 15 << 20) end", LIMIT),
    "caught_by_close": ("local function f() local x <close> = setmetatable({}, { __close = function() while true do pcall(f) end end }) f() end f()", LIMIT),
    "closed_in_c": ("local t = setmetatable({}, { __close = table.concat, __index = getmetatable, __metatable = '' }) "
                    "local x <close> = t while true do end", LIMIT),
    "closed_by_for": ("for i in next, {}, nil, setmetatable({}, { __close = function() while true do end end }) do end", LIMIT),
    "error_long": ("error(('x'):rep(4 << 20))", "x{100}"),
    "error_object": ("error(setmetatable({}, { __tostring = function() while true do end end }))", "an error that is no text"),
    "errors": ("while true do pcall(error, ('x'):rep(1 << 20)) end", MEMORY),
}


@pytest.mark.parametrize("what", sorted(HOSTILE))
def test_no_script_holds_its_thread(what, start, backends, script):
    """It fails after a bounded time of the processor, and the other proxies of its thread go on."""
    body, why = HOSTILE[what]
    backend, other, port = backends(), backends().serve(), free_port()
    words = script(acts(body, "ON_REQUEST", "direction = REQUEST,"))
    proxy = start(*words, "--behavior", "own", "--threads", "1", "--add", "other=127.0.0.1:%d=%s" % (port, other.address), backend=backend)
    client, server = proxy.meet(backend)
    before = proxy.cpu()
    client.send(b"tea")
    with dial(port) as neighbor:
        neighbor.send(b"milk")
        assert neighbor.read(4) == b"milk"
    assert server.read(3) == b"tea"
    assert proxy.cpu() - before < (20 if SAN else 1.5)
    assert proxy.logged(r"errors=1: own.lua:\d+: (%s)" % why)


def test_limits_are_wide_enough(start, backend, script):
    """What is no attack works, and there are no weak tables."""
    proxy = start(*script(acts("""
        local keys, list = {}, {}
        for i = 1, 32768 do keys['k' .. i] = i end
        for i = 1, 100000 do list[i] = i end
        assert(keys.k1 == 1 and keys.k32768 == 32768 and #list == 100000)
        assert(select('#', table.unpack(list, 1, 16000)) == 16000 and #table.pack(('x'):rep(16000):byte(1, -1)) == 16000)
        local function deep(n) return n == 0 and 0 or 1 + deep(n - 1) end
        assert(deep(3000) == 3000)
        local mt = {}
        local t = setmetatable({}, mt)
        mt.__mode = 'k'
        assert(not pcall(setmetatable, {}, { __mode = 'v' }))
        verdict.fate = DROP""")), "--behavior", "own", backend=backend)
    client, server = proxy.meet(backend)
    client.send(b"tea")
    until(proxy.strikes)
    assert "errors=" not in proxy.log()


@pytest.mark.parametrize("length", [4095, 4096, 1 << 20, 1572864, 3 << 20])
def test_strings_of_any_length(length, start, backend, script):
    """Also of those lengths that a table's keys can have."""
    proxy = start(*script(acts("""
        local n = %d
        local s = ('x'):rep(n)
        assert(#s:upper() == n and #string.format('%%s', s) == n and #table.concat({ s }) == n)
        verdict.fate = DROP""" % length)), "--behavior", "own", backend=backend)
    client, server = proxy.meet(backend)
    client.send(b"tea")
    until(proxy.strikes)
    assert "errors=" not in proxy.log()


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
