/* secret.c - pages for secrets. */
#include "base/secret.h"

#include <string.h>
#include <sys/mman.h>

#include "base/memory.h"

void *secret_make(size_t n)
{
	void *p = mmap(NULL, n ? n : 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		memory_out();
	madvise(p, n ? n : 1, MADV_DONTDUMP);
	return p;
}

void secret_free(void *p, size_t n)
{
	secret_free_unused(p, n, n);
}

void secret_free_unused(void *p, size_t n, size_t used)
{
	if (!p)
		return;
	explicit_bzero(p, used);
	munmap(p, n ? n : 1);
}
