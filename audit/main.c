/* main.c - vaurien-audit: asks an application, through faults of its backends, what still works. */
#include <stdio.h>

#include "audit/options_read.h"
#include "audit/steps.h"
#include "spec/registry_check.h"

int main(int argc, char **argv)
{
	struct options options;
	const char *error = registry_error();

	if (error) {
		fprintf(stderr, "%s\n", error);
		return 4;
	}
	int code = options_read(&options, argc, argv);
	if (code == -1)
		code = audit_run(&options);
	options_free(&options);
	return code;
}
