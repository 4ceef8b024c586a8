/* go_json_write.c - JSON as Go's encoding/json writes it. */
#include "toxiproxy/go_json.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* The shortest digits that read back as this number. Between 1e-6 and 1e21 without exponent. */
static void real_write(FILE *f, double d, bool single)
{
	char text[64];
	int precision = 0;

	do
		snprintf(text, sizeof text, "%.*e", precision, d);
	while ((single ? strtof(text, NULL) != (float)d : strtod(text, NULL) != d) &&
	       ++precision < 17);
	char *e = strchr(text, 'e');
	int exponent = atoi(e + 1);
	if (d == 0 || (exponent >= -6 && exponent < 21)) {
		fprintf(f, "%.*f", precision > exponent ? precision - exponent : 0,
		        strtod(text, NULL));
		return;
	}
	*e = 0;
	fprintf(f, "%se%+03d", text, exponent);
}

static void real_put(FILE *f, double d)
{
	char text[64], *e;
	FILE *small = fmemopen(text, sizeof text, "w");

	real_write(small, d, false);
	fclose(small);
	if ((e = strstr(text, "e-0")))  /* as Go, which shortens e-09 and no other exponent */
		memmove(e + 2, e + 3, strlen(e + 3) + 1);
	fputs(text, f);
}

double go_float32(double d)
{
	char text[64];
	FILE *small = fmemopen(text, sizeof text, "w");

	real_write(small, (float)d, true);
	fclose(small);
	return strtod(text, NULL);
}

static void text_put(FILE *f, const char *p, size_t n)
{
	const char *end = p + n;

	fputc('"', f);
	for (; p < end; p++) {
		unsigned char c = (unsigned char)*p;
		if (c == '"' || c == '\\')
			fprintf(f, "\\%c", c);
		else if (c == '\n' || c == '\r' || c == '\t')
			fputs(c == '\n' ? "\\n" : c == '\r' ? "\\r" : "\\t", f);
		else if (c < 0x20 || c == '<' || c == '>' || c == '&')
			fprintf(f, "\\u%04x", c);
		else if (end - p > 2 && c == 0xe2 && (unsigned char)p[1] == 0x80 &&
		         ((unsigned char)p[2] | 1) == 0xa9) {
			fprintf(f, "\\u202%c", (unsigned char)p[2] == 0xa8 ? '8' : '9');
			p += 2;
		} else
			fputc(c, f);
	}
	fputc('"', f);
}

static void value_put(FILE *f, const json_t *v)
{
	const char *key, *comma = "";
	json_t *value;
	size_t i;

	switch (json_typeof(v)) {
	case JSON_OBJECT:
		fputc('{', f);
		json_object_foreach((json_t *)v, key, value) {
			fputs(comma, f);
			text_put(f, key, strlen(key));
			fputc(':', f);
			value_put(f, value);
			comma = ",";
		}
		fputc('}', f);
		break;
	case JSON_ARRAY:
		fputc('[', f);
		json_array_foreach(v, i, value) {
			fputs(i ? "," : "", f);
			value_put(f, value);
		}
		fputc(']', f);
		break;
	case JSON_STRING:  text_put(f, json_string_value(v), json_string_length(v)); break;
	case JSON_INTEGER: fprintf(f, "%" JSON_INTEGER_FORMAT, json_integer_value(v)); break;
	case JSON_REAL:    real_put(f, json_real_value(v)); break;
	case JSON_TRUE:    fputs("true", f); break;
	case JSON_FALSE:   fputs("false", f); break;
	case JSON_NULL:    fputs("null", f); break;
	}
}

char *go_write(const json_t *v, size_t *n)
{
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);

	assert(f);
	value_put(f, v);
	fclose(f);
	if (n)
		*n = size;
	return text;
}
