/* tree.c - the processes below this one, from /proc. */
#include "run/tree.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text.h"

struct process_line { pid_t pid, parent; bool ours; };

/* Reads "PID (NAME) STATE PPID ..."; the name may have any character. False: it is gone. */
static bool stat_read(pid_t pid, char *name, size_t room, char *state, pid_t *parent)
{
	char path[40], text[512];
	ssize_t n = -1;

	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, text, sizeof text - 1);
		close(fd);
	}
	text[n > 0 ? n : 0] = '\0';
	char *open_bracket = strchr(text, '('), *end = strrchr(text, ')');
	if (!open_bracket || !end || sscanf(end + 1, " %c %d", state, parent) != 2)
		return false;
	*end = '\0';
	snprintf(name, room, "%s", open_bracket + 1);
	return true;
}

static size_t all_read(struct process_line **all)
{
	DIR *proc = opendir("/proc");
	struct dirent *e;
	size_t n = 0, room = 0;
	char name[32], state;

	*all = NULL;
	while (proc && (e = readdir(proc))) {
		struct process_line l = { .pid = atoi(e->d_name) };
		if (!isdigit((unsigned char)e->d_name[0]) ||
		    !stat_read(l.pid, name, sizeof name, &state, &l.parent) || state == 'Z')
			continue;
		if (n == room) {
			room = room ? room * 2 : 256;
			*all = xrealloc(*all, room * sizeof **all);
		}
		(*all)[n++] = l;
	}
	if (proc)
		closedir(proc);
	return n;
}

static bool is_ours(const struct process_line *all, size_t n, pid_t pid)
{
	for (size_t i = 0; i < n; i++)
		if (all[i].pid == pid)
			return all[i].ours;
	return pid == getpid();
}

size_t tree_list(pid_t *to, size_t room)
{
	struct process_line *all;
	size_t n = all_read(&all), found = 0;
	bool more = true;

	for (size_t i = 0; i < n; i++)
		all[i].ours = all[i].pid == getpid();
	while (more) {
		more = false;
		for (size_t i = 0; i < n; i++)
			if (!all[i].ours && is_ours(all, n, all[i].parent))
				more = all[i].ours = true;
	}
	for (size_t i = 0; i < n; i++)
		if (all[i].ours && all[i].pid != getpid()) {
			if (found < room)
				to[found] = all[i].pid;
			found++;
		}
	free(all);
	return found;
}

void tree_show(const pid_t *pids, size_t n, size_t all, char *to, size_t room)
{
	char name[32], state;
	pid_t parent;

	*to = '\0';
	for (size_t i = 0; i < n; i++)
		if (stat_read(pids[i], name, sizeof name, &state, &parent))
			text_add(to, room, "%s%s (%d)", *to ? ", " : "", name, (int)pids[i]);
	if (all > n)
		text_add(to, room, " and %zu more", all - n);
}
