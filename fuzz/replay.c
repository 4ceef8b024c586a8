/* replay.c - runs a fuzz test with the files that it is given, without a fuzzer. */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int main(int argc, char **argv)
{
	unsigned passed = 0;

	for (int i = 1; i < argc; i++) {
		FILE *file = fopen(argv[i], "rb");
		struct stat st;
		assert(file && fstat(fileno(file), &st) == 0);
		if (S_ISREG(st.st_mode)) {
			uint8_t *data = malloc((size_t)st.st_size + 1);
			assert(data &&
			       fread(data, 1, (size_t)st.st_size, file) == (size_t)st.st_size);
			LLVMFuzzerTestOneInput(data, (size_t)st.st_size);
			free(data);
			passed++;
		}
		fclose(file);
	}
	printf("%u passed, 0 failed\n", passed);
	return 0;
}
