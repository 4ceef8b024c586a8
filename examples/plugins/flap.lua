-- flap - requests pass for a time, then wait for a time
return {
    name = "flap",
    help = "Lets requests pass for a time, then holds them for a time, again and again",
    group = GROUP_TIME,
    example = "flap --up 10s --down 2s",
    sees = "responses at once, and late ones in between",
    options = {
        { name = "up", type = OPT_TIME, default = "10", help = "Time in which requests pass" },
        { name = "down", type = OPT_TIME, default = "2", help = "Time in which they wait" },
    },
    on = { ON_REQUEST },
    act = function(event, verdict)
        local up, down = event.options.up, event.options.down
        local round = up + down
        local at = round > 0 and event.age % round or 0
        if at >= up then
            verdict.hold = round - at
        end
    end,
}
