/* prepared.c - what the binary protocol can do, said to a server by libmariadb; what came back is
 * printed.
 *
 * The tests run it direct and through the proxy: both must print the same. */
#include <mysql.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static MYSQL *db;

static void check(int bad, const char *what, const char *why)
{
	if (!bad)
		return;
	printf("%s: %s\n", what, why);
	exit(1);
}

static void sql(const char *text)
{
	check(mysql_query(db, text), text, mysql_error(db));
	do {
		MYSQL_RES *rows = mysql_store_result(db);
		MYSQL_ROW row;
		while (rows && (row = mysql_fetch_row(rows))) {
			unsigned long *len = mysql_fetch_lengths(rows);
			for (unsigned i = 0; i < mysql_num_fields(rows); i++)
				printf("%.*s ", (int)(len[i] > 60 ? 60 : len[i]),
				       row[i] ? row[i] : "NULL");
			printf("\n");
		}
		mysql_free_result(rows);
		printf("%s: %llu affected\n", text, (unsigned long long)mysql_affected_rows(db));
	} while (mysql_next_result(db) == 0);
}

static MYSQL_STMT *prepare(const char *text)
{
	MYSQL_STMT *stmt = mysql_stmt_init(db);
	check(mysql_stmt_prepare(stmt, text, strlen(text)), text, mysql_stmt_error(stmt));
	printf("prepared %s: %lu parameters, %u columns\n", text, mysql_stmt_param_count(stmt),
	       mysql_stmt_field_count(stmt));
	return stmt;
}

/* All rows of all results that are there, as text. */
static void print_rows(MYSQL_STMT *stmt)
{
	do {
		char text[4][64];
		unsigned long len[4] = { 0 };
		my_bool null[4] = { 0 };
		MYSQL_BIND bind[4] = { 0 };
		unsigned n = mysql_stmt_field_count(stmt), rows = 0;
		if (n == 0)
			continue;
		for (unsigned i = 0; i < n && i < 4; i++)
			bind[i] = (MYSQL_BIND){ .buffer_type = MYSQL_TYPE_STRING,
				                .buffer = text[i],
				                .buffer_length = sizeof(text[i]),
				                .length = &len[i],
				                .is_null = &null[i] };
		check(mysql_stmt_bind_result(stmt, bind), "bind", mysql_stmt_error(stmt));
		for (int rc; (rc = mysql_stmt_fetch(stmt)) == 0 || rc == MYSQL_DATA_TRUNCATED;
		     rows++)
			for (unsigned i = 0; i < n && i < 4; i++)
				printf("%.*s(%lu)%s",
				       null[i] ? 4 : (int)(len[i] > 20 ? 20 : len[i]),
				       null[i] ? "NULL" : text[i], len[i], i + 1 < n ? " " : "\n");
		printf("%u rows, %s\n", rows, mysql_stmt_error(stmt));
	} while (mysql_stmt_next_result(stmt) == 0);
}

static void run_insert_and_select(void)
{
	MYSQL_STMT *stmt = prepare("INSERT INTO p (id, name) VALUES (?, ?)");
	int id;
	char name[20];
	unsigned long len;
	MYSQL_BIND bind[2] = {
		{ .buffer_type = MYSQL_TYPE_LONG, .buffer = &id },
		{ .buffer_type = MYSQL_TYPE_STRING,
		  .buffer = name,
		  .buffer_length = sizeof(name),
		  .length = &len },
	};
	mysql_stmt_bind_param(stmt, bind);
	for (id = 1; id <= 20; id++) {
		len = (unsigned long)sprintf(name, "name %d", id);
		check(mysql_stmt_execute(stmt), "insert", mysql_stmt_error(stmt));
	}
	id = 1;
	printf("again: %d", mysql_stmt_execute(stmt));
	printf(" %u %s\n", mysql_stmt_errno(stmt), mysql_stmt_error(stmt));
	mysql_stmt_close(stmt);
}

static void run_long_data(void)
{
	enum { CHUNK = 300000, CHUNKS = 70 };           /* 21 MB: more than one packet */
	MYSQL_STMT *stmt = prepare("UPDATE p SET name = ? WHERE id = 7");
	MYSQL_BIND bind = { .buffer_type = MYSQL_TYPE_LONG_BLOB };
	char *chunk = malloc(CHUNK);
	mysql_stmt_bind_param(stmt, &bind);
	for (int i = 0; i < CHUNKS; i++) {
		memset(chunk, 'a' + i % 26, CHUNK);
		check(mysql_stmt_send_long_data(stmt, 0, chunk, CHUNK), "long data",
		      mysql_stmt_error(stmt));
	}
	check(mysql_stmt_execute(stmt), "long data", mysql_stmt_error(stmt));
	check(mysql_stmt_send_long_data(stmt, 0, "dropped", 7), "long data",
	      mysql_stmt_error(stmt));
	check(mysql_stmt_reset(stmt), "reset", mysql_stmt_error(stmt));
	mysql_stmt_close(stmt);
	free(chunk);
	sql("SELECT LENGTH(name), MD5(name) FROM p WHERE id = 7");
	sql("SELECT name FROM p WHERE id = 7");
}

static void run_cursor(void)
{
	MYSQL_STMT *stmt = prepare("SELECT id, LENGTH(name) FROM p ORDER BY id");
	unsigned long type = CURSOR_TYPE_READ_ONLY, rows = 3;
	mysql_stmt_attr_set(stmt, STMT_ATTR_CURSOR_TYPE, &type);
	mysql_stmt_attr_set(stmt, STMT_ATTR_PREFETCH_ROWS, &rows);
	for (int i = 0; i < 2; i++) {
		check(mysql_stmt_execute(stmt), "cursor", mysql_stmt_error(stmt));
		print_rows(stmt);
	}
	mysql_stmt_close(stmt);
}

static void run_bulk(void)
{
	enum { ROWS = 500 };
	MYSQL_STMT *stmt = prepare("INSERT INTO p (id, name) VALUES (?, ?)");
	unsigned rows = ROWS;
	static int ids[ROWS];
	static char *names[ROWS];
	static unsigned long lens[ROWS];
	MYSQL_BIND bind[2] = {
		{ .buffer_type = MYSQL_TYPE_LONG, .buffer = ids },
		{ .buffer_type = MYSQL_TYPE_STRING, .buffer = names, .length = lens },
	};
	for (int i = 0; i < ROWS; i++) {
		ids[i] = 1000 + i;
		names[i] = (char *)"bulk";
		lens[i] = 4;
	}
	mysql_stmt_attr_set(stmt, STMT_ATTR_ARRAY_SIZE, &rows);
	mysql_stmt_bind_param(stmt, bind);
	check(mysql_stmt_execute(stmt), "bulk", mysql_stmt_error(stmt));
	printf("bulk: %llu affected\n", (unsigned long long)mysql_stmt_affected_rows(stmt));
	mysql_stmt_close(stmt);
}

/* Prepared and executed in one go, before the statement's number is known. */
static void run_direct(const char *text)
{
	MYSQL_STMT *stmt = mysql_stmt_init(db);
	if (mariadb_stmt_execute_direct(stmt, text, strlen(text)))
		printf("direct %s: %u %s\n", text, mysql_stmt_errno(stmt), mysql_stmt_error(stmt));
	else
		print_rows(stmt);
	mysql_stmt_close(stmt);
}

static void run_procedure(void)
{
	sql("DROP PROCEDURE IF EXISTS three");
	sql("CREATE PROCEDURE three(n INT) BEGIN SELECT n; SELECT id, LENGTH(name) FROM p WHERE id <= n; SELECT 'end'; END");
	MYSQL_STMT *stmt = prepare("CALL three(?)");
	int n = 4;
	MYSQL_BIND bind = { .buffer_type = MYSQL_TYPE_LONG, .buffer = &n };
	mysql_stmt_bind_param(stmt, &bind);
	check(mysql_stmt_execute(stmt), "call", mysql_stmt_error(stmt));
	print_rows(stmt);
	mysql_stmt_close(stmt);
}

int main(int argc, char **argv)
{
	if (argc != 2 && argc != 3)
		return 2;
	db = mysql_init(NULL);
	if (argc == 3) {                /* a CA: TLS that verifies certificate and name */
		mysql_optionsv(db, MYSQL_OPT_SSL_CA, argv[2]);
		mysql_optionsv(db, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &(my_bool){ 1 });
	}
	check(!mysql_real_connect(db, "127.0.0.1", "app", "secret", "app", (unsigned)atoi(argv[1]),
	                          NULL, CLIENT_MULTI_STATEMENTS | CLIENT_MULTI_RESULTS),
	      "connect", mysql_error(db));
	sql("DROP TABLE IF EXISTS p");
	sql("CREATE TABLE p (id INT PRIMARY KEY, name LONGTEXT)");
	run_insert_and_select();
	run_long_data();
	run_cursor();
	run_bulk();
	run_direct("SELECT COUNT(*), MIN(name) FROM p");
	run_direct("INSERT INTO p VALUES (5000, 'direct')");
	run_direct("SELECT nothing FROM nowhere");
	run_procedure();
	sql("BEGIN; INSERT INTO p VALUES (6000, 'x'); SELECT COUNT(*) FROM p; ROLLBACK; SELECT COUNT(*) FROM p");
	printf("reset: %d\n", mysql_reset_connection(db));
	printf("other user: %d\n", mysql_change_user(db, "app", "secret", "app"));
	printf("ping: %d, statistics: %d\n", mysql_ping(db), mysql_stat(db) != NULL);
	sql("SELECT COUNT(*), SUM(LENGTH(name)) FROM p");
	mysql_close(db);
	return 0;
}
