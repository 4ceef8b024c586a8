/* auth.c - who may ask: what a browser cannot be made to send, and who has the token. */
#include <arpa/inet.h>
#include <microhttpd.h>
#include <string.h>

#include "api/request.h"

/* A host that no web page can make point at us: what stops DNS rebinding. */
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

/* A browser says in Origin which page asks. Ours are those that came from here. */
static bool origin_ours(const char *origin, const char *host)
{
	const char *name = strstr(origin, "://");

	return name && host && strcasecmp(name + 3, host) == 0;
}

/* How far two texts agree shall not show in the time it takes. */
static bool same(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b);
	unsigned char differ = n != m;

	for (size_t i = 0; i < n; i++)
		differ |= (unsigned char)(a[i] ^ b[m ? i % m : 0]);
	return !differ;
}

static bool token_shown(struct request *r, const char *token)
{
	const char *word = request_header(r, "Authorization");

	return !token || !*token || (word && strncasecmp(word, "Bearer ", 7) == 0 && same(word + 7, token));
}

bool request_check(struct request *r, const char *version)
{
	const char *host = request_header(r, "Host"), *origin = request_header(r, "Origin");

	if (!host && strcmp(version, MHD_HTTP_VERSION_1_1) == 0) {
		request_error(r, 400, "header", "Host", "a Host header is expected in HTTP/1.1");
	} else if (host && http_local(r->http) && !host_local(host)) {
		request_error(r, 403, "header", "Host", "expected localhost, 127.0.0.1 or [::1]: the API listens on loopback only");
	} else if (origin && !origin_ours(origin, host)) {
		request_error(r, 403, "header", "Origin", "requests from other origins are not served");
	} else if (!token_shown(r, control_settings(request_control(r))->http_token)) {
		request_set_header(r, "WWW-Authenticate", "Bearer");
		request_error(r, 401, "header", "Authorization", "expected Bearer and the token that --http-token set");
	} else {
		return true;
	}
	return false;
}
