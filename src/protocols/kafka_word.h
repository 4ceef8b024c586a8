/* kafka_word.h - errors of Kafka, as whole answers that mirror their requests. */
#ifndef PROTOCOLS_KAFKA_WORD_H
#define PROTOCOLS_KAFKA_WORD_H

#include "protocols/kafka_api.h"

/* The error code of a failure as the answer to this request. */
int16_t kf_code_of(const struct vn_failure *, const struct vn_message *asked);

/* Writes the whole answer to a request of this API. `shape`: see struct view. `text`: the message;
 * NULL: null. */
void kf_word_all(struct vn_buffer *, const struct api *, const struct vn_message *asked,
                 int16_t code, struct vn_span shape, const char *text);

#endif
