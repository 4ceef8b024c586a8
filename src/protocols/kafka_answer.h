/* kafka_answer.h - answers of Kafka: their addresses, errors and versions replaced. */
#ifndef PROTOCOLS_KAFKA_ANSWER_H
#define PROTOCOLS_KAFKA_ANSWER_H

#include "protocols/kafka_api.h"

/* Cuts an answer whose header is at hand. */
struct vn_cut kf_answer_cut(struct vn_session *, struct vn_span in, uint64_t total,
                         const struct vn_message *asked);

/* The next piece of an answer that is cut at its partitions: kafka.answer.left is not 0. */
struct vn_cut kf_fetch_next(struct vn_session *, struct vn_span in, const struct vn_message *asked);

#endif
