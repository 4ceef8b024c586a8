/* registry_check.c - checks of all behaviors and protocols: names, option tables, failures. */
#include "spec/registry_check.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "spec/failure.h"
#include "spec/option.h"
#include "spec/option_help.h"
#include "spec/registry.h"
#include "spec/rule_fields.h"
#include "spec/rule_warning.h"

#define TRAITS(plus) \
	(VN_TRAIT_WHOLE plus VN_TRAIT_LINE plus VN_TRAIT_NEW plus VN_TRAIT_SPARES plus \
	 VN_TRAIT_UPGRADE plus VN_TRAIT_REFUSES plus VN_TRAIT_DATAGRAMS plus \
	 VN_TRAIT_ONLY_DATAGRAMS plus VN_TRAIT_CLOSES_PORT)
_Static_assert(TRAITS(+) == TRAITS(|), "each trait has a bit of its own");

static char fault[ERROR_MAX];

__attribute__((format(printf, 1, 2)))
static const char *faulty(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(fault, sizeof fault, format, args);
	va_end(args);
	return fault;
}

static bool name_sane(const char *name)
{
	if (!name || !islower((unsigned char)name[0]))
		return false;
	for (const char *c = name; *c; c++)
		if (!islower((unsigned char)*c) && !isdigit((unsigned char)*c) && *c != '_')
			return false;
	return true;
}

static size_t type_size(enum vn_opt_type type)
{
	static const size_t sizes[] = {
		[VN_OPT_BOOL] = sizeof(bool), [VN_OPT_INT] = sizeof(int64_t),
		[VN_OPT_REAL] = sizeof(double), [VN_OPT_TIME] = sizeof(vn_nsec),
		[VN_OPT_TEXT] = sizeof(char *), [VN_OPT_CHOICE] = sizeof(char *),
		[VN_OPT_FAILURE] = sizeof(char *), [VN_OPT_TABLE] = sizeof(struct vn_table),
		[VN_OPT_INERT] = 0,
	};
	return sizes[type];
}

/* What is wrong with this row, without the names of row and guest; NULL: nothing. */
static const char *row_error(const struct vn_opt *table, const struct vn_opt *row, size_t opts_size)
{
	if (!name_sane(row->name))
		return "a name must be of a-z, 0-9 and _";
	if (opt_find(table, row->name) != row)
		return "the name stands twice";
	if ((unsigned)row->type > VN_OPT_INERT)
		return "there is no such type";
	if (!row->help || !*row->help)
		return "it has no help";
	if (row->rule != VN_OPT_OWN && row->type != VN_OPT_INT)
		return "a field of the rule must be OPT_INT";
	if (row->rule == VN_OPT_OWN && row->type != VN_OPT_INERT &&
	    (row->offset > opts_size || type_size(row->type) > opts_size - row->offset))
		return "its field lies outside the options";
	if ((row->type == VN_OPT_TIME || row->type == VN_OPT_TABLE) && row->unit <= 0)
		return "a time needs a unit";
	if (row->type == VN_OPT_CHOICE && (!row->choices || !row->choices[0]))
		return "a choice needs choices";
	if (!(row->min <= row->max) && !opt_unbounded(row))
		return "its bounds are the wrong way round";
	return NULL;
}

static const char *table_error(const char *guest, const struct vn_opt *table, size_t opts_size)
{
	struct opt_values values = { .options = NULL };

	for (const struct vn_opt *row = table; row && row->name; row++) {
		const char *why = row_error(table, row, opts_size);
		if (!why && (rule_key_is_reserved(row->name) || !strcmp(row->name, "plugin")))
			why = "the name has a meaning of its own in requests and files";
		if (why)
			return faulty("%.40s: option '%.40s': %s", guest, row->name, why);
	}
	opt_values_init(&values, NULL, opts_size);      /* safe: every field lies inside */
	values.options = table;
	for (const struct vn_opt *row = table; row && row->name; row++) {
		char error[ERROR_MAX];
		if (row->def && !opt_set_text(&values, row, row->def, error)) {
			opt_values_free(&values);
			return faulty("%.40s: the default of option %.180s", guest, error);
		}
	}
	opt_values_free(&values);
	return NULL;
}

static const char *failures_error(const struct vn_protocol *p)
{
	if (p->failures && p->failures[0].name && (!p->refuse || !p->word))
		return faulty("%.40s: failures need both refuse() and word()", p->name);
	for (const struct vn_failure *f = p->failures; f && f->name; f++) {
		if (!name_sane(f->name) || failure_find(p, f->name) != f)
			return faulty("%.40s: failure '%.40s' has no good name, or has it twice",
			              p->name, f->name);
		bool internal = !f->moments;
		if (!internal && (!f->code || !f->text || !f->fits))
			return faulty("%.40s: failure '%.40s' lacks its code, its text or what it "
			              "fits", p->name, f->name);
	}
	return NULL;
}

/* An option with the name of a field would hide the field. */
static const char *fields_error(const struct vn_behavior *b)
{
	for (const struct vn_opt *row = b->options; row && row->name; row++)
		if (opt_find(rule_options, row->name))
			return faulty("%.40s: option '%.40s': every rule has a field of that name",
			              b->name, row->name);
	return NULL;
}

/* The example is what `vaurienctl set-behavior` takes: "NAME", or "NAME --option ...". */
static const char *example_error(const struct vn_behavior *b)
{
	const char *x = b->example;
	size_t n = strlen(b->name);
	if (x && (strncmp(x, b->name, n) || (x[n] && x[n] != ' ') || strchr(x, '\n')))
		return faulty("behavior '%.40s': its example must be one line that begins with "
		              "its name, got '%.100s'", b->name, x);
	if (b->sees && (!*b->sees || strchr(b->sees, '\n')))
		return faulty("behavior '%.40s': `sees` must be one line of text", b->name);
	if ((unsigned)b->group > VN_GROUP_TLS)
		return faulty("behavior '%.40s': there is no group %u", b->name,
		              (unsigned)b->group);
	return NULL;
}

static const char *needs_error(const struct vn_behavior *b)
{
	const char *needs = b->needs ? b->needs : "";
	bool unknown = false;

	while (rule_needs_next(b, &needs, &unknown))
		;
	if (unknown)
		return faulty("behavior '%.40s': needs: it has no option '%.40s'", b->name, needs);
	return NULL;
}

static const char *behavior_error(const struct vn_behavior *b)
{
	const char *why;
	if (b->abi != VAURIEN_ABI)
		return faulty("a behavior was built for version %u of vaurien.h, this is version "
		              "%u", b->abi, VAURIEN_ABI);
	if (!name_sane(b->name))
		return faulty("behavior '%.40s': a name must be of a-z, 0-9 and _",
		              b->name ? b->name : "");
	if (behavior_find(b->name) != b)
		return faulty("behavior '%.40s' was announced twice: the name is taken", b->name);
	if (b->on && !b->act)
		return faulty("behavior '%.40s' has moments in .on but no act()", b->name);
	why = table_error(b->name, b->options, b->opts_size);
	if (!why)
		why = fields_error(b);
	if (!why)
		why = example_error(b);
	return why ? why : needs_error(b);
}

static const char *protocol_error(const struct vn_protocol *p)
{
	const char *why;
	if (p->abi != VAURIEN_ABI)
		return faulty("a protocol was built for version %u of vaurien.h, this is version "
		              "%u", p->abi, VAURIEN_ABI);
	if (!name_sane(p->name))
		return faulty("protocol '%.40s': a name must be of a-z, 0-9 and _",
		              p->name ? p->name : "");
	if (protocol_find(p->name) != p)
		return faulty("protocol '%.40s' was announced twice: the name is taken", p->name);
	if (!p->request != !p->response)
		return faulty("protocol '%.40s' must cut both directions or none", p->name);
	if ((why = failures_error(p)))
		return why;
	return table_error(p->name, p->options, p->opts_size);
}

const char *registry_error(void)
{
	const char *why = NULL;
	size_t n;
	const struct vn_behavior *const *b = behaviors_all(&n);
	for (size_t i = 0; !why && i < n; i++)
		why = behavior_error(b[i]);
	const struct vn_protocol *const *p = protocols_all(&n);
	for (size_t i = 0; !why && i < n; i++)
		why = protocol_error(p[i]);
	return why;
}
