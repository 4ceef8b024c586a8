-- flap - the server answers for a while, then keeps requests waiting for a while
return {
    name = "flap",
    help = "The server answers for a while, then keeps requests waiting for a while",
    options = {
        { name = "up", type = OPT_TIME, default = "10", help = "How long requests pass" },
        { name = "down", type = OPT_TIME, default = "2", help = "How long requests wait after that" },
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
