#pragma once

#include <algorithm>
#include <cstdint>

#include "engine/attention.h"

namespace onnxmoe {

// The pages of one layer's keys or values, [pages, kv_heads * page_size * size]. Inside a page every head has its own block of
// page_size / kGroup groups one after the other (see engine/attention.h).
template <class Element>
struct PagedCache {
    Element* elements;
    int64_t kv_heads;
    int64_t page_size;  // positions; a multiple of kGroup
    int64_t size;       // elements of a head

    // The group that holds position `place` of the page.
    Element* Group(int64_t page, int64_t head, int64_t place) const {
        return elements + ((page * kv_heads + head) * page_size + place / kGroup * kGroup) * size;
    }

    // Asks for the memory that StoreKey will write to, a line for every element or two.
    void Await(int64_t page, int64_t head, int64_t place) const {
        const Element* to = Group(page, head, place) + place % kGroup;
        for (int64_t i = 0; i < size; i++) __builtin_prefetch(to + i * kGroup, 1);
    }

    void StoreKey(int64_t page, int64_t head, int64_t place, const Element* key) const {
        Element* to = Group(page, head, place) + place % kGroup;
        for (int64_t i = 0; i < size; i++) to[i * kGroup] = key[i];
    }

    void StoreValue(int64_t page, int64_t head, int64_t place, const Element* value) const {
        std::copy_n(value, size, Group(page, head, place) + place % kGroup * size);
    }
};

}  // namespace onnxmoe
