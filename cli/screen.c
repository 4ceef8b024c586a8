/* screen.c - all that is printed, and no control character in it: a server may have sent any. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "call.h"

/* A stream to a descriptor; a character of UTF-8 is kept in `begun` until it is whole. */
struct screen { int fd; unsigned char begun[4]; unsigned have, need; };

static struct screen screens[2] = { { STDOUT_FILENO }, { STDERR_FILENO } };

/* ---- characters ---- */

/* C0, DEL, C1, and those that turn the order of what follows them, or break a line. */
bool screen_harmful(unsigned long c)
{
	static const unsigned long ranges[][2] = {
		{ 0, 0x1f }, { 0x7f, 0x9f }, { 0x61c, 0x61c }, { 0x200e, 0x200f },
		{ 0x2028, 0x202e }, { 0x2066, 0x2069 }, { 0xd800, 0xdfff }, { 0xfeff, 0xfeff },
		{ 0x110000, (unsigned long)-1 },
	};

	for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
		if (c >= ranges[i][0] && c <= ranges[i][1])
			return true;
	return false;
}

/* How many bytes a character has that begins so; 0: none begins so. */
static unsigned length_of(unsigned char first)
{
	return first < 0x80 ? 1 : first >= 0xc2 && first < 0xe0 ? 2
	     : first >= 0xe0 && first < 0xf0 ? 3 : first >= 0xf0 && first < 0xf5 ? 4 : 0;
}

static unsigned long decode(const unsigned char *bytes, unsigned n)
{
	static const unsigned long least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	unsigned long c = n == 1 ? bytes[0] : bytes[0] & (0x7fu >> n);

	for (unsigned i = 1; i < n; i++)
		c = c << 6 | (bytes[i] & 0x3f);
	return c < least[n] ? (unsigned long)-1 : c;    /* longer than it need be: nobody's */
}

/* ---- the streams ---- */

/* One byte more; what of it is to be printed goes to `out`. How many bytes that are, at most 5. */
static size_t screen_byte(struct screen *s, unsigned char byte, char *out)
{
	size_t n = 0;

	if (s->have && (byte & 0xc0) != 0x80) {
		out[n++] = '?';
		s->have = 0;
	}
	if (!s->have && !(s->need = length_of(byte))) {
		out[n++] = '?';
		return n;
	}
	s->begun[s->have++] = byte;
	if (s->have < s->need)
		return n;
	unsigned long c = decode(s->begun, s->need);
	s->have = 0;
	if (c != '\n' && c != '\t' && screen_harmful(c)) {
		out[n++] = '?';
	} else {
		memcpy(out + n, s->begun, s->need);
		n += s->need;
	}
	return n;
}

static bool write_all(int fd, const char *bytes, size_t n)
{
	while (n) {
		ssize_t done = write(fd, bytes, n);
		if (done < 0)
			return false;
		bytes += done;
		n -= (size_t)done;
	}
	return true;
}

static ssize_t screen_write(void *screen, const char *bytes, size_t n)
{
	char out[4096];
	size_t used = 0;

	for (size_t i = 0; i < n; i++) {
		used += screen_byte(screen, (unsigned char)bytes[i], out + used);
		if (used + 8 > sizeof out || i + 1 == n) {
			if (!write_all(((struct screen *)screen)->fd, out, used))
				return 0;
			used = 0;
		}
	}
	return (ssize_t)n;
}

/* In JSON, as \u001b or as it is. */
static bool has_control(const char *json, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char byte = (unsigned char)json[i];
		unsigned long c = byte == 0x7f ? byte : ' ';
		char hex[3] = "";
		if (byte == 0xc2 && i + 1 < n)
			c = (unsigned char)json[i + 1];
		if (byte == '\\' && n - i >= 6 && !memcmp(json + i, "\\u00", 4))
			c = strtoul(memcpy(hex, json + i + 4, 2), NULL, 16);
		if (c != '\n' && c != '\t' && c != '\r' && screen_harmful(c))
			return true;
	}
	return false;
}

static bool distrusted;

void screen_distrust(const char *json, size_t n)
{
	distrusted |= has_control(json, n);
}

static FILE *screen_out;                /* our stdout: `top` has another one for a while */

void screen_open(void)
{
	static const cookie_io_functions_t functions = { .write = screen_write };
	FILE *out = fopencookie(&screens[0], "w", functions);
	FILE *err = fopencookie(&screens[1], "w", functions);

	assert(out && err);
	setvbuf(err, NULL, _IOLBF, 0);
	stdout = screen_out = out;
	stderr = err;
}

/* The only control characters that are printed. */
void screen_style(enum style style)
{
	static const char *const codes[] = {
		[PLAIN] = "\033[0m", [HEADING] = "\033[1m", [GOOD] = "\033[32m",
		[BAD] = "\033[31m", [WARM] = "\033[33m",
	};
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
	bool wanted = stdout == screen_out && on_terminal() && !distrusted && !(no && *no)
	           && !(term && !strcmp(term, "dumb"));

	if (!wanted)
		return;
	fflush(stdout);
	write_all(STDOUT_FILENO, codes[style], strlen(codes[style]));
}

bool screen_close(void)
{
	bool good = fflush(stdout) == 0 && !ferror(stdout);

	fflush(stderr);
	return good;
}

bool on_terminal(void)
{
	return isatty(STDOUT_FILENO);
}

int screen_columns(void)
{
	struct winsize size;

	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) ? 0 : size.ws_col;
}

/* ---- JSON ---- */

/* A control is in a string there, where it can be written in another way. */
void json_line_show(const char *line)
{
	while (*line) {
		const unsigned char *at = (const unsigned char *)line;
		unsigned n = length_of(*at);
		n = n && strnlen(line, n) == n ? n : 1;
		unsigned long c = decode(at, n);
		if (c == '\r')
			;               /* between its words */
		else if (c < 0x10000 && c != '\n' && c != '\t' && screen_harmful(c))
			printf("\\u%04lx", c);
		else
			fwrite(line, 1, n, stdout);
		line += n;
	}
	putchar('\n');
}

void json_show(const json_t *value)
{
	if (each_answered(value))
		return;
	char *text = json_dumps(value, JSON_INDENT(2) | JSON_REAL_PRECISION(15) | JSON_ENCODE_ANY);

	json_line_show(text ? text : "null");
	free(text);
}

void done_show(json_t *value)
{
	json_show(value);
	json_decref(value);
}
