/* state.h - structs of `vaurien run`: supervisor, carriers, places, doors, dials.
 *
 *   supervisor -> places -> carrier       a destination; the proxy that carries it
 *              -> doors                 private listeners, where callers' sockets are led
 *              -> dials                 a caller's socket between its connect() and its proxy
 *
 * They are in one header because each names the others. All of it belongs to the supervisor's
 * thread, which holds no lock and waits for nothing but its loop. */
#ifndef RUN_STATE_H
#define RUN_STATE_H

#include "base/loop.h"
#include "config/run_settings.h"
#include "config/settings.h"
#include "engine/birth.h"
#include "net/resolve.h"
#include "run/caller.h"
#include "run/left.h"
#include "run/names.h"
#include "run/pattern.h"

struct command;
struct control;
struct dial;
struct supervisor;

/* ---- a proxy, as the supervisor knows it ---- */

struct carrier {
	struct carrier *next;
	char *name;                     /* the proxy's */
	unsigned proxy;                 /* its number; 0: it is being made */
	struct gate *gate;              /* a reference */
	bool unsure;                    /* its protocol is to be told by its first bytes ... */
	bool stays;                     /* ... which may show TLS, and do not change it */
	bool noted;                     /* the log has which rules do not fit it */
	bool tls;                       /* its first bytes were a ClientHello */
	bool discovered;
	uint64_t carried;               /* connections ... */
	uint64_t handed;                /* ... that the engine has been given so far */

	/* ---- of a named backend ---- */
	struct address backend;         /* text NULL: it is none */
	bool any_host;                  /* "*:PORT" */
	struct endpoint *known; size_t n_known; /* its addresses so far */
	struct lookup lookup;
	bool looking;                   /* it is under way */
	vn_nsec looked;                 /* when the last one began */
	struct supervisor *supervisor;
};

/* ---- a destination ---- */

enum place_state {
	PLACE_NEW, PLACE_LOOKING,       /* undecided; a look-up of a named backend is under way */
	PLACE_MAKING,                   /* its proxy is being made */
	PLACE_CARRIED, PLACE_ALONE,      /* decided */
};

struct place {
	struct place *next;             /* in its chain of the table */
	struct supervisor *supervisor;
	struct endpoint at;             /* an IPv4 address is never mapped to IPv6 */
	enum place_state state;
	struct carrier *carrier;
	const char *why;                /* it is left alone; NULL: without a word */
	char text[128];                 /* the address, for people */
	struct pending *waiting;        /* callers, until it is decided */
	struct timer patience;
	struct door *door;              /* mode rewrite: its own; NULL: not opened */
	struct door *silent[2];         /* no answer from here: IPv4, IPv6; NULL: not opened */
	bool is_silent;                 /* as the gate was last seen */
	struct place *silent_next;      /* in supervisor->silent; valid if one is open */
};

/* A caller that waits for its place to be decided. */
struct pending {
	struct pending *next;
	struct caller caller;
	int socket;                     /* a duplicate of its own; -1: mode rewrite */
};

/* ---- a private listener ---- */

struct door {
	struct watch watch;             /* fd -1: it is not open */
	struct supervisor *supervisor;
	struct endpoint at;
	/* A client. The callee owns `fd`. */
	void (*came)(struct door *, int fd, const struct endpoint *peer);
	struct place *place;            /* whose it is; NULL: all places' */
	int filler;                     /* our own connection, which fills a backlog; -1: none */
	unsigned expected;              /* mode rewrite: so many clients may come */
	struct process process;         /* mode rewrite: the last that was sent here */
};

/* ---- a caller's socket under way ---- */

struct dial {
	struct dial *next;              /* in its chain, by cookie */
	struct dial *next_expected;     /* in its chain, by port; or in the queue of unix sockets */
	struct supervisor *supervisor;
	struct place *place;
	struct birth *birth;            /* in the making; NULL: handed over, or failed */
	uint64_t cookie;                /* of the socket */
	int socket;                     /* a duplicate of it; -1: not needed any more */
	int domain;
	bool blocking;                  /* ... is the caller's call */
	vn_nsec send_timeout;           /* SO_SNDTIMEO; 0: none */
	struct caller caller;           /* the first */
	uint64_t call;                  /* the notification to be answered; 0: none */
	struct watch backend;           /* its connect is under way; fd -1: it is not */
	struct watch led;               /* the socket, while its own connect is watched */
	struct timer timer;
	struct endpoint peer;           /* the socket's own address: the client's at the door */
	bool expected;                  /* at the door */
	int result;                     /* of the call; -1: none yet */
	bool delivered;                 /* the caller has it */
};

/* A socket that is no stream: it counts if it is still there after a while. */
struct other {
	struct other *next;
	struct place *place;
	const char *why;
	struct caller caller;
	unsigned long inode;
	vn_nsec due;
};

enum { DIALS = 4096, PLACES = 1024, OWN_MAX = 64 };     /* chains of the tables; see `own` */

/* ---- the supervisor ---- */

enum run_mode { RUN_SOCKET, RUN_REWRITE };

struct supervisor {
	struct loop loop;
	pthread_t thread;
	const struct settings *settings;
	const struct run_settings *run;
	struct control *control;
	struct loop *control_loop;
	struct resolver *resolver;
	struct worker *worker;          /* worker 0, which takes births */
	enum run_mode mode;
	struct caller_means means;
	struct watch listener;          /* the kernel's */
	struct watch signals;
	char *directory;                /* private: 0700 */
	struct door ip4, ip6, local;    /* fd -1: not open */
	unsigned local_doors;           /* made so far, of mode rewrite */
	uint64_t network;               /* SO_NETNS_COOKIE of ours; 0: not known */
	struct patterns *only, *except;
	struct names names;
	struct left left, failed;       /* left alone; tried, without success */
	struct carrier *carriers;
	size_t discovered;              /* proxies made */
	struct place *places[PLACES];
	size_t n_places;
	struct place *silent;           /* places with a silent door */
	struct timer silence;           /* looks at their gates */
	struct dial *dials[DIALS];
	struct dial *expected[DIALS], *queue, **queue_end;      /* at the doors: by port; unix */
	struct other *others, **others_end;     /* the oldest first */
	size_t n_others;
	struct timer other_timer;
	struct endpoint own[OWN_MAX]; size_t n_own;     /* listeners that are not private */

	/* ---- where the work goes on: of the mode ---- */
	void (*decided)(struct place *, const struct caller *, int socket);
	void (*came)(struct dial *, int fd);    /* a socket has reached its door */

	unsigned looks;                 /* clients whose first bytes are waited for */
	void (*handed)(struct supervisor *);    /* called when there are none any more */

	/* ---- the command's end: supervisor.c ---- */
	pid_t pid;                      /* the command; 0: it has ended */
	int status;                     /* as of waitpid() */
	struct command *command;
	bool started, over;             /* the thread; the command and all its children */
	int unexecuted;                 /* errno of executing the command; 0: none */
	void (*finished)(struct supervisor *);
	bool hung_up;                   /* no process is left that the kernel reports */
	unsigned kills;                 /* signals sent to those that outlive the command */
	struct timer grace;
	bool warned_places;
	char no_port[64];               /* why: "no port of mysql" */
};

#endif
