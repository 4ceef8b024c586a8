/* tcp - bytes without messages: what the client sends until the backend answers is a request, and
 * all that follows until the client speaks again is its response. */
#include "vaurien.h"

static const struct opt options[] = {
	{ "keep_alive", OPT_INERT, .def = "0", .help = "Connections are always kept" },
	{ "reuse_socket", OPT_INERT, .def = "0", .help = "A backend's connection has a state that belongs to one client" },
	{ "buffer", OPT_INERT, .def = "8124", .help = "--bufsize is the size of a read" },
	{ 0 }
};

PROTOCOL(tcp,
	.help = "Any protocol, as plain bytes",
	.options = options)
