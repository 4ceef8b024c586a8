/* lua_userdata.h - things of C in a script's hands, with fields: an event, a verdict, bytes.
 *
 * A userdata is good for the call in which it was pushed: used later it throws. Each kind announces
 * itself when the program is loaded; a state takes all of them when it is opened. */
#ifndef PLUGINS_LUA_USERDATA_H
#define PLUGINS_LUA_USERDATA_H

#include <lua5.4/lua.h>
#include <stddef.h>
#include <stdint.h>

struct userdata_kind {
	const char *name;               /* in errors */
	lua_CFunction length, text;     /* for # and tostring(); NULL: none */
	struct userdata_kind *next;
	unsigned index;                 /* in a state's list of metatables */
};

struct field {
	const char *name;
	void (*get)(lua_State *, void *thing);          /* pushes one value */
	void (*set)(lua_State *, void *thing);          /* the value is argument 3 */
	lua_CFunction method;
};

/* Fields of a kind. They may be of several files. */
struct userdata_fields {
	struct userdata_kind *kind;
	const struct field *fields;
	struct userdata_fields *next;
};

/* These only link a list: constructors run in any order. */
void userdata_announce_kind(struct userdata_kind *);
void userdata_announce_fields(struct userdata_fields *);

/* At file scope: USERDATA(pace, { "rate", rate_get, rate_set }, ...) announces pace_kind and its
 * fields. USERDATA_FIELDS does so for further fields of a kind of another file. */
#define USERDATA(KIND, ...) \
	__attribute__((constructor)) static void KIND##_announce(void) \
	{ \
		userdata_announce_kind(&KIND##_kind); \
	} \
	USERDATA_FIELDS(KIND, __VA_ARGS__)

#define USERDATA_FIELDS(KIND, ...) \
	static const struct field KIND##_field_list[] = { __VA_ARGS__, { NULL } }; \
	static struct userdata_fields KIND##_fields = { &KIND##_kind, KIND##_field_list }; \
	__attribute__((constructor)) static void KIND##_fields_announce(void) \
	{ \
		userdata_announce_fields(&KIND##_fields); \
	}

struct userdata {
	uint64_t call;                  /* the number of the call that it is good for */
	void *thing;
	size_t n;                       /* of bytes: how many */
};

void userdata_open(lua_State *);        /* once for each state */

struct userdata *userdata_push(lua_State *, const struct userdata_kind *, const void *thing);

/* The argument. Throws if it is none of that kind, or was pushed in another call. */
struct userdata *userdata_check(lua_State *, int argument, const struct userdata_kind *);

#endif
