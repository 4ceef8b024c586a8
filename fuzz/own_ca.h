/* own_ca.h - the CA of a fuzz test, made before the first input. No file of it stays. */
#ifndef FUZZ_OWN_CA_H
#define FUZZ_OWN_CA_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tls/identity.h"

static void own_ca_make(void)
{
	static const char *const files[] = { "ca.pem", "ca.key" };
	char folder[] = "/tmp/vaurien-fuzz-XXXXXX", error[ERROR_MAX], path[64];

	if (!mkdtemp(folder))
		abort();
	tls_identity_place(folder);
	if (!tls_identity_make(true, error)) {
		fprintf(stderr, "%s\n", error);
		abort();
	}
	for (unsigned i = 0; i < 2; i++) {
		snprintf(path, sizeof path, "%s/%s", folder, files[i]);
		unlink(path);
	}
	rmdir(folder);
}

#endif
