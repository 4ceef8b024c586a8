/* mirror.h - simple second engine that predicts what each peer of the proxy receives.
 *
 * The test calls it with each event: bytes of a client, bytes of a backend, other rules, time. For
 * each connection it keeps the bytes that must have reached either side, and how it ended. */
#ifndef MIRROR_H
#define MIRROR_H

#include "vaurien.h"

enum { RULES = 8, SHARES = 24 };

enum toy { LATE, HUNG, REFUSED, LOST, MUTE, CUT, ENDED, OPEN, LEAVE, IDLE, SLOW, TOYS };

struct mirror_rule {
	uint64_t id, origin;            /* another id with other options, the same origin */
	enum toy toy;
	bool per_connection;
	double low, high;
	vn_nsec before, after;
	int64_t n;
	const char *failure;
	uint64_t skip, times, count;
	struct vn_dice dice;
};

struct mirror_rules { unsigned n; struct mirror_rule rule[RULES]; };

struct mirror_share { uint64_t rule; vn_nsec hold; };
struct mirror_lot { unsigned n; struct mirror_share share[SHARES]; };

struct mirror_clock { uint64_t rule; vn_nsec due; enum vn_end end; };

struct mirror_piece {
	enum { M_BYTES, M_MARK, M_FIN, M_END } kind;
	uint8_t *bytes; size_t n;
	vn_nsec came;
	struct mirror_lot holds;
	uint64_t exchange;              /* M_MARK */
	enum vn_end end;
	struct mirror_piece *next;
};

struct mirror_stream {
	struct mirror_piece *first, *last;
	uint8_t *sent; size_t n, room;  /* what must have arrived */
	bool ended, fin, shut;          /* no more is read; the end was read; it was passed on */
	bool open, gone;                /* a message is under way; its bytes are discarded */
	size_t keep, body;
	enum vn_end end;
	struct mirror_lot holds;
	bool push;
	struct mirror_exchange *own;    /* request: the exchange under way */
};

struct mirror_stand { uint64_t id[512]; bool in[512], counted[512], struck[512]; unsigned n; };

struct mirror_exchange {
	uint64_t number;
	uint64_t epoch;                 /* of the rules when it began */
	struct mirror_stand flags;
	const char *failure; int swallow;
	bool edit; uint64_t edit_rule;  /* its answer becomes an error, for that rule */
	enum vn_end end;
	bool dropped, told, sent, opening, offer;
	bool sequel;                    /* of an offer, and not begun */
	struct mirror_lot late;
	struct mirror_exchange *next;
};

/* One line, or a piece of a body. n = 0: the end. */
struct mirror_atom { uint8_t *bytes; size_t n; struct mirror_atom *next; };

struct mirror_conn {
	uint64_t number;
	bool linked, dialled;           /* a backend is connected; was ever connected */
	struct mirror_stream up, down;
	struct mirror_exchange *first, *last;
	struct mirror_stand whole;
	uint64_t asked, pushed;
	bool over; enum vn_end how;
	bool left;                      /* the client has sent its end, read or not */
	vn_nsec gone_since;
	struct mirror_clock clocks[RULES + 1];  /* ends by the clock */
	bool resting; vn_nsec rest_due; uint64_t rest_rule;
	struct mirror_rules *rules;     /* in force */
	uint64_t *epochs;               /* when each rule came to this connection */
	uint64_t epoch;
	enum { M_PLAIN, M_UNDECIDED, M_SEQUEL } mode;   /* of the client's next message */
	struct mirror_atom *halted, **halted_last;      /* received while it was undecided */
	struct mirror_lot sequel_lot; bool sequel_gone;
};

/* `secure`: the client does TLS, so that one who is refused at accept is closed without a word. */
void mirror_open(struct mirror_conn *, uint64_t number, struct mirror_rules *, bool greeter,
                 bool secure, vn_nsec now);
void mirror_free(struct mirror_conn *);
/* An atom is one line, or a piece of a body. */
void mirror_client(struct mirror_conn *, const uint8_t *atom, size_t n, vn_nsec now);
void mirror_backend(struct mirror_conn *, const uint8_t *atom, size_t n, vn_nsec now);
void mirror_fin(struct mirror_conn *, bool client, vn_nsec now);
void mirror_change(struct mirror_conn *, const struct mirror_rules *from, struct mirror_rules *to,
                   vn_nsec now);
void mirror_time(struct mirror_conn *, vn_nsec now);
void mirror_rest(struct mirror_conn *, vn_nsec now);    /* the proxy has read all bytes */

#endif
