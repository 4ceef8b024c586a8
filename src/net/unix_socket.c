/* unix_socket.c - files of unix sockets: which belong to this process, and which are stale. */
#include "net/unix_socket.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

enum { ANSWER_ROOM = 32768 };

enum use { UNUSED, USED, UNKNOWN };     /* whether a process has the socket's file open */

const char *unix_socket_path(const struct endpoint *e)
{
	const struct sockaddr_un *un = (const struct sockaddr_un *)&e->addr;

	return e->addr.ss_family == AF_UNIX && un->sun_path[0] ? un->sun_path : NULL;
}

static bool file_of(struct unix_file *f, const char *path)
{
	struct stat is;

	*f = (struct unix_file){ 0 };
	if (lstat(path, &is) != 0 || !S_ISSOCK(is.st_mode))
		return false;
	*f = (struct unix_file){ is.st_dev, is.st_ino };
	return true;
}

static bool file_same(const struct unix_file *f, const char *path)
{
	struct unix_file now;

	return f->inode && file_of(&now, path) && f->device == now.device && f->inode == now.inode;
}

void unix_file_unlink(const struct unix_file *f, const char *path)
{
	if (path && file_same(f, path))
		unlink(path);
}

/* ---- the kernel's list of unix sockets ---- */

/* Requests all unix sockets, or, if `inode` is not 0, the socket with this inode number. Returns
 * the netlink socket, or -1. */
static int diag_ask(ino_t inode)
{
	struct { struct nlmsghdr head; struct unix_diag_req ask; } m = {
		.head = { .nlmsg_len = sizeof m,
		          .nlmsg_type = SOCK_DIAG_BY_FAMILY,
		          .nlmsg_flags = (uint16_t)(NLM_F_REQUEST | (inode ? 0 : NLM_F_DUMP)) },
		.ask = { .sdiag_family = AF_UNIX,
		         .udiag_states = UINT32_MAX,
		         .udiag_show = UDIAG_SHOW_VFS,
		         .udiag_ino = (uint32_t)inode,
		         .udiag_cookie = { UINT32_MAX, UINT32_MAX } },
	};
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_SOCK_DIAG);

	if (fd >= 0 && sendto(fd, &m, sizeof m, 0, (struct sockaddr *)&kernel, sizeof kernel) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* True if this entry has the file. In the kernel's device numbers the minor has 20 bits. */
static bool diag_matches(struct nlmsghdr *h, const struct unix_file *f)
{
	struct unix_diag_msg *entry = NLMSG_DATA(h);
	struct rtattr *a = (struct rtattr *)(entry + 1);
	unsigned left = h->nlmsg_len > NLMSG_LENGTH(sizeof *entry) ?
	                h->nlmsg_len - (unsigned)NLMSG_LENGTH(sizeof *entry) : 0;
	uint32_t device = (uint32_t)major(f->device) << 20 | minor(f->device);

	for (; RTA_OK(a, left); a = RTA_NEXT(a, left)) {
		struct unix_diag_vfs file;
		if (a->rta_type != UNIX_DIAG_VFS || RTA_PAYLOAD(a) < sizeof file)
			continue;
		memcpy(&file, RTA_DATA(a), sizeof file);
		return file.udiag_vfs_ino == (uint32_t)f->inode && file.udiag_vfs_dev == device;
	}
	return false;
}

/* Reads one part of the reply. True: more parts follow. */
static bool diag_read(int fd, const struct unix_file *f, enum use *use)
{
	_Alignas(struct nlmsghdr) char bytes[ANSWER_ROOM];
	ssize_t n = recv(fd, bytes, sizeof bytes, 0);   /* the reply is there: no wait */
	unsigned left = n > 0 ? (unsigned)n : 0;
	bool more = left, known = false;

	for (struct nlmsghdr *h = (struct nlmsghdr *)bytes; NLMSG_OK(h, left);
	     h = NLMSG_NEXT(h, left)) {
		more &= h->nlmsg_type == SOCK_DIAG_BY_FAMILY;
		known |= h->nlmsg_type != NLMSG_ERROR;
		if (h->nlmsg_type == SOCK_DIAG_BY_FAMILY && diag_matches(h, f))
			*use = USED;
	}
	if (!known && *use != USED)
		*use = UNKNOWN;
	return more;
}

/* USED if a socket has the file. If `inode` is not 0, only the socket with that inode counts. */
static enum use diag_find(const struct unix_file *f, ino_t inode)
{
	int fd = diag_ask(inode);
	enum use use = UNUSED;

	if (fd < 0)
		return UNKNOWN;
	while (diag_read(fd, f, &use) && !inode)
		;
	close(fd);
	return use;
}

/* USED if a socket is bound to exactly this path. */
static enum use proc_find(const char *path)
{
	FILE *list = fopen("/proc/net/unix", "re");
	enum use use = UNUSED;
	char line[512];

	if (!list)
		return UNKNOWN;
	while (use == UNUSED && fgets(line, sizeof line, list)) {
		char *name = strchr(line, '/');
		if (name)
			name[strcspn(name, "\n")] = '\0';
		if (name && !strcmp(name, path))
			use = USED;
	}
	fclose(list);
	return use;
}

void unix_file_note(struct unix_file *f, int fd, const char *path)
{
	struct stat is;

	*f = (struct unix_file){ 0 };
	if (!path || !file_of(f, path))
		return;
	if (fstat(fd, &is) == 0 && diag_find(f, is.st_ino) == UNUSED)
		*f = (struct unix_file){ 0 };   /* another file has replaced it meanwhile */
}

/* Two lists are searched. The first has inode numbers, which differ on some file systems. The
 * second has paths, which may have been written in another way. */
bool unix_socket_remove_stale(const char *path)
{
	struct unix_file file;

	if (!file_of(&file, path))
		return false;
	enum use by_file = diag_find(&file, 0), by_path = proc_find(path);
	if (by_file == USED || by_path == USED ||
	    (by_file == UNKNOWN && (by_path == UNKNOWN || path[0] != '/')))
		return false;
	return file_same(&file, path) && unlink(path) == 0;
}
