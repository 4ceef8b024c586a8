/* sql.h - what a statement does, as far as its first words tell; for every protocol that speaks SQL. */
#ifndef SQL_H
#define SQL_H

#include "vaurien.h"

struct sql_keyword { const char *word, *then; unsigned is; };   /* `then` NULL: whatever follows */

struct sql {                            /* a dialect */
	const struct sql_keyword *keywords;     /* the first that fits counts; ends with a row without word */
	size_t (*comment)(struct span);         /* how long the comment is that this begins with; 0: none begins here */
};

const struct sql_keyword *sql_find(const struct sql *, struct span text);       /* NULL: none of them */

#endif
