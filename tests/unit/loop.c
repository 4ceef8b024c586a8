/* loop.c - tests of one thread's wait: timers, mail and descriptors, on a clock that the test
 * moves. */
#include "base/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/dice.h"
#include "unit.h"

static struct loop loop;
static vn_nsec clock_now;
static char story[256];                 /* what happened, a letter each */

static vn_nsec clock_mine(void)
{
	return clock_now;
}

static int set_up(void **state)
{
	loop_init(&loop);
	loop.clock = clock_mine;
	clock_now = 1000;
	loop_clock(&loop);
	story[0] = '\0';
	return 0;
}

static int tear_down(void **state)
{
	loop_free(&loop);
	return 0;
}

static void tell(char letter)
{
	size_t n = strlen(story);
	assert_true(n + 1 < sizeof story);
	story[n] = letter;
	story[n + 1] = '\0';
}

static bool until(vn_nsec now)
{
	clock_now = now;
	return loop_once(&loop, false);
}

/* ---- timers ---- */

struct bell { struct timer timer; char letter; };

static void ring(struct timer *t)
{
	assert_int_equal(t->slot, 0);
	tell(((struct bell *)t)->letter);
}

static void in_order(void **state)
{
	struct bell a = { { .fire = ring }, 'a' }, b = { { .fire = ring }, 'b' },
		    c = { { .fire = ring }, 'c' };
	timer_set(&loop, &c.timer, 3000);
	timer_set(&loop, &a.timer, 1500);
	timer_set(&loop, &b.timer, 2000);
	assert_false(until(1499));
	assert_true(until(1500));
	assert_string_equal(story, "a");
	assert_true(until(9999));
	assert_string_equal(story, "abc");
	assert_false(until(99999));
	assert_int_equal(loop.timers, 0);
}

static void moved_and_stopped(void **state)
{
	struct bell a = { { .fire = ring }, 'a' }, b = { { .fire = ring }, 'b' },
		    c = { { .fire = ring }, 'c' };
	timer_set(&loop, &a.timer, 2000);
	timer_set(&loop, &b.timer, 3000);
	timer_set(&loop, &c.timer, 4000);
	timer_set(&loop, &a.timer, 3500);
	timer_set(&loop, &c.timer, 2500);
	assert_int_equal(loop.timers, 3);
	until(2400);
	assert_string_equal(story, "");
	until(3400);
	assert_string_equal(story, "cb");
	timer_stop(&loop, &a.timer);
	timer_stop(&loop, &a.timer);
	assert_false(until(5000));
	timer_set(&loop, &b.timer, 6000);
	timer_set(&loop, &b.timer, VN_NEVER);
	assert_int_equal(loop.timers, 0);
	timer_set(&loop, &c.timer, 6000);
	until(6000);
	assert_string_equal(story, "cbc");
}

static struct bell other;

static void ring_and_set(struct timer *t)
{
	ring(t);
	timer_set(&loop, &other.timer, loop.now);
}

static void ring_and_stop(struct timer *t)
{
	ring(t);
	timer_stop(&loop, &other.timer);
}

/* A timer may stop another that is due in the same round; one that it sets has its turn in the
 * next. */
static void among_themselves(void **state)
{
	struct bell a = { { .fire = ring_and_set }, 'a' };
	other = (struct bell){ { .fire = ring }, 'o' };
	timer_set(&loop, &a.timer, 1100);
	until(1100);
	assert_string_equal(story, "a");
	until(1100);
	assert_string_equal(story, "ao");
	a.timer.fire = ring_and_stop;
	timer_set(&loop, &a.timer, 1200);
	timer_set(&loop, &other.timer, 1201);
	until(1300);
	assert_string_equal(story, "aoa");
}

enum { BELLS = 500 };

static struct { struct timer timer; bool set; } bells[BELLS];
static vn_nsec last_due;
static unsigned rung;

static void ring_many(struct timer *t)
{
	size_t i = (size_t)((char *)t - (char *)bells) / sizeof bells[0];
	assert_true(bells[i].set && t->due >= last_due && t->due <= loop.now);
	bells[i].set = false;
	last_due = t->due;
	rung++;
}

/* The earliest that is set, found the slow way: so must the heap's first be. */
static void against_a_list(void **state)
{
	struct vn_dice made = dice_make(1, "loop", "timers"), d = dice_at(&made, 1, 1, 0);
	memset(bells, 0, sizeof bells);
	for (int step = 0; step < 20000; step++) {
		size_t i = vn_dice_below(&d, BELLS), set = 0;
		vn_nsec first = VN_NEVER;
		bells[i].timer.fire = ring_many;
		bells[i].set = vn_dice_below(&d, 4);
		if (bells[i].set)
			timer_set(&loop, &bells[i].timer,
			          clock_now + 1 + (vn_nsec)vn_dice_below(&d, 1000));
		else
			timer_stop(&loop, &bells[i].timer);
		if (!vn_dice_below(&d, 10)) {
			last_due = rung = 0;
			until(clock_now + (vn_nsec)vn_dice_below(&d, 100));
		}
		for (size_t k = 0; k < BELLS; k++) {
			assert_int_equal(bells[k].set, bells[k].timer.slot != 0);
			set += bells[k].set;
			if (bells[k].set && bells[k].timer.due < first)
				first = bells[k].timer.due;
		}
		assert_int_equal(loop.timers, set);
		assert_true(!set || (loop.heap[1]->due == first && first > loop.now));
	}
	last_due = rung = 0;
	size_t left = loop.timers;
	until(clock_now + 5000);
	assert_int_equal(rung, left);
}

/* ---- mail ---- */

struct letter { struct mail mail; char letter; };

static struct letter letters[4];

static struct letter *letter(int i, char c, void (*open)(struct mail *))
{
	letters[i] = (struct letter){ .mail.open = open, .letter = c };
	return &letters[i];
}

static void open_tell(struct mail *m)
{
	tell(((struct letter *)m)->letter);
}

static void *post_two(void *arg)
{
	loop_post(&loop, &letter(0, 'a', open_tell)->mail);
	loop_post(&loop, &letter(1, 'b', open_tell)->mail);
	return NULL;
}

static void from_a_thread(void **state)
{
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, post_two, NULL), 0);
	while (strlen(story) < 2)
		/* asleep until there is some: no timer would wake it */
		assert_true(loop_once(&loop, true));
	pthread_join(thread, NULL);
	while (loop_once(&loop, false))
		;
	assert_string_equal(story, "ab");
}

enum { POSTERS = 3, POSTS = 2000 };

static struct post { struct mail mail; int poster, number; } posts[POSTERS][POSTS];
static int opened[POSTERS];

static void open_post(struct mail *m)
{
	const struct post *p = (struct post *)m;
	assert_int_equal(p->number, opened[p->poster]);
	opened[p->poster]++;
}

static void *post_many(void *arg)
{
	struct post *mine = arg;
	for (int i = 0; i < POSTS; i++)
		loop_post(&loop, &mine[i].mail);
	return NULL;
}

/* None is lost, and each sender's come in the order of sending. */
static void from_many_threads(void **state)
{
	pthread_t threads[POSTERS];
	memset(opened, 0, sizeof opened);
	for (int t = 0; t < POSTERS; t++) {
		for (int i = 0; i < POSTS; i++)
			posts[t][i] =
				(struct post){ .mail.open = open_post, .poster = t, .number = i };
		assert_int_equal(pthread_create(&threads[t], NULL, post_many, posts[t]), 0);
	}
	while (opened[0] < POSTS || opened[1] < POSTS || opened[2] < POSTS)
		loop_once(&loop, true);
	for (int t = 0; t < POSTERS; t++)
		pthread_join(threads[t], NULL);
}

static void open_and_later(struct mail *m)
{
	open_tell(m);
	loop_defer(&loop, &letter(3, 'n', open_tell)->mail);
}

/* Later: behind descriptors, mail and timers, in the order asked; what is put off meanwhile waits a
 * round. */
static void later(void **state)
{
	struct bell t = { { .fire = ring }, 't' };
	loop_defer(&loop, &letter(0, 'x', open_and_later)->mail);
	loop_defer(&loop, &letter(1, 'y', open_tell)->mail);
	loop_post(&loop, &letter(2, 'm', open_tell)->mail);
	timer_set(&loop, &t.timer, 1100);
	until(1100);
	assert_string_equal(story, "mtxy");
	assert_true(loop_once(&loop, true));    /* does not sleep over it */
	assert_string_equal(story, "mtxyn");
}

static void last_words(void **state)
{
	loop_post(&loop, &letter(0, 'p', open_and_later)->mail);
	loop_defer(&loop, &letter(1, 'l', open_tell)->mail);
	loop_free(&loop);
	assert_string_equal(story, "pln");
	loop_init(&loop);
}

/* ---- descriptors ---- */

static struct { struct watch watch; unsigned events; } door;

static void ready(struct watch *w, unsigned events)
{
	tell('r');
	door.events = events;
}

static void watched(void **state)
{
	int ends[2];
	assert_int_equal(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
	door.watch = (struct watch){ ends[0], ready };
	loop_watch(&loop, &door.watch, EPOLLIN | EPOLLET);
	assert_false(loop_once(&loop, false));
	assert_int_equal(write(ends[1], "x", 1), 1);
	assert_true(loop_once(&loop, true));
	assert_string_equal(story, "r");
	assert_int_equal(door.events, EPOLLIN);
	assert_false(loop_once(&loop, false));  /* told once for each edge, read or not */
	assert_int_equal(write(ends[1], "y", 1), 1);
	loop_once(&loop, false);
	assert_string_equal(story, "rr");
	loop_unwatch(&loop, &door.watch);
	close(ends[1]);
	assert_false(loop_once(&loop, false));
	loop_watch(&loop, &door.watch, EPOLLIN | EPOLLET);
	loop_once(&loop, false);
	assert_string_equal(story, "rrr");
	assert_int_equal(door.events, EPOLLIN | EPOLLHUP);
	loop_unwatch(&loop, &door.watch);
	close(ends[0]);
}

static struct watch pair[2];

static void close_both(struct watch *w, unsigned events)
{
	tell('c');
	for (int i = 0; i < 2; i++) {
		close(pair[i].fd);
		pair[i].fd = -1;
	}
}

/* Two are ready in one round, and the first to hear of it closes both: the other is not told. */
static void closed_meanwhile(void **state)
{
	int ends[2][2];
	for (int i = 0; i < 2; i++) {
		assert_int_equal(pipe2(ends[i], O_NONBLOCK | O_CLOEXEC), 0);
		pair[i] = (struct watch){ ends[i][0], close_both };
		loop_watch(&loop, &pair[i], EPOLLIN | EPOLLET);
		assert_int_equal(write(ends[i][1], "x", 1), 1);
	}
	loop_once(&loop, false);
	assert_string_equal(story, "c");
	close(ends[0][1]);
	close(ends[1][1]);
}

/* The sleep ends at the first timer's time, by the real clock, and not before. */
static void slept(void **state)
{
	struct bell a = { { .fire = ring }, 'a' };
	loop.clock = clock_monotonic;
	vn_nsec start = loop_clock(&loop);
	timer_set(&loop, &a.timer, start + 3 * VN_MS);
	while (!story[0])
		loop_once(&loop, true);
	assert_true(clock_monotonic() - start >= 3 * VN_MS);
}

/* From now on this process is on a kernel that knows no epoll_pwait2. False: it may not do that. */
static bool kernel_old(void)
{
	struct sock_filter no[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_epoll_pwait2, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};

	return !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) &&
	       !prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &(struct sock_fprog){ 4, no });
}

/* Sleeps for a timer, and is woken by a letter: 0, or which of the two went wrong. */
static int slept_or_woken(void)
{
	struct bell a = { { .fire = ring }, 'a' };
	struct letter *mail = letter(0, 'm', open_tell);

	loop.clock = clock_monotonic;
	vn_nsec start = loop_clock(&loop);
	timer_set(&loop, &a.timer, start + 3 * VN_MS);
	while (!story[0])
		loop_once(&loop, true);
	if (strcmp(story, "a") || clock_monotonic() - start < 3 * VN_MS)
		return 1;
	loop_post(&loop, &mail->mail);
	while (!story[1])
		loop_once(&loop, true);
	return strcmp(story, "am") ? 2 : 0;
}

static void on_an_old_kernel(void **state)
{
	int status;
	pid_t child = fork();

	assert_true(child >= 0);
	if (!child)
		_exit(kernel_old() ? slept_or_woken() : 77);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

#define EACH(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

static const struct CMUnitTest tests[] = {
	EACH(in_order), EACH(moved_and_stopped), EACH(among_themselves), EACH(against_a_list),
	EACH(from_a_thread), EACH(from_many_threads), EACH(later), EACH(last_words), EACH(watched),
	EACH(closed_meanwhile), EACH(slept), EACH(on_an_old_kernel),
};

SUITE(loop, tests)
