/* mongoc.c - what libmongoc gets: mongoc URI DEED...
 *
 * Deeds are insert, find, transaction. Each prints a line: its name, and "ok" or the code of its
 * error with the labels. */
#include <mongoc/mongoc.h>
#include <stdio.h>

static void tell(const char *deed, bool ok, const bson_error_t *error, const bson_t *reply)
{
	static const char *const labels[] = {
		"TransientTransactionError", "RetryableWriteError", "NoWritesPerformed",
		"UnknownTransactionCommitResult", "SystemOverloadedError", "RetryableError", NULL
	};

	if (ok) {
		printf("%s ok\n", deed);
		return;
	}
	printf("%s %u", deed, error->code);
	for (const char *const *label = labels; *label; label++)
		if (mongoc_error_has_label(reply, *label))
			printf(" %s", *label);
	printf("\n");
}

static bool insert(mongoc_collection_t *c, int n, mongoc_client_session_t *session, bson_t *reply,
                   bson_error_t *error)
{
	bson_t *document = BCON_NEW("n", BCON_INT32(n)), options = BSON_INITIALIZER;

	if (session)
		mongoc_client_session_append(session, &options, NULL);
	bool ok = mongoc_collection_insert_one(c, document, &options, reply, error);
	bson_destroy(document);
	bson_destroy(&options);
	return ok;
}

static void find(mongoc_collection_t *c)
{
	bson_t query = BSON_INITIALIZER;
	const bson_t *document, *reply = NULL;
	bson_error_t error;
	mongoc_cursor_t *cursor = mongoc_collection_find_with_opts(c, &query, NULL, NULL);

	while (mongoc_cursor_next(cursor, &document))
		;
	bool failed = mongoc_cursor_error_document(cursor, &error, &reply);
	tell("find", !failed, &error, reply);
	mongoc_cursor_destroy(cursor);
}

static bool both(mongoc_client_session_t *session, void *c, bson_t **reply, bson_error_t *error)
{
	bson_t first;

	bool ok = insert(c, 1, session, &first, error);
	if (ok) {
		bson_destroy(&first);
		ok = insert(c, 2, session, &first, error);
	}
	*reply = bson_copy(&first);
	bson_destroy(&first);
	return ok;
}

int main(int argc, char **argv)
{
	bson_error_t error;
	bson_t reply;

	mongoc_init();
	mongoc_client_t *client = mongoc_client_new(argv[1]);
	mongoc_collection_t *c = mongoc_client_get_collection(client, "app", "users");
	for (int i = 2; i < argc; i++) {
		if (!strcmp(argv[i], "insert")) {
			tell("insert", insert(c, 1, NULL, &reply, &error), &error, &reply);
			bson_destroy(&reply);
		} else if (!strcmp(argv[i], "find")) {
			find(c);
		} else {
			mongoc_client_session_t *session =
				mongoc_client_start_session(client, NULL, &error);
			if (!session)
				bson_init(&reply);
			bool ok = session &&
			          mongoc_client_session_with_transaction(session, both, NULL, c,
			                                                 &reply, &error);
			tell("transaction", ok, &error, &reply);
			bson_destroy(&reply);
			mongoc_client_session_destroy(session);
		}
	}
	mongoc_collection_destroy(c);
	mongoc_client_destroy(client);
	mongoc_cleanup();
	return 0;
}
