/* kafka_api.c - Kafka's APIs, their versions and schemas, and what a request names. */
#include "protocols/kafka_api.h"

#include <string.h>

#define READS VN_IS_READ
#define WRITES VN_IS_WRITE
#define FIRST VN_IS_PRELUDE
#define BEGINS VN_IS_BEGIN
/* Fetch ends before topics are named by UUID, Produce before answers have addresses. */
const struct api kf_apis[] = {
	{ 0, "PRODUCE", 9, 9, WRITES | IS_PRODUCE, "k3aiT[qP[xy]]",
	  "T[qP[xell2l5[im]8m8]]t1" },
	{ 1, "FETCH", 12, 12, READS | IS_FETCH, "iiii3b4i7i7T[qP[xi9li12l5i]]",
	  "t1o7i7T[qP[xell4l5[ll]4i11y]]" },
	{ 2, "LISTOFFSETS", 9, 6, READS | IS_OFFSETS, "ib2T[qP[xi4li0-0]]",
	  "t2T[qP[xe<l>0-0l1l1i4]]" },
	{ 3, "METADATA", 12, 9, READS | FIRST | IS_METADATA, "T[u10q]",
	  "t3[iHps1]s2i1T[equ10b1P[exii7<i><i><i>5]i8]i8-10" },
	{ 8, "OFFSETCOMMIT", 9, 8, WRITES | IS_GROUP | IS_MEMBER, "gi1M1s7l2-4T[qP[xli6l1-1s]]",
	  "t3T[qP[xe]]" },
	{ 9, "OFFSETFETCH", 7, 6, READS | IS_GROUP, "gT[qP<x>]b7",
	  "t3T[qP[xlse]]0-1[q[xli5se]]2e2" },
	{ 10, "FINDCOORDINATOR", 3, 3, READS | FIRST | IS_FINDING, "gb1", "t1em1iHp" },
	{ 11, "JOINGROUP", 9, 6, IS_GROUP | IS_JOIN, "gii1Ms5s[sy]s8", "t2eis7ssb9s[ss5y]" },
	{ 12, "HEARTBEAT", 4, 4, IS_GROUP | IS_MEMBER, "giMs3", "t1e" },
	{ 13, "LEAVEGROUP", 5, 4, IS_GROUP, "gM0-2[Mss5]3", "t1e[sse]3" },
	{ 14, "SYNCGROUP", 5, 4, IS_GROUP | IS_MEMBER, "giMs3s5s5[sy]", "t1es5s5y" },
	{ 15, "DESCRIBEGROUPS", 99, 5, READS, NULL, NULL },
	{ 16, "LISTGROUPS", 99, 3, READS, NULL, NULL },
	{ 17, "SASLHANDSHAKE", 1, ANY_VERSION, VN_IS_SETUP, "s", "e<s>" },
	{ 18, "APIVERSIONS", 4, 3, VN_IS_SETUP, "", NULL },
	{ 19, "CREATETOPICS", 7, 5, WRITES | IS_ADMIN, "T[qih[i<i>][ss]]ib1",
	  "t2T[qu7em1i5h5[ssbbb]5]" },
	{ 20, "DELETETOPICS", 5, 4, WRITES | IS_ADMIN, "T<q>i", "t1T[qem5]" },
	{ 21, "DELETERECORDS", 99, 2, WRITES, NULL, NULL },
	{ 22, "INITPRODUCERID", 5, 2, FIRST | IS_TXN | IS_CHANGING, "kiD3E3", "telh" },
	{ 23, "OFFSETFORLEADEREPOCH", 4, 4, READS | IS_OFFSETS, "i3T[qP[xi2i]]", "t2T[qP[exi1l]]" },
	{ 24, "ADDPARTITIONSTOTXN", 3, 3, BEGINS | IS_TXN | IS_CHANGING, "kDET[qP<x>]",
	  "tT[qP[xe]]" },
	{ 25, "ADDOFFSETSTOTXN", 4, 3, BEGINS | IS_TXN | IS_CHANGING, "kDEg", "te" },
	{ 26, "ENDTXN", 4, 3, IS_TXN | IS_CHANGING, "kDEc", "te" },
	{ 28, "TXNOFFSETCOMMIT", 4, 3, WRITES | IS_TXN | IS_GROUP, "kgDEi3M3s3T[qP[xli2s]]",
	  "tT[qP[xe]]" },
	{ 29, "DESCRIBEACLS", 99, 2, READS, NULL, NULL },
	{ 30, "CREATEACLS", 99, 2, WRITES, NULL, NULL },
	{ 31, "DELETEACLS", 99, 2, WRITES, NULL, NULL },
	{ 32, "DESCRIBECONFIGS", 99, 4, READS, NULL, NULL },
	{ 33, "ALTERCONFIGS", 99, 2, WRITES, NULL, NULL },
	{ 34, "ALTERREPLICALOGDIRS", 99, 2, WRITES, NULL, NULL },
	{ 35, "DESCRIBELOGDIRS", 99, 2, READS, NULL, NULL },
	{ 36, "SASLAUTHENTICATE", 2, 2, VN_IS_LOGIN, "y", "emyz1" },
	{ 37, "CREATEPARTITIONS", 3, 2, WRITES | IS_ADMIN, "T[qi[<i>]]ib", "tT[qem]" },
	{ 38, "CREATEDELEGATIONTOKEN", 99, 2, WRITES, NULL, NULL },
	{ 39, "RENEWDELEGATIONTOKEN", 99, 2, WRITES, NULL, NULL },
	{ 40, "EXPIREDELEGATIONTOKEN", 99, 2, WRITES, NULL, NULL },
	{ 41, "DESCRIBEDELEGATIONTOKEN", 99, 2, READS, NULL, NULL },
	{ 42, "DELETEGROUPS", 99, 2, WRITES, NULL, NULL },
	{ 43, "ELECTLEADERS", 99, 2, WRITES, NULL, NULL },
	{ 44, "INCREMENTALALTERCONFIGS", 99, 1, WRITES, NULL, NULL },
	{ 45, "ALTERREASSIGNMENTS", 99, 0, WRITES, NULL, NULL },
	{ 46, "LISTREASSIGNMENTS", 99, 0, READS, NULL, NULL },
	{ 47, "OFFSETDELETE", 99, ANY_VERSION, WRITES, NULL, NULL },
	{ 48, "DESCRIBECLIENTQUOTAS", 99, 1, READS, NULL, NULL },
	{ 49, "ALTERCLIENTQUOTAS", 99, 1, WRITES, NULL, NULL },
	{ 50, "DESCRIBEUSERSCRAM", 99, 0, READS, NULL, NULL },
	{ 51, "ALTERUSERSCRAM", 99, 0, WRITES, NULL, NULL },
	{ 60, "DESCRIBECLUSTER", 1, 0, READS, "bb1", "temb1si[iHps]i" },
	{ 61, "DESCRIBEPRODUCERS", 99, 0, READS, NULL, NULL },
	{ 65, "DESCRIBETRANSACTIONS", 99, 0, READS, NULL, NULL },
	{ 66, "LISTTRANSACTIONS", 99, 0, READS, NULL, NULL },
	{ 68, "CONSUMERGROUPHEARTBEAT", 1, 0, IS_GROUP | IS_MEMBER, "gMiss", "temsiiB" },
	{ 69, "CONSUMERGROUPDESCRIBE", 99, 0, READS, NULL, NULL },
	{ 71, "GETTELEMETRY", 99, 0, READS | FIRST, NULL, NULL },
	{ 72, "PUSHTELEMETRY", 99, 0, READS, NULL, NULL },
	{ 75, "DESCRIBEPARTITIONS", 99, 0, READS, NULL, NULL },
};

enum { APIS = sizeof kf_apis / sizeof kf_apis[0] };

const struct api *kf_api_find(int key)
{
	for (size_t i = 0; i < APIS; i++)
		if (kf_apis[i].key == key)
			return &kf_apis[i];
	return NULL;
}

const struct api *kf_api_of(const struct vn_message *m)
{
	return (m->note & 0xff) == NO_API ? NULL : &kf_apis[m->note & 0xff];
}

int kf_version_of(const struct vn_message *m)
{
	return (int)(m->note >> 8 & 0xffff);
}

bool kf_api_read(const struct api *a, int version)
{
	return a && a->request && version <= a->most;
}

static void shape_add(struct view *v, char kind, struct vn_span s)
{
	size_t more = 1 + (kind == 'q' ? 2 : 0) + s.n;

	if (!v->shape)
		return;
	v->full |= s.n > 0xffff || more > SHAPE_MAX - v->shape_n;
	if (v->full)
		return;
	uint8_t *p = v->shape + v->shape_n;
	*p++ = (uint8_t)kind;
	if (kind == 'q') {
		*p++ = (uint8_t)(s.n >> 8);
		*p++ = (uint8_t)s.n;
	}
	memcpy(p, s.p, s.n);
	v->shape_n += more;
}

static void view_name(struct view *v, struct vn_span name)
{
	if (!v->topics++) {
		v->topic = name;
		name.n = name.n < v->room ? name.n : v->room;
	} else if (v->n < v->room) {
		v->subject[v->n++] = ',';
		name.n = name.n < v->room - v->n ? name.n : v->room - v->n;
	} else {
		return;
	}
	if (name.n && v->room)
		memcpy(v->subject + v->n, name.p, name.n);
	v->n += name.n;
}

void kf_view_on(struct walk *w, char kind, struct vn_span value, uint32_t count)
{
	struct view *v = w->to;

	switch (kind) {
	case 'q':
		shape_add(v, kind, value);
		view_name(v, value);
		break;
	case 'x': shape_add(v, kind, value); break;
	case 'g': v->group = value; break;
	case 'k': v->txn = value; break;
	case 'M': v->member = v->member.n ? v->member : value; break;
	case 'D': v->pid = value; break;
	case 'E': v->epoch = value; break;
	case 'a': v->acks = (int16_t)kf_be16(value.p); break;
	case 'c': v->commits = *value.p; break;
	case 'y': v->records = v->records.p ? v->records : value; break;
	default: break;
	}
}

void kf_view_read(struct walk *w, struct view *v, const struct api *a, int version,
                      struct vn_span in)
{
	size_t total = (size_t)kf_be32(in.p) + 4, most = total > WHOLE_MAX ? PARTLY : total;

	*w = (struct walk){ .r = { in.p + 12, in.p + (in.n < most ? in.n : most) },
		            .version = version, .on = kf_view_on, .to = v };
	v->acks = 1;
	kf_string(&w->r);                  /* the client's name is never flexible */
	w->r.flexible = version >= a->flexible;
	kf_tags(&w->r);
	kf_walk_all(w, a->request);
}

/* Before these versions a broker that reaches its quota of changes throttles: it sends no
 * error. */
static bool is_metered(int key, int version)
{
	return (key == CREATE_TOPICS && version >= 6) || (key == DELETE_TOPICS && version >= 5) ||
	       (key == CREATE_PARTITIONS && version >= 3);
}

unsigned kf_request_is(const struct api *a, int version, const struct view *v)
{
	unsigned is = a->is & (VN_IS_LOGIN) ? a->is : a->is | VN_IS_COMMAND;

	if (a->key == END_TXN)
		is |= v->commits ? VN_IS_COMMIT : VN_IS_ROLLBACK;
	if (a->key == PRODUCE && v->acks == -1)
		is |= IS_ALL_ACKS;
	if (a->response && version <= a->most)
		is |= IS_WORDED | (kf_schema_has(a->response, 't', version) ? IS_SLOWED : 0);
	if (version > a->most || (!a->response && a->key != API_VERSIONS))
		is |= VN_IS_UNKNOWN;
	if (is_metered(a->key, version))
		is |= IS_METERED;
	return is;
}
