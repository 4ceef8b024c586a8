/* proxy_json.h - a proxy as Toxiproxy's JSON wants it: in a request, in a list, in a file. */
#ifndef WISH_H
#define WISH_H

#include "config/settings.h"
#include "toxiproxy/toxic.h"

struct wish {                           /* NULL, -1: not said */
	char *name, *listen, *upstream;
	int enabled;
	const struct vn_protocol *protocol;
	json_t *toxics;                 /* held */
};

/* `owner`: what Go calls the struct: "Proxy". False: refused, and nothing is to be freed. */
bool wish_read(struct wish *, const json_t *, const char *owner, struct fault *);
void wish_free(struct wish *);

/* A list of them, all with name and upstream; NULL: refused. */
struct wish *wishes_read(const json_t *list, size_t *n, struct fault *);
void wishes_free(struct wish *, size_t n);

/* Where Go would listen; to be freed with address_free. False: `error` says it in Go's words. */
bool wish_address(const char *listen, struct address *, char error[GO_ERROR]);
struct address wish_upstream(const char *);     /* any text is one: what is none will not be reached */

/* A proxy as it is wished for, and for the rest as the program's words have it; NULL: refused. */
struct spec *wish_spec(const struct settings *, const struct wish *, const struct address *listen, struct fault *);

/* All proxies that a file's text asks for. -1: settings have them; else the exit code, and why has been said. */
int wishes_take(struct settings *, const char *file);

#endif
