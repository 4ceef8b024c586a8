/* tcp.c - bytes without messages. A request is what the client sends until the backend answers; its
 * response is what follows until the client sends again. */
#include "vaurien.h"

static const struct vn_opt options[] = {
	{ "keep_alive", VN_OPT_INERT, .def = "0", .help = "Connections are always kept" },
	{ "reuse_socket", VN_OPT_INERT, .def = "0",
	  .help = "A backend's connection has a state that belongs to one client" },
	{ "buffer", VN_OPT_INERT, .def = "8124", .help = "--bufsize is the size of a read" },
	{ 0 }
};

VN_PROTOCOL(tcp,
	.help = "Any protocol, as plain bytes",
	.options = options)
