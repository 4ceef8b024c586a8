/* auth.c - checks that refuse requests from web pages, and those without the token. */
#include "api/auth.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#include "api/toxiproxy_reply.h"
#include "api/ui.h"

enum { HOST_MAX_API = 300 };            /* bytes of a URI's host that are looked at */

/* ---- Host, Origin, token ---- */

/* A name for this machine that DNS cannot make point elsewhere: this is what stops DNS
 * rebinding. */
static bool host_local(const char *host)
{
	char name[64];
	struct in_addr ip;

	if (host[0] == '[')
		return strcmp(host, "[::1]") == 0 || strncmp(host, "[::1]:", 6) == 0;
	size_t n = strcspn(host, ":");
	if (n >= sizeof name)
		return false;
	memcpy(name, host, n);
	name[n] = 0;
	return strcasecmp(name, "localhost") == 0
	    || (inet_pton(AF_INET, name, &ip) == 1 && ntohl(ip.s_addr) >> 24 == 127);
}

/* The page that makes the request, which a browser names in Origin, was served from `host`. */
static bool origin_same(const char *origin, const char *host)
{
	const char *name = strstr(origin, "://");

	return name && host && strcasecmp(name + 3, host) == 0;
}

/* Takes the same time wherever the texts differ. */
static bool text_same(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b);
	unsigned char differ = n != m;

	for (size_t i = 0; i < n; i++)
		differ |= (unsigned char)(a[i] ^ b[m ? i % m : 0]);
	return !differ;
}

static bool token_good(struct request *r, const char *token)
{
	const char *sent = request_header(r, "Authorization");

	if (!token || !*token)
		return true;
	return sent && strncasecmp(sent, "Bearer ", 7) == 0 && text_same(sent + 7, token);
}

/* The value of a header, if it is there once. */
struct single { const char *name, *value; unsigned n; };

static enum MHD_Result header_count(void *single, enum MHD_ValueKind kind, const char *name,
                                    const char *value)
{
	struct single *s = single;

	if (strcasecmp(name, s->name) == 0) {
		s->value = value ? value : "";
		s->n++;
	}
	return MHD_YES;
}

static struct single header_single(struct request *r, const char *name)
{
	struct single s = { .name = name };

	MHD_get_connection_values(r->connection, MHD_HEADER_KIND, header_count, &s);
	return s;
}

/* Who sends such a request, or what stands between us, reads HTTP in another way than we do: after
 * the answer nothing more is read. */
static void refuse_framing(struct request *r, const char *header, const char *why)
{
	request_set_header(r, "Connection", "close");
	request_error(r, 400, "header", header, why);
}

/* The host of an absolute URI, which counts instead of the header (RFC 9112, 3.2.2). False: the URI
 * is not absolute. */
static bool url_host(const char *url, char host[HOST_MAX_API])
{
	const char *start = strstr(url, "://");

	if (strncasecmp(url, "http", 4) != 0 || !start)
		return false;
	start += 3;
	snprintf(host, HOST_MAX_API, "%.*s", (int)strcspn(start, "/?#"), start);
	return true;
}

bool auth_check(struct request *r, const char *method, const char *version)
{
	struct single hosts = header_single(r, "Host"), origins = header_single(r, "Origin");
	char named[HOST_MAX_API];
	const char *host = url_host(r->url, named) ? named : hosts.value, *origin = origins.value;

	if (!hosts.n && strcmp(version, MHD_HTTP_VERSION_1_1) == 0) {
		refuse_framing(r, "Host", "a Host header is expected in HTTP/1.1");
	} else if (hosts.n > 1) {
		refuse_framing(r, "Host", "one Host header is expected");
	} else if (origins.n > 1) {
		refuse_framing(r, "Origin", "one Origin header is expected at most");
	} else if (host && r->http->local && !host_local(host)) {
		request_error(r, 403, "header", "Host",
		              "expected localhost, 127.0.0.1 or [::1]:"
		              " the API listens on loopback only");
	} else if (origin && !origin_same(origin, host)) {
		request_error(r, 403, "header", "Origin",
		              "requests from other origins are not served");
	} else if (!ui_public(r, method)
	           && !token_good(r, control_settings(request_control(r))->http_token)) {
		request_set_header(r, "WWW-Authenticate", "Bearer");
		request_error(r, 401, "header", "Authorization",
		              "expected Bearer and the token that --http-token set");
	} else {
		return true;
	}
	return false;
}

/* ---- as Toxiproxy does ---- */

/* A browser. Our own page is served: its requests are of the same origin. Requests with an
 * Origin are of the same origin, too: auth_check() has refused the others. */
static bool browser(struct request *r)
{
	const char *agent = request_header(r, "User-Agent");
	const char *site = request_header(r, "Sec-Fetch-Site");

	return agent && !strncmp(agent, "Mozilla/", 8) && !request_header(r, "Origin")
	    && !(site && !strcmp(site, "same-origin"));
}

bool toxiproxy_check(struct request *r)
{
	static const char letters[] = "0123456789abcdefghijklmnopqrstuv";
	unsigned char random[20];
	char id[21] = "";

	if (getrandom(random, sizeof random, 0) != sizeof random)
		memset(random, 0, sizeof random);
	for (size_t i = 0; i < sizeof random; i++)
		id[i] = letters[random[i] % 32];
	request_set_header(r, "X-Toxiproxy-Request-Id", id);
	if (!browser(r))
		return true;
	toxiproxy_reply_line(r, 403, "User agent not allowed\n");
	return false;
}
