/* protocols.c - fuzz test of all protocols and of the API's JSON.
 *
 *   input:   NAME \n  SIZE  RECORD...    NAME of a protocol; SIZE of the pieces, one byte
 *            json \n  BODY               BODY of /populate or of a toxic
 *   record:  0 n:2 BYTES                 the client sends BYTES
 *            1 n:2 BYTES                 the server sends BYTES
 *            2 F                         failure F refuses the latest request
 *            3 F                         failure F is written to an idle connection
 *            4 L                         what is wanted of TLS, VN_TLS_... bits; at first only;
 *                                        64: all that is sent are datagrams
 *            5 n:2 BYTES                 all that the backend sends before TLS; at first only
 *
 * If the name is unknown, its first byte chooses a protocol. The test passes if nothing crashes, no
 * byte beyond the input is read, and every cut is within its bounds. */
#include "../tests/protocols/feed.h"
#include "toxiproxy/proxy_json.h"
#include "spec/registry.h"

struct input { const uint8_t *p; size_t n; };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct input input_take(struct input *in, size_t n)
{
	struct input taken = { in->p, n < in->n ? n : in->n };

	in->p += taken.n;
	in->n -= taken.n;
	return taken;
}

static uint8_t input_byte(struct input *in)
{
	struct input one = input_take(in, 1);

	return one.n ? *one.p : 0;
}

static const struct vn_protocol *protocol_pick(struct input *in)
{
	size_t n;
	const struct vn_protocol *const *all = protocols_all(&n);

	for (size_t i = 0; i < n; i++) {
		size_t length = strlen(all[i]->name);
		if (in->n > length && !memcmp(in->p, all[i]->name, length) &&
		    in->p[length] == '\n') {
			input_take(in, length + 1);
			return all[i];
		}
	}
	return n ? all[input_byte(in) % n] : NULL;
}

static void say(struct feed *f, enum vn_direction d, struct input bytes, size_t piece)
{
	while (bytes.n) {
		struct input some = input_take(&bytes, f->talk.datagram ? SIZE_MAX : piece);
		feed_bytes(f, d, some.p, some.n);
	}
}

static void refuse(struct feed *f, bool idle, uint8_t which)
{
	struct vn_buffer out = { 0 };
	size_t n = 0;

	while (f->protocol->failures && f->protocol->failures[n].name)
		n++;
	if (!n || f->raw)
		return;
	const struct vn_failure *failure = &f->protocol->failures[which % n];
	if (idle) {
		f->protocol->word(&f->talk, NULL, failure, &out);
	} else if (feed_refuse(f, failure, &out) >= 0) {
		buffer_clear(&out);
		f->protocol->word(&f->talk, &f->latest, failure, &out);
	}
	buffer_free(&out);
}

/* The legs' TLS, before anything is said: handshakes are over at once. */
static void legs_say(struct feed *f, uint8_t wanted)
{
	f->talk.datagram = wanted & 64 && f->protocol->datagrams;
	f->talk.tls = wanted & (VN_TLS_CLIENT_MAY | VN_TLS_CLIENT_MUST | VN_TLS_BACKEND |
	                        VN_TLS_CLIENT_NEVER);
	if (!(f->talk.tls & VN_TLS_CLIENT_MAY))
		f->talk.tls &= VN_TLS_BACKEND;
	if (wanted & 16 && f->talk.tls & VN_TLS_CLIENT_MAY)
		f->talk.secure |= VN_LEG_CLIENT;        /* it begins with TLS */
	if (wanted & 32 && f->talk.tls & VN_TLS_BACKEND)
		f->talk.secure |= VN_LEG_BACKEND;
}

static void preamble_say(struct feed *f, struct input bytes)
{
	struct vn_buffer out = { 0 };

	if (!f->protocol->secure || !(f->talk.tls & VN_TLS_BACKEND) ||
	    f->talk.secure & VN_LEG_BACKEND)
		return;
	if (feed_secure(f, NULL, 0, &out) == VN_SECURE_MORE)
		for (size_t n = 1; n <= bytes.n && n <= 4096; n++)
			if (feed_secure(f, bytes.p, n, &out) != VN_SECURE_MORE)
				break;
	buffer_free(&out);
}

/* A body that is accepted must be accepted again after it was written. */
static void json_say(const json_t *value)
{
	char error[GO_ERROR];
	size_t n, again;
	char *text = go_write(value, &n);
	json_t *same = go_read(text, n, error);
	char *twice = go_write(same, &again);

	assert(same && n == again && !memcmp(text, twice, n));
	json_decref(same);
	free(twice);
	free(text);
}

static void toxic_say(const json_t *value)
{
	struct spec *on = spec_make("fuzz");
	struct http_error f;
	char *name = NULL;

	on->protocol = protocol_find("http");
	struct spec *to = toxic_add(on, value, &name, &f);
	if (to) {
		json_decref(toxics_json(to));
		spec_unref(toxic_change(to, name, value, &f));
	}
	free(name);
	spec_unref(to);
	spec_unref(on);
}

static void body_say(struct input in)
{
	/* Exactly n bytes: the sanitizer finds reads beyond them. */
	char error[GO_ERROR], *text = malloc(in.n + !in.n);
	struct http_error f;
	size_t n;

	assert(text);
	memcpy(text, in.p, in.n);
	json_t *value = go_read(text, in.n, error);
	free(text);
	assert(!value == !!*error);
	if (!value)
		return;
	json_say(value);
	toxic_say(value);
	struct proxy_request *w = proxy_requests_read(value, &n, &f);
	for (size_t i = 0; w && i < n; i++) {
		struct address a;
		if (w[i].listen &&
		    proxy_request_address(w[i].listen, w[i].ipv4_only == 1, &a, error))
			address_free(&a);
	}
	if (w)
		proxy_requests_free(w, n);
	json_decref(value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };

	if (size >= 5 && !memcmp(data, "json\n", 5)) {
		body_say((struct input){ data + 5, size - 5 });
		return 0;
	}
	const struct vn_protocol *protocol = protocol_pick(&in);
	struct feed f;

	if (!protocol || !protocol->request || !protocol->response)
		return 0;
	uint8_t pieces = input_byte(&in);
	size_t piece = pieces ? pieces : SIZE_MAX;
	feed_start(&f, protocol);
	for (bool said = false; in.n && !f.fault[0]; ) {
		uint8_t kind = input_byte(&in) % 6, low = input_byte(&in);
		said |= kind < 4;
		if (kind == 4) {
			if (!said)
				legs_say(&f, low);
		} else if (kind == 5) {
			struct input bytes =
				input_take(&in, low | (size_t)input_byte(&in) << 8);
			if (!said)
				preamble_say(&f, bytes);
		} else if (kind >= 2) {
			refuse(&f, kind == 3, low);
		} else {
			say(&f, kind ? VN_RESPONSE : VN_REQUEST,
			    input_take(&in, low | (size_t)input_byte(&in) << 8), piece);
			feed_bytes(&f, VN_REQUEST, NULL, 0);
		}
	}
	if (f.fault[0]) {
		fprintf(stderr, "%s: %s\n", protocol->name, f.fault);
		abort();
	}
	feed_stop(&f);
	return 0;
}
