/* redis_topology.c - servers' addresses in what Redis Cluster and Sentinel say.
 *
 * A reply that names servers is read when it is whole, and written anew with the addresses of the
 * proxies before them. Servers that are to be hidden are left out; where one must be named, the
 * reply is what the server says when there is none:
 *
 *   SLOTS, SHARDS, NODES, lists of Sentinel, INFO  without it
 *   MOVED, ASK                                     CLUSTERDOWN Hash slot not served
 *   SENTINEL GET-MASTER-ADDR-BY-NAME               nil
 *   SENTINEL MASTER                                ERR No such master with that name
 *   the master in ROLE and INFO of a replica,
 *   news of Sentinel                               as it is: nobody connects by it alone */
#include "protocols/redis_topology.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum {
	EDIT_MAX = 60000,               /* bytes of a reply that are waited for */
	DEPTH_MAX = 8,                  /* lists inside one another */
};

/* ---- reading ---- */

struct reader { struct vn_span in; uint64_t at; };

struct item {
	uint8_t type;
	bool list;
	int64_t n;                      /* items of a list, -1: none; bytes of a string */
	struct vn_span text;            /* of all but lists */
	uint64_t from;                  /* where it begins */
};

enum read { READ_MORE, READ_ITEM, READ_BAD };

static bool number_of(const uint8_t *p, size_t n, int64_t *number)
{
	bool minus = n && *p == '-';

	*number = 0;
	if (n == minus || n > 12)
		return false;
	for (size_t i = minus; i < n; i++) {
		if (p[i] < '0' || p[i] > '9')
			return false;
		*number = *number * 10 + p[i] - '0';
	}
	if (minus)
		*number = -*number;
	return true;
}

/* An item, of a list its head only. */
static enum read item_read(struct reader *r, struct item *i)
{
	const uint8_t *from = r->in.p + r->at, *end;
	size_t left = r->at < r->in.n ? r->in.n - (size_t)r->at : 0;

	*i = (struct item){ .from = r->at };
	if (!left || !(end = memchr(from, '\n', left)))
		return READ_MORE;
	size_t line = (size_t)(end - from) + 1;
	if (line < 3 || end[-1] != '\r')
		return READ_BAD;
	i->type = *from;
	i->text = (struct vn_span){ from + 1, line - 3 };
	r->at += line;
	if (strchr("+-:_#,(", i->type))
		return READ_ITEM;
	if (!strchr("$=!*%~>|", i->type) || !number_of(from + 1, line - 3, &i->n) || i->n < -1)
		return READ_BAD;
	i->list = !strchr("$=!", i->type);
	if (i->type == '%' || i->type == '|')
		i->n *= i->n > 0 ? 2 : 1;
	if (i->list)
		return READ_ITEM;
	i->text.n = i->n > 0 ? (size_t)i->n : 0;
	i->text.p = from + line;
	if (i->n >= 0)
		r->at += (uint64_t)i->n + 2;
	return r->at <= r->in.n ? READ_ITEM : READ_MORE;
}

/* What is left of the item: all that is in a list. */
static enum read item_rest(struct reader *r, const struct item *i)
{
	uint64_t left = i->list && i->n > 0 ? (uint64_t)i->n : 0;
	struct item inner;
	enum read step;

	while (left) {
		if ((step = item_read(r, &inner)) != READ_ITEM)
			return step;
		left--;
		/* attributes are no item of the list that they stand in */
		left += inner.list && inner.n > 0 ? (uint64_t)inner.n : 0;
		left += inner.type == '|';
	}
	return READ_ITEM;
}

static enum read item_skip(struct reader *r)
{
	struct item i;
	enum read step = item_read(r, &i);

	return step == READ_ITEM ? item_rest(r, &i) : step;
}

/* For replies that are known to be whole. */
static struct item item_next(struct reader *r)
{
	struct item i;

	if (item_read(r, &i) != READ_ITEM)
		i = (struct item){ .from = r->at };
	return i;
}

static bool is_null(const struct item *i)
{
	return i->type == '_' || (i->type == '$' && i->n < 0);
}

/* A server may not know its own address: then it is where the client has asked. */
static struct vn_span host_of(const struct item *i)
{
	bool unknown = is_null(i) || (i->text.n == 1 && *i->text.p == '?');

	return unknown ? (struct vn_span){ 0 } : i->text;
}

static unsigned port_of(struct vn_span text)
{
	int64_t n;

	return number_of(text.p, text.n, &n) && n > 0 && n <= 65535 ? (unsigned)n : 0;
}

static bool text_is(struct vn_span text, const char *word)
{
	return text.n == strlen(word) && !strncasecmp((const char *)text.p, word, text.n);
}

/* ---- writing ---- */

/* `to` NULL: nothing is written. The bytes are only counted, and it is asked what stays. */
struct writer {
	struct vn_session *session;
	struct vn_buffer *to;
	size_t *counted;
	bool resp3;
	uint64_t places;                /* of topology_queue() */
};

static void bytes_put(const struct writer *w, const void *bytes, size_t n)
{
	if (w->counted)
		*w->counted += n;
	if (w->to && n)
		vn_buffer_put(w->to, bytes, n);
}

static void words_put(const struct writer *w, const char *text)
{
	bytes_put(w, text, strlen(text));
}

/* A number between these. */
static void number_put(const struct writer *w, const char *before, uint64_t n, const char *after)
{
	char text[40];

	bytes_put(w, text, (size_t)snprintf(text, sizeof text, "%s%llu%s", before,
	                                    (unsigned long long)n, after));
}

static void string_put(const struct writer *w, const void *text, size_t n)
{
	number_put(w, "$", n, "\r\n");
	bytes_put(w, text, n);
	words_put(w, "\r\n");
}

/* A port in the place of this item, of the same type. */
static void port_put(const struct writer *w, const struct item *was, unsigned port)
{
	char text[8];
	size_t n = (size_t)snprintf(text, sizeof text, "%u", port);

	if (was->type == ':')
		number_put(w, ":", port, "\r\n");
	else
		string_put(w, text, n);
}

/* From there to where the reader stands. */
static void copy_put(const struct writer *w, const struct reader *r, uint64_t from)
{
	bytes_put(w, r->in.p + from, (size_t)(r->at - from));
}

static void item_copy(const struct writer *w, struct reader *r)
{
	uint64_t from = r->at;

	item_skip(r);
	copy_put(w, r, from);
}

/* A list's head with n items, of which %'s are half as many. */
static void head_put(const struct writer *w, uint8_t type, uint64_t n)
{
	bytes_put(w, &type, 1);
	number_put(w, "", type == '%' ? n / 2 : n, "\r\n");
}

/* ---- addresses ---- */

struct answer { enum vn_mapped mapped; struct vn_place place; };

/* Port 0: the server does not know its address, or it is no address. */
static struct answer address_ask(const struct writer *w, struct vn_span host, unsigned port)
{
	struct answer a = { .mapped = VN_MAP_SAME };

	if (port)
		a.mapped = vn_map_address(w->session, host, port, &a.place);
	return a;
}

/* "host:port", where an IPv6 address has no brackets. False: it is none. */
static bool pair_split(struct vn_span text, struct vn_span *host, unsigned *port)
{
	size_t at = text.n;

	while (at && text.p[at - 1] != ':')
		at--;
	if (!at)
		return false;
	*host = (struct vn_span){ text.p, at - 1 };
	*port = port_of((struct vn_span){ text.p + at, text.n - at });
	return *port;
}

static void pair_put(const struct writer *w, const struct vn_place *p)
{
	bytes_put(w, p->host.p, p->host.n);
	number_put(w, ":", p->port, "");
}

/* ---- lists, of which some items stay ---- */

/* Reads one item of a list, and writes it. Returns whether it stays. */
typedef bool each_fn(const struct writer *, struct reader *);

/* The first `fixed` items stay as they are. Returns how many of the others stay. */
static uint64_t list_edit(const struct writer *w, struct reader *r, int64_t fixed, each_fn *each)
{
	struct writer look = { .session = w->session };
	struct item head = item_next(r);
	struct reader ahead = *r;
	uint64_t kept = 0;

	if (!head.list || head.n < fixed) {
		item_rest(r, &head);
		copy_put(w, r, head.from);
		return 0;
	}
	for (int64_t i = 0; i < head.n; i++)
		if (i < fixed)
			item_skip(&ahead);
		else
			kept += each(&look, &ahead);
	head_put(w, head.type, (uint64_t)fixed + kept);
	for (int64_t i = 0; i < head.n; i++) {
		struct reader again = *r;
		if (i < fixed)
			item_copy(w, r);
		else if (each(&look, &again))
			each(w, r);
		else
			*r = again;
	}
	return kept;
}

/* ---- CLUSTER SLOTS ---- */

/* Behind the id: what else it is called by. */
static void metadata_edit(const struct writer *w, struct reader *r, struct vn_span host)
{
	struct reader start = *r;
	struct item head = item_next(r);

	if (!head.list || head.n < 0 || head.n % 2) {
		*r = start;
		item_copy(w, r);
		return;
	}
	copy_put(w, r, head.from);
	for (int64_t i = 0; i < head.n; i += 2) {
		struct item key = item_next(r);
		item_rest(r, &key);
		copy_put(w, r, key.from);
		bool names = text_is(key.text, "ip") || text_is(key.text, "hostname");
		uint64_t from = r->at;
		item_skip(r);
		if (names)
			string_put(w, host.p, host.n);
		else
			copy_put(w, r, from);
	}
}

/* [host, port, id, what else it is called by] */
static bool slots_node(const struct writer *w, struct reader *r)
{
	struct item head = item_next(r);
	struct reader at = *r;

	item_rest(r, &head);
	if (!head.list || head.n < 2) {
		copy_put(w, r, head.from);
		return true;
	}
	struct item host = item_next(&at), port = item_next(&at);
	struct answer a = address_ask(w, host_of(&host), host.list ? 0 : port_of(port.text));
	if (a.mapped == VN_MAP_HIDE)
		return false;
	if (a.mapped == VN_MAP_SAME) {
		copy_put(w, r, head.from);
		return true;
	}
	head_put(w, head.type, (uint64_t)head.n);
	string_put(w, a.place.host.p, a.place.host.n);
	port_put(w, &port, a.place.port);
	for (int64_t i = 2; i < head.n; i++)
		if (i == 2)
			item_copy(w, &at);
		else
			metadata_edit(w, &at, a.place.host);
	return true;
}

/* [first, last, node, node, ...] */
static bool slots_range(const struct writer *w, struct reader *r)
{
	struct reader start = *r;
	struct item head = item_next(&start);

	return list_edit(w, r, 2, slots_node) || !head.list || head.n <= 2;
}

static bool slots_edit(const struct writer *w, struct reader *r)
{
	list_edit(w, r, 0, slots_range);
	return true;
}

/* ---- keys and values: CLUSTER SHARDS, Sentinel's instances ---- */

/* The value of a key; type 0: there is none. */
static struct item value_of(struct reader r, const char *key)
{
	struct item head = item_next(&r), found = { 0 };

	for (int64_t i = 0; head.list && i + 1 < head.n; i += 2) {
		struct item k = item_next(&r), v = item_next(&r);
		if (text_is(k.text, key))
			return v;
		item_rest(&r, &v);
	}
	return found;
}

/* Writes the value of this key. False: it has not read it, and it is copied. */
typedef bool value_fn(const struct writer *, struct reader *, struct vn_span key, const void *what);

static void map_edit(const struct writer *w, struct reader *r, value_fn *each, const void *what)
{
	struct item head = item_next(r);

	if (!head.list || head.n % 2) {
		item_rest(r, &head);
		copy_put(w, r, head.from);
		return;
	}
	copy_put(w, r, head.from);
	for (int64_t i = 0; i + 1 < head.n; i += 2) {
		struct item key = item_next(r);
		copy_put(w, r, key.from);
		if (!each(w, r, key.text, what))
			item_copy(w, r);
	}
}

struct instance {                       /* its values, and the address that takes their place */
	struct vn_span host;
	unsigned port;
	struct vn_span other;
	unsigned other_port;
};

static bool shard_value(const struct writer *w, struct reader *r, struct vn_span key,
                        const void *what)
{
	const struct instance *n = what;
	bool port = text_is(key, "port") || text_is(key, "tls-port");

	if (!port && !text_is(key, "ip") && !text_is(key, "endpoint") && !text_is(key, "hostname"))
		return false;
	struct item was = item_next(r);
	if (!port) {
		string_put(w, n->other.p, n->other.n);
		return true;
	}
	if (port_of(was.text) == n->port) {
		port_put(w, &was, n->other_port);
		return true;
	}
	struct answer a = address_ask(w, n->host, port_of(was.text));
	port_put(w, &was, a.mapped == VN_MAP_OTHER ? a.place.port : port_of(was.text));
	return true;
}

/* What the map says of the host and port at hand, in an instance that does not move: the place is
 * copied to `room`. */
static enum vn_mapped instance_ask(const struct writer *w, struct instance *n, char room[300])
{
	struct answer a = address_ask(w, n->host, n->port);

	if (a.mapped != VN_MAP_OTHER)
		return a.mapped;
	size_t length = a.place.host.n < 300 ? a.place.host.n : 299;
	memcpy(room, a.place.host.p, length);
	n->other = (struct vn_span){ (const uint8_t *)room, length };
	n->other_port = a.place.port;
	return a.mapped;
}

static bool map_decide(const struct writer *w, struct reader *r, struct instance *n,
                       value_fn *values)
{
	struct reader start = *r;
	char room[300];

	item_skip(r);
	enum vn_mapped mapped = instance_ask(w, n, room);
	if (mapped == VN_MAP_SAME)
		copy_put(w, r, start.at);
	if (mapped == VN_MAP_OTHER)
		map_edit(w, &start, values, n);
	return mapped != VN_MAP_HIDE;
}

static bool shard_node(const struct writer *w, struct reader *r)
{
	struct item endpoint = value_of(*r, "endpoint"), ip = value_of(*r, "ip"),
		    port = value_of(*r, "port"), tls = value_of(*r, "tls-port");
	struct instance n = { .host = endpoint.type ? host_of(&endpoint) : host_of(&ip) };

	if (!n.host.n && ip.type)
		n.host = host_of(&ip);
	n.port = port_of(port.type ? port.text : tls.text);
	return map_decide(w, r, &n, shard_value);
}

static bool shard_nodes(const struct writer *w, struct reader *r, struct vn_span key,
                        const void *what)
{
	if (!text_is(key, "nodes"))
		return false;
	list_edit(w, r, 0, shard_node);
	return true;
}

static bool shard(const struct writer *w, struct reader *r)
{
	map_edit(w, r, shard_nodes, NULL);
	return true;
}

static bool shards_edit(const struct writer *w, struct reader *r)
{
	list_edit(w, r, 0, shard);
	return true;
}

/* The name of a replica is its address. */
static bool instance_value(const struct writer *w, struct reader *r, struct vn_span key,
                           const void *what)
{
	const struct instance *n = what;
	struct reader start = *r;
	struct item was = item_next(r);
	struct vn_span host;
	unsigned port;

	if (text_is(key, "ip")) {
		string_put(w, n->other.p, n->other.n);
		return true;
	}
	if (text_is(key, "port")) {
		port_put(w, &was, n->other_port);
		return true;
	}
	if (text_is(key, "name") && pair_split(was.text, &host, &port) && port == n->port &&
	    host.n == n->host.n && !memcmp(host.p, n->host.p, host.n)) {
		char text[320];
		int length = snprintf(text, sizeof text, "%.*s:%u", (int)n->other.n,
		                      (const char *)n->other.p, n->other_port);
		string_put(w, text, (size_t)length);
		return true;
	}
	*r = start;
	return false;
}

/* Of a replica, where its master is, once the rest is done. */
static bool master_value(const struct writer *w, struct reader *r, struct vn_span key,
                         const void *what)
{
	const struct instance *n = what;

	if (text_is(key, "master-host")) {
		item_skip(r);
		string_put(w, n->other.p, n->other.n);
		return true;
	}
	if (text_is(key, "master-port")) {
		struct item was = item_next(r);
		port_put(w, &was, n->other_port);
		return true;
	}
	return false;
}

struct replica { const struct instance *self, *master; };

static bool replica_value(const struct writer *w, struct reader *r, struct vn_span key,
                          const void *what)
{
	const struct replica *both = what;

	return (both->self->other.p && instance_value(w, r, key, both->self)) ||
	       (both->master->other.p && master_value(w, r, key, both->master));
}

static bool instance(const struct writer *w, struct reader *r)
{
	struct item ip = value_of(*r, "ip"), port = value_of(*r, "port"),
		    host = value_of(*r, "master-host"), its = value_of(*r, "master-port");
	struct instance self = { host_of(&ip), port_of(port.text), { 0 }, 0 },
			master = { host_of(&host), port_of(its.text), { 0 }, 0 };
	struct replica both = { &self, &master };
	char room[300], other_room[300];

	if (!self.host.n)
		self.port = 0;
	if (!master.host.n)
		master.port = 0;
	if (instance_ask(w, &self, room) == VN_MAP_HIDE) {
		item_skip(r);
		return false;
	}
	instance_ask(w, &master, other_room);
	map_edit(w, r, replica_value, &both);
	return true;
}

static bool instances_edit(const struct writer *w, struct reader *r)
{
	list_edit(w, r, 0, instance);
	return true;
}

static bool instance_edit(const struct writer *w, struct reader *r)
{
	struct writer look = { .session = w->session };
	struct reader again = *r;

	if (instance(&look, &again))
		return instance(w, r);
	words_put(w, "-ERR No such master with that name\r\n");
	item_skip(r);
	return true;
}

/* ---- CLUSTER NODES: "ID HOST:PORT@BUS[,NAME[,...]] FLAGS ...\n" ---- */

static size_t until(struct vn_span text, size_t from, const char *stops)
{
	while (from < text.n && !memchr(stops, text.p[from], strlen(stops)))
		from++;
	return from;
}

/* Writes the line with its newline. Returns whether it stays. */
static bool node_line(const struct writer *w, struct vn_span line)
{
	size_t from = until(line, 0, " ") + 1, end = until(line, from, " @,");
	size_t name = until(line, from, " ,"), name_end;
	struct vn_span host;
	unsigned port;
	struct answer a = { .mapped = VN_MAP_SAME };

	if (from < line.n &&
	    pair_split((struct vn_span){ line.p + from, end - from }, &host, &port))
		a = address_ask(w, host, port);
	if (a.mapped == VN_MAP_HIDE)
		return false;
	if (a.mapped == VN_MAP_SAME) {
		bytes_put(w, line.p, line.n);
		return true;
	}
	bytes_put(w, line.p, from);
	pair_put(w, &a.place);
	if (name < line.n && line.p[name] == ',' &&
	    (name_end = until(line, name + 1, " ,")) > name + 1) {
		bytes_put(w, line.p + end, name + 1 - end);
		bytes_put(w, a.place.host.p, a.place.host.n);
		end = name_end;
	}
	bytes_put(w, line.p + end, line.n - end);
	return true;
}

static void lines_put(const struct writer *w, struct vn_span text)
{
	for (size_t from = 0, end; from < text.n; from = end) {
		end = until(text, from, "\n");
		end += end < text.n;
		node_line(w, (struct vn_span){ text.p + from, end - from });
	}
}

/* A text is a string whose new length stands before it. In RESP3 it begins with "txt:". */
typedef void text_fn(const struct writer *, struct vn_span text, const void *what);

static void text_edit(const struct writer *w, const struct item *was, text_fn *each,
                      const void *what)
{
	size_t n = 0, lead = was->type == '=' && was->text.n > 4 ? 4 : 0;
	struct vn_span text = { was->text.p + lead, was->text.n - lead };
	struct writer count = { .session = w->session, .counted = &n };

	each(&count, text, what);
	bytes_put(w, &was->type, 1);
	number_put(w, "", n + lead, "\r\n");
	bytes_put(w, was->text.p, lead);
	each(w, text, what);
	words_put(w, "\r\n");
}

static void nodes_put(const struct writer *w, struct vn_span text, const void *what)
{
	lines_put(w, text);
}

static bool nodes_edit(const struct writer *w, struct reader *r)
{
	struct item text = item_next(r);

	text_edit(w, &text, nodes_put, NULL);
	return true;
}

static bool line_item(const struct writer *w, struct reader *r)
{
	struct writer look = { .session = w->session };
	struct item line = item_next(r);

	item_rest(r, &line);
	if (line.type != '$' || line.n < 0) {
		copy_put(w, r, line.from);
		return true;
	}
	if (!node_line(&look, line.text))
		return false;
	text_edit(w, &line, nodes_put, NULL);
	return true;
}

static bool lines_edit(const struct writer *w, struct reader *r)
{
	list_edit(w, r, 0, line_item);
	return true;
}

/* ---- INFO ----
 *
 *   of a replica     master_host:HOST, and in the next line master_port:PORT
 *   of a master      connected_slaves:N, and for each slaveN:ip=HOST,port=PORT,...
 *   of Sentinel      for each master masterN:name=NAME,status=ok,address=HOST:PORT,... */

static struct vn_span line_at(struct vn_span text, size_t from)
{
	size_t end = until(text, from, "\n");

	return (struct vn_span){ text.p + from, end + (end < text.n) - from };
}

/* What is behind this word in the line, up to a comma or the end. n is 0: the word is not there. */
static struct vn_span behind(struct vn_span line, const char *word)
{
	size_t n = strlen(word);
	const uint8_t *at = memmem(line.p, line.n, word, n);
	size_t from = at ? (size_t)(at - line.p) + n : line.n;

	return (struct vn_span){ line.p + from, until(line, from, ",\r\n") - from };
}

static bool begins(struct vn_span line, const char *word)
{
	return line.n >= strlen(word) && !memcmp(line.p, word, strlen(word));
}

/* "slave0:", "master12:" */
static bool is_numbered(struct vn_span line, const char *name)
{
	size_t n = strlen(name), at = n;

	if (!begins(line, name))
		return false;
	while (at < line.n && line.p[at] >= '0' && line.p[at] <= '9')
		at++;
	return at > n && at < line.n && line.p[at] == ':';
}

/* The line of a replica. Returns whether it stays. */
static bool info_replica(const struct writer *w, struct vn_span line)
{
	struct vn_span ip = behind(line, ":ip="), port = behind(line, ",port=");
	struct answer a = address_ask(w, ip, ip.n ? port_of(port) : 0);

	if (a.mapped == VN_MAP_OTHER) {
		bytes_put(w, line.p, (size_t)(ip.p - line.p));
		bytes_put(w, a.place.host.p, a.place.host.n);
		number_put(w, ",port=", a.place.port, "");
		line = (struct vn_span){ port.p + port.n,
			                 (size_t)(line.p + line.n - port.p) - port.n };
	}
	if (a.mapped != VN_MAP_HIDE)
		bytes_put(w, line.p, line.n);
	return a.mapped != VN_MAP_HIDE;
}

static void info_watched(const struct writer *w, struct vn_span line)
{
	struct vn_span pair = behind(line, ",address="), host;
	struct answer a = { .mapped = VN_MAP_SAME };
	unsigned port;

	if (pair_split(pair, &host, &port))
		a = address_ask(w, host, port);
	if (a.mapped == VN_MAP_OTHER) {
		bytes_put(w, line.p, (size_t)(pair.p - line.p));
		pair_put(w, &a.place);
		line = (struct vn_span){ pair.p + pair.n,
			                 (size_t)(line.p + line.n - pair.p) - pair.n };
	}
	if (a.mapped != VN_MAP_HIDE)
		bytes_put(w, line.p, line.n);
}

/* Both lines of a replica's master. Returns their length; 0: they are not here. */
static size_t info_master(const struct writer *w, struct vn_span text, size_t from)
{
	struct vn_span first = line_at(text, from), second = line_at(text, from + first.n);
	struct vn_span host = behind(first, "master_host:"), port = behind(second, "master_port:");

	if (!begins(first, "master_host:") || !host.n || !port.n)
		return 0;
	struct answer a = address_ask(w, host, port_of(port));
	if (a.mapped == VN_MAP_OTHER) {
		words_put(w, "master_host:");
		bytes_put(w, a.place.host.p, a.place.host.n);
		number_put(w, "\r\nmaster_port:", a.place.port, "\r\n");
	} else {
		bytes_put(w, first.p, first.n + second.n);
	}
	return first.n + second.n;
}

static uint64_t replicas_kept(const struct writer *w, struct vn_span text)
{
	const struct writer look = { .session = w->session };
	struct vn_span line;
	uint64_t n = 0;

	for (size_t from = 0; from < text.n; from += line.n) {
		line = line_at(text, from);
		n += is_numbered(line, "slave") && info_replica(&look, line);
	}
	return n;
}

static void info_put(const struct writer *w, struct vn_span text, const void *what)
{
	static const char count[] = "connected_slaves:";
	struct vn_span line;
	size_t both;

	for (size_t from = 0; from < text.n; from += line.n) {
		line = line_at(text, from);
		if (is_numbered(line, "slave"))
			info_replica(w, line);
		else if (is_numbered(line, "master"))
			info_watched(w, line);
		else if (begins(line, count))
			number_put(w, count, replicas_kept(w, text), "\r\n");
		else if ((both = info_master(w, text, from)))
			line.n = both;
		else
			bytes_put(w, line.p, line.n);
	}
}

static bool info_edit(const struct writer *w, struct reader *r)
{
	struct item text = item_next(r);

	text_edit(w, &text, info_put, NULL);
	return true;
}

/* ---- one address ---- */

/* [host, port] */
static bool master_edit(const struct writer *w, struct reader *r)
{
	struct writer look = { .session = w->session };
	struct reader again = *r;

	if (slots_node(&look, &again))
		return slots_node(w, r);
	words_put(w, !w->resp3 ? "*-1\r\n" : "_\r\n");
	item_skip(r);
	return true;
}

/* ["master", offset, [[host, port, offset], ...]], or ["slave", host, port, state, offset] */
static bool role_edit(const struct writer *w, struct reader *r)
{
	struct item head = item_next(r), role = item_next(r);
	int64_t left = head.n - 1;

	copy_put(w, r, head.from);
	if (text_is(role.text, "master") && head.n >= 3) {
		item_copy(w, r);
		list_edit(w, r, 0, slots_node);
		left -= 2;
	} else if (text_is(role.text, "slave") && head.n >= 3) {
		uint64_t from = r->at;
		struct item host = item_next(r), port = item_next(r);
		struct answer a = address_ask(w, host_of(&host), port_of(port.text));
		if (a.mapped == VN_MAP_OTHER) {
			string_put(w, a.place.host.p, a.place.host.n);
			port_put(w, &port, a.place.port);
		} else {
			copy_put(w, r, from);
		}
		left -= 2;
	}
	for (; left > 0; left--)
		item_copy(w, r);
	return true;
}

/* "MOVED 3999 127.0.0.1:6381", "ASK ...", and of Valkey "REDIRECT 127.0.0.1:6381" */
static bool redirection_edit(const struct writer *w, struct reader *r)
{
	struct item error = item_next(r);
	struct vn_span text = error.text, host;
	size_t at = text.n;
	unsigned port;
	struct answer a = { .mapped = VN_MAP_SAME };

	while (at && text.p[at - 1] != ' ')
		at--;
	if (pair_split((struct vn_span){ text.p + at, text.n - at }, &host, &port))
		a = address_ask(w, host, port);
	if (a.mapped == VN_MAP_HIDE) {
		words_put(w, "-CLUSTERDOWN Hash slot not served\r\n");
	} else if (a.mapped == VN_MAP_OTHER) {
		words_put(w, "-");
		bytes_put(w, text.p, at);
		pair_put(w, &a.place);
		words_put(w, "\r\n");
	} else {
		copy_put(w, r, error.from);
	}
	return true;
}

/* ---- news of Sentinel ----
 *
 *   +switch-master, +redirect-to-master     NAME HOST PORT HOST PORT
 *   all others that name an instance        TYPE NAME HOST PORT [@ MASTER HOST PORT]
 *
 * where the NAME of a replica is HOST:PORT. */

enum { WORDS_MAX = 12 };

struct news { bool switches; struct instance of[2]; unsigned at[2]; };

static unsigned words_split(struct vn_span text, struct vn_span words[WORDS_MAX])
{
	unsigned n = 0;

	for (size_t from = 0; from < text.n && n < WORDS_MAX; n++) {
		size_t end = until(text, from, " ");
		words[n] = (struct vn_span){ text.p + from, end - from };
		from = end + 1;
	}
	return n;
}

static bool is_type(struct vn_span word)
{
	return text_is(word, "master") || text_is(word, "slave") || text_is(word, "sentinel");
}

/* Which words are hosts, before their ports; 0: none. */
static void news_read(struct news *n, struct vn_span text)
{
	struct vn_span words[WORDS_MAX];
	unsigned count = words_split(text, words);

	if (n->switches && count == 5) {
		n->at[0] = 1;
		n->at[1] = 3;
	} else if (!n->switches && count >= 4 && is_type(words[0])) {
		n->at[0] = 2;
		n->at[1] = count >= 8 && text_is(words[4], "@") ? 6 : 0;
	}
	for (int i = 0; i < 2 && n->at[i]; i++)
		n->of[i] = (struct instance){ words[n->at[i]], port_of(words[n->at[i] + 1]),
			                      { 0 }, 0 };
}

/* The word, or what takes its place. */
static void news_word(const struct writer *w, const struct news *n, unsigned i, struct vn_span word)
{
	for (int k = 0; k < 2; k++) {
		const struct instance *of = &n->of[k];
		const struct vn_place place = { of->other, of->other_port };
		struct vn_span host;
		unsigned port;
		if (!n->at[k] || !of->other.p)
			continue;
		if (i == n->at[k]) {
			bytes_put(w, of->other.p, of->other.n);
			return;
		}
		if (i == n->at[k] + 1) {
			number_put(w, "", of->other_port, "");
			return;
		}
		if (!n->switches && !k && i == 1 && pair_split(word, &host, &port) &&
		    port == of->port && host.n == of->host.n &&
		    !memcmp(host.p, of->host.p, host.n)) {
			pair_put(w, &place);
			return;
		}
	}
	bytes_put(w, word.p, word.n);
}

static void news_put(const struct writer *w, struct vn_span text, const void *what)
{
	for (size_t from = 0, end, i = 0; from < text.n; from = end + 1, i++) {
		end = until(text, from, " ");
		news_word(w, what, (unsigned)i, (struct vn_span){ text.p + from, end - from });
		if (end < text.n)
			words_put(w, " ");
	}
}

/* ["message", channel, text] or ["pmessage", pattern, channel, text] */
static bool news_edit(const struct writer *w, struct reader *r)
{
	struct item head = item_next(r), kind = item_next(r);
	bool pattern = text_is(kind.text, "pmessage");
	char rooms[2][300];
	struct news n = { 0 };

	if (head.n != 3 + pattern) {
		*r = (struct reader){ r->in, head.from };
		item_copy(w, r);
		return true;
	}
	if (pattern)
		item_next(r);
	struct item channel = item_next(r);
	copy_put(w, r, head.from);
	n.switches = text_is(channel.text, "+switch-master") ||
	             text_is(channel.text, "+redirect-to-master");
	struct item text = item_next(r);
	news_read(&n, text.text);
	for (int i = 0; i < 2; i++)
		if (n.at[i])
			instance_ask(w, &n.of[i], rooms[i]);
	if (text.type == '$' && text.n >= 0)
		text_edit(w, &text, news_put, &n);
	else
		copy_put(w, r, text.from);
	return true;
}

/* ---- which reply, and the way in ---- */

static const struct {
	const char *first, *second;
	enum told told;
} asked[] = {
	{ "CLUSTER", "SLOTS", TOLD_SLOTS },
	{ "CLUSTER", "SHARDS", TOLD_SHARDS },
	{ "CLUSTER", "NODES", TOLD_NODES },
	{ "CLUSTER", "REPLICAS", TOLD_LINES },
	{ "CLUSTER", "SLAVES", TOLD_LINES },
	{ "SENTINEL", "GET-MASTER-ADDR-BY-NAME", TOLD_MASTER },
	{ "SENTINEL", "GET-PRIMARY-ADDR-BY-NAME", TOLD_MASTER },        /* Valkey */
	{ "SENTINEL", "MASTER", TOLD_INSTANCE },
	{ "SENTINEL", "PRIMARY", TOLD_INSTANCE },                       /* Valkey */
	{ "SENTINEL", "MASTERS", TOLD_INSTANCES },
	{ "SENTINEL", "PRIMARIES", TOLD_INSTANCES },                    /* Valkey */
	{ "SENTINEL", "REPLICAS", TOLD_INSTANCES },
	{ "SENTINEL", "SLAVES", TOLD_INSTANCES },
	{ "SENTINEL", "SENTINELS", TOLD_INSTANCES },
	{ "INFO", NULL, TOLD_INFO },
	{ "ROLE", NULL, TOLD_ROLE },
};

enum told topology_asked(struct vn_span first, struct vn_span second)
{
	for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++)
		if (text_is(first, asked[i].first) &&
		    (!asked[i].second || text_is(second, asked[i].second)))
			return asked[i].told;
	return TOLD_NOTHING;
}

enum { PLACES = 4, PLACE_BITS = 12, PLACE_LAST = 0xff };

uint64_t topology_queue(uint64_t places, uint64_t at, enum told told)
{
	for (unsigned shift = 0; at < PLACE_LAST && shift < PLACES * PLACE_BITS;
	     shift += PLACE_BITS)
		if (!(places >> shift & 0xf))
			return places | (at << 4 | told) << shift;
	return places | TOLD_LOST;
}

static enum told place_tells(uint64_t places, uint64_t at)
{
	for (unsigned shift = 0; shift < PLACES * PLACE_BITS; shift += PLACE_BITS)
		if ((places >> shift >> 4 & PLACE_LAST) == at && places >> shift & 0xf)
			return places >> shift & 0xf;
	return TOLD_NOTHING;
}

bool topology_redirects(struct vn_span in)
{
	static const char *const words[] = { "-MOVED ", "-ASK ", "-REDIRECT " };

	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if (in.n >= strlen(words[i]) && !memcmp(in.p, words[i], strlen(words[i])))
			return true;
	return false;
}

/* The channel begins with + or -. */
enum told topology_news(struct vn_span in, struct vn_span *name)
{
	struct reader r = { in, 0 };
	struct item head, kind, pattern, channel;

	if (item_read(&r, &head) == READ_MORE)
		return TOLD_LATER;
	if (!head.list || head.n < 3 || head.n > 4)
		return TOLD_NOTHING;
	enum read step = item_read(&r, &kind);
	if (step == READ_MORE && kind.text.n <= strlen("pmessage"))
		return TOLD_LATER;
	bool matched = text_is(kind.text, "pmessage");
	if (step != READ_ITEM || head.n != 3 + matched ||
	    (!matched && !text_is(kind.text, "message") && !text_is(kind.text, "smessage")))
		return TOLD_NOTHING;
	if (matched && (step = item_read(&r, &pattern)) != READ_ITEM)
		return step == READ_MORE && in.n < EDIT_MAX ? TOLD_LATER : TOLD_NOTHING;
	step = item_read(&r, &channel);
	if (step == READ_MORE && in.n < EDIT_MAX)
		return TOLD_LATER;
	if (step == READ_ITEM)
		*name = channel.text;
	bool news = step == READ_ITEM && channel.text.n &&
	            (*channel.text.p == '+' || *channel.text.p == '-');
	return news ? TOLD_NEWS : TOLD_NOTHING;
}

static each_fn run_edit;

/* The type of the reply that has addresses; any other one is an error, or nil, or QUEUED. */
static const struct { const char *types; each_fn *edit; } edits[] = {
	[TOLD_SLOTS]       = { "*", slots_edit },
	[TOLD_SHARDS]      = { "*", shards_edit },
	[TOLD_NODES]       = { "$=", nodes_edit },
	[TOLD_LINES]       = { "*", lines_edit },
	[TOLD_MASTER]      = { "*", master_edit },
	[TOLD_INSTANCE]    = { "*%", instance_edit },
	[TOLD_INSTANCES]   = { "*", instances_edit },
	[TOLD_ROLE]        = { "*", role_edit },
	[TOLD_INFO]        = { "$=", info_edit },
	[TOLD_REDIRECTION] = { "-", redirection_edit },
	[TOLD_NEWS]        = { "*>", news_edit },
	[TOLD_RUN]         = { "*", run_edit },
};

/* Has a reply that begins so addresses? It is neither an error nor nil. */
static bool edit_fits(enum told told, const uint8_t *in, size_t n)
{
	return n && in[0] && strchr(edits[told].types, in[0]) && !(n > 2 && in[1] == '-');
}

/* [reply, reply, ...] */
static bool run_edit(const struct writer *w, struct reader *r)
{
	struct item head = item_next(r);

	copy_put(w, r, head.from);
	for (int64_t i = 0; i < head.n; i++) {
		enum told told = place_tells(w->places, (uint64_t)i);
		if (told && edit_fits(told, r->in.p + r->at, r->in.n - (size_t)r->at))
			edits[told].edit(w, r);
		else
			item_copy(w, r);
	}
	return true;
}

enum edit topology_edit(struct vn_session *t, enum told told, uint64_t places, bool resp3,
                        struct vn_span in, uint64_t *len)
{
	static const char long_reply[] =
		"a reply of more than 60000 bytes names servers, and is not rewritten",
		lost[] = "a transaction asks for servers more than 4 times, or behind 255 other "
			 "commands, and not all of its reply is rewritten";
	struct reader r = { in, 0 }, end = r;
	struct writer w = { .session = t, .to = t->scratch, .resp3 = resp3,
			    .places = places };
	enum read step;

	if (told == TOLD_LATER)
		return EDIT_WAIT;
	if (!told || !t->map || !strchr(edits[told].types, in.p[0]))
		return EDIT_NONE;
	if (places & TOLD_LOST)
		t->notice = lost;
	if ((step = item_skip(&end)) != READ_ITEM) {
		if (step == READ_MORE && in.n < EDIT_MAX)
			return EDIT_WAIT;
		if (step == READ_MORE)
			t->notice = long_reply;
		return EDIT_NONE;
	}
	if (in.n > 2 && in.p[1] == '-')         /* nil */
		return EDIT_NONE;
	edits[told].edit(&w, &r);
	if (r.at != end.at)                     /* attributes stand between its items */
		return EDIT_NONE;
	struct vn_span made = vn_buffer_span(t->scratch);
	*len = end.at;
	return made.n == end.at && !memcmp(made.p, in.p, made.n) ? EDIT_NONE : EDIT_DONE;
}

/* ---- slots ---- */

/* CRC16 of XMODEM, as Redis Cluster has it. */
static unsigned crc16(struct vn_span s)
{
	unsigned crc = 0;

	for (size_t i = 0; i < s.n; i++) {
		crc ^= (unsigned)s.p[i] << 8;
		for (int bit = 0; bit < 8; bit++)
			crc = crc << 1 ^ (crc & 0x8000 ? 0x1021 : 0);
		crc &= 0xffff;
	}
	return crc;
}

unsigned topology_slot(struct vn_span key)
{
	const uint8_t *open = key.n ? memchr(key.p, '{', key.n) : NULL, *close;

	if (open) {
		size_t left = key.n - (size_t)(open + 1 - key.p);
		close = left ? memchr(open + 1, '}', left) : NULL;
		if (close && close > open + 1)
			key = (struct vn_span){ open + 1, (size_t)(close - open - 1) };
	}
	return crc16(key) & 16383;
}
