/* tcp - bytes without messages: what the client sends until the backend answers is a request, and
 * all that follows until the client speaks again is its response. */
#include "vaurien.h"

struct tcp { int64_t keep_alive, reuse_socket, buffer; };

static const struct opt options[] = {
	{ "keep_alive", OPT_INERT, offsetof(struct tcp, keep_alive), "0", "Connections are always kept" },
	{ "reuse_socket", OPT_INERT, offsetof(struct tcp, reuse_socket), "0", "A backend's connection has a state that belongs to one client" },
	{ "buffer", OPT_INERT, offsetof(struct tcp, buffer), "8124", "Bytes per read are chosen by --bufsize" },
	{ 0 }
};

PROTOCOL(tcp,
	.help = "Any protocol, as plain bytes",
	.options = options, .opts_size = sizeof(struct tcp))
