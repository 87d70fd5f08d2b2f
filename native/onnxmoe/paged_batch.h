#pragma once

#include <cstdint>

#include "context.h"

namespace onnxmoe {

// The sizes that the attributes of PagedAttention give.
struct PagedSizes {
    int64_t heads, kv_heads, page_size;
};

// The inputs of one run of PagedAttention, checked.
struct PagedBatch {
    int64_t tokens, sequences;
    int64_t size;  // elements of a head
    const float *query, *key, *value;
    int64_t query_stride, key_stride;  // from one token to the next, of query, and of key and value
    void *keys, *values;  // the caches
    int64_t max_pages;
    const int32_t *page_table, *starts, *past;
    const int64_t* positions;
    const float *cos, *sin;

    // Throws InvalidInput, naming the input and the element.
    PagedBatch(const Context& context, const PagedSizes& sizes);

    int64_t Count(int64_t sequence) const { return starts[sequence + 1] - starts[sequence]; }
    int64_t Length(int64_t sequence) const { return past[sequence] + Count(sequence); }
};

}  // namespace onnxmoe
