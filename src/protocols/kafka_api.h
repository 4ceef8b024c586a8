/* kafka_api.h - Kafka's APIs, their versions and schemas, and what a request names.
 *
 * A frame is 4 bytes of length and a header: API, version, number, the client's name. */
#ifndef PROTOCOLS_KAFKA_API_H
#define PROTOCOLS_KAFKA_API_H

#include "protocols/kafka_wire.h"

enum {
	IS_PRODUCE  = VN_IS_OWN,
	IS_FETCH    = VN_IS_OWN << 1,
	IS_OFFSETS  = VN_IS_OWN << 2,   /* ListOffsets and the like */
	IS_METADATA = VN_IS_OWN << 3,
	IS_MEMBER   = VN_IS_OWN << 4,   /* Heartbeat, OffsetCommit, SyncGroup */
	IS_JOIN     = VN_IS_OWN << 5,
	IS_GROUP    = VN_IS_OWN << 6,   /* all of a group */
	IS_TXN      = VN_IS_OWN << 7,   /* all of a transaction */
	IS_CHANGING = VN_IS_OWN << 8,   /* of these: what meets one that is still under way */
	IS_FINDING  = VN_IS_OWN << 9,   /* FindCoordinator */
	IS_ADMIN    = VN_IS_OWN << 10,  /* topics that are created, deleted, extended */
	IS_ALL_ACKS = VN_IS_OWN << 11,  /* Produce with acks=all */
	IS_SLOWED   = VN_IS_OWN << 12,  /* its answer has a throttle time */
	IS_WORDED   = VN_IS_OWN << 13,  /* its answer is known, and can be an error */
	IS_METERED  = VN_IS_OWN << 14,  /* ADMIN of versions in which a quota is an error */
};

struct api {
	int key;
	char verb[24];
	int most, flexible;             /* the newest version that is known, the first flexible */
	unsigned is;
	const char *request, *response; /* NULL: not known */
};

enum { PRODUCE = 0, FETCH = 1, METADATA = 3, LEAVE_GROUP = 13, SASL_HANDSHAKE = 17,
       API_VERSIONS = 18, CREATE_TOPICS = 19, DELETE_TOPICS = 20, END_TXN = 26,
       SASL_AUTHENTICATE = 36, CREATE_PARTITIONS = 37 };

enum {
	FRAME_MAX = 256 << 20,          /* a longer one is none; the hello of TLS is such */
	WHOLE_MAX = 60000,              /* up to here a frame is looked at as a whole ... */
	PARTLY = 32768,                 /* ... of a longer one so much */
	SHAPE_MAX = 16384,
};

struct kafka {
	struct units ask, answer;
	uint32_t seq;                   /* of the request in `ask` */
	uint32_t told;                  /* number of the latest request that wants no answer ... */
	bool tells;                     /* ... if there was one */
	bool tokens;                    /* frames may be bare tokens of SASL */
	char subject[512];
};

struct kafka_opts { const char *api_versions; vn_nsec throttle_time; };

/* Of message.note: the index in apis[], the version, and: */
enum { NOTE_NO_ANSWER = 1 << 24, NOTE_TOKEN = 1 << 25, NOTE_PARTLY = 1 << 26 };
enum { NO_API = 255 };

/* The failure's number: the code, and how it is told. */
enum { REFUSED = 0, EDITED = 1 << 16, SLOWED = 2 << 16, UNTOLD = 3 << 16, HOW = 3 << 16 };

#define CODE(n) (uint16_t)(n)

/* What a request names. The shape has its topics and partitions, as an error mirrors them: a 'q', a
 * length of 2 bytes and the name; behind it for each partition an 'x' and its index. */
struct view {
	struct vn_span topic, group, txn, member, pid, epoch;
	struct vn_span records;         /* the first ones, as far as they are at hand */
	char *subject; size_t n, room;  /* the topics, if they are several */
	unsigned topics;
	int acks;
	bool commits, full;
	uint8_t *shape; size_t shape_n; /* SHAPE_MAX bytes of room; NULL: it is not wanted */
};

extern const struct api kf_apis[];

const struct api *kf_api_find(int key);            /* NULL: it is not known */

/* Of a message that this protocol has described. NULL: it is not known. */
const struct api *kf_api_of(const struct vn_message *);
int kf_version_of(const struct vn_message *);

/* Are the bodies of this version known? */
bool kf_api_read(const struct api *, int version);

/* Reads a request that kf_api_read() knows. */
void kf_view_read(struct walk *, struct view *, const struct api *, int version, struct vn_span in);
void kf_view_on(struct walk *, char kind, struct vn_span value, uint32_t count);

/* The VN_IS_... bits of a request. */
unsigned kf_request_is(const struct api *, int version, const struct view *);

#endif
