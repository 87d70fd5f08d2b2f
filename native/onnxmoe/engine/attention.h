#pragma once

#include <cstdint>

namespace onnxmoe {

// Keys and values lie in groups of so many neighbouring positions: keys [size, kGroup], so that a row of a group meets one element of
// a query, values [kGroup, size]. The width is the same for all engines: a cache does not depend on the instruction set.
constexpr int kGroup = 16;

// The softmax of so many neighbouring positions, counted from a sequence's first, is computed in one piece (a split); the pieces are
// merged in the order of the positions. The borders are fixed: a result depends neither on how a prompt was cut into chunks nor on
// which thread computed which split.
constexpr int kSplit = 256;
constexpr int kSplitGroups = kSplit / kGroup;

// The groups of one split of one key-value head. Those after the last in use repeat it: they may be read, but count for nothing.
template <class Element>
struct Split {
    const Element* keys[kSplitGroups];
    const Element* values[kSplitGroups];
    int64_t size;  // elements of a head; a multiple of 8
};

// Attention of one query over some splits, as floats:
//   [0, size) the sum of e^(score - top) * value, [size] top, the largest score, [size + 1] the sum of e^(score - top); the rest is room.
constexpr int64_t PartialFloats(int64_t size) { return size + 16; }

}  // namespace onnxmoe
