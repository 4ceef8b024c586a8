/* redis.c - Redis in RESP2 and RESP3: where messages end, what a request does, its errors.
 *
 * A request is a list of strings, or a line of words. Each gets one reply, in order, except:
 *
 *   SUBSCRIBE a b        one confirmation per channel; UNSUBSCRIBE of all: one for each there is,
 *                        at least one
 *   CLIENT REPLY OFF     no reply, here and later; SKIP: no reply here and to the next request
 *   an empty request     no reply
 *   a push               is no reply: `>` in RESP3; in RESP2 a list that begins with "message" or
 *                        a similar word
 *   MONITOR, PSYNC ...   replies without an end: the connection becomes raw
 *
 * The end of a reply is found by counting items: a list of n owes n more. Only a streamed list,
 * whose length is not known, needs a level of its own. */
#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "protocols/redis_topology.h"
#include "vaurien.h"

enum {
	SUBJECT_MAX = 16384,            /* bytes of a subject */
	WAIT_MAX = 60000,               /* bytes of a request that it waits for */
	LINE_MAX_WAIT = 4096,           /* bytes of a reply's line that are waited for */
	ITEMS_MAX = 0x7fffffff,         /* of one list */
	STREAMS_MAX = 4,                /* streamed lists inside one another */
	NAMES_MAX = 768, SLOTS = 2048,  /* of commands; slots: a power of 2 */
};

#define LENGTH_MAX (1ll << 40)          /* of a string */
#define LEFT_MAX   (1ull << 60)

/* More kinds of commands: what the server checks before it runs one. */
enum {
	IS_GROWING = VN_IS_OWN << 0, /* it may need memory */
	WANTS_DATA = VN_IS_OWN << 1, /* it is refused while the data is loaded ... */
	/* ... where a replica has lost its master and may not be stale ... */
	WANTS_MASTER = VN_IS_OWN << 2,
	WANTS_TIME = VN_IS_OWN << 3, /* ... while a script runs ... */
	WANTS_LOGIN = VN_IS_OWN << 4, /* ... before the login */
	IS_PING = VN_IS_OWN << 5,
	IS_WAITING = VN_IS_OWN << 6, /* it may block */
	IS_LOOKING = VN_IS_OWN << 7, /* it may find nothing */
	IS_FREE = VN_IS_COMMAND | WANTS_LOGIN | WANTS_TIME,
	IS_STALE = IS_FREE | WANTS_DATA,
	IS_USUAL = IS_STALE | WANTS_MASTER,
	IS_READING = IS_USUAL | VN_IS_READ | IS_LOOKING,
	/* what EXEC takes over from what it runs */
	IS_QUEUED = VN_IS_READ | VN_IS_WRITE | VN_IS_UNKNOWN | IS_GROWING | WANTS_DATA |
	            WANTS_MASTER,
};

static const char *const
	own[] = { /* the same in words, in their order */
	          "what may need memory",   "what needs the data",   "what needs the master",
	          "what waits for scripts", "what needs a login",    "pings",
	          "what may block",         "what may find nothing", NULL
        };

/* What is to be done about it. */
enum kind {
	PLAIN,
	CONTAINER,
	SECRET,
	ENDLESS,
	SUBSCRIBES,
	HELLO,
	RESETS,
	MULTI,
	EXEC,
	DISCARD,
	CLIENT,
	TELLS                           /* its reply names servers */
};

/* Which of its arguments are keys. One that has none finds as much as another with the key that is
 * said here. */
enum keys {
	NO_KEYS, KEY_FIRST, KEY_SECOND, KEYS_FIRST_TWO, KEYS_ALL,
	/* as many as the first, the second argument says, and behind that */
	KEYS_COUNTED_FIRST, KEYS_COUNTED_SECOND,
	KEYS_BUT_LAST,
	KEYS_STREAMS,                        /* half of what is behind STREAMS */
	AS_EXISTS, AS_GET, AS_SSCAN,
};

/* Names as COMMAND lists them, up to Redis 8.6 and Valkey 9, and of the modules that come with
 * Redis 8; of all others nobody knows what they do. A CONTAINER's subcommands may have rows of
 * their own. */
static const struct class
{
	unsigned is;
	enum kind kind;
	const char *names;
	enum keys keys;
} classes[] = {
	{ IS_USUAL | VN_IS_UNKNOWN, PLAIN, "" },
	{ IS_USUAL, PLAIN,
	  "ASKING BGREWRITEAOF BGSAVE MODULE OBJECT|HELP PFSELFTEST SAVE XINFO|HELP FT.CONFIG "
	  "JSON.DEBUG" },
	{ IS_READING, PLAIN,
	  "BITCOUNT BITFIELD_RO BITPOS DUMP EXPIRETIME GEODIST GEOHASH GEOPOS "
	  "GEORADIUSBYMEMBER_RO GEORADIUS_RO "
	  "GEOSEARCH GET GETBIT GETRANGE HEXISTS HGET HGETALL HKEYS HLEN HMGET HRANDFIELD HSCAN "
	  "HSTRLEN HVALS KEYS LINDEX "
	  "LLEN LPOS LRANGE PEXPIRETIME PTTL SCARD SISMEMBER SMEMBERS SMISMEMBER SORT_RO "
	  "SRANDMEMBER SSCAN STRLEN SUBSTR "
	  "TTL TYPE XLEN XPENDING XRANGE XREVRANGE ZCARD ZCOUNT ZLEXCOUNT ZMSCORE ZRANDMEMBER "
	  "ZRANGE ZRANGEBYLEX "
	  "ZRANGEBYSCORE ZRANK ZREVRANGE ZREVRANGEBYLEX ZREVRANGEBYSCORE ZREVRANK ZSCAN ZSCORE "
	  "DIGEST HEXPIRETIME HPEXPIRETIME HPTTL HTTL VCARD VDIM VEMB VGETATTR VINFO VISMEMBER "
	  "VLINKS VRANDMEMBER VRANGE VSIM",
	  KEY_FIRST },
	{ IS_READING, PLAIN,
	  "BF.CARD BF.EXISTS BF.INFO BF.MEXISTS BF.SCANDUMP CF.COUNT CF.EXISTS CF.INFO CF.MEXISTS "
	  "CF.SCANDUMP CMS.INFO CMS.QUERY "
	  "JSON.ARRINDEX JSON.ARRLEN JSON.GET JSON.OBJKEYS JSON.OBJLEN JSON.RESP JSON.STRLEN "
	  "JSON.TYPE "
	  "TDIGEST.BYRANK TDIGEST.BYREVRANK TDIGEST.CDF TDIGEST.INFO TDIGEST.MAX TDIGEST.MIN "
	  "TDIGEST.QUANTILE TDIGEST.RANK "
	  "TDIGEST.REVRANK TDIGEST.TRIMMED_MEAN TOPK.COUNT TOPK.INFO TOPK.LIST TOPK.QUERY TS.GET "
	  "TS.INFO TS.RANGE TS.REVRANGE "
	  "FT.SUGGET FT.SUGLEN",
	  KEY_FIRST },
	{ IS_READING, PLAIN, "JSON.MGET", KEYS_BUT_LAST },
	{ IS_USUAL | VN_IS_READ, PLAIN,
	  "FT._LIST FT.AGGREGATE FT.CURSOR FT.DICTDUMP FT.EXPLAIN FT.EXPLAINCLI FT.GET FT.HYBRID "
	  "FT.INFO FT.MGET FT.PROFILE "
	  "FT.SEARCH FT.SPELLCHECK FT.SYNDUMP FT.TAGVALS TS.MGET TS.MRANGE TS.MREVRANGE "
	  "TS.QUERYINDEX" },
	{ IS_READING, PLAIN, "EXISTS MGET PFCOUNT SDIFF SINTER SUNION TOUCH", KEYS_ALL },
	{ IS_READING, PLAIN, "OBJECT XINFO MEMORY|USAGE", KEY_SECOND },
	{ IS_READING, PLAIN, "LCS", KEYS_FIRST_TWO },
	{ IS_READING, PLAIN, "SINTERCARD ZDIFF ZINTER ZINTERCARD ZUNION", KEYS_COUNTED_FIRST },
	{ IS_READING | IS_WAITING, PLAIN, "XREAD", KEYS_STREAMS },
	{ IS_READING, PLAIN, "DBSIZE", AS_EXISTS },
	{ IS_READING, PLAIN, "RANDOMKEY", AS_GET },
	{ IS_READING, PLAIN, "SCAN", AS_SSCAN },
	{ IS_USUAL | VN_IS_READ, PLAIN, "LOLWUT" },
	{ IS_STALE | VN_IS_READ | IS_LOOKING, PLAIN, "EVAL_RO EVALSHA_RO FCALL_RO",
	  KEYS_COUNTED_SECOND },
	{ IS_USUAL | VN_IS_WRITE | IS_GROWING, PLAIN,
	  "APPEND BITFIELD COPY DECR DECRBY GEOADD GEORADIUS GEORADIUSBYMEMBER "
	  "GEOSEARCHSTORE GETSET HINCRBY "
	  "HINCRBYFLOAT HMSET HSET HSETNX INCR INCRBY INCRBYFLOAT LINSERT LMOVE LPUSH LPUSHX LSET "
	  "MSET MSETNX PFADD "
	  "PFMERGE PSETEX RESTORE RESTORE-ASKING RPOPLPUSH RPUSH RPUSHX SADD SDIFFSTORE "
	  "SET SETBIT SETEX "
	  "SETNX SETRANGE SINTERSTORE SORT SUNIONSTORE XADD XSETID ZADD ZDIFFSTORE ZINCRBY "
	  "ZINTERSTORE ZRANGESTORE "
	  "ZUNIONSTORE HEXPIRE HEXPIREAT HPEXPIRE HPEXPIREAT HSETEX VADD",
	  KEY_FIRST },
	{ IS_USUAL | VN_IS_WRITE | IS_GROWING, PLAIN,
	  "BITOP PFDEBUG XGROUP|CREATE XGROUP|CREATECONSUMER", KEY_SECOND },
	{ IS_USUAL | VN_IS_WRITE | IS_GROWING, PLAIN, "MSETEX", KEYS_COUNTED_FIRST },
	{ IS_USUAL | VN_IS_WRITE | IS_GROWING, PLAIN, "FUNCTION|LOAD FUNCTION|RESTORE" },
	{ IS_USUAL | VN_IS_WRITE | IS_GROWING, PLAIN,
	  "BF.ADD BF.INSERT BF.LOADCHUNK BF.MADD BF.RESERVE CF.ADD CF.ADDNX CF.INSERT CF.INSERTNX "
	  "CF.LOADCHUNK CF.RESERVE "
	  "CMS.INCRBY CMS.INITBYDIM CMS.INITBYPROB CMS.MERGE JSON.ARRAPPEND JSON.ARRINSERT "
	  "JSON.MERGE JSON.MSET JSON.NUMINCRBY "
	  "JSON.NUMMULTBY JSON.NUMPOWBY JSON.SET JSON.STRAPPEND JSON.TOGGLE TDIGEST.ADD "
	  "TDIGEST.CREATE TDIGEST.MERGE "
	  "TDIGEST.RESET TOPK.ADD TOPK.INCRBY TOPK.RESERVE TS.ADD TS.ALTER TS.CREATE "
	  "TS.CREATERULE TS.DECRBY TS.INCRBY TS.MADD "
	  "FT.SUGADD",
	  KEY_FIRST },
	{ IS_USUAL | VN_IS_WRITE | IS_GROWING, PLAIN,
	  "FT.ADD FT.ALIASADD FT.ALIASUPDATE FT.ALTER FT.CREATE FT.DICTADD FT.SYNADD "
	  "FT.SYNUPDATE" },
	{ IS_USUAL | VN_IS_WRITE | IS_GROWING | IS_WAITING, PLAIN, "BLMOVE BRPOPLPUSH", KEY_FIRST },
	{ IS_USUAL | VN_IS_WRITE | IS_WAITING, PLAIN, "BLPOP BRPOP BZPOPMAX BZPOPMIN", KEY_FIRST },
	{ IS_USUAL | VN_IS_WRITE | IS_WAITING, PLAIN, "BLMPOP BZMPOP", KEYS_COUNTED_SECOND },
	{ IS_USUAL | VN_IS_WRITE | IS_WAITING, PLAIN, "XREADGROUP", KEYS_STREAMS },
	{ IS_USUAL | VN_IS_WRITE, PLAIN,
	  "FLUSHALL FLUSHDB SWAPDB FUNCTION|DELETE FUNCTION|FLUSH "
	  "FT.ALIASDEL FT.DEL FT.DICTDEL FT.DROP FT.DROPINDEX" },
	{ IS_USUAL | VN_IS_WRITE, PLAIN, "LMPOP ZMPOP", KEYS_COUNTED_FIRST },
	{ IS_USUAL | VN_IS_WRITE, PLAIN, "XGROUP|DELCONSUMER XGROUP|DESTROY XGROUP|SETID",
	  KEY_SECOND },
	{ IS_USUAL | VN_IS_WRITE, PLAIN,
	  "DEL EXPIRE EXPIREAT GETDEL GETEX HDEL LPOP LREM LTRIM MOVE PERSIST PEXPIRE "
	  "PEXPIREAT RENAME RENAMENX RPOP SMOVE SPOP SREM UNLINK XACK XAUTOCLAIM XCLAIM "
	  "XDEL XTRIM "
	  "ZPOPMAX ZPOPMIN ZREM ZREMRANGEBYLEX ZREMRANGEBYRANK ZREMRANGEBYSCORE "
	  "DELEX DELIFEQ HGETDEL HGETEX HPERSIST VREM VSETATTR XACKDEL XCFGSET XDELEX XIDMPRECORD "
	  "XNACK "
	  "CF.DEL JSON.ARRPOP JSON.ARRTRIM JSON.CLEAR JSON.DEL JSON.FORGET TS.DEL TS.DELETERULE "
	  "FT.SUGDEL",
	  KEY_FIRST },
	{ IS_USUAL | VN_IS_WRITE, SECRET, "MIGRATE" },
	{ IS_STALE | VN_IS_WRITE | IS_GROWING, PLAIN, "EVAL EVALSHA FCALL", /* who knows */
	  KEYS_COUNTED_SECOND },
	{ IS_USUAL | IS_WAITING, PLAIN, "WAIT WAITAOF" },
	{ IS_USUAL | IS_PING, PLAIN, "PING" },
	{ IS_USUAL, CONTAINER, "FUNCTION MEMORY SCRIPT XGROUP" },
	{ IS_USUAL & ~WANTS_TIME, PLAIN, "FUNCTION|KILL FUNCTION|STATS SCRIPT|KILL" },
	{ IS_STALE | VN_IS_PRELUDE, TELLS, "CLUSTER" },
	{ IS_FREE | VN_IS_PRELUDE, TELLS, "INFO ROLE SENTINEL" },
	{ IS_STALE, PLAIN, "FAILOVER REPLICAOF SCRIPT|LOAD SLAVEOF" },
	{ IS_FREE, PLAIN,
	  "COMMANDLOG DEBUG ECHO HOTKEYS LASTSAVE LATENCY PUBLISH PUBSUB SLOWLOG SPUBLISH TIME" },
	{ IS_FREE | VN_IS_SETUP, PLAIN, "COMMAND READONLY READWRITE SELECT" },
	{ IS_FREE, CONTAINER, "ACL CONFIG" },
	{ IS_FREE, SECRET, "ACL|SETUSER CONFIG|SET" },
	{ IS_FREE | VN_IS_SETUP, CLIENT, "CLIENT" },
	{ IS_FREE, SUBSCRIBES,
	  "SUBSCRIBE PSUBSCRIBE SSUBSCRIBE UNSUBSCRIBE PUNSUBSCRIBE SUNSUBSCRIBE" },
	{ IS_FREE, EXEC, "EXEC" },
	{ IS_FREE & ~WANTS_TIME, PLAIN, "SHUTDOWN UNWATCH WATCH" },
	{ (IS_FREE & ~WANTS_TIME) | VN_IS_BEGIN, MULTI, "MULTI" },
	{ (IS_FREE & ~WANTS_TIME) | VN_IS_ROLLBACK, DISCARD, "DISCARD" },
	{ VN_IS_COMMAND, PLAIN, "QUIT" },
	{ VN_IS_COMMAND | VN_IS_SETUP, RESETS, "RESET" },
	{ VN_IS_COMMAND | VN_IS_SETUP | WANTS_LOGIN, HELLO, "HELLO" },
	{ VN_IS_LOGIN, SECRET, "AUTH" },
	{ IS_FREE, ENDLESS, "MONITOR PSYNC REPLCONF SYNC" },
};

/* Kinds of subscriptions, as confirmations and pushes name them. */
enum { CHANNELS, PATTERNS, SHARDS, SUBSCRIPTIONS };
static const char *const confirmations[] = {
	"subscribe", "psubscribe", "ssubscribe", "unsubscribe", "punsubscribe", "sunsubscribe", NULL
};
static const char *const publications[] = { "message", "pmessage", "smessage", NULL };
enum { NO_CONFIRMATION = 6 };

/* message.note: kind, and of one that TELLS what (enum told), of EXEC which of its replies do
 * (places of topology_queue()), of one that SUBSCRIBES which, and how many confirmations it gets
 * (0: of all there are) */
enum { NOTE_KIND = 0xf, NOTE_WHICH_SHIFT = 4, NOTE_COUNT_SHIFT = 8 };

struct walk {                           /* where a reply stands */
	/* items still to come, of all lists of known length together, ... */
	uint64_t left[STREAMS_MAX + 1];
	/* ... in each of the streamed lists that surround this place */
	unsigned depth;
	/* inside a long line | between the chunks of a streamed string */
	bool line, chunks;
	int64_t number;                 /* the latest integer */
};

struct redis {                          /* one connection */
	/* requests */
	uint64_t args;                          /* of the request under way, still to come */
	const struct class *class;              /* the latest request's */
	/* subscriptions that were asked for, by kind: in RESP2 CLIENT is not taken beside any */
	uint32_t wanted[SUBSCRIPTIONS];
	uint32_t subscribed[SUBSCRIPTIONS];     /* those that the server has confirmed */
	/* what the commands are that it has queued, the latest apart */
	unsigned queued, latest;
	uint64_t queue;                 /* how many those are, ... */
	uint64_t places;                /* ... and which of them tell of servers */
	/* by CLIENT REPLY: the next request gets no reply | none does */
	enum { LOUD, SKIPPING, HUSHED } quiet;
	bool spoke;
	/* in a transaction | that has had a command refused */
	bool multi, dirty;

	/* replies */
	bool answering;                         /* the message under way ... */
	bool pushing;                           /* ... is a push */
	uint8_t type;                           /* its first byte */
	uint8_t which;                          /* of confirmations[], or NO_CONFIRMATION */
	bool resp3;
	bool hushed;            /* confirmations may come that no request waits for */
	uint64_t confirming;                    /* further replies that belong to it */
	struct walk walk;
};

static const char
	RAW_TLS[]     = "TLS begins",
	RAW_REQUEST[] = "the request is not understood",
	RAW_ENDLESS[] = "MONITOR or replication",
	RAW_HUSHED[]  = "CLIENT REPLY in a transaction, or beside subscriptions",
	RAW_QUEUED[]  = "a subscription in a transaction",
	RAW_ANSWER[]  = "the server's reply is not understood",
	RAW_UNASKED[] = "the server sent what no request waits for";

/* ---- commands, by name ---- */

static struct named { uint64_t name[3]; const struct class *class; } named[NAMES_MAX];
static uint16_t slots[SLOTS];           /* of named[], plus 1 */
static uint8_t shown[256];              /* a byte of a name, in capitals, or '?' */

/* The slot of a name, or the free one where it would be. */
static uint16_t *slot_find(const char name[24])
{
	/* one by one: so they were written just now, and so they are read at once */
	uint64_t a, b, c, h;

	memcpy(&a, name, sizeof a);
	memcpy(&b, name + 8, sizeof b);
	memcpy(&c, name + 16, sizeof c);
	h = (a ^ b * 0x9e3779b97f4a7c15u ^ c * 0xc2b2ae3d27d4eb4fu) * 0xff51afd7ed558ccdu >> 53;
	for (; slots[h % SLOTS]; h++) {
		const uint64_t *n = named[slots[h % SLOTS] - 1].name;
		if (n[0] == a && n[1] == b && n[2] == c)
			break;
	}
	return &slots[h % SLOTS];
}

static const struct class *class_find(const char name[24])
{
	uint16_t at = *slot_find(name);

	return at ? named[at - 1].class : NULL;
}

__attribute__((constructor)) static void names_learn(void)
{
	uint16_t n = 0;

	for (int c = 0; c < 256; c++)
		shown[c] = (uint8_t)(c >= 'a' && c <= 'z' ? c - 32 : c > ' ' && c < 127 ? c : '?');
	for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++)
		for (const char *p = classes[i].names; *p; p += *p == ' ') {
			char name[24] = "";
			size_t length = strcspn(p, " ");
			assert(n < NAMES_MAX && length < sizeof name);
			memcpy(name, p, length);
			uint16_t *slot = slot_find(name);
			assert(!*slot);
			memcpy(named[n].name, name, sizeof name);
			named[n].class = &classes[i];
			*slot = ++n;
			p += length;
		}
}

/* ---- bytes ---- */

enum step { WAIT, ON, BAD };

static bool word_is(struct vn_span word, const char *name)
{
	return word.n == strlen(name) && !strncasecmp((const char *)word.p, name, word.n);
}

/* Which of these it is; behind the last: none. */
static unsigned word_find(struct vn_span word, const char *const *names)
{
	unsigned i = 0;

	while (names[i] && !word_is(word, names[i]))
		i++;
	return i;
}

/* Of any length, or not all there. */
static enum step number_read(struct vn_span in, uint64_t *at, int64_t *number)
{
	bool minus = *at < in.n && in.p[*at] == '-';
	uint64_t i = *at + minus, first = i;
	int64_t n = 0;

	for (; i < in.n && in.p[i] >= '0' && in.p[i] <= '9'; i++) {
		n = n * 10 + in.p[i] - '0';
		if (n > LENGTH_MAX)
			return BAD;
	}
	if (i == in.n || (i > first && i + 1 == in.n && in.p[i] == '\r'))
		return WAIT;
	if (i == first || in.p[i] != '\r' || in.p[i + 1] != '\n')
		return BAD;
	*at = i + 2;
	*number = minus ? -n : n;
	return ON;
}

/* A length and the end of its line; *at is behind it then. Most are of one digit or two, or say
 * that there is nothing. */
static inline enum step length_read(struct vn_span in, uint64_t *at, int64_t *length)
{
	const uint8_t *p = in.p + *at;

	if (in.n < *at + 4)
		return number_read(in, at, length);
	unsigned ten = p[0] - '0', one = p[1] - '0';
	bool two = one <= 9;
	if (ten > 9 || p[1 + two] != '\r' || p[2 + two] != '\n') {
		if (memcmp(p, "-1\r\n", 4))
			return number_read(in, at, length);
		*length = -1;
		*at += 4;
		return ON;
	}
	*length = two ? ten * 10 + one : ten;
	*at += 3 + two;
	return ON;
}

/* ---- requests ---- */

static uint64_t slot_asked(const struct class *, struct vn_span in);

struct said {                           /* a request, as far as it is at hand */
	struct vn_span words[4];           /* its first ones, and the latest of the others */
	uint64_t args;                  /* how many there are */
	struct vn_span subject;
};

/* One by one, as messages are. */
static void said_clear(struct said *q)
{
	for (int i = 0; i < 4; i++)
		q->words[i] = (struct vn_span){ 0 };
	q->args = 0;
	q->subject = (struct vn_span){ 0 };
}

/* In capitals; what cannot be shown is not. */
static void verb_put(char verb[24], size_t at, struct vn_span name)
{
	uint64_t word = 0;

	/* as most are: put there at once, for it will be read at once */
	if (!at && name.n <= sizeof word) {
		for (size_t i = 0; i < name.n; i++)
			word |= (uint64_t)shown[name.p[i]]
			        << (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? 8 * i : 56 - 8 * i);
		memcpy(verb, &word, sizeof word);
		return;
	}
	for (size_t i = 0; i < name.n && at < 23; i++)
		verb[at++] = (char)shown[name.p[i]];
}

static const struct class *said_class(const struct said *q, const char verb[24])
{
	const struct class *class = class_find(verb), *sub = NULL;
	char name[24] = "";

	if (class && class->kind == CONTAINER && q->args > 1) {
		verb_put(name, 0, q->words[0]);
		size_t at = strlen(name);
		verb_put(name, at, (struct vn_span){ (const uint8_t *)"|", 1 });
		verb_put(name, at + 1, q->words[1]);
		sub = class_find(name);
	}
	return sub ? sub : class ? class : &classes[0];
}

/* CLIENT REPLY ON, OFF or SKIP; 0: no such thing. */
static enum { NO_REPLY_WORD, REPLY_ON, REPLY_OFF, REPLY_SKIP } reply_word(const struct said *q)
{
	static const char *const words[] = { "ON", "OFF", "SKIP", NULL };
	unsigned i = 3;

	if (q->args == 3 && word_is(q->words[1], "REPLY"))
		i = word_find(q->words[2], words);
	return i < 3 ? (int)i + 1 : NO_REPLY_WORD;
}

/* What CLIENT REPLY asks may come later, or not at all. */
static bool reply_doubtful(const struct redis *s, const struct said *q)
{
	bool listens = s->wanted[CHANNELS] || s->wanted[PATTERNS] || s->wanted[SHARDS];
	int word = s->multi || (listens && !s->resp3) ? reply_word(q) : NO_REPLY_WORD;

	return word > REPLY_ON || (word == REPLY_ON && s->quiet != LOUD);
}

/* Will it be answered? One that turns replies on again must come through. */
static enum vn_role said_role(struct redis *s, const struct said *q, enum kind kind)
{
	int word = kind == CLIENT ? reply_word(q) : NO_REPLY_WORD, quiet = s->quiet;

	if (s->quiet == SKIPPING || kind == RESETS || word == REPLY_ON)
		s->quiet = LOUD;
	if (word == REPLY_OFF)
		s->quiet = HUSHED;
	if (word == REPLY_SKIP && quiet != HUSHED)
		s->quiet = SKIPPING;
	if (word == REPLY_OFF || word == REPLY_SKIP)
		return VN_SILENT;
	if (word == REPLY_ON || (kind == RESETS && quiet == HUSHED))
		return quiet == LOUD ? VN_ASKS : VN_AIDS;
	return quiet == LOUD ? VN_ASKS : VN_SILENT;
}

/* What transactions add to what a command is. Here is kept what the server keeps: what EXEC will
 * run. */
static unsigned said_transacts(struct redis *s, enum kind kind, unsigned is)
{
	bool multi = s->multi;

	s->multi = kind == MULTI || (multi && kind != EXEC && kind != DISCARD && kind != RESETS);
	if (kind == MULTI && !multi) {
		s->dirty = false;
		s->queued = s->latest = 0;
		s->queue = s->places = 0;
	}
	if (kind == MULTI || kind == DISCARD || kind == RESETS || !multi)
		return is & ~(multi ? VN_IS_BEGIN : VN_IS_ROLLBACK);
	s->queued |= s->latest;
	s->latest = 0;
	if (kind == EXEC)
		return is | s->queued | (s->dirty ? 0 : VN_IS_COMMIT);
	if (!s->dirty)
		s->latest = is & IS_QUEUED;
	return is | IS_GROWING;         /* to be queued */
}

/* What the reply tells of servers, for the note. What is queued tells it in EXEC's. */
static uint64_t said_tells(struct redis *s, const struct said *q, enum kind kind)
{
	enum told told = TOLD_NOTHING;
	uint64_t places = s->places;

	if (kind == EXEC) {
		s->places = 0;
		return places ? TOLD_RUN << NOTE_WHICH_SHIFT | places << NOTE_COUNT_SHIFT : 0;
	}
	if (kind == TELLS)
		told = topology_asked(q->words[0], q->words[1]);
	if (!s->multi)
		return told << NOTE_WHICH_SHIFT;
	if (told)
		s->places = topology_queue(places, s->queue, told);
	s->queue += kind != MULTI && !word_is(q->words[0], "WATCH");
	return TOLD_NOTHING;
}

static uint32_t at_most_32_bits(uint64_t n)
{
	return n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
}

/* More subscriptions or less, as far as is asked; without names all of them go. */
static void said_wants(struct redis *s, const struct said *q)
{
	unsigned which = word_find(q->words[0], confirmations);
	uint32_t n = at_most_32_bits(q->args - 1), *wanted = &s->wanted[which % SUBSCRIPTIONS];

	if (which < SUBSCRIPTIONS)
		*wanted = at_most_32_bits((uint64_t)*wanted + n);
	else
		*wanted -= n && n < *wanted ? n : *wanted;
}

static uint64_t subscribe_note(const struct said *q)
{
	return (uint64_t)word_find(q->words[0], confirmations) << NOTE_WHICH_SHIFT |
	       (q->args - 1) << NOTE_COUNT_SHIFT;
}

/* Fill in *m. NULL, or why the connection must be raw. */
static const char *said_take(struct redis *s, const struct said *q, struct vn_message *m)
{
	verb_put(m->verb, 0, q->words[0]);
	const struct class *class = said_class(q, m->verb);
	enum kind kind = class->kind;
	bool login = kind == HELLO && q->args > 2;      /* AUTH may stand there */

	if (kind == ENDLESS)
		return RAW_ENDLESS;
	if (kind == CLIENT && reply_doubtful(s, q))
		return RAW_HUSHED;
	m->is = said_transacts(s, kind, login ? VN_IS_LOGIN : class->is);
	if (!s->spoke)
		m->is |= VN_IS_OPENING;
	m->role = said_role(s, q, kind);
	m->note = kind | (kind == SUBSCRIBES ? subscribe_note(q) : 0);
	if (kind == TELLS || kind == EXEC || s->multi)
		m->note |= said_tells(s, q, kind);
	s->class = class;
	if (kind == SUBSCRIBES)
		said_wants(s, q);
	if (kind == RESETS)
		memset(s->wanted, 0, sizeof s->wanted);
	s->hushed |= m->role == VN_SILENT && kind == SUBSCRIBES;
	if (kind != SECRET && !login)
		m->subject = q->subject;
	s->spoke = true;
	return NULL;
}

/* Nothing was asked. */
static struct vn_cut said_nothing(struct redis *s, struct vn_message *m, uint64_t len)
{
	if (s->quiet == SKIPPING)
		s->quiet = LOUD;
	m->role = VN_SILENT;
	return (struct vn_cut){ .kind = VN_CUT_END, .len = len };
}

/* The next argument, as far as it is at hand; *at is behind it then, though it may end beyond what
 * is there. */
static inline enum step arg_read(struct vn_span in, uint64_t *at, struct vn_span *arg)
{
	uint64_t i = *at;
	int64_t n;

	if (i >= in.n)
		return WAIT;
	if (in.p[i++] != '$')
		return BAD;
	enum step step = length_read(in, &i, &n);
	if (step != ON || n < 0)
		return step == WAIT ? WAIT : BAD;
	size_t here = in.n - i;
	*arg = (struct vn_span){ in.p + i, (uint64_t)n < here ? (size_t)n : here };
	*at = i + (uint64_t)n + 2;
	return ON;
}

/* The arguments behind the first, joined by blanks. */
static void subject_add(struct vn_session *t, struct said *q, uint64_t i)
{
	struct vn_span arg = q->words[i < 3 ? i : 3];

	if (i == 1) {
		q->subject = arg;
	} else if (i > 1 && q->subject.n < SUBJECT_MAX) {
		if (i == 2)
			vn_buffer_put(t->scratch, q->subject.p, q->subject.n);
		vn_buffer_byte(t->scratch, ' ');
		vn_buffer_put(t->scratch, arg.p, arg.n < SUBJECT_MAX ? arg.n : SUBJECT_MAX);
		q->subject = vn_buffer_span(t->scratch);
	}
	if (q->subject.n > SUBJECT_MAX)
		q->subject.n = SUBJECT_MAX;
}

static struct vn_cut array_request(struct vn_session *t, struct vn_span in, struct vn_message *m)
{
	struct redis *s = t->state;
	struct said q;
	uint64_t at = 1, i = 0;
	int64_t n;
	enum step step = length_read(in, &at, &n);

	said_clear(&q);
	if (step != ON || n > ITEMS_MAX)
		return step == WAIT ? vn_cut_more() : vn_cut_raw(t, RAW_REQUEST);
	m->head = (uint16_t)at;
	if (n <= 0)
		return said_nothing(s, m, at);
	for (q.args = (uint64_t)n;
	     i < q.args && (step = arg_read(in, &at, &q.words[i < 3 ? i : 3])) == ON; i++)
		subject_add(t, &q, i);
	if (step == BAD)
		return vn_cut_raw(t, RAW_REQUEST);
	if ((i < q.args || at > in.n) && q.subject.n < SUBJECT_MAX && in.n < WAIT_MAX)
		return vn_cut_more();
	const char *why = said_take(s, &q, m);
	if (why)
		return vn_cut_raw(t, why);
	if (t->judged)
		m->seq = slot_asked(s->class, in);
	if (t->report && s->class->kind == SECRET)
		t->report->given = VN_ALL;
	s->args = q.args - i;
	return (struct vn_cut){ .kind = s->args ? VN_CUT_PART : VN_CUT_END, .len = at };
}

/* More arguments of the request under way. */
static struct vn_cut array_goes_on(struct vn_session *t, struct vn_span in)
{
	struct redis *s = t->state;
	struct vn_span arg;
	uint64_t at = 0;
	enum step step = ON;

	while (s->args && (step = arg_read(in, &at, &arg)) == ON)
		s->args--;
	if (step == BAD && !at)
		return vn_cut_raw(t, RAW_REQUEST);
	if (!at)
		return vn_cut_more();
	return (struct vn_cut){ .kind = s->args ? VN_CUT_PART : VN_CUT_END, .len = at };
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* The next word of a line, without its quotes; *line is behind it then. n = 0 and p NULL: there is
 * none. */
static struct vn_span line_word(struct vn_span *line)
{
	const uint8_t *p = line->p, *end = p + line->n, *from;
	uint8_t quote;

	while (p < end && is_blank(*p))
		p++;
	if (p == end)
		return *line = (struct vn_span){ 0 };
	quote = *p == '"' || *p == '\'' ? *p++ : 0;
	for (from = p; p < end && (quote ? *p != quote : !is_blank(*p)); p++)
		if (quote && *p == '\\' && p + 1 < end)
			p++;
	struct vn_span word = { from, (size_t)(p - from) };
	p += quote && p < end;
	*line = (struct vn_span){ p, (size_t)(end - p) };
	return word;
}

static struct vn_cut inline_request(struct vn_session *t, struct vn_span in, struct vn_message *m)
{
	const uint8_t *end = memchr(in.p, '\n', in.n);
	struct redis *s = t->state;
	struct said q;
	struct vn_span word;

	if (!end)
		return vn_cut_more();
	said_clear(&q);
	uint64_t len = (uint64_t)(end - in.p) + 1;
	struct vn_span line = { in.p, (size_t)len - 1 };
	while (line.n && is_blank(line.p[line.n - 1]))
		line.n--;
	for (; (word = line_word(&line)).p; q.args++) {
		if (q.args < 3)
			q.words[q.args] = word;
		if (q.args == 0)
			q.subject = line;
	}
	if (!q.args)
		return said_nothing(s, m, len);
	while (q.subject.n && is_blank(q.subject.p[0]))
		q.subject = (struct vn_span){ q.subject.p + 1, q.subject.n - 1 };
	if (q.subject.n > SUBJECT_MAX)
		q.subject.n = SUBJECT_MAX;
	const char *why = said_take(s, &q, m);
	if (t->judged && !why)
		m->seq = slot_asked(s->class, (struct vn_span){ in.p, (size_t)len });
	return why ? vn_cut_raw(t, why) : (struct vn_cut){ .kind = VN_CUT_END, .len = len };
}

static struct vn_cut redis_request(struct vn_session *t, struct vn_span in, struct vn_message *m)
{
	struct redis *s = t->state;

	if (s->args)
		return array_goes_on(t, in);
	if (in.p[0] == '*')
		return array_request(t, in, m);
	if (in.p[0] == 0x16)
		return vn_cut_raw(t, RAW_TLS);
	return inline_request(t, in, m);
}

/* ---- replies, item by item ---- */

enum item { NO_ITEM, LINE, STRING, CHUNK, LIST, PAIRS, ATTRIBUTES, PUSHED, STOP };

static const uint8_t items[256] = {
	['+'] = LINE,   ['-'] = LINE, [':'] = LINE,   ['_'] = LINE,   ['#'] = LINE,
	[','] = LINE,   ['('] = LINE, ['$'] = STRING, ['!'] = STRING, ['='] = STRING,
	[';'] = CHUNK,  ['*'] = LIST, ['~'] = LIST,   ['%'] = PAIRS,  ['|'] = ATTRIBUTES,
	['>'] = PUSHED, ['.'] = STOP,
};

static bool walk_done(const struct walk *w)
{
	return !w->left[0] && !w->depth && !w->line && !w->chunks;
}

/* A line, or what is at hand of a long one. */
static enum step walk_line(struct walk *w, struct vn_span in, uint64_t *at)
{
	const uint8_t *from = in.p + *at, *end = memchr(from, '\n', in.n - *at);
	uint64_t *left = &w->left[w->depth], n = 0;

	if (!end && in.n - *at < LINE_MAX_WAIT && !w->line)
		return WAIT;
	if (end && *from == ':' && !w->line) {
		for (const uint8_t *p = from + 1; *p >= '0' && *p <= '9'; p++)
			n = n * 10 + *p - '0';
		w->number = (int64_t)n;
	}
	*left += !*left;
	w->line = !end;
	*left -= !w->line;
	*at = end ? (uint64_t)(end - in.p) + 1 : in.n;
	return ON;
}

/* "$?" and its like: a string or a list of unknown length begins. */
static enum step walk_stream(struct walk *w, enum item item)
{
	uint64_t *left = &w->left[w->depth];

	if ((item != STRING && item != LIST && item != PAIRS) ||
	    (item != STRING && w->depth == STREAMS_MAX))
		return BAD;
	*left += !*left;
	if (item == STRING)
		w->chunks = true;
	else
		w->left[++w->depth] = 0;
	return ON;
}

/* The end of a streamed list. */
static enum step walk_stop(struct walk *w)
{
	if (!w->depth || w->left[w->depth])
		return BAD;
	w->left[--w->depth]--;
	return ON;
}

/* An item of n bytes or items. Attributes, and pushes that stand inside, are none of those that are
 * owed. */
static enum step walk_add(struct walk *w, enum item item, uint64_t n, uint64_t *at)
{
	uint64_t *left = &w->left[w->depth];
	bool inside = w->depth || *left;

	if (item != STRING && item != CHUNK && (n > ITEMS_MAX || *left > LEFT_MAX))
		return BAD;
	*left += !*left;
	switch (item) {
	case STRING:     --*left; break;
	case CHUNK:      *left -= !n; w->chunks = n; *at += n ? n + 2 : 0; break;
	case LIST:       *left += n - 1; break;
	case PAIRS:      *left += 2 * n - 1; break;
	case ATTRIBUTES: *left += 2 * n; break;
	default:         *left += n - !inside; break;
	}
	return ON;
}

/* One item of a reply; *at is behind it then, or where it will end. */
static enum step walk_item(struct walk *w, struct vn_span in, uint64_t *at)
{
	enum item item = w->line ? LINE : items[in.p[*at]];
	uint64_t i = *at + 1;
	int64_t n;

	if (item == LINE && !w->chunks)
		return walk_line(w, in, at);
	if (item == NO_ITEM || w->chunks != (item == CHUNK))
		return BAD;
	bool streams = i < in.n && in.p[i] == '?';
	enum step step;
	if (streams || item == STOP) {
		if (in.n - i < (streams ? 3 : 2))
			return WAIT;
		if (memcmp(in.p + i + streams, "\r\n", 2))
			return BAD;
		i += streams + 2;
		step = streams ? walk_stream(w, item) : walk_stop(w);
	} else {
		step = length_read(in, &i, &n);
		if (step != ON)
			return step;
		if (item == STRING && n >= 0)
			i += (uint64_t)n + 2;
		step = walk_add(w, item, n > 0 ? (uint64_t)n : 0, &i);
	}
	if (step == ON)
		*at = i;
	return step;
}

/* ---- replies, and whose they are ---- */

static enum kind asked_kind(const struct vn_message *asked)
{
	return !asked || asked->note & VN_NOTE_SUBSTITUTE ? PLAIN : asked->note & NOTE_KIND;
}

/* The first string of a list: what kind of push it is. */
static enum step name_read(struct vn_span in, struct vn_span *name)
{
	uint64_t at = 1, end;
	int64_t n;
	enum step step = length_read(in, &at, &n);

	*name = (struct vn_span){ 0 };
	if (step == WAIT || (step == ON && at == in.n && n > 0))
		return WAIT;
	end = at;
	if (step == BAD || n < 1 || in.p[at] != '$' || (step = arg_read(in, &end, name)) == BAD) {
		*name = (struct vn_span){ 0 };
		return ON;
	}
	return step == WAIT || (end > in.n + 2 && name->n < 16) ? WAIT : ON;
}

/* How many confirmations this will be. */
static uint64_t confirmations_due(const struct redis *s, const struct vn_message *asked)
{
	uint64_t count = (asked->note & ~VN_NOTE_SUBSTITUTE) >> NOTE_COUNT_SHIFT;

	if (!count)
		count = s->subscribed[s->which % SUBSCRIPTIONS];
	return count ? count : 1;
}

/* A list that may be a push: a confirmation, something published, whatever RESP3 marks as one. */
static enum step push_begin(struct redis *s, struct vn_span in, const struct vn_message *asked)
{
	bool ours = asked_kind(asked) == SUBSCRIBES;
	struct vn_span name;

	if (name_read(in, &name) == WAIT)
		return WAIT;
	s->which = (uint8_t)word_find(name, confirmations);
	if (ours && s->which == (asked->note >> NOTE_WHICH_SHIFT & 0xf)) {
		s->confirming = confirmations_due(s, asked) - 1;
		return ON;
	}
	s->pushing = in.p[0] == '>' || s->which != NO_CONFIRMATION ||
	             publications[word_find(name, publications)];
	return ON;
}

/* In RESP2 a list may be something published. */
static bool hears(const struct redis *s)
{
	return s->subscribed[CHANNELS] || s->subscribed[PATTERNS] || s->subscribed[SHARDS] ||
	       s->hushed;
}

/* The first word of an error: "-READONLY You can't ...", "!21\r\nSYNTAX ...". False: it is not
 * whole yet. */
static bool error_tell(struct vn_session *t, struct vn_span in)
{
	size_t at = 1, end;
	const uint8_t *line = in.p[0] == '!' ? memchr(in.p, '\n', in.n) : in.p;

	if (!line)
		return false;
	if (in.p[0] == '!')
		at = (size_t)(line - in.p) + 1;
	for (end = at; end < in.n && in.p[end] > ' '; end++)
		;
	if (end == in.n && in.n < LINE_MAX_WAIT)
		return false;
	vn_session_error(t, (const char *)in.p + at, end - at);
	return true;
}

/* What begins here. Nothing that is set must depend on having been set before: it may come
 * again. */
static enum step answer_begin(struct vn_session *t, struct vn_span in,
                              const struct vn_message *asked, struct vn_message *m)
{
	struct redis *s = t->state;
	bool ours = asked_kind(asked) == SUBSCRIBES;

	s->type = in.p[0];
	s->which = NO_CONFIRMATION;
	s->confirming = 0;
	s->pushing = !asked && s->type == '-';
	if ((s->type == '>' || (s->type == '*' && !s->resp3 && (ours || hears(s)))) &&
	    push_begin(s, in, asked) == WAIT)
		return WAIT;
	if (!asked && !s->pushing)
		t->notice = RAW_UNASKED;
	else if (ours && !s->pushing && s->which == NO_CONFIRMATION && s->type != '-')
		t->notice = RAW_QUEUED;
	else {
		bool error = s->type == '-' || s->type == '!';
		if (error && t->report && !s->pushing && !error_tell(t, in))
			return WAIT;
		m->role = s->pushing ? VN_PUSH : VN_ANSWERS;
		m->is = asked && !s->pushing ? asked->is : 0;
		m->head = 1;
		memcpy(m->verb, error ? "ERR\0\0\0\0" : s->pushing ? "PUSH\0\0\0" : "ANSWER\0", 8);
		return ON;
	}
	return BAD;
}

/* A confirmation counts channels and patterns together, and shard channels apart. */
static void confirmation_count(struct redis *s)
{
	unsigned which = s->which % SUBSCRIPTIONS;
	uint64_t others = which == SHARDS ? 0 : s->subscribed[which ^ 1],
		 n = (uint64_t)s->walk.number;

	s->subscribed[which] = at_most_32_bits(n > others ? n - others : 0);
}

/* By a refused EXEC, too: it is replaced by DISCARD. */
static bool transaction_ends(enum kind kind)
{
	return kind == EXEC || kind == DISCARD || kind == RESETS;
}

/* A reply is whole: what has changed by it. */
static void answer_learn(struct vn_session *t, const struct vn_message *asked)
{
	struct redis *s = t->state;
	enum kind kind = s->pushing ? PLAIN : asked_kind(asked);

	if (s->type == '>')
		s->resp3 = true;
	if (s->which != NO_CONFIRMATION)
		confirmation_count(s);
	if (kind == MULTI && s->type == '+')
		t->idle = VN_IS_IN_TRANSACTION;
	if (!s->pushing && asked && transaction_ends(asked->note & NOTE_KIND))
		t->idle = 0;
	if (kind == HELLO && (s->type == '%' || s->type == '*'))
		s->resp3 = s->type == '%';
	if (kind == RESETS && s->type == '+') {
		s->resp3 = false;
		memset(s->subscribed, 0, sizeof s->subscribed);
	}
}

/* What the message that begins here may tell of servers. The subject of a push is its channel. */
static enum told answer_tells(const struct redis *s, struct vn_span in,
                              const struct vn_message *asked, struct vn_message *m)
{
	if (s->type == '-')
		return topology_redirects(in) ? TOLD_REDIRECTION : TOLD_NOTHING;
	if (s->pushing)
		return s->which == NO_CONFIRMATION ? topology_news(in, &m->subject) : TOLD_NOTHING;
	bool tells = asked_kind(asked) == TELLS || asked_kind(asked) == EXEC;
	return tells ? asked->note >> NOTE_WHICH_SHIFT & 0xf : TOLD_NOTHING;
}

static struct vn_cut redis_response(struct vn_session *t, struct vn_span in,
                                    const struct vn_message *asked, struct vn_message *m)
{
	struct redis *s = t->state;
	bool begins = !s->answering;
	enum step step = begins ? answer_begin(t, in, asked, m) : ON;
	enum told told = step == ON && begins ? answer_tells(s, in, asked, m) : TOLD_NOTHING;
	uint64_t at = 0;
	bool done = false;

	if (told) {
		uint64_t places = told == TOLD_RUN ? asked->note >> NOTE_COUNT_SHIFT : 0;
		enum edit edit = topology_edit(t, told, places, s->resp3, in, &at);
		if (edit == EDIT_DONE) {
			answer_learn(t, asked);
			return (struct vn_cut){ VN_CUT_END, at, true, vn_buffer_span(t->scratch) };
		}
		step = edit == EDIT_WAIT ? WAIT : ON;
		at = 0;
	}
	if (step != ON)
		return step == WAIT ? vn_cut_more() : vn_cut_raw(t, t->notice);
	while (!done && at < in.n && (step = walk_item(&s->walk, in, &at)) == ON)
		done = walk_done(&s->walk);
	if (!at)
		return step == BAD ? vn_cut_raw(t, RAW_ANSWER) : vn_cut_more();
	s->answering = true;
	struct vn_cut cut = { .kind = VN_CUT_PART, .len = at };
	if (!done)
		return cut;
	answer_learn(t, asked);
	if (s->confirming) {
		s->confirming--;
	} else {
		s->answering = false;
		cut.kind = VN_CUT_END;
	}
	return cut;
}

/* ---- saying no ---- */

/* failure.number: how it is worded. A REJECTED command was not run: if it is EXEC, the server says
 * so. */
enum wording { PLAINLY, REJECTED, AS_NIL, BY_ITSELF, NOT_AT_ALL, ELSEWHERE };

static const struct vn_failure failures[] = {
	{ "starting_up", "LOADING", "Redis is loading the dataset in memory", WANTS_DATA,
	  VN_ON_REQUEST, VN_STAY, REJECTED },
	{ "read_only", "READONLY", "You can't write against a read only replica.", VN_IS_WRITE,
	  VN_ON_REQUEST, VN_STAY, REJECTED },
	{ "masterdown", "MASTERDOWN",
	  "Link with MASTER is down and replica-serve-stale-data is set to 'no'.", WANTS_MASTER,
	  VN_ON_REQUEST, VN_STAY, REJECTED, .by_name = true },
	{ "out_of_memory", "OOM", "command not allowed when used memory > 'maxmemory'.", IS_GROWING,
	  VN_ON_REQUEST, VN_STAY, REJECTED },
	{ "disk_full", "MISCONF",
	  "Redis is configured to save RDB snapshots, but it's currently unable to persist to "
	  "disk. "
	  "Commands that may modify the data set are disabled, because this instance is "
	  "configured to report errors "
	  "during writes if RDB snapshotting fails (stop-writes-on-bgsave-error option). "
	  "Please check the Redis logs for details about the RDB error.",
	  VN_IS_WRITE | IS_PING, VN_ON_REQUEST, VN_STAY, REJECTED },
	{ "append_failed", "MISCONF", "Errors writing to the AOF file: No space left on device",
	  VN_IS_WRITE | IS_PING, VN_ON_REQUEST, VN_STAY, REJECTED },
	{ "busy", "BUSY",
	  "Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
	  WANTS_TIME, VN_ON_REQUEST, VN_STAY, REJECTED },
	{ "no_replicas", "NOREPLICAS", "Not enough good replicas to write.", VN_IS_WRITE,
	  VN_ON_REQUEST, VN_STAY, REJECTED, .by_name = true },
	{ "no_auth", "NOAUTH", "Authentication required.", WANTS_LOGIN, VN_ON_REQUEST, VN_STAY,
	  REJECTED, .by_name = true },
	{ "access_denied", "WRONGPASS", "invalid username-password pair or user is disabled.",
	  VN_IS_LOGIN, VN_ON_REQUEST, VN_STAY, PLAINLY },
	{ "cluster_down", "CLUSTERDOWN", "The cluster is down", VN_IS_READ | VN_IS_WRITE,
	  VN_ON_REQUEST, VN_STAY, PLAINLY, .by_name = true },
	{ "slot_not_served", "CLUSTERDOWN", "Hash slot not served", VN_IS_READ | VN_IS_WRITE,
	  VN_ON_REQUEST, VN_STAY, PLAINLY, .by_name = true },
	{ "moved", "MOVED", "3999 127.0.0.1:6381", VN_IS_READ | VN_IS_WRITE, VN_ON_REQUEST, VN_STAY,
	  ELSEWHERE, .by_name = true },
	{ "ask", "ASK", "3999 127.0.0.1:6381", VN_IS_READ | VN_IS_WRITE, VN_ON_REQUEST, VN_STAY,
	  ELSEWHERE, .by_name = true },
	{ "try_again", "TRYAGAIN", "Multiple keys request during rehashing of slot",
	  VN_IS_READ | VN_IS_WRITE, VN_ON_REQUEST, VN_STAY, PLAINLY, .by_name = true },
	{ "conflict", "nil", "EXEC answers nil, as if a watched key had been changed", VN_IS_COMMIT,
	  VN_ON_REQUEST, VN_STAY, AS_NIL },
	{ "miss", "nil", "the server is asked for a key that does not exist", IS_LOOKING,
	  VN_ON_REQUEST, VN_STAY, BY_ITSELF, .by_name = true },
	{ "pooler_timeout", "ERR", "Connection timed out", VN_IS_READ | VN_IS_WRITE, VN_ON_REQUEST,
	  VN_STAY, PLAINLY, .by_name = true },
	{ "too_many_connections", "ERR", "max number of clients reached", VN_IS_OPENING,
	  VN_ON_REQUEST, VN_CLOSE, PLAINLY },
	{ "overloaded", "ERR", "max number of clients reached", VN_IS_OPENING, VN_ON_REQUEST,
	  VN_CLOSE, PLAINLY },
	{ "unblocked", "UNBLOCKED",
	  "force unblock from blocking operation, instance state changed (master -> replica?)",
	  IS_WAITING, VN_ON_REQUEST, VN_CLOSE, PLAINLY },
	{ "shutting_down", "FIN", "the connection is closed without a word",
	  VN_IS_LOGIN | VN_IS_COMMAND, VN_ON_REQUEST | VN_ON_REST, VN_CLOSE, NOT_AT_ALL },
	{ "idle_timeout", "FIN", "the connection is closed without a word", VN_IS_COMMAND,
	  VN_ON_REST, VN_CLOSE, NOT_AT_ALL },
	{ "crash", "RST", "the connection is reset without a word", VN_IS_LOGIN | VN_IS_COMMAND,
	  VN_ON_REQUEST | VN_ON_REST, VN_RESET, NOT_AT_ALL },
	{ "gone", "FIN", "the connection is closed without a word", VN_IS_LOGIN | VN_IS_COMMAND,
	  VN_ON_REQUEST | VN_ON_REST, VN_CLOSE, NOT_AT_ALL },
	{ 0 }
};

static const char UNKNOWN_COMMAND[] = "*1\r\n$15\r\nvaurien-refuses\r\n",
		  DISCARD_COMMAND[] = "*1\r\n$7\r\nDISCARD\r\n";

/* A miss is the server's own answer to the same command, with keys that do not exist:
 * KEY:vaurien-nothing, so that it lies in the same slot where there is a {tag}, and in what the
 * user may read. */
static const char NOTHING[] = "vaurien-nothing";

static void length_put(struct vn_buffer *o, char type, uint64_t n)
{
	char line[32];

	vn_buffer_put(
		o, line,
		(size_t)snprintf(line, sizeof line, "%c%llu\r\n", type, (unsigned long long)n));
}

static void arg_put(struct vn_buffer *o, struct vn_span arg, bool missing)
{
	length_put(o, '$', arg.n + (missing ? sizeof NOTHING : 0));
	vn_buffer_put(o, arg.p, arg.n);
	if (missing)
		vn_buffer_byte(o, ':');
	vn_buffer_put(o, NOTHING, missing ? sizeof NOTHING - 1 : 0);
	vn_buffer_put(o, "\r\n", 2);
}

enum { ARGS_MAX = 65536 };              /* of a command that may miss */

/* of a request, one after the other: a list's or a line's */
struct args { uint64_t n, at; struct vn_span in, line; };

static bool args_begin(struct args *a, struct vn_span in)
{
	struct vn_span line = in;
	int64_t n = 0;

	*a = (struct args){ .in = in, .at = 1 };
	if (in.n && in.p[0] == '*') {
		bool good = length_read(in, &a->at, &n) == ON && n > 0 && n <= ARGS_MAX;
		a->n = good ? (uint64_t)n : 0;
		return good;
	}
	a->line = line;
	while (line_word(&line).p)
		a->n++;
	return a->n;
}

/* NULL in p: it is not at hand. */
static struct vn_span args_next(struct args *a)
{
	struct vn_span arg = { 0 };

	if (a->line.p)
		return line_word(&a->line);
	return arg_read(a->in, &a->at, &arg) == ON && a->at <= a->in.n + 2 ?
	               arg :
	               (struct vn_span){ 0 };
}

/* Which arguments are keys: from .. to. */
struct range { uint64_t from, to; };

static struct range keys_range(enum keys keys, struct vn_span in)
{
	struct args a;
	struct vn_span arg;
	uint64_t i = 0, counter = keys == KEYS_COUNTED_SECOND ? 2 : 1;

	if (!args_begin(&a, in))
		return (struct range){ 0 };
	if (keys == KEYS_ALL || keys == KEYS_BUT_LAST)
		return (struct range){ 1, a.n - (keys == KEYS_BUT_LAST && a.n > 2) };
	if (keys < KEYS_COUNTED_FIRST)
		return (struct range){ keys == KEY_SECOND ? 2 : 1, keys == KEY_FIRST ? 2 : 3 };
	for (; i < a.n && (arg = args_next(&a)).p; i++) {
		if (keys == KEYS_STREAMS && word_is(arg, "STREAMS"))
			return (struct range){ i + 1, i + 1 + (a.n - i - 1) / 2 };
		if (keys != KEYS_STREAMS && i == counter) {
			uint64_t n = 0;
			for (size_t k = 0; k < arg.n && k < 8 && arg.p[k] >= '0' && arg.p[k] <= '9';
			     k++)
				n = n * 10 + arg.p[k] - '0';
			return (struct range){ i + 1, i + 1 + n };
		}
	}
	return (struct range){ 0 };
}

static void miss_put(enum keys keys, struct vn_span in, struct vn_buffer *o)
{
	static const char *const instead[] = {
		[AS_EXISTS] = "*2\r\n$6\r\nEXISTS\r\n$15\r\nvaurien-nothing\r\n",
		[AS_GET] = "*2\r\n$3\r\nGET\r\n$15\r\nvaurien-nothing\r\n",
		[AS_SSCAN] = "*3\r\n$5\r\nSSCAN\r\n$15\r\nvaurien-nothing\r\n$1\r\n0\r\n",
	};
	struct args a;

	if (keys >= AS_EXISTS) {
		vn_buffer_put(o, instead[keys], strlen(instead[keys]));
		return;
	}
	struct range r = keys_range(keys, in);
	args_begin(&a, in);
	length_put(o, '*', a.n);
	for (uint64_t i = 0; i < a.n; i++) {
		struct vn_span arg = args_next(&a);
		bool missing = i >= r.from && i < r.to;
		arg_put(o, arg.p || missing ? arg : (struct vn_span){ (const uint8_t *)"0", 1 },
		        missing);
	}
}

/* For message.seq: the slot of a command's first key, plus 1; 0: it has none, or it is too far
 * behind. */
static uint64_t slot_asked(const struct class *class, struct vn_span in)
{
	struct args a;
	struct vn_span arg = { 0 };

	if (class->keys == NO_KEYS || class->keys >= AS_EXISTS)
		return 0;
	struct range r = keys_range(class->keys, in);
	if (r.to <= r.from || !args_begin(&a, in) || r.from >= a.n)
		return 0;
	for (uint64_t i = 0; i <= r.from; i++)
		if (!(arg = args_next(&a)).p)
			return 0;
	return topology_slot(arg) + 1;
}

static bool redis_fits(struct vn_session *t, const struct vn_message *asked,
                       const struct vn_failure *f)
{
	static const char many[] = "a command of more than 65536 arguments is not asked anew",
	                  far[] = "the command's keys stand behind more than is looked at";
	const struct redis *s = t->state;
	struct args a;

	if (f->number == ELSEWHERE)
		return asked->seq;      /* the slot of its key, if it has one */
	if (f->number != BY_ITSELF || s->class->keys >= AS_EXISTS)
		return true;
	if (!args_begin(&a, asked->bytes))
		t->limit = many;
	else if (!keys_range(s->class->keys, asked->bytes).to)
		t->limit = far;
	return !t->limit;
}

/* A command that the server does not know spoils a transaction as a refused one does. A refused
 * EXEC ends it, and nothing of it was done. */
static int redis_refuse(struct vn_session *t, const struct vn_message *asked,
                        const struct vn_failure *f, struct vn_buffer *backend)
{
	struct redis *s = t->state;
	enum kind kind = asked->note & NOTE_KIND;

	if (f->end != VN_STAY)
		return 0;
	if (f->number == BY_ITSELF) {
		miss_put(s->class->keys, asked->bytes, backend);
		return VN_BY_BACKEND;
	}
	if (kind == EXEC) {
		vn_buffer_put(backend, DISCARD_COMMAND, sizeof DISCARD_COMMAND - 1);
		return 1;
	}
	if (asked->is & VN_IS_BEGIN)
		s->multi = false;
	if (asked->is & VN_IS_ROLLBACK)
		s->multi = true;
	s->dirty = s->multi;
	s->latest = 0;
	vn_buffer_put(backend, UNKNOWN_COMMAND, sizeof UNKNOWN_COMMAND - 1);
	return 1;
}

static void text_put(struct vn_buffer *o, const char *text)
{
	vn_buffer_put(o, text, strlen(text));
}

static const char HELLO_UNKNOWN[] = /* to a client that does not log in with it */
	"HELLO must be called with the client already authenticated, otherwise the HELLO AUTH "
	"<user> <pass> option "
	"can be used to authenticate the client and select the RESP protocol version at the same "
	"time";

/* -MOVED SLOT HOST:PORT: to the proxy of another server. */
static void elsewhere_put(struct vn_session *t, const struct vn_message *asked,
                          const struct vn_failure *f, struct vn_buffer *client)
{
	struct vn_place place = { { (const uint8_t *)"127.0.0.1", 9 }, 6381 };
	char text[32];

	vn_map_elsewhere(t, &place);
	text_put(client, "-");
	text_put(client, f->code);
	vn_buffer_put(client, text, (size_t)snprintf(text, sizeof text, " %u ",
	                                             asked ? (unsigned)asked->seq - 1 : 0));
	vn_buffer_put(client, place.host.p, place.host.n);
	vn_buffer_put(client, text, (size_t)snprintf(text, sizeof text, ":%u\r\n", place.port));
}

static void redis_word(struct vn_session *t, const struct vn_message *asked,
                       const struct vn_failure *f, struct vn_buffer *client)
{
	const struct redis *s = t->state;

	if (f->number == NOT_AT_ALL || f->number == BY_ITSELF)
		return;
	if (f->number == AS_NIL) {
		vn_session_worded(t, "", 0);
		text_put(client, s->resp3 ? "_\r\n" : "*-1\r\n");
		return;
	}
	if (f->number == ELSEWHERE) {
		elsewhere_put(t, asked, f, client);
		return;
	}
	text_put(client, "-");
	if (f->number == REJECTED && asked && (asked->note & NOTE_KIND) == EXEC) {
		vn_session_worded(t, "EXECABORT", 9);
		text_put(client, "EXECABORT Transaction discarded because of: ");
	}
	text_put(client, f->code);
	text_put(client, " ");
	bool hello = asked && asked->is & WANTS_LOGIN && (asked->note & NOTE_KIND) == HELLO;
	text_put(client, hello && !strcmp(f->name, "no_auth") ? HELLO_UNKNOWN : f->text);
	text_put(client, "\r\n");
}

/* ---- */

static const char *const limits[] = {
	"The commands of Redis up to 8.6, of Valkey up to 9 and of the modules JSON, BF, CF, CMS, "
	"TOPK, TDIGEST, TS and FT "
	"are known. Any other counts as `unreachable` if the failure depends on what it does.",
	"EVAL, EVALSHA and FCALL count as writes, whatever the script does.",
	"A command with more than 65536 arguments cannot miss: it counts as `unreachable`.", NULL
};

static const struct vn_opt options[] = {
	{ "keep_alive", VN_OPT_INERT, .def = "0", .help = "Connections are always kept" },
	{ "reuse_socket", VN_OPT_INERT, .def = "0",
	  .help = "A connection's state cannot be handed to another client" },
	{ "buffer", VN_OPT_INERT, .def = "8124", .help = "--bufsize is the size of a read" },
	{ 0 }
};

VN_PROTOCOL(redis,
            .help = "Redis: commands, pipelines, transactions, subscriptions; RESP2 and RESP3",
            .options = options, .state_size = sizeof(struct redis), .request = redis_request,
            .response = redis_response, .failures = failures, .own = own, .limits = limits,
            .kinds = VN_IS_READ | VN_IS_WRITE | VN_IS_BEGIN | VN_IS_COMMIT | VN_IS_LOGIN |
                     VN_IS_COMMAND,
            .fits = redis_fits, .refuse = redis_refuse, .word = redis_word,
            .transactions = true, .names_servers = true,
            .plain_answer = VN_SPAN("-ERR Protocol error: unbalanced quotes in request\r\n"))
