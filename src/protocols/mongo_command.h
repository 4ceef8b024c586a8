/* mongo_command.h - a request of MongoDB's wire protocol, as far as it is at hand: its frame, what
 * its command does, and on what. */
#ifndef PROTOCOLS_MONGO_COMMAND_H
#define PROTOCOLS_MONGO_COMMAND_H

#include "protocols/mongo_bson.h"

enum {
	WIRE_HEAD = 16,                 /* bytes: length, id, what it answers, opcode */
	WIRE_MAX = 48000000,            /* bytes of a message, the server's own bound */
	WIRE_VIEW = 65536,              /* so much of a message is looked at */
	SUBJECT_MAX = 1024,
};

enum opcode { OP_REPLY = 1, OP_QUERY = 2004, OP_COMPRESSED = 2012, OP_MSG = 2013 };

enum { HAS_CHECKSUM = 1, MORE_TO_COME = 2, EXHAUST_ALLOWED = 1 << 16 };        /* of OP_MSG */

/* What a command is besides. */
enum {
	IS_HELLO   = VN_IS_OWN << 0,
	IS_GETMORE = VN_IS_OWN << 1,
	IS_INSIDE  = VN_IS_OWN << 2,    /* it runs in a transaction, and does not end it */
	/* a write whose answer tells of its write concern */
	IS_CONCERNED = VN_IS_OWN << 3,
};

struct wire {                           /* a message */
	uint32_t length, id, to, op, flags;
	size_t document, room;          /* where its document begins; how long it may be */
	struct vn_span database;        /* OP_QUERY: "admin.$cmd" without its end */
	size_t many, many_room;         /* the first documents of a sequence; 0: there are none */
	size_t end;                     /* of the sections: the checksum follows */
	unsigned sections;
};

enum wire_step {
	WIRE_KNOWN,
	WIRE_MORE,                      /* more bytes of it are needed, and can be had */
	WIRE_UNSEEN,                    /* the document begins or goes on behind WIRE_VIEW */
	WIRE_BROKEN,                    /* the server will reject it, but its length is right */
	WIRE_FOREIGN,                   /* it is no message */
};

struct known {                          /* a command of the server */
	const char *name;
	unsigned is;
	uint8_t how;
};

enum {                                  /* bits of known.how */
	SECRET = 1,                     /* no subject */
	PREFIX = 2,                     /* it is the beginning of the name */
	ENDS   = 4,                     /* it ends a transaction */
	LISTED = 8,                     /* its filter is in the first of its documents */
	OUTPUT = 16,                    /* it writes unless its output goes into the answer */
};

struct command {
	const struct known *known;      /* NULL: not known */
	struct vn_span name, database, collection;
	struct vn_span filter, lsid, api;       /* values; p NULL: not given */
	uint8_t filter_type;
	struct vn_span compression;     /* the whole element, if it names any ... */
	size_t body;                    /* ... and where its document begins in the message */
	struct vn_span application;     /* the client's name for itself */
	int64_t transaction, cursor;
	bool has_transaction, autocommit, starts;       /* given, whatever it is; true */
	bool answered;                  /* its output goes into the answer */
	uint64_t hash;                  /* of what is the same when it is sent again */
};

/* Read the frame of a message of which the view has the beginning. */
enum wire_step wire_read(struct wire *, struct vn_span view);

/* Only length, id, to and op. False: they and 4 bytes more are not at hand. */
bool wire_head_read(struct wire *, struct vn_span view);

/* Read the command in it. With `hashed`, command.hash is made. */
enum wire_step command_read(struct command *, const struct wire *, struct vn_span view,
                            bool hashed);

/* The bits and the subject. Returns the length of the subject; 0: it has none. */
unsigned command_is(const struct command *);
size_t command_subject(const struct command *, char to[SUBJECT_MAX]);

/* For struct message.note: the row of the command, and back. */
unsigned known_number(const struct known *);
const char *known_name(unsigned number);

#endif
