/* unix_socket.c - files of unix sockets: whose they are, and when one may be removed. */
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

enum use { UNUSED, USED, UNKNOWN };     /* what the kernel says of a socket's file */

const char *unix_socket_path(const struct endpoint *e)
{
	const struct sockaddr_un *un = (const struct sockaddr_un *)&e->addr;

	return e->addr.ss_family == AF_UNIX && un->sun_path[0] ? un->sun_path : NULL;
}

void unix_file_note(struct unix_file *f, const char *path)
{
	struct stat is;

	*f = (struct unix_file){ 0 };
	if (path && lstat(path, &is) == 0 && S_ISSOCK(is.st_mode))
		*f = (struct unix_file){ is.st_dev, is.st_ino };
}

static bool unix_file_same(const struct unix_file *f, const char *path)
{
	struct unix_file now;

	unix_file_note(&now, path);
	return f->inode && f->device == now.device && f->inode == now.inode;
}

void unix_file_unlink(const struct unix_file *f, const char *path)
{
	if (path && unix_file_same(f, path))
		unlink(path);
}

/* ---- the kernel's list of unix sockets ---- */

static int diag_ask(void)
{
	struct { struct nlmsghdr head; struct unix_diag_req ask; } m = {
		.head = { .nlmsg_len = sizeof m, .nlmsg_type = SOCK_DIAG_BY_FAMILY,
		          .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
		.ask = { .sdiag_family = AF_UNIX, .udiag_states = UINT32_MAX, .udiag_show = UDIAG_SHOW_VFS },
	};
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_SOCK_DIAG);

	if (fd >= 0 && sendto(fd, &m, sizeof m, 0, (struct sockaddr *)&kernel, sizeof kernel) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Does this entry have the file? The kernel's own encoding of a device has 20 bits of minor number. */
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

static enum use diag_find(const struct unix_file *f)
{
	int fd = diag_ask();
	enum use use = UNUSED;
	bool over = fd < 0;
	_Alignas(struct nlmsghdr) char bytes[ANSWER_ROOM];

	if (fd < 0)
		return UNKNOWN;
	while (!over) {
		ssize_t n = recv(fd, bytes, sizeof bytes, 0);   /* the kernel answers a dump while it is read */
		unsigned left = n > 0 ? (unsigned)n : 0;
		if (!left) {
			use = use == USED ? USED : UNKNOWN;
			break;
		}
		for (struct nlmsghdr *h = (struct nlmsghdr *)bytes; NLMSG_OK(h, left); h = NLMSG_NEXT(h, left)) {
			over |= h->nlmsg_type == NLMSG_DONE || h->nlmsg_type == NLMSG_ERROR;
			if (h->nlmsg_type == NLMSG_ERROR && use != USED)
				use = UNKNOWN;
			if (h->nlmsg_type == SOCK_DIAG_BY_FAMILY && diag_matches(h, f))
				use = USED;
		}
	}
	close(fd);
	return use;
}

/* Where the kernel has no sock_diag: by the path, as it was bound. */
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

bool unix_socket_remove_stale(const char *path)
{
	struct unix_file file;

	unix_file_note(&file, path);
	if (!file.inode)
		return false;
	enum use use = diag_find(&file);
	if (use == UNKNOWN && path[0] == '/')
		use = proc_find(path);
	if (use != UNUSED || !unix_file_same(&file, path))
		return false;
	return unlink(path) == 0;
}
