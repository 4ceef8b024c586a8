/* toxic.c - a toxic as Toxiproxy's JSON has it, and the rule that it is.
 *
 * Here "upstream" is the stream to the server, "downstream" the stream back. */
#include "toxiproxy/toxic.h"

#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "spec/option_json.h"
#include "spec/registry.h"
#include "spec/rule_check.h"

/* Toxiproxy's own types: Go's name of the type, and the attributes in their order with their types
 * in Go. Clients are typed by these, and values of other types are refused. */
static const struct original {
	const char *type, *go;
	struct attribute { const char *name, *type; } attributes[4];
} originals[] = {
	{ "latency",     "LatencyToxic",    { { "latency", "int64" }, { "jitter", "int64" } } },
	{ "bandwidth",   "BandwidthToxic",  { { "rate", "int64" } } },
	{ "slow_close",  "SlowCloseToxic",  { { "delay", "int64" } } },
	{ "timeout",     "TimeoutToxic",    { { "timeout", "int64" } } },
	{ "reset_peer",  "ResetToxic",      { { "timeout", "int64" } } },
	{ "slicer",      "SlicerToxic",     { { "average_size", "int" },
	                                      { "size_variation", "int" }, { "delay", "int" } } },
	{ "limit_data",  "LimitDataToxic",  { { "bytes", "int64" } } },
	{ "packet_loss", "PacketLossToxic", { { "loss_rate", "float64" },
	                                      { "correlation", "float64" } } },
	{ "noop",        "NoopToxic",       { { NULL } } },
};

static const char *const fields[] = {
	"match", "kind", "client", "connections", "skip", "times", "every", "ttl", "share", "per",
	NULL
};

bool http_error_set(struct http_error *f, unsigned status, const char *format, ...)
{
	va_list args;

	f->status = status;
	va_start(args, format);
	vsnprintf(f->text, sizeof f->text, format, args);
	va_end(args);
	return false;
}

static bool body_bad(struct http_error *f, const char *why)
{
	return http_error_set(f, 400, "bad request body: %.450s", why);
}

static const struct original *original_of(const char *type)
{
	for (size_t i = 0; i < sizeof originals / sizeof originals[0]; i++)
		if (!strcmp(originals[i].type, type))
			return &originals[i];
	return NULL;
}

/* ---- from JSON: options as a rule takes them ---- */

/* As Go, which ignores the case of keys; names of options are in lower case. */
static char *key_lower(const char *key)
{
	char *made = xstrdup(key);
	for (char *c = made; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	return made;
}

/* A value of one of Toxiproxy's own attributes, as Go's type takes it. NULL: refused. */
static json_t *attribute_take(const struct original *o, const struct attribute *a,
                              const json_t *value, struct http_error *f)
{
	char what[200], error[GO_ERROR];
	bool real = *a->type == 'f';

	if (json_is_integer(value) || (real && json_is_real(value))) {
		double d = json_number_value(value);
		return real ? json_real(d < 0 ? 0 : d > 1 ? 1 : d) : json_incref((json_t *)value);
	}
	snprintf(what, sizeof what, "Go struct field %s.attributes.%s of type %s", o->go, a->name,
	         a->type);
	go_mismatch(value, what, error);
	body_bad(f, error);
	return NULL;
}

static bool attribute_put(json_t *options, const struct vn_behavior *b, const char *key,
                          const json_t *value, struct http_error *f)
{
	const struct original *o = original_of(b->name);

	for (const struct attribute *a = o ? o->attributes : NULL; a && a->name; a++) {
		if (strcmp(a->name, key))
			continue;
		json_t *taken = attribute_take(o, a, value, f);
		return taken && json_object_set_new(options, key, taken) == 0;
	}
	if (o && !opt_find(b->options, key))
		return true;            /* as Toxiproxy, which ignores unknown attributes */
	json_object_set(options, key, (json_t *)value);
	return true;
}

static bool attributes_put(json_t *options, const struct vn_behavior *b, const json_t *attributes,
                           struct http_error *f)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)attributes, key, value) {
		char *small = key_lower(key);
		bool good = json_is_null(value) || attribute_put(options, b, small, value, f);
		free(small);
		if (!good)
			return false;
	}
	return true;
}

static double toxicity_limit(double toxicity)
{
	return fmin(fmax(toxicity, 0), 1);
}

/* Put the fields of a rule, which Toxiproxy does not have, and the toxicity, limited to 0 to 1. */
static void fields_put(json_t *options, const json_t *toxic, const double *toxicity)
{
	for (size_t i = 0; fields[i]; i++) {
		const json_t *value = go_get(toxic, fields[i]);
		if (value)
			json_object_set(options, fields[i], (json_t *)value);
	}
	if (toxicity)
		json_object_set_new(options, "probability", json_real(toxicity_limit(*toxicity)));
}

/* A real must fit Go's float32. */
static bool kind_fits(const json_t *value, json_type kind)
{
	if (kind == JSON_REAL)
		return json_is_number(value) && isfinite((float)json_number_value(value));
	return json_typeof(value) == kind;
}

/* The value of a key in *to; NULL: it is missing. False: it is of another kind. */
static bool member(const json_t *body, const char *owner, const char *key, json_type kind,
                   const char *go, const json_t **to, struct http_error *f)
{
	char what[200], error[GO_ERROR];
	const json_t *value = *to = go_get(body, key);

	if (!value || kind_fits(value, kind))
		return true;
	snprintf(what, sizeof what, "Go struct field %s.%s of type %s", owner, key, go);
	go_mismatch(value, what, error);
	return body_bad(f, error);
}

static bool object_good(const json_t *body, const char *type, struct http_error *f)
{
	char what[200], error[GO_ERROR];

	if (json_is_object(body) || json_is_null(body))
		return true;
	snprintf(what, sizeof what, "Go value of type %s", type);
	go_mismatch(body, what, error);
	return body_bad(f, error);
}

/* ---- streams ---- */

static const struct { const char *stream, *direction; enum vn_direction is; } streams[] = {
	{ "upstream", "request", VN_REQUEST }, { "downstream", "response", VN_RESPONSE },
	{ "both", "both", VN_BOTH },
};

/* The direction of a stream, in any case; NULL: it is no stream. */
static const char *stream_direction(const char *stream)
{
	for (size_t i = 0; i < 3; i++)
		if (!strcasecmp(streams[i].stream, stream))
			return streams[i].direction;
	return NULL;
}

static const char *stream_of(enum vn_direction d)
{
	return streams[d == VN_REQUEST ? 0 : d == VN_RESPONSE ? 1 : 2].stream;
}

/* Keep what a rule has no field for: the stream as the client spelled it, the toxicity as it was
 * set. */
static void note_put(struct rule_spec *r, const char *stream, double toxicity)
{
	char *note = xasprintf("%s %.9g", stream, toxicity);

	free(r->note);
	r->note = note;
}

/* As it was set, unless PUT /rules has changed it since. */
static double toxicity_of(const struct rule_spec *r)
{
	const char *blank = r->note ? strchr(r->note, ' ') : NULL;
	double is = r->high - r->low, noted = blank ? strtod(blank, NULL) : is;

	return (float)toxicity_limit(noted) == (float)is ? noted : is;
}

/* The same of the stream. To be freed. */
static char *stream_shown(const struct rule_spec *r)
{
	const char *now = stream_of(r->direction);
	char *noted = r->note ? xstrndup(r->note, strcspn(r->note, " ")) : NULL;
	const char *direction = noted ? stream_direction(noted) : NULL;

	if (direction && !strcmp(direction, stream_direction(now)))
		return noted;
	free(noted);
	return xstrdup(now);
}

/* ---- made and changed ---- */

static bool rule_take(struct rule_spec *r, const struct spec *on, json_t *options,
                      struct http_error *f)
{
	const char *culprit, *key;
	char error[ERROR_MAX];
	json_t *value;

	json_object_foreach(options, key, value)
		if (!rule_set(r, key, value, &culprit, error))
			return body_bad(f, error);
	return rule_finish(r, on, &culprit, error) || body_bad(f, error);
}

struct wording { const json_t *name, *type, *stream, *toxicity, *attributes; };

static bool wording_read(struct wording *w, const json_t *toxic, struct http_error *f)
{
	static const char owner[] = "ToxicWrapper";

	return object_good(toxic, "toxics.ToxicWrapper", f) &&
	       member(toxic, owner, "attributes", JSON_OBJECT, "toxics.NoopToxic", &w->attributes,
	              f) &&
	       member(toxic, owner, "name", JSON_STRING, "string", &w->name, f) &&
	       member(toxic, owner, "type", JSON_STRING, "string", &w->type, f) &&
	       member(toxic, owner, "stream", JSON_STRING, "string", &w->stream, f) &&
	       member(toxic, owner, "toxicity", JSON_REAL, "float32", &w->toxicity, f);
}

/* Make the rule of a toxic. False: refused; the rule is to be freed all the same. */
static bool rule_make(struct rule_spec *r, const struct spec *on, const json_t *toxic,
                      const struct wording *w, const struct vn_behavior *b, const char *stream,
                      struct http_error *f)
{
	double toxicity = w->toxicity ? go_float32(json_number_value(w->toxicity)) : 1;
	json_t *options = json_object();

	rule_init(r, json_string_value(w->name), b, on->defaults);
	if (stream)
		json_object_set_new(options, "direction", json_string(stream_direction(stream)));
	r->toxic = true;
	fields_put(options, toxic, &toxicity);
	bool good = attributes_put(options, b, w->attributes, f) && rule_take(r, on, options, f);
	json_decref(options);
	if (good)
		note_put(r, stream ? stream : stream_of(r->direction), toxicity);
	return good;
}

/* The default stream: downstream for Toxiproxy's own types; NULL: the behavior's own direction. */
static const char *stream_default(const struct vn_behavior *b)
{
	return original_of(b->name) ? "downstream" : NULL;
}

static json_t *name_default(const struct vn_behavior *b, const char *stream)
{
	if (!stream)
		stream = stream_of(b->direction ? b->direction : VN_BOTH);
	return json_sprintf("%s_%s", b->name, stream);
}

/* `listed`: it is one of a list that an export may have written, so it may be of any behavior. */
static struct spec *toxic_make(const struct spec *on, const json_t *toxic, bool listed,
                               char *name[1], struct http_error *f)
{
	struct wording w;
	struct rule_spec r;
	char error[ERROR_MAX];

	if (!wording_read(&w, toxic, f))
		return NULL;
	const char *stream = json_string_value(w.stream);
	const char *type = w.type ? json_string_value(w.type) : "";
	if (stream && !stream_direction(stream)) {
		http_error_set(f, 400, "stream was invalid, can be either upstream or downstream");
		return NULL;
	}
	const struct vn_behavior *b = behavior_find(type);
	if (!b || (!listed && !strcmp(type, NO_BEHAVIOR))) {
		http_error_set(f, 400, "invalid toxic type");
		return NULL;
	}
	if (!stream)
		stream = stream_default(b);
	if (w.name && strlen(json_string_value(w.name)) != json_string_length(w.name)) {
		http_error_set(f, 400,
		               "bad request body: name: expected a text without a character 0");
		return NULL;
	}
	bool has_name = w.name && json_string_length(w.name);
	json_t *named = has_name ? json_incref((json_t *)w.name) : name_default(b, stream);
	w.name = named;
	struct spec *to = NULL;
	if (spec_rule(on, json_string_value(named)) ||
	    !strcmp(json_string_value(named), RULE_GROUP))
		http_error_set(f, 409, "toxic already exists");
	else if (!rule_make(&r, on, toxic, &w, b, stream, f) ||
	         (!(to = spec_add_rule(on, &r, error)) && !body_bad(f, error)))
		rule_free(&r);
	if (to) {
		name[0] = xstrdup(json_string_value(named));
	}
	json_decref(named);
	return to;
}

struct spec *toxic_add(const struct spec *on, const json_t *toxic, char *name[1],
                       struct http_error *f)
{
	return toxic_make(on, toxic, false, name, f);
}

struct spec *toxic_add_listed(const struct spec *on, const json_t *toxic, struct http_error *f)
{
	char *name[1] = { NULL };
	struct spec *to = toxic_make(on, toxic, true, name, f);

	free(name[0]);
	return to;
}

/* In its errors Go names the type of one of Toxiproxy's own toxics. */
static bool changes_read(const struct rule_spec *r, const json_t *changes, struct wording *w,
                         struct http_error *f)
{
	const struct original *o = original_of(r->behavior->name);
	char go[64];

	snprintf(go, sizeof go, "toxics.%s", o ? o->go : "Toxic");
	return object_good(changes, "struct { Attributes interface {} \"json:\\\"attributes\\\"\"; "
	                   "Toxicity float32 \"json:\\\"toxicity\\\"\" }", f) &&
	       member(changes, "", "attributes", JSON_OBJECT, go, &w->attributes, f) &&
	       member(changes, "", "toxicity", JSON_REAL, "float32", &w->toxicity, f);
}

struct spec *toxic_change(const struct spec *on, const char *name, const json_t *changes,
                          struct http_error *f)
{
	const struct rule_spec *r = spec_rule(on, name);
	struct wording w;
	const char *culprit;
	char error[ERROR_MAX];

	if (!r) {
		http_error_set(f, 404, "toxic not found");
		return NULL;
	}
	if (!changes_read(r, changes, &w, f))
		return NULL;
	double toxicity = w.toxicity ? go_float32(json_number_value(w.toxicity)) : toxicity_of(r);
	json_t *options = json_object();
	fields_put(options, changes, w.toxicity ? &toxicity : NULL);
	struct spec *to = NULL;
	if (attributes_put(options, r->behavior, w.attributes, f) &&
	    !(to = spec_with_rule_changed(on, name, options, &culprit, error)))
		body_bad(f, error);
	json_decref(options);
	if (to) {
		char *stream = stream_shown(r);
		note_put(spec_rule(to, name), stream, toxicity);
		free(stream);
	}
	return to;
}

/* ---- shown ---- */

/* Toxiproxy's own attributes, then our options that are not at their defaults. */
static json_t *attributes_json(const struct rule_spec *r)
{
	const struct original *o = original_of(r->behavior->name);
	json_t *all = o ? json_object() : opt_values_to_json(&r->values);

	for (const struct attribute *a = o ? o->attributes : NULL; a && a->name; a++)
		json_object_set_new(all, a->name,
		                    opt_to_json(&r->values, opt_find(r->values.options, a->name)));
	for (const struct vn_opt *own = o ? r->values.options : NULL; own && own->name; own++)
		if (!json_object_get(all, own->name) && own->type != VN_OPT_INERT &&
		    !opt_is_default(&r->values, own))
			json_object_set_new(all, own->name, opt_to_json(&r->values, own));
	return all;
}

static json_t *name_json(const char *name)
{
	json_t *made = json_string(name);

	return made ? made : json_string_nocheck(name);
}

/* Without its counts. */
static json_t *toxic_json_set(const struct rule_spec *r)
{
	char *stream = stream_shown(r);
	json_t *toxic = json_object();

	json_object_set_new(toxic, "attributes", attributes_json(r));
	json_object_set_new(toxic, "name", name_json(r->name));
	json_object_set_new(toxic, "type", json_string(r->behavior->name));
	json_object_set_new(toxic, "stream", json_string(stream));
	json_object_set_new(toxic, "toxicity", json_real(go_float32(toxicity_of(r))));
	for (size_t i = 0; fields[i]; i++) {
		const struct vn_opt *o = opt_find(rule_options, fields[i]);
		if (strcmp(fields[i], "per") && !opt_is_default(&r->fields, o))
			json_object_set_new(toxic, fields[i], opt_to_json(&r->fields, o));
	}
	if (!r->per_connection)
		json_object_set_new(toxic, "per", json_string("exchange"));
	free(stream);
	return toxic;
}

bool toxic_same(const struct rule_spec *a, const struct rule_spec *b)
{
	json_t *one = toxic_json_set(a), *other = toxic_json_set(b);
	bool same = json_equal(one, other);

	json_decref(one);
	json_decref(other);
	return same;
}

json_t *toxic_json(const struct rule_spec *r)
{
	json_t *toxic = toxic_json_set(r);

	json_object_set_new(toxic, "seen", json_integer((json_int_t)r->counters->seen));
	json_object_set_new(toxic, "hits", json_integer((json_int_t)r->counters->hits));
	json_object_set_new(toxic, "unreachable",
	                    json_integer((json_int_t)r->counters->unreachable));
	return toxic;
}

json_t *toxics_json(const struct spec *s)
{
	json_t *all = json_array();

	for (int down = 0; down < 2; down++)
		for (unsigned i = 0; i < s->n_rules; i++)
			if ((s->rules[i].direction == VN_RESPONSE) == down)
				json_array_append_new(all, toxic_json(&s->rules[i]));
	return all;
}
