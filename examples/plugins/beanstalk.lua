-- beanstalk - beanstalkd: a command is a line, so is its answer; a job's body follows its line
local IS_JOB = IS_OWN           -- the command names a job

local commands = {
    ["put"] = IS_WRITE, ["reserve"] = IS_READ, ["reserve-with-timeout"] = IS_READ,
    ["delete"] = IS_JOB, ["release"] = IS_JOB, ["bury"] = IS_JOB, ["touch"] = IS_JOB,
    ["kick-job"] = IS_JOB, ["peek"] = IS_JOB,
}

-- The first line, and its length with its end. Nil: it is incomplete.
local function line_of(bytes)
    local from, stop = bytes:find("\r\n")
    if stop then
        return bytes:sub(1, from - 1), stop
    end
end

-- Answers that are errors: the event `exchange` has them as its `error`.
local errors = {
    OUT_OF_MEMORY = true, INTERNAL_ERROR = true, BAD_FORMAT = true, UNKNOWN_COMMAND = true,
    JOB_TOO_BIG = true, DRAINING = true, NOT_FOUND = true, DEADLINE_SOON = true,
}

-- The length of the line and its body. The size comes from the peer: a number that is too long is
-- ignored.
local function with_body(stop, size)
    return size and #size <= 10 and stop + tonumber(size) + 2 or stop
end

return {
    name = "beanstalk",
    help = "beanstalkd's jobs in tubes",

    request = function(talk, bytes, message)
        local line, stop = line_of(bytes)
        if not line then
            return CUT_MORE
        end
        local verb = line:match("^%S*")
        message.role = verb == "quit" and SILENT or ASKS
        message.is = IS_COMMAND | (commands[verb] or 0)
        message.verb = verb:upper()
        message.subject = bytes:view(#verb + 2, stop - 2)
        message.head = stop
        return CUT_END, with_body(stop, line:match("^put %d+ %d+ %d+ (%d+)$"))
    end,

    response = function(talk, bytes, asked, message)
        local line, stop = line_of(bytes)
        if not line then
            return CUT_MORE
        end
        if errors[line] then
            talk.error = line
        end
        message.role = asked and ANSWERS or PUSH
        message.head = stop
        return CUT_END, with_body(stop, line:match("^RESERVED %d+ (%d+)$") or
                                        line:match("^FOUND %d+ (%d+)$") or line:match("^OK (%d+)$"))
    end,

    failures = {
        { name = "out_of_memory", code = "OUT_OF_MEMORY",
          text = "there is no memory for the job", fits = IS_WRITE },
        { name = "draining", code = "DRAINING",
          text = "no new jobs are accepted", fits = IS_WRITE },
        { name = "too_big", code = "JOB_TOO_BIG",
          text = "the job's body is too large", fits = IS_WRITE, by_name = true },
        { name = "not_found", code = "NOT_FOUND",
          text = "the job is not there, or not this client's", fits = IS_JOB },
        { name = "deadline_soon", code = "DEADLINE_SOON",
          text = "a reserved job's time is nearly over", fits = IS_READ },
        { name = "internal_error", code = "INTERNAL_ERROR",
          text = "a bug in the server", fits = IS_COMMAND },
    },

    -- A rejected command changes nothing in the server, so it needs no substitute.
    refuse = function(talk, asked, failure, backend)
        return 0
    end,

    word = function(talk, asked, failure, client)
        client:put(failure.code, "\r\n")
    end,
}
